"""The steps of tests/run: builds, checks, and tests, each with its log, its time and its counts."""

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
CORES = str(os.cpu_count() or 2)

# Sanitizers end the process at the first report, and print where.
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/lib/tsan.supp",
    "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lib/lsan.supp:print_suppressions=0",
}


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def counts_of(junit):
    """Counts of a junit file: of meson (a suite for each program) or of pytest."""
    counts = Counts()
    for case in xml.parse(junit).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
        elif case.find("skipped") is not None:
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


class Failed(Exception):
    """A step that could not do its work: it counts as one failure."""


def run(log, *command, env=None, timeout=1500, cwd=ROOT, check=True):
    """Runs a command into the step's log; returns its exit code."""
    with open(log, "a") as out:
        out.write(f"\n$ {' '.join(map(str, command))}\n")
        out.flush()
        try:
            code = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                                  env={**os.environ, **(env or {})}, timeout=timeout).returncode
        except subprocess.TimeoutExpired as e:
            raise Failed(f"not done within {timeout} s: {command[0]}") from e
    if check and code != 0:
        raise Failed(f"{Path(command[0]).name} ended with {code}, see")
    return code


def build(log, folder, *options, env=None):
    """Sets up and builds. Sanitizers make gcc warn of what cannot happen; all other builds are free of warnings."""
    folder = ROOT / folder
    werror = "-Dwerror=" + ("false" if any("b_sanitize" in o for o in options) else "true")
    stamp, wanted = folder / "options", " ".join([werror, *options, *(f"{k}={v}" for k, v in (env or {}).items())])
    if not (folder / "build.ninja").exists() or not stamp.exists() or stamp.read_text() != wanted:
        (folder / "meson-private/coredata.dat").unlink(missing_ok=True)  # set up anew: the compiler may be another
        run(log, "meson", "setup", folder, ROOT, werror, *options, env=env)
        stamp.write_text(wanted)
    run(log, "ninja", "-C", folder, "-j", CORES, env=env)
    return folder


def meson_tests(log, folder, *arguments, env=None):
    """Runs the unit tests and the fuzzers' corpora of a build."""
    folder = ROOT / folder
    junit = folder / "meson-logs/testlog.junit.xml"
    junit.unlink(missing_ok=True)
    code = run(log, "meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", *arguments,
               env={**SANITIZERS, **(env or {})}, check=False)
    if not junit.exists():
        raise Failed("meson test wrote no result")
    counts = counts_of(junit)
    if code != 0 and counts.failed == 0:
        counts.failed = 1
    return counts


def pytest(log, name, *arguments, env=None, timeout=2400):
    junit = LOGS / f"{name}.junit.xml"
    junit.unlink(missing_ok=True)
    code = run(log, "/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={junit}", "--durations=15",
               *arguments, env={**SANITIZERS, **(env or {})}, timeout=timeout, check=False)
    if not junit.exists():
        raise Failed("pytest wrote no result")
    counts = counts_of(junit)
    if code not in (0, 5) and counts.failed == 0:
        counts.failed = 1
    return counts


def sources(*folders, suffixes=(".c", ".h", ".cc", ".cpp", ".hpp")):
    return sorted(p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in suffixes)


# -- the steps. Each takes (log, options) and returns Counts.


def step_rooms(log, _):
    run(log, ROOT / "tests/check-rooms")
    return Counts(passed=1)


def step_source(log, _):
    run(log, ROOT / "tests/check-source")
    return Counts(passed=1)


def step_format(log, _):
    run(log, "clang-format", "--dry-run", "-Werror", *sources("src", "include", "tests", suffixes=(".c", ".h")))
    return Counts(passed=1)


def step_unit(log, _):
    build(log, "build", "-Dbuildtype=debugoptimized")
    return meson_tests(log, "build")


def step_release(log, _):
    build(log, "build-release", "-Dbuildtype=release", "-Db_ndebug=true")
    return meson_tests(log, "build-release")


def step_clang(log, _):
    build(log, "build-clang", "-Dbuildtype=debugoptimized", env={"CC": "clang", "CXX": "clang++"})
    return meson_tests(log, "build-clang")


def step_asan(log, _):
    build(log, "build-asan", "-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false")
    return meson_tests(log, "build-asan", "--timeout-multiplier", "4")


def step_tsan(log, _):
    build(log, "build-tsan", "-Dbuildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false")
    return meson_tests(log, "build-tsan", "--timeout-multiplier", "6")


