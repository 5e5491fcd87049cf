"""Columns of every type with values at their edges, and a seeded load of small transactions."""

import random

# name: (definition, values). None is added to each.
COMMON = {
    "c_tinyint": ("TINYINT", [-128, 127, 0]),
    "c_utinyint": ("TINYINT UNSIGNED", [255, 128]),
    "c_bool": ("BOOL", [1, 0]),
    "c_smallint": ("SMALLINT", [-32768, 32767]),
    "c_usmallint": ("SMALLINT UNSIGNED", [65535]),
    "c_mediumint": ("MEDIUMINT", [-8388608, 8388607]),
    "c_umediumint": ("MEDIUMINT UNSIGNED", [16777215, 8388608]),
    "c_int": ("INT", [-2147483648, 2147483647]),
    "c_uint": ("INT UNSIGNED", [4294967295]),
    "c_zerofill": ("INT(8) UNSIGNED ZEROFILL", [42]),
    "c_bigint": ("BIGINT", [-9223372036854775808, 9223372036854775807]),
    "c_ubigint": ("BIGINT UNSIGNED", [18446744073709551615, 9223372036854775808]),
    "c_float": ("FLOAT", [-1.5, 3.4028234e38, 1.1754944e-38, 0.1]),
    "c_float_md": ("FLOAT(7,3)", [1234.567]),
    "c_double": ("DOUBLE", [0.1, -1.7976931348623157e308, 2.2250738585072014e-308, 1 / 3]),
    "c_decimal": ("DECIMAL(10,4)", ["-999999.9999", "0.0001", "123456.7890"]),
    "c_decimal_big": ("DECIMAL(65,30)", ["9" * 35 + "." + "9" * 30, "-0." + "0" * 29 + "1"]),
    "c_decimal_int": ("DECIMAL(20,0)", ["-12345678901234567890"]),
    "c_udecimal": ("DECIMAL(9,9) UNSIGNED", ["0.999999999"]),
    "c_bit1": ("BIT(1)", [b"\x01", b"\x00"]),
    "c_bit13": ("BIT(13)", [b"\x1f\xff", b"\x00\x05"]),
    "c_bit64": ("BIT(64)", [b"\xff" * 8]),
    "c_date": ("DATE", ["1000-01-01", "9999-12-31", "0000-00-00", "2024-02-29"]),
    "c_time": ("TIME", ["-838:59:59", "838:59:59", "00:00:01", "-00:00:01"]),
    "c_time1": ("TIME(1)", ["-00:00:00.1", "12:34:56.7"]),
    "c_time3": ("TIME(3)", ["-12:34:56.789", "-00:00:00.001", "01:00:00.500"]),
    "c_time6": ("TIME(6)", ["-838:59:58.000001", "-00:00:00.999999", "23:59:59.123456"]),
    "c_datetime": ("DATETIME", ["1000-01-01 00:00:00", "9999-12-31 23:59:59", "0000-00-00 00:00:00"]),
    "c_datetime3": ("DATETIME(3)", ["2024-02-29 23:59:59.999"]),
    "c_datetime6": ("DATETIME(6)", ["2038-01-19 03:14:08.000001"]),
    "c_timestamp": ("TIMESTAMP NULL", ["1970-01-01 00:00:01", "2038-01-19 03:14:07", "0000-00-00 00:00:00"]),
    "c_timestamp2": ("TIMESTAMP(2) NULL", ["2001-09-09 01:46:40.25"]),
    "c_timestamp6": ("TIMESTAMP(6) NULL", ["2001-09-09 01:46:40.000001"]),
    "c_year": ("YEAR", [1901, 2155, 0]),
    "c_char": ("CHAR(10)", ["", "abc", "trail  x", "grün€"]),
    "c_char_big": ("CHAR(255)", ["x" * 255, "€" * 255]),
    "c_char_latin": ("CHAR(20) CHARACTER SET latin1", ["grün"]),
    "c_binary": ("BINARY(16)", [bytes(range(16)), b"ab"]),
    "c_varchar": ("VARCHAR(100)", ["", "a", "\"quoted' \\ back\n\t\0end", "日本語", "🦊"]),
    "c_varchar_big": ("VARCHAR(2000)", ["y" * 2000]),
    "c_varbinary": ("VARBINARY(300)", [b"", bytes(range(256))]),
    "c_tinytext": ("TINYTEXT", ["t" * 255]),
    "c_text": ("TEXT", ["longer " * 1000]),
    "c_mediumtext": ("MEDIUMTEXT", ["m" * 70000]),
    "c_longtext": ("LONGTEXT", ["l" * 100000]),
    "c_tinyblob": ("TINYBLOB", [b"\x00\xff"]),
    "c_blob": ("BLOB", [bytes(range(256)) * 100]),
    "c_mediumblob": ("MEDIUMBLOB", [b"\x00" * 70000]),
    "c_longblob": ("LONGBLOB", [b"\xfe\x62\x69\x6e" * 30000]),
    "c_enum": ("ENUM('small','it''s','große')", ["small", "it's", "große"]),
    "c_enum_big": ("ENUM(" + ",".join(f"'v{i}'" for i in range(300)) + ")", ["v0", "v299"]),
    "c_set": ("SET('a','b','c','d e')", ["", "a", "a,c,d e"]),
    "c_set_big": ("SET(" + ",".join(f"'m{i}'" for i in range(64)) + ")", ["m0", "m63", ",".join(f"m{i}" for i in range(64))]),
    "c_json": ("JSON", ['{"a": [1, 2.5, "x", null, true], "b": {"c": "ü\\n"}}', "[]", '"text"', "12345678901234567890", "null"]),
    "c_point": ("POINT", ["@ST_GeomFromText('POINT(1.5 -2)')"]),
    "c_geometry": ("GEOMETRY", ["@ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 0))')", "@ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')"]),
}
MARIADB_ONLY = {
    "c_inet6": ("INET6", ["2001:db8::ff00:42:8329", "::"]),
    "c_inet4": ("INET4", ["192.0.2.1"]),
    "c_uuid": ("UUID", ["123e4567-e89b-12d3-a456-426655440000"]),
    "c_compressed": ("VARCHAR(1000) COMPRESSED", ["z" * 900, "short"]),
    "c_compressed_blob": ("BLOB COMPRESSED", [b"\x01" * 5000]),
}


