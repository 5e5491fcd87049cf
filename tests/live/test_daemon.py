"""The process itself: it starts quickly or says why not, answers while parts of it hang, and ends in time."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from processes import SLOWNESS, wait_for
from worker import Task

LIB = Path(__file__).resolve().parents[1] / "lib"


@pytest.fixture(scope="module")
def hang(home):
    """The environment that preloads tests/lib/hang.c."""
    library = home / "hang.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-Wall", "-o", library, LIB / "hang.c", "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def ended_with(worker, seconds=10):
    wait_for(lambda: not worker.child.is_alive(), seconds, "the daemon ends")
    return worker.child.process.returncode


@pytest.mark.timing
def test_ready_at_once_while_the_upstream_is_down(new_worker):
    took = []
    for _ in range(5):
        worker = new_worker(None, port=1).launch()
        begin = time.monotonic()
        wait_for(worker.is_live, 5, every=0.001)
        took.append(time.monotonic() - begin)
        worker.stop()
    assert min(took) < 0.1, took  # other work on the machine delays the rest


# -- its own files


@pytest.fixture
def meta(new_worker):
    """A worker that ran once, and its directory."""
    worker = new_worker(None, port=1).start()
    worker.stop()
    return worker, Path(worker.config["meta-dir"])


def assert_refused_untouched(worker, meta, *words):
    before = (meta / "state.db").read_bytes()
    worker.launch()
    assert ended_with(worker) == 2
    for word in words:
        assert worker.logged(word), worker.tail()
    assert (meta / "state.db").read_bytes() == before


def test_garbage_in_the_place_of_the_state(meta):
    worker, directory = meta
    (directory / "state.db").write_bytes(b"no database" * 1000)
    assert_refused_untouched(worker, directory, "40041", "state.db", "not a database")


def test_a_damaged_state(meta):
    worker, directory = meta
    data = bytearray((directory / "state.db").read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    (directory / "state.db").write_bytes(data)
    assert_refused_untouched(worker, directory, "40041", "state.db")


def test_a_state_of_a_newer_version(meta):
    worker, directory = meta
    with sqlite3.connect(directory / "state.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert_refused_untouched(worker, directory, "40047", "99")


def test_a_database_of_another_program(meta):
    worker, directory = meta
    (directory / "state.db").unlink()
    with sqlite3.connect(directory / "state.db") as db:
        db.execute("CREATE TABLE task(name)")
    db.close()
    assert_refused_untouched(worker, directory, "40041", "another program")


def test_a_state_that_was_never_written_whole(meta):
    """Power was cut while the file was made: an empty file is a new one."""
    worker, directory = meta
    shutil.rmtree(directory)
    directory.mkdir()
    (directory / "state.db").write_bytes(b"")
    worker.start()


def test_the_history_of_moves_is_kept(mariadb, running):
    worker, task = running(mariadb)
    worker.pause(task)
    worker.resume(task)
    worker.kill()
    with sqlite3.connect(Path(worker.config["meta-dir"]) / "state.db") as db:
        moves = [tuple(row) for row in db.execute("SELECT event, stage_from, stage_to, reason FROM history WHERE task = ?", (task,))]
    db.close()
    assert moves == [("start-task", "InvalidStage", "New", "user"), ("units ready", "New", "Running", ""),
                     ("pause-task", "Running", "Paused", "user"), ("resume-task", "Paused", "Running", "user")]


# -- parts that hang


def test_a_name_that_is_never_resolved(hang, new_worker):
    worker = new_worker(None, host="hangs.test", env={**hang, "DM_HANG_LOOKUP": "hangs.test"}).start()
    assert worker.relay()["stage"] == "Running"
    begin = time.monotonic()
    worker.status()
    assert time.monotonic() - begin < 0.5 * SLOWNESS
    worker.stop(5.0)


@pytest.fixture
def dead_disk(hang, home, mariadb, target, schema, running):
    marker = home / "disk-is-dead"
    worker, task = running(mariadb, env={**hang, "DM_HANG_SYNC": str(marker)})
    marker.write_text("")
    yield worker, task, marker
    marker.unlink(missing_ok=True)


def test_status_answers_while_the_disk_hangs(dead_disk, mariadb, schema):
    worker, task, marker = dead_disk
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
    for _ in range(20):
        begin = time.monotonic()
        assert worker.stage(task) == "Running"
        assert time.monotonic() - begin < 0.5 * SLOWNESS
        time.sleep(0.05)
    marker.unlink()
    worker.wait_synced(task, mariadb)


def test_a_command_waits_for_the_disk_and_is_answered_then(dead_disk):
    worker, task, marker = dead_disk
    body = '{"op":"Pause"}'
    command = subprocess.Popen(["curl", "-s", "-X", "PUT", "-d", body, f"http://{worker.address}/apis/v1alpha1/tasks/{task}"],
                               stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    assert command.poll() is None  # not answered before it is on disk
    assert worker.stage(task) == "Running"
    marker.unlink()
    assert '"result":true' in command.communicate(timeout=10 * SLOWNESS)[0]
    assert worker.stage(task) == "Paused"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_it_ends_while_the_disk_hangs(dead_disk, number):
    worker, _, _ = dead_disk
    worker.stop(5.0, number)


def test_what_was_asked_holds_after_an_end_with_a_dead_disk(dead_disk, mariadb, target, schema):
    from compare import assert_same
    worker, task, marker = dead_disk
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1), (2)")
    worker.stop(5.0)
    marker.unlink()
    worker.start()
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


# -- purge and start


def test_a_start_waits_while_the_relay_is_purged_or_is_refused(mariadb, target, schema, new_worker):
    """Purging takes milliseconds here: a start right behind it goes well."""
    mariadb.query(f"CREATE DATABASE `{schema}`")
    target.query(f"CREATE DATABASE `{schema}`")
    worker = new_worker(mariadb).start()
    for _ in range(3):
        mariadb.flush_binlog()
    worker.wait_relay(mariadb)
    worker.post("/api/v1/relay", {"op": "purge", "filename": mariadb.position()[0]})
    assert worker.start_task(Task("t" + schema, target, [schema], meta=(mariadb.position()[0], 4)))["result"]
    worker.wait_stage("t" + schema, "Running")
