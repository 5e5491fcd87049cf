"""The row decoder says what the server selects: every type, at its edges, and partial JSON updates."""

import json
import random
import subprocess

import pymysql
import pytest

import rowtext
from worker import BUILD


def printed_rows(server, name, *options):
    """The lines of a closed binlog file."""
    done = subprocess.run([str(BUILD / "tests/unit/print-rows"), str(server.binlog_path(name)), *options], capture_output=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().split("\n")[:-1]  # splitlines() also breaks at U+2028


@pytest.fixture(params=["FULL", "MINIMAL"])
def metadata(request, source):
    """How much the table maps say; the value before is restored."""
    before = source.value("SELECT @@GLOBAL.binlog_row_metadata")
    source.query(f"SET GLOBAL binlog_row_metadata = '{request.param}'")
    yield request.param
    source.query(f"SET GLOBAL binlog_row_metadata = '{before}'")


@pytest.mark.smoke
def test_every_value_is_the_selected_one(source, schema, metadata):
    source.query(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
    tables = rowtext.tables_of(source.flavor)
    if source.flavor == "mysql":
        tables["large"] = rowtext.LARGE_JSONS
    name = source.flush_binlog()
    rowtext.fill(source, schema, tables)
    source.flush_binlog()
    expected = [line for table in tables for line in rowtext.selected_lines(source, schema, table, metadata == "FULL")]
    printed = printed_rows(source, name)
    assert len(printed) == len(expected) > 30
    for have, want in zip(printed, expected):
        assert have == want


@pytest.mark.smoke
def test_metadata_is_what_the_schema_says(source, schema):
    """Signs, collations and names of every column, also behind types that some readers count wrongly (YEAR, VECTOR)."""
    before = source.value("SELECT @@GLOBAL.binlog_row_metadata")
    source.query("SET GLOBAL binlog_row_metadata = 'FULL'")
    source.query(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
    name = source.flush_binlog()
    tables = {**rowtext.tables_of(source.flavor), "mixed": rowtext.mixed(source.flavor)}
    rowtext.fill(source, schema, tables)
    source.flush_binlog()
    source.query(f"SET GLOBAL binlog_row_metadata = '{before}'")
    printed = [line for line in printed_rows(source, name, "--columns") if line.startswith(f"{schema}.") and "INSERT" not in line]
    assert len(printed) == len(tables)
    for line, table in zip(printed, tables):
        table_name, columns = line.split(": ", 1)
        assert table_name == f"{schema}.{table}"
        for text, (name, data_type, is_binary, is_unsigned, collation) in zip(
                columns.split(", "), rowtext.columns_of(source, schema, table)):
            words = text.split()
            assert words[0] == name
            assert ("unsigned" in words) == bool(is_unsigned) or data_type == "year", text
            if collation is not None and data_type not in ("inet4", "inet6", "uuid"):
                assert int(words[-1]) == collation, text
            elif data_type.endswith(("binary", "blob")):
                assert int(words[-1]) == 63, text


def random_value(pick, depth=0):
    kind = pick.randrange(9 if depth < 3 else 7)
    if kind == 7:
        return [random_value(pick, depth + 1) for _ in range(pick.randrange(5))]
    if kind == 8:
        return {random_key(pick): random_value(pick, depth + 1) for _ in range(pick.randrange(5))}
    return pick.choice([None, True, False, pick.randrange(-5, 5), pick.randrange(-2**40, 2**40), pick.randrange(2**63, 2**64), pick.random(),
                        "", "x" * pick.randrange(200), "ü\n\"'\\", pick.randrange(-2**31, 2**31)])


def random_key(pick):
    return pick.choice(["a", "b", "cc", "key", "", "with space", "quo\"te", "back\\slash", "ü", "🦊", "new\nline", "$", "1", "last", "a.b", "[0]"])


def random_path(pick, value):
    """A path into a document, mostly to what is there."""
    path = "$"
    while True:
        if isinstance(value, list) and value and pick.random() < 0.8:
            at = pick.randrange(len(value))
            path += pick.choice([f"[{at}]", f"[last-{len(value) - 1 - at}]"])
            value = value[at]
        elif isinstance(value, dict) and value and pick.random() < 0.8:
            key = pick.choice(list(value))
            path += "." + json.dumps(key)
            value = value[key]
        else:
            break
    if path == "$" or pick.random() < 0.3:
        path += pick.choice(["." + json.dumps(random_key(pick)), "[0]", "[last]", "[99]"])
    return path


@pytest.mark.parametrize("seed", range(3))
def test_partial_json_updates_give_the_selected_document(mysql, schema, seed):
    pick = random.Random(seed)
    mysql.query(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
    name = mysql.flush_binlog()
    selected = []
    connection = mysql.connect()
    with connection.cursor() as cursor:
        cursor.execute(f"USE `{schema}`")
        cursor.execute("CREATE TABLE j (id INT PRIMARY KEY, one JSON, filler INT, two JSON)")
        cursor.execute("SET binlog_row_value_options = 'PARTIAL_JSON'")
        documents = {"one": {"a": [1, 2, {"b": "x" * 300}], "pad": "y" * 500}, "two": [{"k": random_value(pick)} for _ in range(8)]}
        cursor.execute("INSERT INTO j VALUES (1, %s, 0, %s)", (json.dumps(documents["one"]), json.dumps(documents["two"])))
        for _ in range(300):
            sets, arguments = [], []
            for column in pick.choice([["one"], ["two"], ["one", "two"]]):
                function = pick.choice(["JSON_SET", "JSON_SET", "JSON_REPLACE", "JSON_REMOVE"])
                path = random_path(pick, documents[column])
                value = pick.choice(["CAST(%s AS JSON)", "CAST(%s AS JSON)", "JSON_EXTRACT(%s, '$')"])
                sets.append(f"{column} = {function}({column}, %s" + ("" if function == "JSON_REMOVE" else ", " + value) + ")")
                arguments += [path] + ([] if function == "JSON_REMOVE" else [json.dumps(random_value(pick))])
            try:
                cursor.execute("UPDATE j SET filler = filler + 1, " + ", ".join(sets), arguments)
            except pymysql.MySQLError:
                continue  # a path that this function refuses, such as JSON_REMOVE(j, '$')
            cursor.execute("SELECT filler, CAST(one AS CHAR), CAST(two AS CHAR) FROM j")
            row = cursor.fetchone()
            documents = {"one": json.loads(row[1]), "two": json.loads(row[2])}
            if len(row[1]) + len(row[2]) > 20000:  # keep it small
                cursor.execute("UPDATE j SET one = '{\"a\": [1]}', two = '[{}]', filler = filler + 1")
                selected.append(row)
                cursor.execute("SELECT filler, CAST(one AS CHAR), CAST(two AS CHAR) FROM j")
                row = cursor.fetchone()
                documents = {"one": json.loads(row[1]), "two": json.loads(row[2])}
            selected.append(row)
    connection.close()
    mysql.flush_binlog()
    updates = [line for line in printed_rows(mysql, name) if " UPDATE " in line]
    assert len(updates) == len(selected) > 100
    for line, (filler, one, two) in zip(updates, selected):
        after = line.split(" -> id=1 ")[1] if " -> id=1 " in line else line.split(" -> c0=1 ")[1]
        assert after in (f"one={one} filler={filler} two={two}", f"c1={one} c2={filler} c3={two}")


def test_old_temporal_types_are_read(mariadb, schema):
    """What a MariaDB wrote before MySQL 5.6's formats, and still writes for tables of that time."""
    mariadb.query(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
    mariadb.query("SET GLOBAL mysql56_temporal_format = OFF")
    mariadb.query("SET GLOBAL binlog_row_metadata = 'FULL'")
    name = mariadb.flush_binlog()
    rowtext.fill(mariadb, schema, {"old": {
        "t": ("TIME", ["'-838:59:59'", "'838:59:59'", "'-00:00:01'", "'00:00:00'"]),
        "dt": ("DATETIME", ["'9999-12-31 23:59:59'", "'0000-00-00 00:00:00'", "'2020-00-00 01:02:03'"]),
        "ts": ("TIMESTAMP NULL", ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"])}})
    mariadb.query("SET GLOBAL binlog_row_metadata = 'NO_LOG'")
    mariadb.query("SET GLOBAL mysql56_temporal_format = ON")
    mariadb.flush_binlog()
    lines = printed_rows(mariadb, name, "--columns")
    assert " t 11/0 " in lines[0] and " dt 12/0 " in lines[0] and " ts 7/0 " in lines[0]
    assert lines[1:] == list(rowtext.selected_lines(mariadb, schema, "old"))
