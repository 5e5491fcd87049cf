"""DDL in odd sessions and shapes, and what the servers' own features write into the binlog."""

import pytest

from compare import assert_same, assert_same_table, tables_of


def in_session(server, schema, *statements, charset="utf8mb4"):
    """Statements of one connection whose default database is `schema`."""
    connection = server.connect(database=schema, charset=charset)
    try:
        with connection.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)
    finally:
        connection.close()


def definition(server, schema, table):
    """Names, types, defaults and comments of the columns, and the indexes."""
    columns = server.query("SELECT COLUMN_NAME, LOWER(CHARACTER_SET_NAME), NULLIF(COLUMN_DEFAULT, 'NULL'), COLUMN_COMMENT FROM information_schema.COLUMNS"
                           " WHERE TABLE_SCHEMA=%s AND TABLE_NAME=%s ORDER BY ORDINAL_POSITION", (schema, table))
    indexes = server.query("SELECT INDEX_NAME, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) FROM information_schema.STATISTICS"
                           " WHERE TABLE_SCHEMA=%s AND TABLE_NAME=%s GROUP BY INDEX_NAME ORDER BY INDEX_NAME", (schema, table))
    return columns, indexes


def test_a_statement_in_another_character_set(mariadb, target, schema, running):
    worker, task = running(mariadb)
    in_session(mariadb, schema, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) DEFAULT 'é' COMMENT 'grün')", "INSERT INTO t (id) VALUES (1)",
               charset="latin1")
    in_session(mariadb, schema, "ALTER TABLE t ADD b VARCHAR(9) DEFAULT '表' COMMENT 'ソ'", charset="sjis")
    worker.wait_synced(task, mariadb)
    assert definition(mariadb, schema, "t") == definition(target, schema, "t")
    assert_same(mariadb, target, schema)


def test_ansi_quotes_in_a_ddl(source, target, schema, running):
    worker, task = running(source)
    in_session(source, schema, "SET sql_mode='ANSI_QUOTES'", 'CREATE TABLE "t x" ("a" INT PRIMARY KEY, "b" VARCHAR(9) DEFAULT \'"\')',
               'INSERT INTO "t x" ("a") VALUES (1)', 'ALTER TABLE "t x" ADD "c" INT')
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_new_columns_have_the_time_of_the_statement(source, target, schema, running):
    worker, task = running(source)
    in_session(source, schema, "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)", "SET time_zone='+05:00'",
               "ALTER TABLE t ADD a TIMESTAMP DEFAULT '2020-01-01 00:00:00'", "ALTER TABLE t ADD b DATETIME DEFAULT CURRENT_TIMESTAMP",
               "DO SLEEP(1.1)", "ALTER TABLE t ADD c TIMESTAMP DEFAULT CURRENT_TIMESTAMP")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_a_table_made_of_a_query(source, target, schema, running):
    worker, task = running(source)
    in_session(source, schema, "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO a VALUES (1, 'x'), (2, 'y')",
               "CREATE TABLE b (PRIMARY KEY (id)) SELECT * FROM a", "CREATE TABLE c AS SELECT id, v FROM a WHERE id > 1", "INSERT INTO c VALUES (9, 'z')")
    worker.wait_synced(task, source)
    assert tables_of(target, schema) == ["a", "b", "c"]
    assert_same(source, target, schema)


def test_several_tables_in_one_statement(source, target, schema, running):
    worker, task = running(source)
    in_session(source, schema, "CREATE TABLE a (x INT)", "CREATE TABLE b (y INT)", "CREATE TABLE c (z INT)", "CREATE TABLE d (z INT)",
               "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (2)", "RENAME TABLE a TO tmp, b TO a, tmp TO b", "INSERT INTO a VALUES (3)",
               "DROP TABLE c, d")
    worker.wait_synced(task, source)
    assert tables_of(target, schema) == ["a", "b"]
    assert_same(source, target, schema)


