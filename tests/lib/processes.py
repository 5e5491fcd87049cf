"""Waiting for conditions, free ports, and child processes that never outlive the test run."""

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("DM_TEST_CACHE", "/var/cache/dm-worker-tests"))

# Sanitizers slow the daemon down; whoever runs them stretches all deadlines with one number.
SLOWNESS = float(os.environ.get("DM_TEST_SLOWNESS", "1"))

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is told to run at the end does

_libc = ctypes.CDLL(None, use_errno=True)
_children = {}
_left_running = False
_given_ports = set()


def wait_for(condition, deadline=15.0, what="", every=0.02):
    """Returns the first true value of condition(), or fails after `deadline` seconds with its last value."""
    end = time.monotonic() + deadline * SLOWNESS
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (OSError, AssertionError, KeyError, IndexError) as e:
            last = e
        if time.monotonic() >= end:
            raise AssertionError(f"not within {deadline:g} s: {what or condition.__name__}; last: {last!r}")
        time.sleep(every)


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on; never the same twice in a run."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def _die_with_parent():
    if not _left_running:
        _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def leave_running():
    """What is started from now on outlives this process: for a demonstration that stays."""
    global _left_running
    _left_running = True


class Child:
    """A process of ours, ended by its id only."""

    def __init__(self, command, log, env=None, cwd=None, output=None):
        self.log = Path(log)
        self.started = time.monotonic()
        with open(self.log, "ab") as err:
            self.process = subprocess.Popen(
                [str(c) for c in command],
                stdin=subprocess.DEVNULL,
                stdout=output or err,
                stderr=err,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                preexec_fn=_die_with_parent,
                start_new_session=_left_running,
            )
        _children[self.process.pid] = self
        self.frozen = False

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process.poll() is None

    def send(self, number):
        if self.is_alive():
            self.process.send_signal(number)

    def freeze(self):
        self.send(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.send(signal.SIGCONT)
        self.frozen = False

    def kill(self):
        """kill -9, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.process.wait(30)
        _children.pop(self.process.pid, None)

    def terminate(self, seconds=30.0, number=signal.SIGTERM):
        """A polite end. Returns (exit code, seconds it took); fails when it takes longer."""
        begin = time.monotonic()
        if self.frozen:
            self.thaw()
        self.send(number)
        try:
            code = self.process.wait(seconds * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.log.name}: still running {seconds:g} s after signal {number}")
        _children.pop(self.process.pid, None)
        return code, time.monotonic() - begin


@atexit.register
def end_all_children(even_kept=False):
    if _left_running and not even_kept:
        return
    for child in list(_children.values()):
        try:
            child.kill()
        except (OSError, subprocess.TimeoutExpired):
            pass
