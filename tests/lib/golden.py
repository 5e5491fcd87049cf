"""Comparing answers with DM's, after making alike what differs from run to run."""

import re
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "live/golden"

RULES = [
    (r'"msg": "(\[code=[^"\\]*)[^"]*"', r'"msg": "\1"'),  # the first line counts
    (r"127\.0\.0\.1:\d+", "HOST:PORT"),
    (r"\(mysql-bin(\|\d{6})?\.\d{6}, \d+\)", "(FILE, POS)"),
    (r"mysql-bin(\|\d{6})?\.\d{6}:\d+", "FILE:POS"),
    (r'"(totalEvents|totalTps|recentTps|logID)": "\d+"', r'"\1": "N"'),
    (r'"(masterBinlogGtid|relayBinlogGtid)": "[^"]*"', r'"\1": "GTID"'),
    (r'"relaySubDir": "[^"]+\.\d{6}"', '"relaySubDir": "UUID.N"'),
    (r'"sourceID": "[^"]+"', '"sourceID": "SOURCE"'),
    (r'"(name|taskName)": "[^"]+"', r'"\1": "TASK"'),
    (r"sub task \w+ (already exists)", r"sub task TASK \1"),
    (r"task \w+ has no workers", "task TASK has no workers"),
]


def alike(text, rules=()):
    for pattern, by in [*RULES, *rules]:
        text = re.sub(pattern, by, text)
    return text


def assert_golden(text, name, rules=()):
    """The text equals the golden file of that name, white space included."""
    want, got = alike((GOLDEN / f"{name}.json").read_text(), rules), alike(text, rules)
    if want != got:
        for number, (a, b) in enumerate(zip(want.split("\n"), got.split("\n")), 1):
            assert a == b, f"{name}.json line {number}\nDM:   {a!r}\nours: {b!r}\nwhole:\n{text}"
        raise AssertionError(f"{name}.json has {want.count(chr(10))} lines, we have {got.count(chr(10))}:\n{text}")