def step_fuzz(log, options):
    """Each fuzzer for a fixed number of runs, from its corpus. New inputs go to a folder of the build."""
    folder = build(log, "build-fuzz", "-Dbuildtype=debugoptimized", "-Dlibfuzzer=true", "-Db_sanitize=address,undefined",
                   "-Db_lundef=false", env={"CC": "clang", "CXX": "clang++"})
    rounds = 2_000_000 if options.long else 60_000
    counts = Counts()

    def one(fuzzer):
        name = fuzzer.name.removeprefix("fuzz-")
        own_log = log.with_name(f"fuzz-{name}.log")
        own_log.unlink(missing_ok=True)
        found = folder / "found" / name
        found.mkdir(parents=True, exist_ok=True)
        try:
            code = run(own_log, fuzzer, f"-runs={rounds}", "-seed=1", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
                       "-max_total_time=" + ("1800" if options.long else "40"), f"-artifact_prefix={found}-", found,
                       ROOT / "tests/fuzz/corpus" / name, env=SANITIZERS, check=False)
        except Failed:
            code = 1
        return name, code

    fuzzers = sorted(p for p in (folder / "tests/fuzz").glob("fuzz-*") if p.is_file() and os.access(p, os.X_OK))
    if not fuzzers:
        raise Failed("no fuzzer was built")
    with ThreadPoolExecutor(int(CORES)) as pool:
        for name, code in pool.map(one, fuzzers):
            counts += Counts(passed=code == 0, failed=code != 0)
            if code != 0:
                print(f"         fuzz-{name} found something: {log.with_name(f'fuzz-{name}.log')}")
    return counts


def step_tidy(log, options):
    """clang-tidy over all sources of ours; .clang-tidy says which checks, and why not others."""
    folder = ROOT / "build-clang"
    if not (folder / "compile_commands.json").exists():
        build(log, "build-clang", "-Dbuildtype=debugoptimized", env={"CC": "clang", "CXX": "clang++"})
    counts = Counts()

    def one(path):
        own = subprocess.run(["clang-tidy", "-p", str(folder), "--quiet", str(path)], capture_output=True, text=True, timeout=600)
        return path, own.returncode, own.stdout + own.stderr

    with ThreadPoolExecutor(int(CORES)) as pool, open(log, "a") as out:
        for path, code, text in pool.map(one, sources("src", suffixes=(".c",))):
            counts += Counts(passed=code == 0, failed=code != 0)
            if code != 0:
                out.write(f"== {path}\n{text}\n")
    return counts


def step_live(log, options):
    build(log, "build", "-Dbuildtype=debugoptimized")
    return pytest(log, "live", "tests/live", env={"DM_LONG": str(int(options.long))})


def step_fault(log, options):
    build(log, "build", "-Dbuildtype=debugoptimized")
    return pytest(log, "fault", "tests/fault", env={"DM_LONG": str(int(options.long))})


def sanitized_live(log, name, folder, slowness, options):
    """The daemon itself under a sanitizer: all tests that do not measure time; a share of them unless --long."""
    which = "not timing" if options.long else "not timing and smoke"
    return pytest(log, name, "-m", which, "tests/live", "tests/fault",
                  env={"DM_BUILD": str(ROOT / folder), "DM_TEST_SLOWNESS": slowness, "DM_LONG": "0"})


def step_live_asan(log, options):
    build(log, "build-asan", "-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false")
    return sanitized_live(log, "live-asan", "build-asan", "3", options)


def step_live_tsan(log, options):
    build(log, "build-tsan", "-Dbuildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false")
    return sanitized_live(log, "live-tsan", "build-tsan", "5", options)


STEPS = {
    "rooms": (step_rooms, "no room includes a higher one"),
    "source": (step_source, "banned calls and sizes"),
    "format": (step_format, "clang-format"),
    "unit": (step_unit, "gcc build, unit tests, fuzz corpora"),
    "live": (step_live, "the daemon and real servers"),
    "fault": (step_fault, "kill -9, cut connections, full disks"),
    "release": (step_release, "release build without assertions"),
    "clang": (step_clang, "clang build"),
    "asan": (step_asan, "address and undefined-behaviour sanitizer"),
    "tsan": (step_tsan, "thread sanitizer"),
    "live-asan": (step_live_asan, "the daemon under address sanitizer"),
    "live-tsan": (step_live_tsan, "the daemon under thread sanitizer"),
    "fuzz": (step_fuzz, "a short round of each fuzzer"),
    "tidy": (step_tidy, "clang-tidy"),
}


def tail_of(log):
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join("         | " + line for line in text[-25:])


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description=__doc__)
    parser.add_argument("--long", action="store_true", help="more rounds of everything")
    parser.add_argument("--only", default="", help="these steps alone, separated by commas")
    parser.add_argument("--list", action="store_true", help="print the steps")
    options = parser.parse_args()
    if options.list:
        for name, (_, text) in STEPS.items():
            print(f"{name:10} {text}")
        return 0
    wanted = options.only.split(",") if options.only else list(STEPS)
    unknown = [name for name in wanted if name not in STEPS]
    if unknown:
        parser.error(f"no such step: {', '.join(unknown)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    total = Counts()
    for name in wanted:
        work, text = STEPS[name]
        log = LOGS / f"{name}.log"
        log.unlink(missing_ok=True)
        if sys.stdout.isatty():
            print(f"{name:10} {text} ...", end="\r", flush=True)
        begin = time.monotonic()
        reason = ""
        try:
            counts = work(log, options)
        except Failed as e:
            counts, reason = Counts(failed=1), str(e)
        total += counts
        print(f"{name:10} {text}: {counts} ({time.monotonic() - begin:.0f} s)", flush=True)
        if counts.failed:
            print(f"         {reason or 'see'} {log.relative_to(ROOT)}\n{tail_of(log)}", flush=True)
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
