"""The status is true and at once, whatever the databases do."""

import json
import statistics
import time

import pytest

from data import Load
from processes import wait_for
from servers import MariaDB

TOP = ["result", "msg", "workers"]
ENTRY = ["result", "worker", "msg", "subTaskStatus", "relayStatus", "sourceID"]
SUBTASK = ["name", "stage", "unit", "result", "unresolvedDDLLockID", "sync"]
SYNC = ["totalEvents", "totalTps", "recentTps", "masterBinlog", "masterBinlogGtid", "syncerBinlog", "syncerBinlogGtid",
        "blockingDDLs", "unresolvedGroups", "synced"]
RELAY = ["masterBinlog", "masterBinlogGtid", "relaySubDir", "relayBinlog", "relayBinlogGtid", "relayCatchUpMaster", "stage",
         "result"]


@pytest.mark.smoke
def test_keys_order_and_types_over_http(source, target, schema, running):
    worker, task = running(source)
    worker.wait_synced(task, source)
    reply = worker.get(f"/apis/v1alpha1/status/{task}")
    assert reply.status == 200 and reply.headers["content-type"].startswith("application/json")
    assert b"\n" not in reply.body and b'": ' not in reply.body and b", \"" not in reply.body
    document = reply.json()
    assert list(document) == TOP
    entry = document["workers"][0]
    assert list(entry) == ENTRY and entry["worker"] == worker.address and entry["sourceID"] == worker.source_id
    state = entry["subTaskStatus"][0]
    assert list(state) == SUBTASK and list(state["sync"]) == SYNC and list(entry["relayStatus"]) == RELAY
    assert (state["stage"], state["unit"], state["result"], state["unresolvedDDLLockID"]) == ("Running", "Sync", None, "")
    for key in ("totalEvents", "totalTps", "recentTps"):
        assert isinstance(state["sync"][key], str) and state["sync"][key].isdigit()
    assert state["sync"]["blockingDDLs"] == [] and state["sync"]["synced"] is True
    position = "(%s, %d)" % tuple(source.position())
    base, number = source.position()[0].split(".")
    assert state["sync"]["masterBinlog"] == position
    assert state["sync"]["syncerBinlog"] in (position, f"({base}|000001.{number}, {source.position()[1]})")
    assert state["sync"]["masterBinlogGtid"].replace("\n", "") == source.gtid()
    assert state["sync"]["syncerBinlogGtid"] == ""
    pretty = worker.get(f"/apis/v1alpha1/status/{task}?pretty").text
    assert pretty.startswith('{\n    "result": true,\n    "msg": "",\n    "workers": [\n')
    assert json.loads(pretty)["workers"][0]["sourceID"] == worker.source_id


def test_all_tasks_and_none(mariadb, running, new_worker):
    worker, task = running(mariadb)
    assert [s["name"] for s in worker.document()["workers"][0]["subTaskStatus"]] == [task]
    empty = new_worker(mariadb).start()
    assert empty.status()["subTaskStatus"] == [] and empty.status()["msg"] == "no sub task started"


