"""What rows of a binlog must say, as the server itself selects it: the text of tests/unit/row-print.h.

TABLES holds small tables with values at the edges of every column type; each value is SQL.
"""

NUMBERS = {
    "id": ("INT PRIMARY KEY AUTO_INCREMENT", []),
    "ti": ("TINYINT", ["-128", "127", "0", "-1"]),
    "utiny": ("TINYINT UNSIGNED", ["255", "128", "127"]),
    "si": ("SMALLINT", ["-32768", "32767", "-1"]),
    "usmall": ("SMALLINT UNSIGNED", ["65535", "32768"]),
    "mi": ("MEDIUMINT", ["-8388608", "8388607", "-1"]),
    "umedium": ("MEDIUMINT UNSIGNED", ["16777215", "8388608"]),
    "i": ("INT", ["-2147483648", "2147483647", "-1"]),
    "uint": ("INT UNSIGNED", ["4294967295", "2147483648"]),
    "y": ("YEAR", ["1901", "2155", "0", "1970"]),
    "bi": ("BIGINT", ["-9223372036854775808", "9223372036854775807", "-1"]),
    "ubig": ("BIGINT UNSIGNED", ["18446744073709551615", "9223372036854775808"]),
    "f": ("FLOAT", ["-1.5", "3.4028234e38", "1.1754944e-38", "0.1", "-0e0"]),
    "ufloat": ("FLOAT UNSIGNED", ["0.5"]),
    "d": ("DOUBLE", ["0.1", "-1.7976931348623157e308", "2.2250738585072014e-308", "1e0/3", "5e-324"]),
}
DECIMALS = {
    "id": ("INT PRIMARY KEY AUTO_INCREMENT", []),
    "d1": ("DECIMAL(1,0)", ["-9", "0", "9"]),
    "d22": ("DECIMAL(2,2)", ["-0.99", "0.01", "0.50"]),
    "d43": ("DECIMAL(4,3)", ["-9.999", "1.001"]),
    "d65": ("DECIMAL(6,5)", ["1.00001", "-1.99999"]),
    "d97": ("DECIMAL(9,7)", ["-12.3456789", "0.0000001"]),
    "d99": ("DECIMAL(9,9)", ["0.999999999", "-0.000000001"]),
    "d104": ("DECIMAL(10,4)", ["-999999.9999", "0.0001", "123456.7890", "-0.5"]),
    "d110": ("DECIMAL(11,0)", ["-99999999999", "10000000000"]),
    "d1810": ("DECIMAL(18,10)", ["-12345678.0123456789"]),
    "d2718": ("DECIMAL(27,18)", ["100000000.000000000000000001", "-999999999.999999999999999999"]),
    "d6530": ("DECIMAL(65,30)", ["9" * 35 + "." + "9" * 30, "-0." + "0" * 29 + "1", "-1" + "0" * 34]),
    "d650": ("DECIMAL(65,0)", ["-" + "9" * 65, "1" + "0" * 64]),
    "u": ("DECIMAL(20,6) UNSIGNED", ["12345678901234.567890"]),
}
TIMES = {
    "id": ("INT PRIMARY KEY AUTO_INCREMENT", []),
    "d": ("DATE", ["'1000-01-01'", "'9999-12-31'", "'0000-00-00'", "'2024-02-29'", "'2020-00-00'", "'2020-02-31'"]),
    "t": ("TIME", ["'-838:59:59'", "'838:59:59'", "'00:00:01'", "'-00:00:01'", "'00:00:00'", "'99:00:00'", "'100:59:59'"]),
    **{f"t{n}": (f"TIME({n})", [f"'-00:00:00.{'1' * n}'", f"'12:34:56.{'789012'[:n]}'", f"'-838:59:58.{'987654'[:n]}'",
                                f"'-00:01:00.{'0' * (n - 1)}1'", f"'00:00:00.{'9' * n}'", "'-01:00:00'"]) for n in range(1, 7)},
    "dt": ("DATETIME", ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'0000-00-00 00:00:00'", "'2020-00-00 01:02:03'",
                        "'1969-12-31 23:59:59'"]),
    **{f"dt{n}": (f"DATETIME({n})", [f"'2024-02-29 23:59:59.{'987654'[:n]}'", "'0000-00-00 00:00:00'", f"'0001-01-01 00:00:00.{'0' * (n - 1)}1'"])
       for n in range(1, 7)},
    "ts": ("TIMESTAMP NULL", ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'", "'2000-02-29 12:00:00'",
                              "'1999-12-31 23:59:59'", "'2000-03-01 00:00:00'", "'2001-01-01 00:00:00'"]),
    **{f"ts{n}": (f"TIMESTAMP({n}) NULL", [f"'2001-09-09 01:46:40.{'250407'[:n]}'", "'0000-00-00 00:00:00'", f"'1970-01-01 00:00:01.{'9' * n}'"])
       for n in range(1, 7)},
}
BITS = {
    "id": ("INT PRIMARY KEY AUTO_INCREMENT", []),
    **{f"b{n}": (f"BIT({n})", ["b'" + "1" * n + "'", "b'" + "1" + "0" * (n - 1) + "'", "b'1'", "b'0'"]) for n in (1, 7, 8, 9, 33, 63, 64)},
    "e": ("ENUM('a','it''s','große')", ["'a'", "'it''s'", "3", "''"]),
    "e_big": ("ENUM(" + ",".join(f"'v{i}'" for i in range(300)) + ")", ["'v0'", "'v254'", "'v255'", "'v299'"]),
    "s": ("SET('a','b','c','d e')", ["''", "'a'", "'a,c,d e'"]),
    "s9": ("SET(" + ",".join(f"'m{i}'" for i in range(9)) + ")", ["'m8'", "511"]),
    "s24": ("SET(" + ",".join(f"'m{i}'" for i in range(24)) + ")", ["'m23'", "16777215"]),
    "s33": ("SET(" + ",".join(f"'m{i}'" for i in range(33)) + ")", ["'m32'", "8589934591"]),
    "s64": ("SET(" + ",".join(f"'m{i}'" for i in range(64)) + ")", ["'m63'", "18446744073709551615", "'m0'"]),
    "e_latin": ("ENUM('x','y') CHARACTER SET latin1", ["'y'"]),
}
STRINGS = {
    "c": ("CHAR(10)", ["''", "'abc'", "'trail  x  '", "'grün€'"]),
    "c_latin": ("CHAR(20) CHARACTER SET latin1 COLLATE latin1_bin", ["'grün'"]),
    "c0": ("CHAR(0)", ["''"]),
    "c255": ("CHAR(255) CHARACTER SET utf8mb4", ["'€'", "REPEAT('€', 100)"]),
    "c64": ("CHAR(64) CHARACTER SET utf8mb4", ["'🦊'", "REPEAT('a', 64)"]),
    "c128": ("CHAR(128) CHARACTER SET utf8mb4", ["'x'"]),
    "c192": ("CHAR(192) CHARACTER SET utf8mb4", ["REPEAT('b', 190)"]),
    "b": ("BINARY(16)", ["X'00010203040506070809'", "'ab'", "X'00'", "X'6100'"]),
    "v": ("VARCHAR(100)", ["''", "'a '", "'\"quoted'' \\\\ back\\n\\t\\0end'", "'日本語🦊'"]),
    "v255": ("VARCHAR(255) CHARACTER SET latin1", ["'ü'", "REPEAT('v', 255)"]),
    "v256": ("VARCHAR(256) CHARACTER SET latin1", ["'ü'", "REPEAT('w', 256)"]),
    "v2000": ("VARCHAR(2000) CHARACTER SET ucs2", ["'ucs'"]),
    "vb": ("VARBINARY(300)", ["''", "X'00ff00'"]),
    "vb9": ("VARBINARY(9)", ["X'6100'"]),
    "tt": ("TINYTEXT", ["'t'"]),
    "tx": ("TEXT CHARACTER SET latin1", ["'té'", "REPEAT('x', 300)"]),
    "mt": ("MEDIUMTEXT", ["'m'"]),
    "lt": ("LONGTEXT", ["'l'"]),
    "tb": ("TINYBLOB", ["X'00ff'", "''"]),
    "bl": ("BLOB", ["X'fe62696e00'"]),
    "mb": ("MEDIUMBLOB", ["X'00'"]),
    "lb": ("LONGBLOB", ["X'ff'"]),
    "e_mixed": ("ENUM('x','y') CHARACTER SET latin1", ["'y'"]),
    "g": ("GEOMETRY", ["ST_GeomFromText('POINT(1.5 -2)')", "ST_GeomFromText('LINESTRING(0 0,10 0)', 4326)"]),
    "p": ("POINT", ["ST_GeomFromText('POINT(3 4)')"]),
    "after": ("VARCHAR(5) CHARACTER SET latin1", ["'z'"]),
}
COMPRESSED = {
    "id": ("INT PRIMARY KEY AUTO_INCREMENT", []),
    "v": ("VARCHAR(1000) COMPRESSED", ["REPEAT('z', 300)", "'short'", "''", "REPEAT('ab', 499)"]),
    "v9": ("VARCHAR(100) CHARACTER SET latin1 COMPRESSED", ["REPEAT('z', 100)"]),
    "vb": ("VARBINARY(1000) COMPRESSED", ["REPEAT(X'0001', 400)"]),
    "t": ("TEXT COMPRESSED", ["REPEAT('zü', 300)", "'x'", "''"]),
    "tt": ("TINYTEXT COMPRESSED", ["REPEAT('z', 200)"]),
    "b": ("LONGBLOB COMPRESSED", ["REPEAT(X'00', 300)"]),
    "after": ("VARCHAR(5) CHARACTER SET latin1", ["'z'"]),
}
ADDRESSES = {
    "i6": ("INET6", ["'2001:db8::ff00:42:8329'", "'::'", "'::ffff:1.2.3.4'"]),
    "i4": ("INET4", ["'192.0.2.1'", "'0.0.0.0'"]),
    "u": ("UUID", ["'123e4567-e89b-12d3-a456-426655440000'", "'ffffffff-ffff-ffff-ffff-ffffffffff00'"]),
    "after": ("VARCHAR(5) CHARACTER SET latin1", ["'z'"]),
    "j": ("JSON", ["'{\"a\": [1, 2.50]}'"]),
}
VECTORS = {"id": ("INT PRIMARY KEY AUTO_INCREMENT", []), "v": ("VECTOR(3)", ["STRING_TO_VECTOR('[1,-2.5,3e10]')", "STRING_TO_VECTOR('[0]')"])}
_JSON = [
    "'null'", "'true'", "'false'", "'0'", "'-1'", "'32767'", "'-32768'", "'32768'", "'65535'", "'65536'", "'-32769'", "'2147483647'",
    "'-2147483648'", "'4294967295'", "'4294967296'", "'-2147483649'", "'9223372036854775807'", "'-9223372036854775808'",
    "'18446744073709551615'", "'18446744073709551616'", "'1.5'", "'-0.1'", "'1e300'", "'1.0'", "'1e15'", "'123456789012345680000'",
    "'\"\"'", "'\"text\"'", "'\"\\\\u0001\\\\b\\\\f\\\\n\\\\r\\\\t\\\\\"\\\\\\\\/ü🦊\\\\u2028<>&\\\\u007f\\\\u000b\"'", "'[]'", "'{}'", "'[[], {}, [[]]]'",
    "'{\"b\": 1, \"a\": {\"\": [null, true, false, 1, -1, 70000, -70000, 5000000000, 1.25, \"s\"]}, \"aa\": [1], \"B\": 2}'",
    "CAST('2015-01-15 23:24:25.12' AS DATETIME(2))", "CAST('0000-00-00 00:00:00' AS DATETIME)", "CAST('2015-01-15' AS DATE)",
    "CAST('-838:59:58.000001' AS TIME(6))", "CAST('00:00:00' AS TIME)", "TIMESTAMP'2015-01-15 23:24:25'",
    "CAST(-1.50 AS DECIMAL(10,2))", "CAST(12345678901234567890123456789.123456789 AS DECIMAL(60,20))", "CAST(0.1 AS DECIMAL(1,1))",
    "CAST(X'00ff10' AS BINARY)", "CAST(b'101' AS BINARY(1))",
]
JSONS = {
    "id": ("INT PRIMARY KEY AUTO_INCREMENT", []),
    "j": ("JSON", ["CAST(" + v + " AS JSON)" for v in _JSON]
          + ["JSON_ARRAY(" + ", ".join(v if not v.startswith("'") else "CAST(" + v + " AS JSON)" for v in _JSON) + ")",
             "JSON_OBJECT('d', CAST(1.10 AS DECIMAL(5,2)), 'when', CAST('2015-01-15' AS DATE))"]),
}
# Documents of more than 64 KiB: too large for a fixture.
LARGE_JSONS = {
    "id": ("INT PRIMARY KEY AUTO_INCREMENT", []),
    "j": ("JSON", ["JSON_ARRAY(REPEAT('x', 70000), 70000, -70000, 5000000000, 1, NULL, 2.5)",
                   "JSON_OBJECT('a', REPEAT('x', 70000), 'b', JSON_ARRAY(4294967295, -2147483648, 7), 'cc', TRUE, 'd', REPEAT('y', 200))"]),
}


