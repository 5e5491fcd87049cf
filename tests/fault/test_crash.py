"""kill -9 at any moment: afterwards upstream and target are equal, and relay files equal the upstream's."""

import os
import random
import threading
import time

import pytest

from compare import assert_same
from data import Load
from processes import SLOWNESS
from relaylib import assert_same_files

MOMENTS = 20 if SLOWNESS == 1 else 5
ROUNDS = 5 if os.environ.get("DM_LONG") == "1" else 1


class Writer(threading.Thread):
    """Writes transactions until it is told to stop; new tables and binlog files in between."""

    def __init__(self, source, schema, seed):
        super().__init__(daemon=True)
        self.load = Load(source, schema, seed=seed)
        self.source, self.schema, self.halt = source, schema, threading.Event()
        self.fault = None

    def run(self):
        try:
            connection = self.source.connect()
            with connection.cursor() as cursor:
                number = 0
                while not self.halt.is_set():
                    self.load.step(connection)
                    number += 1
                    if number % 150 == 0:
                        cursor.execute(f"CREATE TABLE `{self.schema}`.more{number} (id INT PRIMARY KEY, v VARCHAR(10))")
                        cursor.execute(f"INSERT INTO `{self.schema}`.more{number} VALUES (1, 'a'), (2, 'b')")
                        cursor.execute(f"ALTER TABLE `{self.schema}`.more{number} ADD COLUMN w INT DEFAULT 3")
                        cursor.execute(f"UPDATE `{self.schema}`.more{number} SET w=4 WHERE id=2")
                    if number % 230 == 0:
                        cursor.execute("FLUSH BINARY LOGS")
                    time.sleep(0.002)
            connection.close()
        except Exception as e:  # noqa: BLE001 - told to the test, which fails with it
            self.fault = e

    def end(self):
        self.halt.set()
        self.join(30)
        if self.fault:
            raise self.fault


@pytest.mark.smoke
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kill_at_seeded_moments(source, target, schema, running, seed):
    worker, task = running(source)
    first = worker.relay_files()[0].name
    Load(source, schema).create()
    writer = Writer(source, schema, seed)
    writer.start()
    moments = random.Random(1000 + seed)
    try:
        for _ in range(MOMENTS):
            time.sleep(moments.uniform(0.0, 0.6) * SLOWNESS)
            worker.kill()
            worker.start()
    finally:
        writer.end()
    worker.wait_synced(task, source, 60)
    assert_same(source, target, schema)
    assert_same_files(worker, source, first)
    assert writer.load.transactions > 100


def test_kill_while_it_starts(mariadb, target, schema, running):
    worker, task = running(mariadb)
    first = worker.relay_files()[0].name
    Load(mariadb, schema).create().run(50)
    moments = random.Random(7)
    for _ in range(MOMENTS):
        worker.kill()
        worker.launch()
        time.sleep(moments.uniform(0.0, 0.15))
    worker.kill()
    worker.start()
    worker.wait_synced(task, mariadb, 60)
    assert_same(mariadb, target, schema)
    assert_same_files(worker, mariadb, first)


def test_kill_between_commands_and_their_effect(mariadb, target, schema, running):
    """What was answered holds after the kill; the table stays legal whatever was under way."""
    worker, task = running(mariadb)
    moments = random.Random(11)
    for number in range(12):
        before = worker.stage(task)
        op = "Pause" if before == "Running" else "Resume"
        answered = threading.Event()

        def send():
            try:
                if worker.operate(task, op)["workers"][0]["meta"]["result"]:
                    answered.set()
            except (OSError, ValueError):
                pass

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        time.sleep(moments.uniform(0, 0.03))
        was_answered = answered.is_set()
        worker.kill()
        thread.join(40)
        worker.start()
        want = {"Pause": "Paused", "Resume": "Running"}[op] if was_answered else None
        if want:
            worker.wait_stage(task, want)
        else:
            assert worker.stage(task) in ("New", "Running", "Paused")
            worker.wait_stage(task, "Paused") if worker.stage(task) == "Paused" else worker.wait_stage(task, "Running")
    if worker.stage(task) == "Paused":
        assert worker.resume(task)["result"]
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


def test_the_target_dies_while_we_write(mariadb, own_server, schema, new_worker):
    from servers import TARGET_GRANTS, MariaDB
    from worker import Task

    target = own_server(MariaDB, server_id=61, binlog=False, grants=TARGET_GRANTS)
    mariadb.query(f"CREATE DATABASE `{schema}`")
    target.query(f"CREATE DATABASE `{schema}`")
    worker = new_worker(mariadb).start()
    file = Task("t" + schema, target, [schema], meta=(mariadb.flush_binlog(), 4))
    assert worker.start_task(file)["result"]
    Load(mariadb, schema).create()
    writer = Writer(mariadb, schema, 3)
    writer.start()
    try:
        for _ in range(3):
            time.sleep(1)
            target.kill()
            time.sleep(0.3)
            target.start()
    finally:
        writer.end()

    def settled():
        if worker.stage(file.name) == "Paused":
            worker.resume(file.name)
        return worker.stage(file.name) == "Running" and worker.subtask(file.name)["sync"]["synced"]

    from processes import wait_for

    wait_for(settled, 60, "synced again", every=0.5)
    worker.wait_synced(file.name, mariadb, 60)
    assert_same(mariadb, target, schema)