@pytest.mark.timing
def test_synced_is_true_within_two_seconds(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    for number in range(5):
        mariadb.query(f"INSERT INTO `{schema}`.t VALUES ({number})")
        wait_for(lambda: target.value(f"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='{schema}'")
                 and target.value(f"SELECT COUNT(*) FROM `{schema}`.t") == number + 1, 10, every=0.01)
        begin = time.monotonic()
        want = "(%s, %d)" % tuple(mariadb.position())
        wait_for(lambda: (s := worker.subtask(task)["sync"])["synced"] and s["masterBinlog"] == want, 2, "synced", every=0.02)
        assert time.monotonic() - begin < 2


def test_synced_is_never_claimed_while_rows_are_missing(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.wait_synced(task, mariadb)
    target.query("FLUSH TABLES WITH READ LOCK")
    try:
        mariadb.query(f"INSERT INTO `{schema}`.t VALUES (1)")
        wait_for(lambda: worker.subtask(task)["sync"]["synced"] is False, 3, "not synced")
        for _ in range(30):
            assert worker.subtask(task)["sync"]["synced"] is False
            time.sleep(0.05)
    finally:
        target.query("UNLOCK TABLES")
    worker.wait_synced(task, mariadb)


def test_counters_are_current(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.wait_synced(task, mariadb)
    before = int(worker.subtask(task)["sync"]["totalEvents"])
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (1), (2), (3)")
    mariadb.query(f"UPDATE `{schema}`.t SET id=id+10")
    mariadb.query(f"DELETE FROM `{schema}`.t WHERE id=11")
    worker.wait_synced(task, mariadb)
    wait_for(lambda: int(worker.subtask(task)["sync"]["totalEvents"]) == before + 7, 2, "3 + 3 + 1 events more")


def test_tps_is_that_of_the_last_second(mariadb, target, schema, running):
    worker, task = running(mariadb)
    load = Load(mariadb, schema).create()
    worker.wait_synced(task, mariadb)
    seen = 0
    end = time.monotonic() + 15
    while seen == 0 and time.monotonic() < end:
        load.run(50)
        seen = int(worker.subtask(task)["sync"]["recentTps"])
    assert seen > 0
    worker.wait_synced(task, mariadb)
    wait_for(lambda: worker.subtask(task)["sync"]["recentTps"] == "0", 5, "nothing in the last second")


def answer_times(worker, path, count):
    times = []
    for _ in range(count):
        begin = time.monotonic()
        assert worker.get(path, timeout=5).status == 200
        times.append(time.monotonic() - begin)
    return times


@pytest.mark.timing
def test_answers_in_milliseconds_while_the_upstream_is_frozen(own_server, target, schema, running):
    source = own_server(MariaDB, server_id=51)
    worker, task = running(source)
    worker.wait_synced(task, source)
    source.freeze()
    try:
        end = time.monotonic() + 8
        times = []
        while time.monotonic() < end:
            for path in (f"/apis/v1alpha1/status/{task}", "/apis/v1alpha1/status", "/api/v1/status", "/metrics", "/livez"):
                times += answer_times(worker, path, 4)
            time.sleep(0.1)
        assert statistics.median(times) < 0.01, times
        assert max(times) < 0.25, max(times)
        state = worker.subtask(task)
        assert state["stage"] == "Running"
        assert state["sync"]["masterBinlog"] != "(, 0)", "a stale position keeps its last value"
        assert state["sync"]["synced"] is False and worker.relay()["relayCatchUpMaster"] is False
    finally:
        source.thaw()
    source.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.wait_synced(task, source)


@pytest.mark.timing
def test_answers_in_milliseconds_while_the_target_is_frozen(mariadb, own_server, schema, new_worker, target):
    from servers import TARGET_GRANTS
    from worker import Task

    frozen = own_server(MariaDB, server_id=52, binlog=False, grants=TARGET_GRANTS)
    mariadb.query(f"CREATE DATABASE `{schema}`")
    frozen.query(f"CREATE DATABASE `{schema}`")
    worker = new_worker(mariadb).start()
    file = Task("t" + schema, frozen, [schema], meta=(mariadb.flush_binlog(), 4))
    assert worker.start_task(file)["result"]
    worker.wait_stage(file.name, "Running")
    frozen.freeze()
    try:
        mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
        times = []
        for _ in range(20):
            times += answer_times(worker, f"/apis/v1alpha1/status/{file.name}", 5)
            time.sleep(0.1)
        assert max(times) < 0.25, max(times)
        assert worker.subtask(file.name)["sync"]["synced"] is False
        begin = time.monotonic()
        assert worker.stop_task(file.name)["result"]
        assert time.monotonic() - begin < 10
    finally:
        frozen.thaw()


def test_what_was_never_known_is_not_claimed(new_worker):
    worker = new_worker(None, port=1).start()
    relay = worker.relay()
    assert relay["masterBinlog"] == "(, 0)" and relay["masterBinlogGtid"] == ""
    assert relay["relayBinlog"] == "(, 4)" and relay["relayCatchUpMaster"] is False
    v1 = worker.get("/api/v1/status").json()
    assert v1["source"]["binlog"] is None if "source" in v1 else True


def test_metrics_and_status_agree(mariadb, schema, running):
    worker, task = running(mariadb)
    Load(mariadb, schema).create().run(20)
    worker.wait_synced(task, mariadb)
    text = worker.get("/metrics").text
    values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line and line[0] != "#"}
    assert any(name.startswith("dm_worker_task_state{") and f'task="{task}"' in name and value == 2 for name, value in values.items()), text
    file, position = mariadb.position()
    assert any(name.startswith("dm_relay_binlog_pos{") and 'node="relay"' in name and value == position for name, value in values.items()), text
    assert any(name.startswith("dm_syncer_binlog_pos{") and 'node="syncer"' in name and value == position for name, value in values.items()), text
    assert any(name.startswith("process_resident_memory_bytes") for name in values)


@pytest.mark.timing
def test_memory_stays_within_20_mb(mariadb, target, schema, running):
    worker, task = running(mariadb)
    Load(mariadb, schema).create().run(500)
    worker.wait_synced(task, mariadb, 60)
    assert worker.rss() <= 20 << 20, worker.rss()


def test_v1_status_says_what_is_wanted_and_how_old_it_is(mariadb, running):
    worker, task = running(mariadb)
    reply = worker.get("/api/v1/status")
    assert reply.status == 200
    text = reply.text
    for word in (task, "wanted", "stage", "age"):
        assert word in text, word
