"""Rows and DDLs written upstream appear in the target, whatever their types."""

import pytest

from compare import assert_same, assert_same_table, tables_of
from data import Load, fill_every_type, insert
from processes import wait_for
from worker import Task


@pytest.mark.smoke
@pytest.mark.parametrize("metadata", ["MINIMAL", "FULL"])
def test_every_column_type_arrives_exactly(source, target, schema, running, metadata):
    before = source.value("SELECT @@global.binlog_row_metadata")
    source.query(f"SET GLOBAL binlog_row_metadata={metadata}")
    try:
        worker, task = running(source)
        fill_every_type(source, schema, "types")
        worker.wait_synced(task, source)
        assert_same(source, target, schema)
    finally:
        source.query(f"SET GLOBAL binlog_row_metadata={before}")


@pytest.mark.smoke
def test_updates_and_deletes_of_every_column_type(source, target, schema, running):
    worker, task = running(source)
    fill_every_type(source, schema, "types")
    source.execute(f"UPDATE `{schema}`.types SET c_int=7, c_bit13=NULL, c_json='[1]', c_varchar=NULL WHERE id % 2 = 0",
                   f"UPDATE `{schema}`.types SET id=id+100 WHERE id < 3",
                   f"DELETE FROM `{schema}`.types WHERE id=4")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_rows_without_any_key(source, target, schema, running):
    worker, task = running(source)
    source.execute(f"CREATE TABLE `{schema}`.nokey (a INT, b VARCHAR(10), c DOUBLE)",
                   f"INSERT INTO `{schema}`.nokey VALUES (1,'x',0.1),(1,'x',0.1),(NULL,NULL,NULL),(2,'y',1e300)",
                   f"UPDATE `{schema}`.nokey SET b='z' WHERE a=2",
                   f"DELETE FROM `{schema}`.nokey WHERE a=1 LIMIT 1",
                   f"DELETE FROM `{schema}`.nokey WHERE a IS NULL")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_unique_keys_with_null_and_composite_keys(source, target, schema, running):
    worker, task = running(source)
    source.execute(f"CREATE TABLE `{schema}`.u (a INT NULL, b INT NULL, c INT, UNIQUE KEY (a, b))",
                   f"CREATE TABLE `{schema}`.p (a INT, b VARCHAR(20), c INT, PRIMARY KEY (b, a))",
                   f"INSERT INTO `{schema}`.u VALUES (NULL,1,1),(NULL,1,2),(1,NULL,3),(1,1,4)",
                   f"INSERT INTO `{schema}`.p VALUES (1,'a',1),(2,'a',1),(1,'b',1)",
                   f"UPDATE `{schema}`.u SET c=c+10",
                   f"UPDATE `{schema}`.p SET b='c' WHERE a=2",
                   f"DELETE FROM `{schema}`.u WHERE c=12",
                   f"DELETE FROM `{schema}`.p WHERE b='a'")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_generated_columns_are_left_to_the_target(source, target, schema, running):
    worker, task = running(source)
    source.execute(f"CREATE TABLE `{schema}`.g (id INT PRIMARY KEY, a INT, v INT AS (a*2) VIRTUAL, s INT AS (a+1) STORED, z INT)",
                   f"INSERT INTO `{schema}`.g (id, a, z) VALUES (1, 5, 9), (2, NULL, NULL)",
                   f"UPDATE `{schema}`.g SET a=6 WHERE id=1", f"DELETE FROM `{schema}`.g WHERE id=2")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_names_that_need_quotes(source, target, schema, running):
    worker, task = running(source)
    source.execute(f"CREATE TABLE `{schema}`.`a b``c` (`se lect` INT PRIMARY KEY, `größe` INT, `\"q\"` VARCHAR(9))",
                   f"INSERT INTO `{schema}`.`a b``c` VALUES (1, 2, 'x')",
                   f"UPDATE `{schema}`.`a b``c` SET `größe`=3")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