def types_of(flavor):
    return {**COMMON, **(MARIADB_ONLY if flavor == "mariadb" else {})}


def insert(server, table, columns, values):
    """One row. Values that start with @ are expressions."""
    places, arguments = [], []
    for value in values:
        if isinstance(value, str) and value.startswith("@"):
            places.append(value[1:].replace("%", "%%"))
        else:
            places.append("_binary %s" if isinstance(value, bytes) else "%s")
            arguments.append(value)
    names = ", ".join(f"`{c}`" for c in columns)
    server.query(f"INSERT INTO {table} ({names}) VALUES ({', '.join(places)})", arguments)


def fill_every_type(server, schema, table, types=None):
    """A table with a column of each type, and rows that show each value once, and NULL everywhere once."""
    types = types or types_of(server.flavor)
    server.query("SET SESSION sql_mode='', time_zone='+00:00'")
    server.query(f"CREATE TABLE `{schema}`.`{table}` (id INT PRIMARY KEY AUTO_INCREMENT, "
                 + ", ".join(f"`{n}` {d} DEFAULT NULL" for n, (d, _) in types.items()) + ") ROW_FORMAT=DYNAMIC")
    for i in range(max(len(v) for _, v in types.values())):
        insert(server, f"`{schema}`.`{table}`", list(types), [v[i % len(v)] for _, v in types.values()])
    insert(server, f"`{schema}`.`{table}`", list(types), [None] * len(types))
    server.query(f"INSERT INTO `{schema}`.`{table}` () VALUES ()")


class Load:
    """Seeded small transactions on a few tables: the same seed gives the same statements."""

    def __init__(self, server, schema, seed=1, tables=3):
        self.server, self.schema, self.random = server, schema, random.Random(seed)
        self.tables = [f"`{schema}`.`load{i}`" for i in range(tables)]
        self.next_id = 1
        self.transactions = 0

    def create(self):
        for table in self.tables:
            self.server.query(f"CREATE TABLE {table} (id BIGINT PRIMARY KEY, name VARCHAR(80), amount DECIMAL(12,2),"
                              " changed DATETIME(3), payload BLOB, KEY (name))")
        return self

    def step(self, connection):
        """One transaction on an open connection."""
        pick = self.random
        with connection.cursor() as cursor:
            connection.begin()
            for _ in range(pick.randint(1, 6)):
                table, kind = pick.choice(self.tables), pick.random()
                if kind < 0.6 or self.next_id < 10:
                    cursor.execute(f"INSERT INTO {table} VALUES (%s, %s, %s, '2024-01-01 10:00:00.123', %s)",
                                   (self.next_id, f"name {pick.randint(0, 99)}", pick.randint(0, 10**8) / 100,
                                    pick.randbytes(pick.choice((0, 10, 300)))))
                    self.next_id += 1
                elif kind < 0.85:
                    cursor.execute(f"UPDATE {table} SET amount=amount+1, name=%s WHERE id BETWEEN %s AND %s",
                                   (f"up {pick.randint(0, 99)}", *sorted(pick.choices(range(self.next_id), k=2))))
                elif kind < 0.97:
                    cursor.execute(f"DELETE FROM {table} WHERE id=%s", (pick.randrange(self.next_id),))
                else:
                    cursor.execute(f"UPDATE {table} SET id=id+1000000000 WHERE id=%s", (pick.randrange(self.next_id),))
            connection.commit()
        self.transactions += 1

    def run(self, transactions):
        connection = self.server.connect()
        try:
            for _ in range(transactions):
                self.step(connection)
        finally:
            connection.close()
        return self
