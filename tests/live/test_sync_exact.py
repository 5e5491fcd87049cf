"""Rows stay exact where a session, a packet, a torn transaction or a repeated DDL could change them."""

import struct

import pytest

from compare import assert_same
from processes import wait_for
from servers import MariaDB, TARGET_GRANTS


def with_mode(source, mode, *statements):
    """Runs statements in a session of their own that has this sql_mode."""
    connection = source.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION sql_mode='{mode}'")
            for sql in statements:
                cursor.execute(sql)
    finally:
        connection.close()


BACKSLASHES = r"(1, 'a\\b'), (2, '\\'), (3, '\\''x'), (4, 'line\nend\\n'), (5, '\\0\0')"


def test_backslashes_arrive_after_a_ddl_from_a_session_without_escapes(source, target, schema, running):
    worker, task = running(source)
    with_mode(source, "NO_BACKSLASH_ESCAPES", f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a VARBINARY(50))")
    source.query(f"INSERT INTO `{schema}`.t VALUES {BACKSLASHES}")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_backslashes_arrive_in_a_target_without_escapes(mariadb, target, schema, running):
    mariadb.execute(f"CREATE DATABASE `{schema}`", f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a VARBINARY(50))")
    target.execute(f"CREATE DATABASE `{schema}`", f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a VARBINARY(50))")
    before = target.value("SELECT @@global.sql_mode")
    target.query("SET GLOBAL sql_mode='NO_BACKSLASH_ESCAPES'")
    try:
        worker, task = running(mariadb)
        mariadb.query(f"INSERT INTO `{schema}`.t VALUES {BACKSLASHES}")
        worker.wait_synced(task, mariadb)
        assert_same(mariadb, target, schema)
    finally:
        target.query(f"SET GLOBAL sql_mode='{before}'")


def test_rows_just_below_the_targets_packet_limit(mariadb, own_server, new_worker, schema):
    from worker import Task

    small = own_server(MariaDB, server_id=41, binlog=False, grants=TARGET_GRANTS)
    small.restart("--max-allowed-packet=1M")
    small.query(f"CREATE DATABASE `{schema}`")
    mariadb.query(f"CREATE DATABASE `{schema}`")
    worker = new_worker(mariadb).start()
    file = Task("t" + schema, small, [schema], meta=(mariadb.flush_binlog(), 4))
    assert worker.start_task(file)["result"] is True
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a LONGTEXT)",
                    f"INSERT INTO `{schema}`.t VALUES (1, REPEAT('a', 500000)), (2, REPEAT('b', 700000)), (3, REPEAT('c', 1000000))")
    mariadb.query(f"UPDATE `{schema}`.t SET a=CONCAT(a, 'x')")
    worker.wait_synced(file.name, mariadb)
    assert_same(mariadb, small, schema)


def test_a_failed_ddl_is_tried_again_whatever_the_session_was(source, target, schema, running):
    """Evidence that a DDL was done must not come from another way of printing the table."""
    worker, task = running(source, task={"timezone": "UTC"})
    with_mode(source, "ANSI_QUOTES", f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a INT)")
    worker.wait_synced(task, source)
    target.query(f"INSERT INTO `{schema}`.t VALUES (100, 1), (101, 1)")
    with_mode(source, "ANSI_QUOTES", f"ALTER TABLE `{schema}`.t ADD COLUMN b INT", f"ALTER TABLE `{schema}`.t ADD UNIQUE KEY ua (a)")
    worker.wait_stage(task, "Paused")
    target.query(f"DELETE FROM `{schema}`.t")
    worker.resume(task)
    worker.wait_synced(task, source)
    assert [r[2] for r in target.query(f"SHOW INDEX FROM `{schema}`.t")] == ["PRIMARY", "ua"]