DDLS = [
    "CREATE TABLE {s}.t (id INT PRIMARY KEY, a INT)",
    "INSERT INTO {s}.t VALUES (1, 1)",
    "ALTER TABLE {s}.t ADD COLUMN b VARCHAR(20) DEFAULT 'b' FIRST, ADD INDEX ib (b)",
    "INSERT INTO {s}.t VALUES ('x', 2, 2)",
    "ALTER TABLE {s}.t DROP COLUMN a",
    "INSERT INTO {s}.t VALUES ('y', 3)",
    "CREATE INDEX i2 ON {s}.t (b(3))",
    "DROP INDEX i2 ON {s}.t",
    "ALTER TABLE {s}.t CHANGE b c VARCHAR(30), ADD COLUMN d DECIMAL(9,3)",
    "UPDATE {s}.t SET d=1.5",
    "RENAME TABLE {s}.t TO {s}.u",
    "INSERT INTO {s}.u VALUES ('z', 4, NULL)",
    "CREATE TABLE {s}.v LIKE {s}.u",
    "INSERT INTO {s}.v SELECT * FROM {s}.u",
    "TRUNCATE TABLE {s}.u",
    "INSERT INTO {s}.u VALUES ('q', 1, 2.25)",
    "CREATE TABLE {s}.w (id INT PRIMARY KEY) /* a comment; with a semicolon */",
    "DROP TABLE {s}.w",
    "CREATE TABLE IF NOT EXISTS {s}.v (x INT)",
    "DROP TABLE IF EXISTS {s}.never_was",
    "ALTER TABLE {s}.v RENAME TO {s}.vv",
    "ALTER TABLE {s}.vv MODIFY d DOUBLE, COMMENT='it''s; new'",
]


@pytest.mark.smoke
def test_ddl_is_applied_in_order_with_the_rows(source, target, schema, running):
    worker, task = running(source)
    source.execute(*[sql.format(s=f"`{schema}`") for sql in DDLS])
    worker.wait_synced(task, source)
    assert tables_of(target, schema) == ["u", "vv"]
    assert_same(source, target, schema)


def test_ddl_with_a_default_database(source, target, schema, running):
    worker, task = running(source)
    connection = source.connect(database=schema)
    with connection.cursor() as cursor:
        for sql in ("CREATE TABLE plain (id INT PRIMARY KEY)", "INSERT INTO plain VALUES (1)",
                    "ALTER TABLE plain ADD x INT", "INSERT INTO plain VALUES (2, 2)"):
            cursor.execute(sql)
    connection.close()
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_a_schema_made_upstream_is_made_in_the_target(source, target, schema, running):
    made = schema + "_made"
    worker, task = running(source, task={"black_white_list": {"only": {"do-dbs": [schema, made]}}})
    try:
        source.execute(f"CREATE DATABASE `{made}` DEFAULT CHARACTER SET utf8mb4", f"CREATE TABLE `{made}`.t (id INT PRIMARY KEY)",
                       f"INSERT INTO `{made}`.t VALUES (1)")
        worker.wait_synced(task, source)
        assert_same(source, target, made)
        source.query(f"DROP DATABASE `{made}`")
        worker.wait_synced(task, source)
        assert not target.query("SHOW DATABASES LIKE %s", (made,))
    finally:
        for server in (source, target):
            server.query(f"DROP DATABASE IF EXISTS `{made}`")


