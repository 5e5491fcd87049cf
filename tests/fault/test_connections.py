"""The network breaks, stalls or lies; servers are down, refuse, or never answer."""

import time

import pytest

from compare import assert_same
from data import Load
from processes import wait_for
from relaylib import assert_same_files, error_of
from servers import MariaDB
from worker import Task


def relay_trouble(worker):
    """All that /api/v1/errors and the status say of the relay, as text."""
    return worker.get("/api/v1/errors").text + str(worker.relay()["result"]) + worker.get("/api/v1/status").text


@pytest.mark.smoke
def test_ready_while_the_upstream_is_down_and_healed_when_it_comes(own_server, schema, new_worker):
    source = own_server(MariaDB, server_id=71)
    first = source.binlogs()[0][0]
    source.stop()
    worker = new_worker(source, relay_binlog_name=first).start()
    assert worker.get("/livez").status == 200 and worker.relay()["masterBinlog"] == "(, 0)"
    source.start()
    source.query(f"CREATE DATABASE `{schema}`")
    worker.wait_relay(source, 40)
    assert_same_files(worker, source, first)


def test_a_wrong_password_is_a_clear_error(mariadb, new_worker):
    worker = new_worker(mariadb, password="wrong-Pass9").start()
    wait_for(lambda: "1045" in relay_trouble(worker) or "Access denied" in relay_trouble(worker), 20, "access denied is told")
    assert "wrong-Pass9" not in relay_trouble(worker) and not worker.logged("wrong-Pass9")
    assert worker.get("/livez").status == 200


def test_a_wrong_password_of_the_target_pauses_the_task(mariadb, target, schema, new_worker):
    worker = new_worker(mariadb).start()
    worker.wait_relay(mariadb)
    file = Task("t" + schema, target, [schema], meta=(mariadb.position()[0], 4), password="wrong-Pass9")
    assert worker.start_task(file)["result"]
    state = worker.wait_stage(file.name, "Paused")
    code, text = error_of(state["result"])
    assert code and ("1045" in text or "Access denied" in text)
    assert state["unit"] == "InvalidUnit" and "fail to initial unit Sync of subtask" in text
    assert "wrong-Pass9" not in worker.get(f"/apis/v1alpha1/status/{file.name}").text and not worker.logged("wrong-Pass9")


@pytest.mark.smoke
def test_an_upstream_that_accepts_and_never_answers(mariadb, new_worker, new_proxy):
    proxy = new_proxy(mariadb, mode="stall")
    worker = new_worker(mariadb, port=proxy.port).start()
    wait_for(lambda: proxy.accepted > 0, 10)
    for _ in range(10):
        begin = time.monotonic()
        assert worker.relay()["relayCatchUpMaster"] is False
        assert time.monotonic() - begin < 1
        time.sleep(0.1)
    assert worker.stop() < 5
    worker.start()
    proxy.pass_on()
    proxy.cut()
    worker.wait_relay(mariadb, 60)


def test_an_upstream_that_stalls_in_the_stream(mariadb, schema, new_worker, new_proxy):
    proxy = new_proxy(mariadb)
    first = mariadb.flush_binlog()
    worker = new_worker(mariadb, port=proxy.port).start()
    worker.wait_relay(mariadb)
    proxy.stall()
    mariadb.query(f"CREATE DATABASE `{schema}`")
    time.sleep(1)
    begin = time.monotonic()
    assert worker.dmctl("pause-relay").returncode == 0
    assert time.monotonic() - begin < 10
    proxy.pass_on()
    assert worker.dmctl("resume-relay").returncode == 0
    worker.wait_relay(mariadb, 60)
    assert_same_files(worker, mariadb, first)


def test_a_slow_network(mariadb, target, schema, running, new_proxy):
    proxy = new_proxy(mariadb)
    proxy.delay(0.02)
    worker, task = running(mariadb, port=proxy.port)
    Load(mariadb, schema).create().run(30)
    worker.wait_synced(task, mariadb, 60)
    assert_same(mariadb, target, schema)


@pytest.mark.smoke
def test_cut_connections_to_the_target(mariadb, target, schema, running, new_proxy):
    proxy = new_proxy(target)
    worker, task = running(mariadb, task={"port": proxy.port})
    load = Load(mariadb, schema).create()
    for _ in range(6):
        load.run(20)
        proxy.cut()
    load.run(5)

    def settled():
        state = worker.subtask(task)
        return state["stage"] == "Running" and state["sync"]["synced"] and state["sync"]["masterBinlog"] == "(%s, %d)" % tuple(mariadb.position())

    wait_for(settled, 60, "synced again by itself")
    assert_same(mariadb, target, schema)