def test_only_wanted_tables_of_a_statement(mariadb, target, schema, running):
    rules = {"only": {"do-dbs": [schema], "ignore-tables": [{"db-name": schema, "tbl-name": "no*"}]}}
    worker, task = running(mariadb, task={"black_white_list": rules})
    target.query(f"CREATE TABLE `{schema}`.no1 (kept INT)")
    in_session(mariadb, schema, "CREATE TABLE yes1 (x INT)", "CREATE TABLE no1 (x INT)", "CREATE TABLE yes2 (x INT)", "CREATE TABLE no2 (x INT)",
               "DROP TABLE no1, yes1", "RENAME TABLE yes2 TO yes3, no2 TO no3", "INSERT INTO no3 VALUES (1)", "INSERT INTO yes3 VALUES (1)",
               "CREATE TABLE yes4 LIKE no3")
    worker.wait_synced(task, mariadb)
    assert tables_of(target, schema) == ["no1", "yes3"]
    assert_same_table(mariadb, target, schema, "yes3")


def test_foreign_keys_and_cascades(source, target, schema, running):
    worker, task = running(source)
    in_session(source, schema, "CREATE TABLE p (id INT PRIMARY KEY, v INT)",
               "CREATE TABLE k (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)",
               "CREATE TABLE n (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL)",
               "INSERT INTO p VALUES (1, 1), (2, 2), (3, 3)", "INSERT INTO k VALUES (10, 1), (20, 2), (30, 3)", "INSERT INTO n VALUES (10, 1), (20, 2)",
               "DELETE FROM p WHERE id=1", "UPDATE p SET v=5 WHERE id=2", "UPDATE p SET id=33 WHERE id=3", "SET foreign_key_checks=0",
               "INSERT INTO k VALUES (99, 99)", "SET foreign_key_checks=1", "INSERT INTO k VALUES (21, 2)")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_system_versioned_tables_of_mariadb(mariadb, target, schema, running):
    worker, task = running(mariadb)
    in_session(mariadb, schema, "CREATE TABLE v (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING", "INSERT INTO v VALUES (1, 1), (2, 2)",
               "UPDATE v SET a=a+1", "DELETE FROM v WHERE id=2", "CREATE TABLE w (a INT) WITH SYSTEM VERSIONING", "INSERT INTO w VALUES (1), (1)",
               "UPDATE w SET a=2 LIMIT 1", "DELETE FROM w WHERE a=1")
    worker.wait_synced(task, mariadb)
    for table in "vw":
        assert_same_table(mariadb, target, schema, table)
        assert target.value(f"SELECT COUNT(*) FROM `{schema}`.{table} FOR SYSTEM_TIME ALL") == mariadb.value(
            f"SELECT COUNT(*) FROM `{schema}`.{table} FOR SYSTEM_TIME ALL")


def test_sequences_of_mariadb(mariadb, target, schema, running):
    worker, task = running(mariadb)
    in_session(mariadb, schema, "CREATE SEQUENCE s START WITH 10", "CREATE TABLE t (id INT PRIMARY KEY DEFAULT NEXTVAL(s), v INT)",
               "INSERT INTO t (v) VALUES (1), (2), (3)", "DO SETVAL(s, 5000)", "INSERT INTO t (v) VALUES (4)", "ALTER SEQUENCE s INCREMENT BY 5",
               "CREATE SEQUENCE gone", "DROP SEQUENCE gone")
    worker.wait_synced(task, mariadb)
    assert_same_table(mariadb, target, schema, "t")
    assert target.value(f"SELECT NEXTVAL(`{schema}`.s)") > 5000
    assert not target.query("SELECT * FROM information_schema.TABLES WHERE TABLE_SCHEMA=%s AND TABLE_NAME='gone'", (schema,))


def test_replaced_tables_and_conditions_of_mariadb(mariadb, target, schema, running):
    worker, task = running(mariadb)
    in_session(mariadb, schema, "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)", "CREATE OR REPLACE TABLE t (b INT, c INT)",
               "INSERT INTO t VALUES (1, 2)", "ALTER TABLE t ADD COLUMN IF NOT EXISTS c INT", "ALTER TABLE t DROP COLUMN IF EXISTS nope",
               "CREATE INDEX IF NOT EXISTS i ON t (b)", "DROP INDEX IF EXISTS j ON t", "SET STATEMENT max_statement_time=60 FOR ALTER TABLE t ADD d INT",
               "ALTER TABLE t ADD INVISIBLE_ INT INVISIBLE DEFAULT 7", "INSERT INTO t VALUES (5, 6, 7)", "ALTER IGNORE TABLE t MODIFY b BIGINT")
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