def test_other_schemas_do_not_come(source, target, schema, running):
    other = schema + "_other"
    worker, task = running(source)
    try:
        source.execute(f"CREATE DATABASE `{other}`", f"CREATE TABLE `{other}`.t (id INT)", f"INSERT INTO `{other}`.t VALUES (1)",
                       f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
        worker.wait_synced(task, source)
        assert_same(source, target, schema)
        assert not target.query("SHOW DATABASES LIKE %s", (other,))
    finally:
        source.query(f"DROP DATABASE IF EXISTS `{other}`")


@pytest.mark.parametrize("key", ["black-white-list", "block-allow-list"])
def test_block_and_allow_lists(mariadb, target, schema, running, key):
    rules = {"only": {"do-dbs": [f"~^{schema}$"], "ignore-tables": [{"db-name": schema, "tbl-name": "tmp*"},
                                                                      {"db-name": schema, "tbl-name": "~_old$"}]}}
    options = {"black_white_list": rules} if key == "black-white-list" else {
        "black_white_list": {}, "block_allow_list": rules, "instance": {"block-allow-list": "only", "black-white-list": ""}}
    worker, task = running(mariadb, task=options)
    for table in ("kept", "tmp_1", "tmpx", "thing_old", "thing_old2"):
        mariadb.execute(f"CREATE TABLE `{schema}`.`{table}` (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.`{table}` VALUES (1)")
    worker.wait_synced(task, mariadb)
    assert tables_of(target, schema) == ["kept", "thing_old2"]
    assert_same_table(mariadb, target, schema, "kept")
    assert_same_table(mariadb, target, schema, "thing_old2")


def test_statements_that_are_no_row_changes_are_skipped(source, target, schema, running):
    worker, task = running(source)
    user = f"u_{schema}"
    source.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)",
                   f"CREATE USER `{user}`@'127.0.0.1' IDENTIFIED BY 'x-Y7-secret'", f"GRANT SELECT ON *.* TO `{user}`@'127.0.0.1'",
                   f"CREATE VIEW `{schema}`.v AS SELECT * FROM `{schema}`.t",
                   f"CREATE TRIGGER `{schema}`.g BEFORE INSERT ON `{schema}`.t FOR EACH ROW SET NEW.id=NEW.id+1",
                   f"CREATE PROCEDURE `{schema}`.p() SELECT 1", f"ANALYZE TABLE `{schema}`.t",
                   f"INSERT INTO `{schema}`.t VALUES (1)", f"DROP VIEW `{schema}`.v", f"DROP USER `{user}`@'127.0.0.1'")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)
    assert not worker.logged("x-Y7-secret")


def test_a_large_transaction_and_a_large_row(source, target, schema, running):
    worker, task = running(source)
    source.execute(f"CREATE TABLE `{schema}`.big (id INT PRIMARY KEY, b LONGBLOB)",
                   f"INSERT INTO `{schema}`.big SELECT seq.n, REPEAT(CHAR(seq.n % 256), 2000) FROM (SELECT a.n + 10*b.n + 100*c.n + 1000*d.n AS n"
                   + " FROM " + ", ".join(f"(SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5"
                                           f" UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) {x}" for x in "abcd") + ") seq")
    source.query(f"INSERT INTO `{schema}`.big VALUES (100000, %s)", (b"\x00\xff'\\" * (3 << 20),))
    worker.wait_synced(task, source, 60)
    assert source.query(f"SELECT COUNT(*), SUM(CRC32(b)) FROM `{schema}`.big") == target.query(
        f"SELECT COUNT(*), SUM(CRC32(b)) FROM `{schema}`.big")


def test_savepoints_and_rolled_back_work(source, target, schema, running):
    worker, task = running(source)
    source.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    connection = source.connect()
    with connection.cursor() as cursor:
        connection.begin()
        cursor.execute(f"INSERT INTO `{schema}`.t VALUES (1)")
        cursor.execute("SAVEPOINT a")
        cursor.execute(f"INSERT INTO `{schema}`.t VALUES (2)")
        cursor.execute("ROLLBACK TO a")
        cursor.execute(f"INSERT INTO `{schema}`.t VALUES (3)")
        connection.commit()
        connection.begin()
        cursor.execute(f"INSERT INTO `{schema}`.t VALUES (4)")
        connection.rollback()
    connection.close()
    worker.wait_synced(task, source)
    assert target.query(f"SELECT id FROM `{schema}`.t ORDER BY id") == ((1,), (3,))


