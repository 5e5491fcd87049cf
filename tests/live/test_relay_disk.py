"""The relay's disk: full, read-only, and emptied by purge; never what a subtask still needs."""

import os
import subprocess
import time

import pytest

from data import Load
from processes import wait_for
from relaylib import assert_same_files, wait_relay_paused, wait_same_files


@pytest.fixture
def small_disk(home):
    """A tmpfs of 48 MB; remount(options) changes it."""
    path = home / f"disk{time.monotonic_ns()}"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", path]).returncode != 0:
        pytest.skip("no mounts here")

    def remount(options):
        subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)

    yield path, remount
    subprocess.run(["umount", "-l", path], check=True)
    path.rmdir()


def fill(source, schema, megabytes):
    source.execute(f"CREATE DATABASE IF NOT EXISTS `{schema}`", f"CREATE TABLE IF NOT EXISTS `{schema}`.fat (b MEDIUMBLOB)")
    for _ in range(megabytes):
        source.query(f"INSERT INTO `{schema}`.fat VALUES (REPEAT(CHAR(RAND()*255), 1024*1024))")


def test_a_full_disk_pauses_the_relay_and_room_lets_it_go_on(mariadb, schema, new_worker, small_disk):
    path, remount = small_disk
    first = mariadb.flush_binlog()
    worker = new_worker(mariadb, relay_dir=str(path / "relay"), purge={"remain-space": 0})
    worker.relay_dir = path / "relay"
    worker.start()
    worker.wait_relay(mariadb)
    fill(mariadb, schema, 60)
    code, text = wait_relay_paused(worker)
    assert code and str(path) in text and " left" in text, text
    room = os.statvfs(path)
    assert room.f_bavail * room.f_bsize > 0, "the last bytes are gone"
    assert worker.get("/livez").status == 200
    remount("size=300m")
    wait_for(lambda: worker.relay()["stage"] == "Running", 30, "the relay goes on by itself")
    wait_same_files(worker, mariadb, first)


def test_a_disk_that_is_full_at_the_start(mariadb, schema, new_worker, small_disk):
    path, remount = small_disk
    first = mariadb.flush_binlog()
    fill(mariadb, schema, 2)
    with open(path / "ballast", "wb") as f:
        try:
            while f.write(bytes(1 << 16)):
                f.flush()
        except OSError:
            pass
    worker = new_worker(mariadb, relay_dir=str(path / "relay"), purge={"remain-space": 0}, relay_binlog_name=first)
    worker.relay_dir = path / "relay"
    worker.start()
    wait_relay_paused(worker)
    (path / "ballast").unlink()
    wait_for(lambda: worker.relay()["stage"] == "Running", 30, "the relay goes on by itself")
    wait_same_files(worker, mariadb, first)


def test_a_disk_that_turns_read_only(mariadb, schema, new_worker, small_disk):
    path, remount = small_disk
    first = mariadb.flush_binlog()
    worker = new_worker(mariadb, relay_dir=str(path / "relay"), purge={"remain-space": 0})
    worker.relay_dir = path / "relay"
    worker.start()
    worker.wait_relay(mariadb)
    worker.stop()  # no file may be open for writing when it is remounted
    remount("ro")
    worker.launch()
    wait_for(lambda: not worker.child.is_alive() or (worker.is_live() and worker.relay()["stage"] == "Paused"), 15)
    if worker.child.is_alive():
        assert "ead-only" in wait_relay_paused(worker)[1]
        remount("rw")
        if worker.relay()["stage"] == "Paused":
            worker.dmctl("resume-relay")
    else:
        assert worker.child.process.returncode == 1 and worker.logged("ead-only")
        remount("rw")
        worker.start()
    fill(mariadb, schema, 1)
    wait_same_files(worker, mariadb, first)


def test_an_impossible_relay_dir_is_named(mariadb, new_worker, home):
    (home / "a-file").write_text("")
    worker = new_worker(mariadb, relay_dir=str(home / "a-file" / "relay"))
    worker.launch()
    wait_for(lambda: not worker.child.is_alive(), 10, "the daemon refuses")
    assert worker.child.process.returncode in (1, 2)
    assert worker.logged("a-file")