def tables_of(flavor):
    """name: columns."""
    same = {"numbers": NUMBERS, "decimals": DECIMALS, "times": TIMES, "bits": BITS, "strings": STRINGS}
    if flavor == "mariadb":
        return {**same, "compressed": COMPRESSED, "addresses": ADDRESSES}
    return {**same, "jsons": JSONS, "vectors": VECTORS}


def mixed(flavor):
    """Types that metadata counts, or not, between others of the same kind."""
    columns = {"a": ("VARCHAR(5) CHARACTER SET latin1", ["'a'"]), "i": ("INT UNSIGNED", ["1"]), "y": ("YEAR", ["2000"]),
               "g": ("GEOMETRY", ["NULL"]), "k": ("INT", ["-1"]), "b": ("TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", ["'b'"]),
               "e": ("ENUM('x') CHARACTER SET ascii", ["'x'"]), "d": ("DECIMAL(5,2) UNSIGNED", ["1"]), "j": ("JSON", ["'[]'"]),
               "c": ("CHAR(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", ["'c'"]), "f": ("FLOAT", ["1"]), "s": ("SET('x') COLLATE utf8mb4_bin", ["'x'"]),
               "u": ("BIGINT UNSIGNED", ["1"]), "w": ("VARCHAR(3) CHARACTER SET ucs2", ["'w'"]), "l": ("BLOB", ["'l'"])}
    if flavor == "mysql":
        columns = {"v": ("VECTOR(2)", ["NULL"]), **columns, "x": ("VECTOR(2)", ["NULL"]), "z": ("VARCHAR(3) CHARACTER SET latin1", ["'z'"])}
    return columns