def test_a_table_without_transactions(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.execute(f"CREATE TABLE `{schema}`.m (id INT PRIMARY KEY) ENGINE=MyISAM", f"INSERT INTO `{schema}`.m VALUES (1),(2)",
                    f"DELETE FROM `{schema}`.m WHERE id=1")
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


def test_compressed_transactions_of_mysql(mysql, target, schema, running):
    worker, task = running(mysql)
    mysql.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, x LONGTEXT)")
    mysql.execute("SET SESSION binlog_transaction_compression=ON",
                  f"INSERT INTO `{schema}`.t VALUES (1, REPEAT('compress me ', 10000)), (2, 'short')",
                  f"UPDATE `{schema}`.t SET x='changed' WHERE id=2", "SET SESSION binlog_transaction_compression=OFF")
    worker.wait_synced(task, mysql)
    assert_same(mysql, target, schema)


def test_compressed_events_of_mariadb(own_server, target, schema, running):
    from servers import MariaDB

    source = own_server(MariaDB, server_id=31, options=["--log-bin-compress=ON", "--log-bin-compress-min-len=10"])
    worker, task = running(source)
    fill_every_type(source, schema, "types")
    source.execute(f"UPDATE `{schema}`.types SET c_text=REPEAT('u', 5000)", f"DELETE FROM `{schema}`.types WHERE id=1")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_partial_json_updates_of_mysql_arrive_or_are_refused_by_name(mysql, target, schema, running):
    """binlog_row_value_options=PARTIAL_JSON needs diffs; a wrong value must never arrive silently."""
    worker, task = running(mysql)
    mysql.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, j JSON)",
                  f"INSERT INTO `{schema}`.t VALUES (1, JSON_OBJECT('a', 1, 'b', REPEAT('x', 500)))")
    worker.wait_synced(task, mysql)
    mysql.execute("SET SESSION binlog_row_value_options=PARTIAL_JSON",
                  f"UPDATE `{schema}`.t SET j=JSON_SET(j, '$.a', 2) WHERE id=1", "SET SESSION binlog_row_value_options=''")
    state = wait_for(lambda: (s := worker.subtask(task)) and (s["stage"] == "Paused" or s["sync"]["synced"]) and s, 15)
    if state["stage"] == "Running":
        worker.wait_synced(task, mysql)
        assert_same(mysql, target, schema)
    else:
        assert state["result"]["errors"][0]["error"]["Message"]


@pytest.mark.smoke
def test_many_small_transactions(source, target, schema, running):
    worker, task = running(source)
    Load(source, schema, seed=5).create().run(400)
    worker.wait_synced(task, source, 60)
    assert_same(source, target, schema)
    state = worker.subtask(task)["sync"]
    assert int(state["totalEvents"]) > 400


def test_the_checkpoint_tables_are_those_of_dm(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_synced(task, mariadb)
    worker.pause(task)  # flushes
    rows = target.query(f"SELECT id, cp_schema, cp_table, binlog_name, binlog_pos, is_global"
                        f" FROM `dm_meta_{task}`.`{task}_syncer_checkpoint` WHERE is_global=1")
    assert len(rows) == 1
    assert rows[0][0] == "source-1" and rows[0][1:3] == ("", "") and rows[0][5] == 1
    file, position = mariadb.position()
    base, number = file.split(".")
    assert rows[0][3] == f"{base}|000001.{number}"
    assert rows[0][4] == position


def test_an_error_of_the_target_pauses_the_task_and_says_why(mariadb, target, schema, running):
    worker, task = running(mariadb, checker={"check-enable": False})
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, c INT)", f"INSERT INTO `{schema}`.t VALUES (1, 1)")
    worker.wait_synced(task, mariadb)
    target.query(f"ALTER TABLE `{schema}`.t DROP COLUMN c")
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (2, 2)")
    state = worker.wait_stage(task, "Paused")
    error = state["result"]["errors"][0]
    assert state["result"]["isCanceled"] is False
    assert error["error"]["ErrCode"] >= 10000 and error["error"]["Message"]
    target.query(f"ALTER TABLE `{schema}`.t ADD COLUMN c INT")
    target.query(f"UPDATE `{schema}`.t SET c=1")
    assert worker.resume(task)["result"]
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