# -- purge


def make_files(source, schema, count):
    source.query(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
    load = Load(source, schema).create()
    for _ in range(count):
        load.run(3)
        source.flush_binlog()
    return load


def names(worker):
    return [p.name for p in worker.relay_files()]


def test_purge_by_file_name(mariadb, schema, new_worker):
    first = mariadb.flush_binlog()
    worker = new_worker(mariadb).start()
    make_files(mariadb, schema, 5)
    worker.wait_relay(mariadb)
    assert len(names(worker)) == 6 and names(worker)[0] == first
    keep = names(worker)[3]
    done = worker.dmctl("purge-relay", "--filename", keep)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: names(worker)[0] == keep, 10, "older files are gone")
    assert_same_files(worker, mariadb, keep)


def test_purge_of_inactive_files_over_http(mariadb, schema, new_worker):
    worker = new_worker(mariadb).start()
    make_files(mariadb, schema, 4)
    worker.wait_relay(mariadb)
    reply = worker.relay_op("purge", inactive=True)
    assert reply.status == 200 and reply.json()["result"] is True, reply
    wait_for(lambda: names(worker) == [mariadb.position()[0]], 10, f"only the active file is left: {names(worker)} {mariadb.position()} {reply}")
    make_files(mariadb, schema + "b", 1)
    wait_same_files(worker, mariadb, names(worker)[0])
    mariadb.query(f"DROP DATABASE `{schema}b`")


def test_purge_keeps_what_a_subtask_needs(mariadb, target, schema, running):
    worker, task = running(mariadb)
    make_files(mariadb, schema, 2)
    worker.wait_synced(task, mariadb)
    target.query("FLUSH TABLES WITH READ LOCK")  # on the connection that is kept: sync cannot go on
    try:
        needed = mariadb.position()[0]
        load = Load(mariadb, schema, seed=4)
        load.next_id = 1_000_000
        for _ in range(3):
            load.run(3)
            mariadb.flush_binlog()
        worker.wait_relay(mariadb)
        reply = worker.relay_op("purge", inactive=True)
        assert reply.status == 200, reply
        time.sleep(1)
        assert names(worker)[0] <= needed
    finally:
        target.query("UNLOCK TABLES")
    worker.wait_synced(task, mariadb)


def test_purge_is_refused_while_a_subtask_is_paused(mariadb, schema, running):
    worker, task = running(mariadb)
    assert worker.pause(task)["result"]
    done = worker.dmctl("purge-relay", "--filename", mariadb.position()[0])
    assert done.returncode != 0
    assert "30037" in done.stdout and f"sub task {task} current stage is Paused" in done.stdout


def test_purge_without_a_wish_is_refused(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    worker.wait_relay(mariadb)
    done = worker.dmctl("purge-relay")
    assert done.returncode != 0 and "30039" in done.stdout + done.stderr


def test_purge_by_expiry_and_interval(mariadb, schema, new_worker):
    worker = new_worker(mariadb, purge={"interval": 1, "expires": 1, "remain-space": 0}).start()
    make_files(mariadb, schema, 4)
    worker.wait_relay(mariadb)
    old = names(worker)[:3]
    long_ago = time.time() - 3 * 3600
    for path in worker.relay_files()[:3]:
        os.utime(path, (long_ago, long_ago))
    wait_for(lambda: not set(old) & set(names(worker)), 15, "expired files are gone")
    assert len(names(worker)) == 2


def test_purge_for_free_space(mariadb, schema, new_worker):
    """No disk has a million GiB free: all but the active file goes."""
    worker = new_worker(mariadb, purge={"interval": 1, "expires": 0, "remain-space": 1000000}).start()
    make_files(mariadb, schema, 4)
    worker.wait_relay(mariadb)
    wait_for(lambda: names(worker) == [mariadb.position()[0]], 15, "older files are gone")
