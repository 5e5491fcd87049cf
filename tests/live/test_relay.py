"""The relay keeps the upstream's binlog byte for byte, in DM's layout, from any start, after any break."""

import re

import pytest

from compare import assert_same
from data import Load, fill_every_type
from processes import wait_for
from relaylib import assert_same_files, error_of, read_meta, wait_relay_paused, wait_same_files
from servers import MariaDB, MySQL


QUICK = {"backoff-max": "1s"}  # DM's back-off would double with each break of ours


def write_some(source, schema, rotations=2, transactions=30, seed=3):
    source.query(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
    load = Load(source, schema, seed=seed).create()
    for _ in range(rotations):
        load.run(transactions)
        source.flush_binlog()
    load.run(transactions)
    return load


@pytest.mark.smoke
def test_files_equal_the_upstreams_byte_for_byte(source, schema, new_worker):
    first = source.flush_binlog()
    worker = new_worker(source).start()
    worker.wait_relay(source)
    write_some(source, schema, rotations=3)
    fill_every_type(source, schema, "types")
    names = wait_same_files(worker, source, first)
    assert len(names) == 4
    state = worker.relay()
    assert state["relayCatchUpMaster"] is True and state["stage"] == "Running" and state["result"] is None
    assert state["masterBinlog"] == state["relayBinlog"] == "(%s, %d)" % tuple(source.position())


def test_the_layout_is_dms(source, schema, new_worker):
    worker = new_worker(source).start()
    write_some(source, schema)
    file, position = worker.wait_relay(source)["relayBinlog"].strip("()").split(", ")
    worker.stop()
    sub_dir = f"{source.uuid()}.000001"
    assert (worker.relay_dir / "server-uuid.index").read_text() == sub_dir + "\n"
    meta = read_meta(worker)
    assert (meta["binlog-name"], meta["binlog-pos"]) == (file, position)
    assert "binlog-gtid" in meta
    others = [p.name for p in (worker.relay_dir / sub_dir).iterdir() if not re.fullmatch(r"mysql-bin\.\d+", p.name)]
    assert others == ["relay.meta"]


def test_relay_binlog_name_chooses_the_first_file(source, schema, new_worker):
    first = source.flush_binlog()
    write_some(source, schema)
    worker = new_worker(source, relay_binlog_name=first).start()
    wait_same_files(worker, source, first)


def test_without_a_name_the_current_file_comes_whole(source, schema, new_worker):
    write_some(source, schema)
    current = source.position()[0]
    worker = new_worker(source).start()
    wait_same_files(worker, source, current)


def test_an_unknown_relay_binlog_name_is_a_clear_error(source, new_worker):
    worker = new_worker(source, relay_binlog_name="mysql-bin.099999").start()
    code, text = wait_relay_paused(worker)
    assert code and "mysql-bin.099999" in text


@pytest.mark.parametrize("form", ["toml", "yaml"])
def test_start_by_gtid(source, schema, new_worker, form):
    first = source.flush_binlog()
    source.query(f"CREATE DATABASE `{schema}`")
    begin = source.gtid()
    write_some(source, schema)
    worker = new_worker(source, form=form, enable_gtid=True, relay_binlog_gtid=begin, flavor=source.flavor).start()
    worker.wait_relay(source)
    assert_same_files(worker, source, first)
    state = wait_for(lambda: (s := worker.relay())["relayBinlogGtid"] == source.gtid() == s["masterBinlogGtid"] and s, 5, "caught up by GTID")
    assert state["relayCatchUpMaster"] is True
    worker.stop()
    assert read_meta(worker)["binlog-gtid"].replace("\n", "") == source.gtid()
    write_some(source, schema + "x")
    worker.start()
    wait_same_files(worker, source, first)
    source.query(f"DROP DATABASE `{schema}x`")


def test_a_server_without_checksums(source, schema, new_worker):
    source.query("SET GLOBAL binlog_checksum=NONE")
    try:
        first = source.flush_binlog()
        worker = new_worker(source).start()
        worker.wait_relay(source)
        write_some(source, schema)
        wait_same_files(worker, source, first)
    finally:
        source.query("SET GLOBAL binlog_checksum=CRC32")


def test_the_checksum_setting_changes_while_we_read(source, schema, new_worker):
    first = source.flush_binlog()
    worker = new_worker(source).start()
    worker.wait_relay(source)
    try:
        source.query("SET GLOBAL binlog_checksum=NONE")
        write_some(source, schema)
        source.query("SET GLOBAL binlog_checksum=CRC32")
        source.execute(f"CREATE DATABASE `{schema}y`", f"DROP DATABASE `{schema}y`")
        wait_same_files(worker, source, first)
    finally:
        source.query("SET GLOBAL binlog_checksum=CRC32")


def test_events_larger_than_a_packet(source, schema, new_worker):
    first = source.flush_binlog()
    worker = new_worker(source).start()
    source.execute(f"CREATE DATABASE `{schema}`", f"CREATE TABLE `{schema}`.big (b LONGBLOB)")
    for size in (16 << 20, (16 << 20) + 7, 40 << 20):
        source.query(f"INSERT INTO `{schema}`.big VALUES (REPEAT('b', {size}))")
    wait_same_files(worker, source, first, deadline=60)


def test_tagged_gtids_and_payloads_of_mysql_are_stored_as_they_are(mysql, schema, new_worker):
    first = mysql.flush_binlog()
    worker = new_worker(mysql).start()
    connection = mysql.connect()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{schema}`")
        cursor.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
        cursor.execute("SET gtid_next='AUTOMATIC:dm_tag'")
        cursor.execute(f"INSERT INTO `{schema}`.t VALUES (1)")
        cursor.execute("SET gtid_next='AUTOMATIC', binlog_transaction_compression=ON, binlog_rows_query_log_events=ON")
        cursor.execute(f"INSERT INTO `{schema}`.t SELECT 2")
    connection.close()
    wait_same_files(worker, mysql, first)
    assert worker.relay()["relayCatchUpMaster"] is True


def test_compressed_and_annotated_events_of_mariadb_are_stored_as_they_are(own_server, schema, new_worker):
    source = own_server(MariaDB, server_id=32, options=["--log-bin-compress=ON", "--log-bin-compress-min-len=10",
                                                         "--binlog-annotate-row-events=ON"])
    worker = new_worker(source, relay_binlog_name=source.binlogs()[0][0]).start()
    write_some(source, schema)
    fill_every_type(source, schema, "types")
    wait_same_files(worker, source)


def test_statement_format_is_stored_as_well(mariadb, schema, new_worker):
    first = mariadb.flush_binlog()
    worker = new_worker(mariadb).start()
    mariadb.execute("SET SESSION binlog_format=STATEMENT", f"CREATE DATABASE `{schema}`", f"CREATE TABLE `{schema}`.t (a INT AUTO_INCREMENT PRIMARY KEY, r DOUBLE)",
                    "SET @v='x'", f"INSERT INTO `{schema}`.t (r) VALUES (RAND()), (LENGTH(@v))", "SET SESSION binlog_format=ROW")
    wait_same_files(worker, mariadb, first)


# -- breaks


@pytest.mark.smoke
def test_killed_connections_are_made_again(source, schema, new_worker):
    first = source.flush_binlog()
    worker = new_worker(source, checker=QUICK).start()
    worker.wait_relay(source)
    load = write_some(source, schema, rotations=1)
    for _ in range(5):
        assert source.kill_connections() >= 1
        load.run(10)
        worker.wait_relay(source)
    assert_same_files(worker, source, first)


def test_a_server_that_restarts(own_server, schema, new_worker):
    source = own_server(MariaDB, server_id=33)
    first = source.binlogs()[0][0]
    worker = new_worker(source, relay_binlog_name=first, checker=QUICK).start()
    write_some(source, schema)
    worker.wait_relay(source)
    source.restart()
    write_some(source, schema + "b")
    wait_same_files(worker, source, first)
    source.kill()
    source.start()
    write_some(source, schema + "c")
    wait_same_files(worker, source, first, was_killed=True)
    assert len(worker.relay_sub_dirs()) == 1


def test_connections_that_break_in_the_middle_of_an_event(source, schema, new_worker, new_proxy):
    first = source.flush_binlog()
    proxy = new_proxy(source)
    write_some(source, schema, transactions=200)
    proxy.bytes_limit = 20011
    worker = new_worker(source, port=proxy.port, relay_binlog_name=first, checker=QUICK).start()
    for limit in (50021, 33333, 77777):
        wait_for(lambda: proxy.bytes_limit is None, 20, "the connection was cut")
        proxy.bytes_limit = limit
    proxy.bytes_limit = None
    wait_same_files(worker, source, first)


def test_a_new_server_gets_a_new_sub_directory(own_server, schema, new_worker):
    source = own_server(MariaDB, server_id=34)
    worker = new_worker(source, relay_binlog_name=source.binlogs()[0][0], checker=QUICK).start()
    write_some(source, schema)
    wait_same_files(worker, source)
    kept = {p.name: p.read_bytes() for p in worker.relay_files()}
    source.server_id = 35
    source.restart()
    source.query("RESET MASTER")
    write_some(source, schema + "b")
    wait_for(lambda: len(worker.relay_sub_dirs()) == 2, 20, "a second sub-directory")
    assert worker.relay_sub_dirs() == ["0-34.000001", "0-35.000002"]
    wait_same_files(worker, source, sub_dir="0-35.000002")
    now = {p.name: p.read_bytes() for p in worker.relay_files("0-34.000001")}
    assert now == kept


def test_a_new_mysql_server_gets_a_new_sub_directory(own_server, schema, new_worker):
    source = own_server(MySQL, server_id=36)
    worker = new_worker(source, checker=QUICK).start()
    write_some(source, schema)
    worker.wait_relay(source)
    old = source.uuid()
    source.stop()
    (source.datadir / "auto.cnf").unlink()
    source.start()
    source.query("RESET BINARY LOGS AND GTIDS")
    write_some(source, schema + "b")
    wait_for(lambda: len(worker.relay_sub_dirs()) == 2, 20, "a second sub-directory")
    assert worker.relay_sub_dirs() == [f"{old}.000001", f"{source.uuid()}.000002"]
    wait_same_files(worker, source)


# -- what is on disk after a crash


@pytest.mark.smoke
@pytest.mark.parametrize("damage", ["cut in the last event", "cut in the header", "garbage after the end", "zeros after the end",
                                    "half of an event again", "an empty last file", "no relay.meta"])
def test_a_torn_tail_is_repaired(mariadb, schema, new_worker, damage):
    first = mariadb.flush_binlog()
    worker = new_worker(mariadb).start()
    load = write_some(mariadb, schema)
    worker.wait_relay(mariadb)
    worker.kill()
    last = worker.relay_files()[-1]
    data = last.read_bytes()
    if damage == "cut in the last event":
        last.write_bytes(data[:-5])
    elif damage == "cut in the header":
        last.write_bytes(data[:30])
    elif damage == "garbage after the end":
        last.write_bytes(data + bytes(range(256)) * 9)
    elif damage == "zeros after the end":
        last.write_bytes(data + bytes(5000))
    elif damage == "half of an event again":
        last.write_bytes(data + data[300:330])
    elif damage == "an empty last file":
        last.write_bytes(b"")
    else:
        (last.parent / "relay.meta").unlink()
    load.run(20)
    worker.start()
    wait_same_files(worker, mariadb, first)


@pytest.mark.parametrize("which", ["the last file", "an older file"])
@pytest.mark.parametrize("damage", ["a flipped bit", "cut off", "gone"])
def test_a_damaged_file_is_noticed_by_the_reader(mariadb, target, schema, running, damage, which):
    """Either the task says what is wrong, or the file was fetched again: never a row less, never a wrong one."""
    worker, task = running(mariadb, checker={"check-enable": False})
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, v VARCHAR(50))", f"INSERT INTO `{schema}`.t VALUES (1, 'before')")
    worker.wait_synced(task, mariadb)
    assert worker.pause(task)["result"]
    mariadb.execute(f"INSERT INTO `{schema}`.t VALUES (2, 'mark-the-row')", f"INSERT INTO `{schema}`.t VALUES (3, 'behind')")
    if which == "an older file":
        for number in (4, 5):
            mariadb.flush_binlog()
            mariadb.query(f"INSERT INTO `{schema}`.t VALUES ({number}, 'later')")
    worker.wait_relay(mariadb)
    worker.stop()
    path = next(p for p in worker.relay_files() if b"mark-the-row" in p.read_bytes())
    data = bytearray(path.read_bytes())
    at = data.rindex(b"mark-the-row")
    data[at] ^= 0x01
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data if damage == "a flipped bit" else data[: at - 20])
    worker.start()
    wait_for(lambda: worker.subtask(task)["stage"] == "Paused", 5)
    worker.resume(task)

    def outcome():
        state = worker.subtask(task)
        return (state["stage"] == "Paused" and error_of(state["result"])) or (state["stage"] == "Running" and state["sync"]["synced"] and (0, "synced"))

    code, text = wait_for(outcome, 20, "an error, or a repaired file")
    if text == "synced":  # it was fetched again
        assert_same(mariadb, target, schema)
    else:
        assert code and (path.name in text or "checksum" in text.lower()), text
        assert target.query(f"SELECT v FROM `{schema}`.t WHERE id=2") in ((), (("mark-the-row",),))
        assert target.value(f"SELECT COUNT(*) FROM `{schema}`.t WHERE id > 2") == 0


def test_a_bit_that_turns_on_the_way_is_never_stored(mariadb, schema, new_worker, new_proxy):
    first = mariadb.flush_binlog()
    proxy = new_proxy(mariadb)
    worker = new_worker(mariadb, port=proxy.port).start()
    worker.wait_relay(mariadb)
    proxy.flip_marker = b"turn-this-bit"
    mariadb.execute(f"CREATE DATABASE `{schema}`", f"CREATE TABLE `{schema}`.t (v VARCHAR(50))", f"INSERT INTO `{schema}`.t VALUES ('turn-this-bit')")
    wait_for(lambda: proxy.flip_marker is None, 10, "the bit was turned")

    def noticed():
        return worker.relay()["stage"] == "Paused" or worker.logged("checksum")

    wait_for(noticed, 10, "the wrong checksum is noticed")
    if worker.relay()["stage"] == "Paused":
        assert "checksum" in error_of(worker.relay()["result"])[1]
        assert worker.dmctl("resume-relay").returncode == 0
    wait_same_files(worker, mariadb, first)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_upstream_purged_is_a_clear_error_and_no_gap(source, schema, new_worker, end):
    worker = new_worker(source).start()
    write_some(source, schema, rotations=0)
    worker.wait_relay(source)
    had = source.position()
    getattr(worker, end)()
    load = Load(source, schema, seed=9)
    load.next_id = 1_000_000
    for _ in range(3):
        load.run(5)
        source.flush_binlog()
    available = source.position()[0]
    source.kill_connections()  # a file that a dump thread still reads is not purged

    def is_purged():
        source.query(f"PURGE BINARY LOGS TO '{available}'")
        return source.binlogs()[0][0] == available

    wait_for(is_purged, 10)
    worker.start()
    code, text = wait_relay_paused(worker)
    assert code, text
    assert had[0] in text, text  # what we need
    assert available in text, text  # what is there
    assert [p.name for p in worker.relay_files()][-1] == had[0]  # no later file was begun
    assert worker.relay()["relayCatchUpMaster"] is False


def test_a_reset_upstream_is_a_clear_error(own_server, schema, new_worker):
    source = own_server(MariaDB, server_id=37)
    worker = new_worker(source, relay_binlog_name=source.binlogs()[0][0]).start()
    write_some(source, schema, rotations=3)
    worker.wait_relay(source)
    worker.stop()
    before = {p.name: p.stat().st_size for p in worker.relay_files()}
    source.query("RESET MASTER")
    write_some(source, schema + "b", rotations=0)
    worker.start()
    code, text = wait_relay_paused(worker)
    assert code and text
    assert {p.name: p.stat().st_size for p in worker.relay_files()} == before
