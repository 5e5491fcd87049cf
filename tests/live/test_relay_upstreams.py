"""Upstreams that are not what they were: promoted replicas, reset and encrypted ones, files beyond 4 GiB."""

import os
import signal

import pytest

from data import Load
from processes import wait_for
from relaylib import assert_same_files, error_of, read_meta, wait_relay_paused, wait_same_files
from servers import PASSWORD, MariaDB, MySQL

QUICK = {"backoff-max": "1s"}


def write(source, schema, transactions, first_id=1, seed=3):
    source.query(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
    load = Load(source, schema, seed=seed)
    if first_id == 1:
        load.create()
    load.next_id = first_id
    load.run(transactions)


def follow(replica, primary):
    """`replica` copies `primary`, by GTID, into binlogs of its own."""
    if replica.flavor == "mariadb":
        replica.execute(f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={primary.port}, MASTER_USER='dm', "
                        f"MASTER_PASSWORD='{PASSWORD}', MASTER_USE_GTID=slave_pos", "START SLAVE")
    else:
        replica.execute(f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={primary.port}, SOURCE_USER='dm', "
                        f"SOURCE_PASSWORD='{PASSWORD}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1", "START REPLICA")


def promote(replica):
    replica.execute("STOP SLAVE", "RESET SLAVE ALL") if replica.flavor == "mariadb" else replica.execute("STOP REPLICA", "RESET REPLICA ALL")


@pytest.mark.parametrize("kind", [MariaDB, MySQL])
def test_a_promoted_replica_is_followed_by_gtid(own_server, schema, new_worker, kind):
    updates = ["--log-slave-updates=ON"] if kind is MariaDB else []
    old, new = own_server(kind, server_id=51, options=updates), own_server(kind, server_id=52, options=updates)
    follow(new, old)
    write(old, schema, 20)
    worker = new_worker(old, enable_gtid=True, flavor=old.flavor, checker=QUICK).start()
    wait_for(lambda: worker.relay()["relayBinlogGtid"] == old.gtid(), 20, "caught up with the first")
    wait_for(lambda: new.gtid() == old.gtid(), 20, "the replica has it too")
    new.flush_binlog()
    promote(new)
    write(new, schema, 20, first_id=100_000, seed=4)
    worker.config["from"]["port"] = new.port
    worker.write_config()
    worker.child.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(worker.relay_sub_dirs()) == 2, 20, "a second sub-directory")
    wait_for(lambda: worker.relay()["relayBinlogGtid"] == new.gtid(), 20, "caught up with the second")
    # Only files from the first missing transaction on were fetched, and those whole.
    assert_same_files(worker, new, first=new.position()[0], sub_dir=worker.relay_sub_dirs()[1])
    assert worker.relay()["relayCatchUpMaster"] is True
    worker.stop()
    assert read_meta(worker)["binlog-gtid"] == new.gtid()


def test_a_gtid_that_was_purged_is_a_clear_error(own_server, schema, new_worker):
    source = own_server(MariaDB, server_id=53)
    write(source, schema, 10)
    begin = source.gtid()
    write(source, schema, 10, first_id=1000)
    source.flush_binlog()
    write(source, schema, 10, first_id=2000)
    last = source.flush_binlog()
    wait_for(lambda: source.query(f"PURGE BINARY LOGS TO '{last}'") is not None and source.binlogs()[0][0] == last, 10)
    worker = new_worker(source, enable_gtid=True, relay_binlog_gtid=begin, flavor="mariadb").start()
    code, text = wait_relay_paused(worker)
    assert code == 60101 and begin in text, text
    assert worker.relay_files() == []


@pytest.mark.parametrize("kind", [MariaDB, MySQL])
def test_another_history_at_the_same_place_is_noticed(own_server, schema, new_worker, kind):
    """After a reset, the same file has bytes at our position too: neither server says a word."""
    source = own_server(kind, server_id=54)
    worker = new_worker(source, checker=QUICK).start()
    write(source, schema, 5)
    worker.wait_relay(source)
    worker.stop()
    had = {p.name: p.read_bytes() for p in worker.relay_files()}
    name, position = source.position()
    source.query("RESET MASTER" if kind is MariaDB else "RESET BINARY LOGS AND GTIDS")
    while source.position()[0] < name:
        source.flush_binlog()
    write(source, schema + "b", 40, seed=5)
    assert source.position()[0] == name and source.position()[1] > position
    worker.start()
    code, text = wait_relay_paused(worker)
    assert name in text and code, text
    assert {p.name: p.read_bytes() for p in worker.relay_files()} == had


def test_encrypted_binlogs_arrive_decrypted(own_server, schema, new_worker, home):
    """They are equal by events and places, not by bytes; also when it goes on in the middle of a file."""
    key = home / f"{schema}.key"
    key.write_text("1;770A8A65DA156D24EE2A093277530142\n")
    source = own_server(MariaDB, server_id=55, options=["--plugin-load-add=file_key_management", "--encrypt-binlog=ON",
                                                         f"--file-key-management-filename={key}"])
    worker = new_worker(source, relay_binlog_name=source.binlogs()[0][0], checker=QUICK).start()
    write(source, schema, 10)
    worker.wait_relay(source)
    worker.restart()
    write(source, schema, 10, first_id=1000)
    source.kill_connections()
    write(source, schema, 10, first_id=2000)
    worker.wait_relay(source)
    assert worker.relay()["stage"] == "Running"
    cursor = source.connect(use_unicode=False).cursor()  # row images are shown as they are
    for path in worker.relay_files():
        data, at, places = path.read_bytes(), 4, []
        while at < len(data):
            at += int.from_bytes(data[at + 9 : at + 13], "little")
            places.append(at)
        cursor.execute(f"SHOW BINLOG EVENTS IN '{path.name}'")
        assert places == [row[4] for row in cursor.fetchall()]
    assert schema.encode() in worker.relay_files()[-1].read_bytes()
    assert schema.encode() not in source.binlog_path(worker.relay_files()[-1].name).read_bytes()


def test_a_reload_with_a_wrong_password_and_back(mariadb, schema, new_worker):
    worker = new_worker(mariadb, checker=QUICK).start()
    worker.wait_relay(mariadb)
    good = worker.config["from"]["password"]
    for password in ("wrong", good):
        worker.config["from"]["password"] = password
        worker.write_config()
        worker.child.process.send_signal(signal.SIGHUP)
        if password != good:
            code, text = wait_relay_paused(worker)
            assert "1045" in text, text
    wait_for(lambda: worker.relay()["stage"] == "Running", 20, "the relay goes on")
    write(mariadb, schema, 5)
    worker.wait_relay(mariadb)
    assert error_of(worker.relay()["result"]) == (0, "")


@pytest.mark.skipif(os.environ.get("DM_LONG") != "1", reason="writes 4.5 GB")
def test_a_file_beyond_4_gib(own_server, schema, new_worker):
    source = own_server(MariaDB, server_id=56)
    worker = new_worker(source, relay_binlog_name=source.binlogs()[0][0], checker=QUICK).start()
    source.execute(f"CREATE DATABASE `{schema}`", f"CREATE TABLE `{schema}`.big (id INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB)",
                   f"INSERT INTO `{schema}`.big (b) SELECT REPEAT('x', 1048000) FROM seq_1_to_4200")
    worker.wait_relay(source, 300)
    assert source.position()[1] > 1 << 32
    worker.restart()  # the dump command has 32 bits: from 4 on again, compared and not written
    source.query(f"INSERT INTO `{schema}`.big (b) VALUES ('behind')")
    wait_same_files(worker, source, deadline=300)
