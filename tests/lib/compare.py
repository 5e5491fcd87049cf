"""Are source and target equal? Row by row, with a message that names the first difference."""

import json
from collections import Counter

BINARY_TYPES = {"bit", "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
                "geometrycollection", "geomcollection", "binary", "varbinary", "tinyblob", "blob", "mediumblob",
                "longblob", "vector"}


def columns_of(server, schema, table):
    """[(name, type)] in order."""
    return [(r[0], r[1].lower()) for r in server.query(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema=%s AND table_name=%s"
        " ORDER BY ordinal_position", (schema, table))]


def tables_of(server, schema):
    return sorted(r[0] for r in server.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema=%s AND table_type='BASE TABLE'", (schema,)))


def _expression(name, kind):
    quoted = "`%s`" % name.replace("`", "``")
    if kind in BINARY_TYPES:
        return f"HEX({quoted})"
    if kind == "float":
        return f"CAST({quoted} AS DOUBLE)"
    if kind == "year":
        return f"{quoted}+0"
    return f"CAST({quoted} AS CHAR)" if kind in ("json", "date", "datetime", "timestamp", "time") else quoted


def rows_of(server, schema, table, columns):
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone='+00:00', sql_mode=''")
            names = ", ".join(_expression(n, k) for n, k in columns)
            quoted = table.replace("`", "``")
            cursor.execute(f"SELECT {names} FROM `{schema}`.`{quoted}`")
            rows = cursor.fetchall()
    finally:
        connection.close()
    as_json = [i for i, (_, kind) in enumerate(columns) if kind == "json"]
    result = []
    for row in rows:
        row = list(row)
        for i in as_json:
            row[i] = None if row[i] is None else json.dumps(json.loads(row[i]), sort_keys=True)
        result.append(tuple(row))
    return sorted(result, key=repr)


def assert_same_table(source, target, schema, table, target_schema=None, target_table=None):
    to_schema, to_table = target_schema or schema, target_table or table
    here, there = columns_of(source, schema, table), columns_of(target, to_schema, to_table)
    assert [n for n, _ in here] == [n for n, _ in there], f"{schema}.{table}: columns differ: {here} {there}"
    left, right = rows_of(source, schema, table, here), rows_of(target, to_schema, to_table, here)
    if left == right:
        return
    only_left, only_right = Counter(map(repr, left)), Counter(map(repr, right))
    only_left, only_right = only_left - only_right, only_right - only_left
    names = [n for n, _ in here]
    raise AssertionError(f"{schema}.{table}: {len(left)} rows in the source, {len(right)} in the target\ncolumns: {names}\n"
                         + "".join(f"source: {row} ({n})\n" for row, n in only_left.most_common(3))
                         + "".join(f"target: {row} ({n})\n" for row, n in only_right.most_common(3)))


def assert_same(source, target, schema):
    """All tables of a schema are there on both sides, with the same rows."""
    here, there = tables_of(source, schema), tables_of(target, schema)
    assert here == there, f"tables of {schema} differ: {here} {there}"
    for table in here:
        assert_same_table(source, target, schema, table)