def test_a_target_connection_that_is_cut_after_any_number_of_bytes(mariadb, target, schema, running, new_proxy):
    """The commit's answer gets lost: was it done or not? Either way every row is there once."""
    proxy = new_proxy(target)
    worker, task = running(mariadb, task={"port": proxy.port})
    mariadb.query(f"CREATE TABLE `{schema}`.n (a INT, b INT)")  # no key: a row applied twice would show
    for limit in range(5, 120, 9):
        proxy.bytes_limit = limit
        mariadb.query(f"INSERT INTO `{schema}`.n VALUES ({limit}, 1)")
        mariadb.query(f"UPDATE `{schema}`.n SET b=b+1 WHERE a={limit}")
        time.sleep(0.05)
    proxy.bytes_limit = None
    wait_for(lambda: (s := worker.subtask(task))["stage"] == "Running" and s["sync"]["synced"], 60, "synced again by itself")
    worker.wait_synced(task, mariadb, 60)
    assert_same(mariadb, target, schema)


def test_a_target_that_never_answers_does_not_keep_pause_waiting(mariadb, target, schema, running, new_proxy):
    proxy = new_proxy(target)
    worker, task = running(mariadb, task={"port": proxy.port})
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.wait_synced(task, mariadb)
    proxy.stall()
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_relay(mariadb)
    begin = time.monotonic()
    assert worker.pause(task)["result"] is True
    assert time.monotonic() - begin < 12  # 5 s for the answer, then the connections are cut
    assert worker.stage(task) == "Paused"
    proxy.pass_on()
    assert worker.resume(task)["result"] is True
    worker.wait_synced(task, mariadb, 60)
    assert_same(mariadb, target, schema)


def test_a_missing_privilege_is_named(mariadb, new_worker):
    mariadb.execute("CREATE OR REPLACE USER poor@'127.0.0.1' IDENTIFIED BY 'x'", "GRANT SELECT ON *.* TO poor@'127.0.0.1'")
    worker = new_worker(mariadb, user="poor", password="x").start()
    wait_for(lambda: "denied" in relay_trouble(worker).lower(), 20, "the missing privilege is told")
    assert worker.get("/livez").status == 200


def test_a_host_name_that_is_none(new_worker):
    worker = new_worker(None, host="no-such-host.invalid").start()
    wait_for(lambda: "no-such-host.invalid" in relay_trouble(worker) or worker.logged("no-such-host.invalid"), 20)
    assert worker.stop() < 5


def test_a_server_that_is_no_mysql(new_worker, mariadb):
    """The port of an HTTP server: our own."""
    other = new_worker(mariadb).start()
    worker = new_worker(None, port=other.port).start()
    time.sleep(1)
    assert worker.get("/livez").status == 200 and worker.relay()["masterBinlog"] == "(, 0)"


def test_statements_in_a_binlog_are_refused_by_name(mariadb, target, schema, running):
    """A row change in statement format cannot be applied as rows: never skipped in silence."""
    worker, task = running(mariadb, checker={"check-enable": False})
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.wait_synced(task, mariadb)
    mariadb.execute("SET SESSION binlog_format=STATEMENT", f"INSERT INTO `{schema}`.t VALUES (1)", "SET SESSION binlog_format=ROW")
    worker.wait_relay(mariadb)
    wait_for(lambda: worker.stage(task) == "Paused" or worker.logged("INSERT INTO") or worker.logged("statement"), 10)


def test_a_binlog_row_image_that_is_not_full_is_refused_by_name(mariadb, target, schema, running):
    worker, task = running(mariadb, checker={"check-enable": False})
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a INT, b INT)", f"INSERT INTO `{schema}`.t VALUES (1, 2, 3)")
    worker.wait_synced(task, mariadb)
    mariadb.execute("SET SESSION binlog_row_image=MINIMAL", f"UPDATE `{schema}`.t SET a=9", "SET SESSION binlog_row_image=FULL")
    wait_for(lambda: worker.stage(task) == "Paused" or worker.subtask(task)["sync"]["synced"], 10)
    if worker.stage(task) == "Running":
        worker.wait_synced(task, mariadb)
        assert_same(mariadb, target, schema)
    else:
        assert error_of(worker.subtask(task)["result"])[0]