def test_a_healed_error_is_resumed_by_itself(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.wait_synced(task, mariadb)
    target.query(f"DROP TABLE `{schema}`.t")
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_stage(task, "Paused")
    target.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    wait_for(lambda: worker.stage(task) == "Running", 30, "resumed by itself")
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


def test_two_tasks_of_one_source_do_not_disturb_each_other(mariadb, target, schema, running):
    other = schema + "_b"
    worker, task = running(mariadb)
    try:
        mariadb.query(f"CREATE DATABASE `{other}`")
        target.query(f"CREATE DATABASE `{other}`")
        second = Task("b" + schema, target, [other], meta=(mariadb.position()[0], 4))
        assert worker.start_task(second)["result"]
        for name in (schema, other):
            mariadb.execute(f"CREATE TABLE `{name}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{name}`.t VALUES (1)")
        worker.wait_synced(task, mariadb)
        worker.wait_synced(second.name, mariadb)
        assert worker.pause(second.name)["result"]
        mariadb.query(f"INSERT INTO `{schema}`.t VALUES (2)")
        worker.wait_synced(task, mariadb)
        for name in (schema, other):
            assert_same(mariadb, target, name)
        assert [s["name"] for s in worker.status()["subTaskStatus"]] == sorted([task, second.name])
    finally:
        for server in (mariadb, target):
            server.query(f"DROP DATABASE IF EXISTS `{other}`")


def test_remove_meta_starts_from_the_position_of_the_file(mariadb, target, schema, running):
    worker, task = running(mariadb)
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_synced(task, mariadb)
    assert worker.stop_task(task)["result"]
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (2)")
    here = mariadb.position()
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (3)")
    file = Task(task, target, [schema], meta=here, remove_meta=True)
    assert worker.start_task(file)["result"]
    worker.wait_synced(task, mariadb)
    assert target.query(f"SELECT id FROM `{schema}`.t ORDER BY id") == ((1,), (3,))


def test_a_stopped_task_goes_on_from_its_checkpoint(mariadb, target, schema, running):
    worker, task = running(mariadb)
    start = mariadb.position()[0], 4
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    insert(mariadb, f"`{schema}`.t", ["id"], [1])
    worker.wait_synced(task, mariadb)
    assert worker.stop_task(task)["result"]
    insert(mariadb, f"`{schema}`.t", ["id"], [2])
    assert worker.start_task(Task(task, target, [schema], meta=start))["result"]
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


def test_xa_transactions_come_when_they_are_committed(source, target, schema, running):
    """Also when the daemon was killed between XA PREPARE and XA COMMIT, and binlog files were changed."""
    worker, task = running(source)
    source.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, v INT)")
    connection = source.connect()
    with connection.cursor() as cursor:
        def prepare(name, *ids):
            cursor.execute(f"XA START {name}")
            for i in ids:
                cursor.execute(f"INSERT INTO `{schema}`.t VALUES ({i}, {i})")
            cursor.execute(f"XA END {name}")

        prepare("'a','q',7", 1, 2)
        cursor.execute("XA PREPARE 'a','q',7")
        source.query(f"INSERT INTO `{schema}`.t VALUES (10, 10)")
        worker.wait_synced(task, source)
        assert target.query(f"SELECT id FROM `{schema}`.t ORDER BY id") == ((10,),)
        source.flush_binlog()
        worker.kill()
        worker.start()
        cursor.execute("XA COMMIT 'a','q',7")
        prepare("'b'", 3)
        cursor.execute("XA PREPARE 'b'")
        cursor.execute("XA ROLLBACK 'b'")
        prepare("'c'", 4)
        cursor.execute("XA COMMIT 'c' ONE PHASE")
        source.query(f"UPDATE `{schema}`.t SET v=v+1")
    connection.close()
    worker.wait_synced(task, source)
    assert target.query(f"SELECT id, v FROM `{schema}`.t ORDER BY id") == ((1, 2), (2, 3), (4, 5), (10, 11))
    assert target.value(f"SELECT COUNT(*) FROM `dm_meta_{task}`.`{task}_syncer_xa`") == 0