def test_partitions_and_their_exchange(source, target, schema, running):
    worker, task = running(source)
    in_session(source, schema, "CREATE TABLE t (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))",
               "INSERT INTO t VALUES (1, 1), (11, 1)", "ALTER TABLE t ADD PARTITION (PARTITION p2 VALUES LESS THAN (30))", "INSERT INTO t VALUES (21, 1)",
               "ALTER TABLE t TRUNCATE PARTITION p0", "CREATE TABLE u (id INT PRIMARY KEY, v INT)", "INSERT INTO u VALUES (15, 7)",
               "ALTER TABLE t EXCHANGE PARTITION p1 WITH TABLE u", "ALTER TABLE t DROP PARTITION p2")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)


def test_the_default_set_of_a_schema(source, target, schema, running):
    worker, task = running(source)
    in_session(source, schema, "ALTER DATABASE CHARACTER SET latin1", "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9))",
               "INSERT INTO t VALUES (1, 'grün')")
    worker.wait_synced(task, source)
    assert_same(source, target, schema)
    assert definition(source, schema, "t")[0] == definition(target, schema, "t")[0]


def test_temporary_tables_stay_away(source, target, schema, running):
    worker, task = running(source)
    in_session(source, schema, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TEMPORARY TABLE tmp (id INT)", "INSERT INTO tmp VALUES (1)",
               "INSERT INTO t SELECT * FROM tmp", "CREATE TEMPORARY TABLE t (x INT)", "DROP TEMPORARY TABLE t", "DROP TEMPORARY TABLE tmp")
    worker.wait_synced(task, source)
    assert tables_of(target, schema) == ["t"]
    assert_same(source, target, schema)


def test_rows_as_statements_are_refused_by_name(mariadb, target, schema, running):
    worker, task = running(mariadb)
    in_session(mariadb, schema, "CREATE TABLE t (id INT PRIMARY KEY)", "SET SESSION binlog_format='STATEMENT'", "INSERT INTO t VALUES (1)")
    error = worker.wait_stage(task, "Paused")["result"]["errors"][0]["error"]
    assert error["ErrCode"] == 36014
    assert "only support ROW format binlog" in error["Message"]


def test_a_failed_ddl_names_itself_and_its_place(mariadb, target, schema, running):
    worker, task = running(mariadb, checker={"check-enable": False})
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a INT)")
    worker.wait_synced(task, mariadb)
    target.query(f"INSERT INTO `{schema}`.t VALUES (7, 1), (8, 1)")
    mariadb.query(f"ALTER TABLE `{schema}`.t ADD UNIQUE (a)")
    errors = worker.wait_stage(task, "Paused")["result"]["errors"]
    assert [e["error"]["ErrCode"] for e in errors] == [10006, 36061]
    assert errors[0]["Type"] == "ExecSQL" and "Error 1062: Duplicate entry" in errors[0]["error"]["RawCause"]
    assert f"fail to handle ddl job for ALTER TABLE `{schema}`.t ADD UNIQUE (a)" in errors[1]["error"]["Message"]


LATER = {
    "route-rules": {"routes": {"r": {"schema-pattern": "a", "target-schema": "b"}}, "instance": {"route-rules": ["r"]}},
    "filter-rules": {"filters": {"f": {"schema-pattern": "a", "events": ["all dml"], "action": "Ignore"}}, "instance": {"filter-rules": ["f"]}},
    "is-sharding": {"is_sharding": True},
    "online-ddl-scheme": {"online_ddl_scheme": "gh-ost"},
}


@pytest.mark.parametrize("key", LATER)
def test_a_key_that_would_send_rows_elsewhere_is_refused_by_name(mariadb, target, schema, running, key):
    options = dict(LATER[key])
    if "instance" in options:
        options["instance"] = {"black-white-list": "only", **options["instance"]}
    worker, task = running(mariadb, task=options, wait=False)
    error = worker.wait_stage(task, "Paused")["result"]["errors"][0]["error"]
    assert error["ErrCode"] == 60201
    assert f"`{key}`" in error["Message"]
