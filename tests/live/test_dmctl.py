"""dmctl prints what DM's dmctl prints, and its exit code tells success."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

from golden import assert_golden
from processes import wait_for
from worker import DMCTL, Task


def ok(done):
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def refused(done):
    assert done.returncode != 0, done.stdout
    return done.stdout


@pytest.mark.smoke
def test_a_whole_session_prints_what_dm_prints(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.wait_synced(task, mariadb)
    file = Task(task, target, [schema], meta=(mariadb.position()[0], 4)).write(worker.directory / "task.yaml")
    dmctl = worker.dmctl
    # Ours says synced without DM's minute of delay; the golden files were taken in any state.
    synced = [(r'"synced": (true|false)', '"synced": BOOL')]
    assert_golden(ok(dmctl("query-status", task)), "query-status.sync")
    assert_golden(ok(dmctl("query-status")), "query-status.sync")
    assert_golden(ok(dmctl("query-status", "--more")), "query-status.sync")
    assert_golden(ok(dmctl("query-status", "--summary")), "query-status.list")
    assert_golden(refused(dmctl("start-task", file)), "start-task.when-running")
    assert_golden(refused(dmctl("resume-task", task)), "resume-task.when-running")
    assert_golden(ok(dmctl("pause-task", task)), "pause-task")
    assert_golden(ok(dmctl("query-status", task)), "query-status.paused-by-user", synced)
    assert_golden(refused(dmctl("pause-task", task)), "pause-task.when-paused")
    assert_golden(ok(dmctl("resume-task", task)), "resume-task")
    assert_golden(ok(dmctl("stop-task", task)), "stop-task")
    assert_golden(ok(dmctl("start-task", file)), "start-task")
    assert_golden(ok(dmctl("pause-relay")), "pause-relay")
    assert ok(dmctl("resume-relay")).count("ResumeRelay") == 2


def test_an_error_of_the_target_as_dm_shows_it(mariadb, target, schema, running):
    worker, task = running(mariadb, checker={"check-enable": False})
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, c INT)", f"INSERT INTO `{schema}`.t VALUES (1, 1)")
    worker.wait_synced(task, mariadb)
    target.query(f"ALTER TABLE `{schema}`.t DROP COLUMN c, ADD COLUMN d INT UNIQUE")
    target.query(f"UPDATE `{schema}`.t SET d=5")
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (2, 5)")
    worker.wait_stage(task, "Paused")
    texts = [(r'"(Message|RawCause|errorSQL)": "[^"\\]*(?:\\.[^"\\]*)*"', r'"\1": "TEXT"'), (r'"msg": "\[code=\d+:class=[a-z-]+:scope=[a-z-]+:level=[a-z]+\] [^"]*"', '"msg": "ERROR"'),
             (r'"ErrCode": \d+', '"ErrCode": N'), (r'"Err(Class|Scope)": \d+', r'"Err\1": N'), (r'"Type": "\w+"', '"Type": "T"')]
    assert_golden(ok(worker.dmctl("query-status", task)), "query-status.sync-error", texts)
    assert_golden(ok(worker.dmctl("query-error", task)), "query-error", texts)


def test_a_duplicate_key_of_the_target_has_dms_code_and_cause(mariadb, target, schema, running):
    worker, task = running(mariadb, checker={"check-enable": False})
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, c VARCHAR(200))")
    worker.wait_synced(task, mariadb)
    target.query(f"ALTER TABLE `{schema}`.t MODIFY c VARCHAR(3)")
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (2, 'far too long')")
    error = worker.wait_stage(task, "Paused")["result"]["errors"][0]
    assert error["Type"] == "ExecSQL"
    assert error["error"]["ErrCode"] == 10006 and error["error"]["ErrScope"] == 2
    assert error["error"]["RawCause"].startswith("Error 1406")
    assert error["error"]["Message"].startswith("execute statement failed: ")


def test_no_task_at_all(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    assert_golden(ok(worker.dmctl("query-status", "--summary")), "query-status.list-none")
    assert_golden(refused(worker.dmctl("query-status", "nobody")), "query-status.no-such-task")
    text = ok(worker.dmctl("query-status"))
    assert '"msg": "no sub task started"' in text and '"subTaskStatus": [\n            ],' in text


def test_the_exit_code_can_be_dms(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    assert refused(worker.dmctl("pause-task", "nobody"))
    done = worker.dmctl("--dm-exit-codes", "pause-task", "nobody")
    assert done.returncode == 0 and '"result": false' in done.stdout


def test_a_worker_that_is_not_there(mariadb, new_worker):
    worker = new_worker(mariadb)
    done = worker.dmctl("query-status")
    assert done.returncode != 0
    assert worker.address in done.stdout + done.stderr


def test_two_workers_are_merged_and_sorted(mariadb, new_worker):
    workers = [new_worker(mariadb, source_id=f"source-{i}").start() for i in (1, 2)]
    addresses = sorted(w.address for w in workers)
    done = subprocess.run([DMCTL, "--worker", ",".join(reversed(addresses)), "query-status"], capture_output=True, text=True,
                          timeout=30, cwd=workers[0].directory)
    assert re.findall(r'"worker": "([^"]+)"', done.stdout) == addresses
    assert done.returncode == 0
    master = workers[0].directory / "dm-master.toml"
    master.write_text('master-addr = ":8261"\n' + "".join(f'[[deploy]]\nsource-id = "{w.source_id}"\ndm-worker = "{w.address}"\n' for w in workers))
    done = subprocess.run([DMCTL, "--config", master, "query-status"], capture_output=True, text=True, timeout=30,
                          cwd=workers[0].directory)
    assert re.findall(r'"worker": "([^"]+)"', done.stdout) == addresses
    workers[1].stop()
    done = subprocess.run([DMCTL, "--worker", ",".join(addresses), "query-status"], capture_output=True, text=True, timeout=60,
                          cwd=workers[0].directory)
    assert workers[0].source_id in done.stdout and done.returncode != 0


def test_wrong_use_prints_how_to_use_it(mariadb, new_worker):
    worker = new_worker(mariadb)
    for arguments in (["no-such-command"], ["pause-task"], ["start-task", "/no/such/file.yaml"], ["query-status", "a", "b"]):
        done = worker.dmctl(*arguments)
        assert done.returncode != 0, arguments
        assert done.stdout + done.stderr, arguments


def test_no_files_are_left_behind(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    before = set(worker.directory.iterdir())
    ok(worker.dmctl("query-status"))
    assert set(worker.directory.iterdir()) == before


class Terminal:
    """dmctl on a terminal of its own."""

    def __init__(self, worker):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(worker.directory)
            os.environ.update(HOME=str(worker.directory), TERM="xterm", XDG_STATE_HOME=str(worker.directory / "state"), LANG="C.UTF-8")
            os.execv(DMCTL, [str(DMCTL), "--worker", worker.address])
        self.seen = ""

    def expect(self, text, seconds=15):
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"no {text!r} in {self.seen!r}"
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    break
        assert text in self.seen, self.seen
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        """Waits for its end by itself; returns the exit code."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        raise AssertionError("dmctl did not end")


def test_the_prompt_with_history_and_completion(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    terminal = Terminal(worker)
    terminal.expect("»")
    terminal.type("query-status\r")
    terminal.expect("sourceID")
    terminal.expect("»")
    terminal.type("query-st\t\r")
    terminal.expect("sourceID")
    terminal.expect("»")
    terminal.type("\x1b[A\r")  # the last command again
    terminal.expect("sourceID")
    terminal.expect("»")
    terminal.type("exit\r")
    assert terminal.close() == 0


def test_a_prompt_fed_by_a_pipe(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    done = worker.dmctl(stdin="query-status --summary\nexit\n")
    assert done.returncode == 0 and '"tasks": []' in done.stdout


def test_the_reply_comes_when_the_move_is_done(mariadb, target, schema, running):
    worker, task = running(mariadb)
    for op, stage in (("pause-task", "Paused"), ("resume-task", "Running"), ("stop-task", "Stopped")):
        ok(worker.dmctl(op, task))
        wait_for(lambda: worker.stage(task) == stage, 1)