def test_a_failed_ddl_is_tried_again_after_a_person_changed_the_table(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a INT)")
    worker.wait_synced(task, mariadb)
    target.query(f"INSERT INTO `{schema}`.t VALUES (100, 1), (101, 1)")
    mariadb.query(f"ALTER TABLE `{schema}`.t ADD UNIQUE KEY ua (a)")
    worker.wait_stage(task, "Paused")
    target.execute(f"DELETE FROM `{schema}`.t", f"ALTER TABLE `{schema}`.t ADD INDEX of_a_person (a, id)")
    worker.resume(task)
    worker.wait_synced(task, mariadb)
    assert "ua" in [r[2] for r in target.query(f"SHOW INDEX FROM `{schema}`.t")]


def cut_last_commit(path):
    """Takes the last XID event, and what follows it, off a binlog file."""
    data = path.read_bytes()
    at, last = 4, None
    while at + 19 <= len(data):
        kind, size = data[at + 4], struct.unpack_from("<I", data, at + 9)[0]
        if kind == 16:
            last = at
        at += size
    path.write_bytes(data[:last])


def test_a_transaction_that_a_crash_of_the_source_cut_off_is_dropped(own_server, target, schema, running, new_worker):
    """A new binlog file ends what the file before it left open: the server rolled it back."""
    source = own_server(MariaDB, server_id=42)
    worker, task = running(source)
    source.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    source.query(f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_synced(task, source)
    worker.stop()
    source.query(f"INSERT INTO `{schema}`.t VALUES (2)")
    source.query(f"INSERT INTO `{schema}`.t VALUES (3)")
    name = source.position()[0]
    source.stop()
    cut_last_commit(source.binlog_path(name))
    source.start()
    source.execute("SET sql_log_bin=0", f"DELETE FROM `{schema}`.t WHERE id=3", "SET sql_log_bin=1")
    source.query(f"INSERT INTO `{schema}`.t VALUES (4)")
    worker.start()
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


@pytest.mark.parametrize("compression", ["OFF", "ON"])
def test_a_table_made_from_a_query_with_options(mysql, target, schema, running, compression):
    """MySQL writes START TRANSACTION in front of the options; rows follow in the same transaction."""
    worker, task = running(mysql)
    mysql.execute(f"SET SESSION binlog_transaction_compression={compression}",
                  f"CREATE TABLE `{schema}`.a ENGINE=InnoDB COMMENT='start transaction' SELECT 1 AS a, 2 AS b UNION SELECT 3, 4",
                  f"CREATE TABLE `{schema}`.b (id INT PRIMARY KEY AUTO_INCREMENT) SELECT a FROM `{schema}`.a",
                  "SET SESSION binlog_transaction_compression=OFF")
    worker.wait_synced(task, mysql)
    assert_same(mysql, target, schema)


@pytest.mark.parametrize("metadata", ["NO_LOG", "FULL"])
def test_history_of_versioned_tables_stays_where_it_was_made(mariadb, target, schema, running, metadata):
    """MariaDB writes history rows as INSERT, and a DELETE as the UPDATE that ends the row."""
    worker, task = running(mariadb)
    mariadb.query(f"SET GLOBAL binlog_row_metadata={metadata}")
    try:
        mariadb.execute(f"CREATE TABLE `{schema}`.v (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING",
                        f"CREATE TABLE `{schema}`.nokey (a INT) WITH SYSTEM VERSIONING")
        for table in ("v", "nokey"):
            mariadb.query(f"INSERT INTO `{schema}`.{table} (a{', id' if table == 'v' else ''}) VALUES "
                          + ("(1, 1), (2, 2), (3, 3)" if table == "v" else "(1), (2), (3)"))
            mariadb.execute(f"UPDATE `{schema}`.{table} SET a=20 WHERE a=2", f"DELETE FROM `{schema}`.{table} WHERE a=3",
                            f"DELETE HISTORY FROM `{schema}`.{table}")
    finally:
        mariadb.query("SET GLOBAL binlog_row_metadata=NO_LOG")
    worker.wait_synced(task, mariadb)
    for table in ("v", "nokey"):
        query = f"SELECT a FROM `{schema}`.{table} ORDER BY a"
        assert target.query(query) == mariadb.query(query) == ((1,), (20,))