def fill(server, schema, tables):
    """Creates the tables; each value is in some row, and one row is NULL everywhere."""
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'")
        cursor.execute(f"USE `{schema}`")
        for table, columns in tables.items():
            cursor.execute(f"CREATE TABLE `{table}` (" + ", ".join(f"`{n}` {d}" for n, (d, _) in columns.items())
                           + ") CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
            names = [n for n in columns if n != "id"]
            rows = [[columns[n][1][i % len(columns[n][1])] for n in names] for i in range(max(len(v) for _, v in columns.values()))]
            rows.append(["NULL"] * len(names))
            cursor.execute(f"INSERT INTO `{table}` (" + ", ".join(f"`{n}`" for n in names) + ") VALUES "
                           + ", ".join("(" + ", ".join(row) + ")" for row in rows))
    connection.close()


def _text(data_type, is_binary, value, is_mariadb):
    if value is None:
        return "NULL"
    if data_type == "float":
        return "%.9g" % float(value)
    if data_type == "double":
        return "%.17g" % float(value)
    if data_type.endswith(("char", "text")) or (is_mariadb and data_type == "json"):
        return ("x'" if is_binary else "'") + value.lower() + "'"
    if data_type in ("binary", "inet4", "inet6", "uuid"):  # the server cuts zeros off the end
        while value.endswith("00"):
            value = value[:-2]
        return "x'" + value.lower() + "'"
    if data_type.endswith(("binary", "blob")) or data_type in ("vector", "geometry", "point"):
        return "x'" + value.lower() + "'"
    return str(value)


def _expression(name, data_type):
    if data_type in ("bit", "enum", "set", "year"):
        return f"CAST(`{name}` AS UNSIGNED)"
    if data_type == "float":
        return f"CAST(`{name}` AS DOUBLE)"
    if data_type == "double":
        return f"`{name}`"
    if data_type.endswith(("char", "text", "binary", "blob")) or data_type in ("vector", "geometry", "point"):
        return f"HEX(`{name}`)"
    if data_type in ("inet4", "inet6", "uuid"):
        return f"HEX(CAST(`{name}` AS BINARY))"
    return f"CAST(`{name}` AS CHAR)"


def columns_of(server, schema, table):
    """[(name, data type, is binary, is unsigned, collation id)]"""
    return server.query(
        "SELECT c.COLUMN_NAME, LOWER(c.DATA_TYPE), c.COLLATION_NAME IS NULL, c.COLUMN_TYPE LIKE '%%unsigned%%',"
        " (SELECT MIN(k.ID) FROM information_schema.COLLATIONS k WHERE k.COLLATION_NAME = c.COLLATION_NAME)"
        " FROM information_schema.COLUMNS c WHERE c.TABLE_SCHEMA = %s AND c.TABLE_NAME = %s ORDER BY c.ORDINAL_POSITION", (schema, table))


def selected_lines(server, schema, table, has_names=True):
    """The rows of a table as INSERT lines, in the order of their insertion. Without names columns are c0, c1 ..."""
    columns = columns_of(server, schema, table)
    server.query("SET time_zone='+00:00'")
    rows = server.query("SELECT " + ", ".join(_expression(c[0], c[1]) for c in columns) + f" FROM `{schema}`.`{table}`")
    is_mariadb = server.flavor == "mariadb"
    for row in rows:
        yield f"{schema}.{table} INSERT " + " ".join(
            f"{c[0] if has_names else f'c{i}'}={_text(c[1], c[2], value, is_mariadb)}" for i, (c, value) in enumerate(zip(columns, row)))
