"""dmctl prints what DM's dmctl prints, and its exit code tells success."""

import fcntl
import json
import os
import re
import select
import stat
import subprocess
import termios
import time
from pathlib import Path

import pytest

from golden import assert_golden
from processes import SLOWNESS, wait_for
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


def test_an_answer_that_cannot_be_written_is_a_failure(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    with open("/dev/full", "w") as full:
        done = subprocess.run([DMCTL, "--worker", worker.address, "query-status"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1 and "No space left on device" in done.stderr


def test_no_files_are_left_behind(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    before = set(worker.directory.iterdir())
    ok(worker.dmctl("query-status"))
    assert set(worker.directory.iterdir()) == before


class Terminal:
    """dmctl on a terminal of its own."""

    def __init__(self, worker):
        self.fd, self.line = os.openpty()
        self.modes_before = self.modes()
        self.process = subprocess.Popen(
            [DMCTL, "--worker", worker.address], stdin=self.line, stdout=self.line, stderr=self.line, cwd=worker.directory,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "HOME": str(worker.directory), "TERM": "xterm", "LANG": "C.UTF-8",
                 "XDG_STATE_HOME": str(worker.directory / "state")})
        self.seen = ""

    def modes(self):
        """What the line discipline does: echo, whole lines."""
        return termios.tcgetattr(self.line)[3] & (termios.ECHO | termios.ICANON)

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

    def prompt(self):
        """Waits until the next line is read key by key: what is typed before that is the terminal's, not dmctl's."""
        self.expect("»")
        wait_for(lambda: self.modes() != self.modes_before, 5, "the prompt reads key by key")

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        """Waits for the end; the exit code, or minus the signal."""
        code = self.process.wait(5 * SLOWNESS)
        os.close(self.fd)
        os.close(self.line)
        return code


def test_the_prompt_with_history_and_completion(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    terminal = Terminal(worker)
    terminal.prompt()
    terminal.type("query-status\r")
    terminal.expect("sourceID")
    terminal.prompt()
    terminal.type("query-st\t\r")
    terminal.expect("sourceID")
    terminal.prompt()
    terminal.type("\x1b[A\r")  # the last command again
    terminal.expect("sourceID")
    terminal.prompt()
    terminal.type("no-such-command p-secret-7\r")
    terminal.expect("unknown command")
    terminal.prompt()
    terminal.type("query-status --encrypt p-secret-7\r")
    terminal.expect("unknown flag")
    terminal.type("exit\r")
    assert terminal.close() == 0
    history = worker.directory / "state/dmctl/history"
    assert history.read_text() == "query-status\n" * 3
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert stat.S_IMODE(history.parent.stat().st_mode) == 0o700


def test_the_prompt_completes_task_names_of_the_worker(mariadb, running):
    worker, task = running(mariadb)
    terminal = Terminal(worker)
    terminal.prompt()
    terminal.type(f"pause-task {task[:2]}\t\r")
    terminal.expect('"op": "Pause"')
    terminal.prompt()
    assert worker.stage(task) == "Paused"
    terminal.type("\x04")
    assert terminal.close() == 0


def test_control_c_leaves_the_terminal_as_it_was(new_worker):
    terminal = Terminal(new_worker())
    terminal.prompt()
    terminal.type("query-st\x03")
    assert terminal.process.wait(5 * SLOWNESS) == -2  # by SIGINT, as a shell expects it
    assert terminal.modes() == terminal.modes_before
    terminal.close()


def test_a_password_is_encrypted_without_being_seen(new_worker):
    worker = new_worker()
    cipher = ok(worker.dmctl("--encrypt", stdin="p-secret-8\n")).strip()
    assert "p-secret-8" not in cipher
    assert ok(worker.dmctl("--decrypt", cipher)) == "p-secret-8\n"
    assert ok(worker.dmctl("--encrypt", "p-secret-8")).strip() != cipher  # the IV is random
    assert refused(worker.dmctl("--decrypt", "no cipher")) == "this is no encrypted password\n"
    with subprocess.Popen([DMCTL, "--decrypt", cipher, "--encrypt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        command = Path(f"/proc/{process.pid}/cmdline")
        wait_for(lambda: b"xxx" in command.read_bytes(), 5, "the argument is hidden")
        assert cipher.encode() not in command.read_bytes()
        process.communicate(b"x\n", timeout=10)


def test_a_task_over_two_sources_is_one_command(mariadb, target, schema, new_worker):
    mariadb.execute(f"CREATE DATABASE {schema}", f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    target.execute(f"CREATE DATABASE {schema}", f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    workers = [new_worker(mariadb, source_id=f"source-{i}").start() for i in (1, 2)]
    other = new_worker(mariadb, source_id="source-3").start()
    file = Task("both" + schema, target, [schema], meta=(mariadb.position()[0], mariadb.position()[1]))
    file.tree["mysql-instances"].append({**file.tree["mysql-instances"][0], "source-id": "source-2"})
    file.write(workers[0].directory / "task.yaml")
    config = workers[0].directory / "dm-master.toml"

    def dmctl(*arguments):
        return subprocess.run([DMCTL, "--config", config, *arguments], capture_output=True, text=True, timeout=60,
                              cwd=workers[0].directory)

    def deploy(*them):
        config.write_text("".join(f'[[deploy]]\nsource-id = "{w.source_id}"\ndm-worker = "{w.address}"\n' for w in them))

    deploy(workers[0], other)
    done = dmctl("start-task", workers[0].directory / "task.yaml")
    assert done.returncode == 1 and "source-2 relevant worker not found" in done.stdout and "38028" in done.stdout
    assert workers[0].status()["subTaskStatus"] == []  # nothing was half done
    deploy(*workers, other)
    reply = json.loads(ok(dmctl("start-task", workers[0].directory / "task.yaml")))
    assert [w["worker"] for w in reply["workers"]] == sorted(w.address for w in workers)
    status = json.loads(ok(dmctl("query-status", file.name)))
    assert [w["worker"] for w in status["workers"]] == sorted(w.address for w in workers)  # the third does not know it
    summary = json.loads(ok(dmctl("query-status", "--summary")))
    assert [t["taskName"] for t in summary["tasks"]] == [file.name] and len(summary["tasks"][0]["workers"]) == 2
    for worker in workers:
        worker.wait_stage(file.name, "Running")
    paused = json.loads(ok(dmctl("pause-task", file.name)))
    assert [w["meta"]["worker"] for w in paused["workers"]] == [w.address for w in workers]
    workers[1].child.freeze()
    begin = time.monotonic()
    done = dmctl("--rpc-timeout", "1s", "query-status", file.name)
    assert done.returncode == 1 and time.monotonic() - begin < 3 * SLOWNESS
    assert "DeadlineExceeded" in done.stdout and '"sourceID": "source-1"' in done.stdout
    workers[1].child.thaw()
    ok(dmctl("stop-task", file.name))


def test_a_prompt_fed_by_a_pipe(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    done = worker.dmctl(stdin="query-status --summary\nexit\n")
    assert done.returncode == 0 and '"tasks": []' in done.stdout


def test_the_reply_comes_when_the_move_is_done(mariadb, target, schema, running):
    worker, task = running(mariadb)
    for op, stage in (("pause-task", "Paused"), ("resume-task", "Running"), ("stop-task", "Stopped")):
        ok(worker.dmctl(op, task))
        wait_for(lambda: worker.stage(task) == stage, 1)
