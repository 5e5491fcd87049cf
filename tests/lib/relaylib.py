"""Comparing relay files with the server's own binlog files."""

from processes import wait_for

IN_USE = 1  # flag of the format event in the file that the server is writing


def without_in_use(data):
    """The server's active file differs from what it sends in this bit alone: flags lie at 4 + 17."""
    return data[:21] + bytes([data[21] & ~IN_USE]) + data[22:] if len(data) > 21 else data


def first_difference(a, b):
    for i in range(0, min(len(a), len(b)), 4096):
        if a[i : i + 4096] != b[i : i + 4096]:
            return next(j for j in range(i, i + 4096) if a[j] != b[j])
    return min(len(a), len(b)) if len(a) != len(b) else None


def assert_same_files(worker, server, first=None, sub_dir=None, was_killed=False):
    """The relay holds just the server's files from `first` on, byte for byte.

    A server that was killed leaves the in-use bit in the file that it wrote: it is not compared then.
    """
    names = [n for n, _ in server.binlogs() if first is None or n >= first]
    ours = worker.relay_files(sub_dir)
    assert [p.name for p in ours] == names
    for path in ours:
        mine, theirs = path.read_bytes(), server.binlog_path(path.name).read_bytes()
        if was_killed or path.name == server.binlogs()[-1][0]:
            mine, theirs = without_in_use(mine), without_in_use(theirs)
        at = first_difference(mine, theirs)
        assert at is None, f"{path.name} differs at {at} (we have {len(mine)} bytes, the server {len(theirs)})"
    return names


def wait_same_files(worker, server, first=None, sub_dir=None, deadline=30, was_killed=False):
    worker.wait_relay(server, deadline)
    return assert_same_files(worker, server, first, sub_dir, was_killed)


def error_of(result):
    """The first error of a `result`, as (code, all its text)."""
    if not result or not result["errors"]:
        return 0, ""
    entry = result["errors"][0]
    error = entry["error"] or {}
    return error.get("ErrCode", 0), " ".join((entry["msg"], error.get("Message", ""), error.get("RawCause", "")))


def wait_relay_paused(worker, deadline=20):
    """Waits until the relay is Paused by an error; returns (code, text)."""
    wait_for(lambda: worker.relay()["stage"] == "Paused", deadline, "relay is Paused")
    return error_of(worker.relay()["result"])


def read_meta(worker, sub_dir=None):
    """relay.meta as a dictionary of texts."""
    text = (worker.relay_dir / (sub_dir or worker.relay_sub_dirs()[-1]) / "relay.meta").read_text()
    return {k.strip(): v.strip().strip('"') for k, v in (line.split("=", 1) for line in text.splitlines() if "=" in line)}
