"""Random tables of all types, random rows and DDL, with and without kills: afterwards both sides hold the same rows.

Every statement comes from the seed in the test's name; DM_SEED=<n> runs that one alone, DM_LONG=1 runs more."""

import json
import os
import random
import threading
import time

import pymysql
import pytest

from compare import assert_same
from processes import SLOWNESS
from servers import TARGET_GRANTS, MySQL
from worker import Task

STEPS = 120 if SLOWNESS == 1 else 40
SEEDS = [int(os.environ["DM_SEED"])] if "DM_SEED" in os.environ else range(40 if os.environ.get("DM_LONG") == "1" else 4)

LETTERS = {
    "utf8mb4": "abcXYZ 012äöß€日本🦊'\"\\%_\n\t\0`;-",
    "utf8mb3": "abcXYZ äöß€日本'\"\\;",
    "latin1": "abcXYZ äöüßé€ÿ'\"\\",
    "gbk": "abcXYZ 中文测试誠縗'\"\\",
    "sjis": "abcXYZ 日本語ソ表能'\"",
    "utf16": "abcXYZ äö€日本🦊'\"\\",
    "ucs2": "abcXYZ äö€日本'",
    "cp1251": "abcXYZ Привет'\"\\",
    "ascii": "abcXYZ'\"\\",
}
COLLATIONS = {"utf8mb4": ["utf8mb4_general_ci", "utf8mb4_bin"], "latin1": ["latin1_swedish_ci", "latin1_bin"], "gbk": ["gbk_chinese_ci"],
              "sjis": ["sjis_japanese_ci"], "utf16": ["utf16_general_ci"], "ucs2": ["ucs2_general_ci"], "cp1251": ["cp1251_general_ci"],
              "ascii": ["ascii_general_ci"], "utf8mb3": ["utf8_general_ci"]}


def text_of(pick, charset, most):
    letters = LETTERS[charset]
    return "".join(pick.choice(letters) for _ in range(pick.randint(0, most)))


def integer(bits, unsigned):
    low, high = (0, 2**bits - 1) if unsigned else (-2**(bits - 1), 2**(bits - 1) - 1)
    return lambda pick: pick.choice([low, high, 0, 1, pick.randint(low, high), pick.randint(max(low, -100), min(high, 100))])


def date(pick):
    return pick.choice(["0000-00-00", "2020-00-00", "1000-01-01", "9999-12-31", "2024-02-29", "2023-02-31",
                        f"{pick.randint(1000, 9999)}-{pick.randint(1, 12):02}-{pick.randint(1, 28):02}"])


def clock(pick, digits):
    text = f"{pick.randint(0, 23):02}:{pick.randint(0, 59):02}:{pick.randint(0, 59):02}"
    return text + (f".{pick.randrange(10**digits):0{digits}}" if digits else "")


def some_json(pick, depth=0):
    kind = pick.randrange(7 if depth < 3 else 5)
    if kind < 5:
        return [None, True, pick.randint(-2**40, 2**40), round(pick.uniform(-9, 9), 3), text_of(pick, "utf8mb3", 8)][kind]
    if kind == 5:
        return [some_json(pick, depth + 1) for _ in range(pick.randrange(4))]
    return {text_of(pick, "ascii", 5).replace("\\", ""): some_json(pick, depth + 1) for _ in range(pick.randrange(4))}


def column_types(pick):
    """[(definition, maker of a value, may be a key)]: one of each, with random sizes."""
    types = []
    for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64)):
        for sign in ("", " UNSIGNED"):
            types.append((name + sign, integer(bits, bool(sign)), True))
    digits, scale = pick.randint(1, 65), pick.randint(0, 30)
    digits = max(digits, scale + 1)
    types.append((f"DECIMAL({digits},{scale})",
                  lambda p: p.choice("+-") + str(p.randrange(10**(digits - scale))) + "." + str(p.randrange(10**scale)).zfill(max(scale, 1)), True))
    types.append(("FLOAT", lambda p: p.choice([0.1, 0.0, 1e-30, 3.4e38, p.uniform(-1e6, 1e6)]), False))
    types.append(("DOUBLE", lambda p: p.choice([0.1, 0.0, 1.7e308, 5e-324, p.uniform(-1e9, 1e9), 1 / 3]), False))
    bits = pick.randint(1, 64)
    types.append((f"BIT({bits})", lambda p: p.getrandbits(bits), True))
    types.append(("DATE", date, True))
    types.append(("YEAR", lambda p: p.choice([0, 1901, 2155, 2024]), True))
    for most in (0, pick.randint(1, 6)):
        size = f"({most})" if most else ""
        types.append((f"TIME{size}", lambda p, n=most: p.choice(["", "-"]) + p.choice(["", "8"]) + clock(p, n).replace("-", ""), True))
        types.append((f"DATETIME{size}", lambda p, n=most: f"{date(p)} {clock(p, n)}", True))
        types.append((f"TIMESTAMP{size} NULL DEFAULT NULL",
                      lambda p, n=most: p.choice(["0000-00-00 00:00:00", f"{p.randint(1971, 2037)}-{p.randint(1, 12):02}-15 {clock(p, n)}"]), True))
    for charset in pick.sample(sorted(LETTERS), 5):
        collation, most = pick.choice(COLLATIONS[charset]), pick.choice([1, 10, 60])
        kind = pick.choice([f"CHAR({most})", f"VARCHAR({most})", f"VARCHAR({most * 20})", "TEXT", "TINYTEXT"])
        types.append((f"{kind} CHARACTER SET {charset} COLLATE {collation}",
                      lambda p, c=charset, m=min(most, 60): text_of(p, c, m), "TEXT" not in kind))
    size = pick.randint(1, 40)
    types.append((f"BINARY({size})", lambda p: p.randbytes(p.randint(0, size - 1)) + p.choice([b"", b"\0"]), True))
    types.append((f"VARBINARY({size})", lambda p: p.randbytes(p.randint(0, size)), True))
    types.append((pick.choice(["BLOB", "TINYBLOB", "LONGBLOB"]), lambda p: p.randbytes(p.choice([0, 1, 200])), False))
    types.append(("ENUM('a','b','it''s','größe')", lambda p: p.choice(["a", "b", "it's", "größe", "not there"]), True))
    types.append(("SET('x','y','z')", lambda p: ",".join(p.sample(["x", "y", "z"], p.randint(0, 3))), True))
    types.append(("JSON", lambda p: json.dumps(some_json(p)), False))
    types.append(("POINT", lambda p: None, False))
    return types


class Table:
    def __init__(self, pick, name):
        self.pick, self.name, self.serial = pick, name, 0
        kinds = column_types(pick)
        self.columns = []  # (name, definition, maker)
        for number, kind in enumerate(pick.sample(kinds, pick.randint(1, 12))):
            self.columns.append((f"c{number}", *kind))
        self.next_column = len(self.columns)
        self.key = pick.choice(["PRIMARY", "PRIMARY", "COMPOSITE", "UNIQUE", "NONE"])

    def create(self):
        pick = self.pick
        lines = [f"`{n}` {d}" for n, d, *_ in self.columns]
        keyable = [n for n, d, _, may in self.columns if may]
        if self.key == "PRIMARY":
            lines.insert(pick.randint(0, len(lines)), "id BIGINT PRIMARY KEY" + pick.choice(["", " AUTO_INCREMENT"]))
        elif self.key == "COMPOSITE":
            extra = pick.choice(["VARCHAR(20) CHARACTER SET latin1", "BINARY(6)", "DATETIME(3)", "DECIMAL(9,2)"])
            lines += ["id INT UNSIGNED", f"`id2` {extra} NOT NULL", "PRIMARY KEY (id2, id)"]
        elif self.key == "UNIQUE":
            lines += ["id INT NULL", "UNIQUE KEY u (id)"]
        if keyable and pick.random() < 0.5:
            lines.append(f"KEY k (`{pick.choice(keyable)}`)")
        if pick.random() < 0.3:
            lines.append("g BIGINT AS (1 + 1) " + pick.choice(["VIRTUAL", "STORED"]))
        return f"CREATE TABLE {self.name} ({', '.join(lines)})"

    def insert(self, cursor):
        columns = [c for c in self.columns if self.pick.random() < 0.9]
        names, values = [n for n, *_ in columns], [self.value(make) for _, _, make, _ in columns]
        if self.key != "NONE":
            self.serial += 1
            names.append("id")
            values.append(None if self.key == "UNIQUE" and self.pick.random() < 0.2 else self.serial)
        if self.key == "COMPOSITE":
            names.append("id2")
            values.append(self.pick.choice(["2024-01-01 00:00:00.123", "2024-05-01 10:00:00"]) if "DATETIME" in self.made
                          else str(self.pick.randint(0, 99)))
        places = ", ".join("_binary %s" if isinstance(v, bytes) else "%s" for v in values)
        cursor.execute(f"INSERT INTO {self.name} ({', '.join(f'`{n}`' for n in names)}) VALUES ({places})", values)

    def value(self, make):
        return None if self.pick.random() < 0.15 else make(self.pick)

    def change(self, cursor):
        """An UPDATE or DELETE of some rows; also of one of several equal ones."""
        pick = self.pick
        where = pick.choice(["WHERE MOD(id, 3) = 1", f"WHERE id < {pick.randint(0, self.serial + 1)}"]) if self.key != "NONE" else ""
        limit = f" LIMIT {pick.randint(1, 3)}" if self.key == "NONE" else pick.choice(["", f" ORDER BY id LIMIT {pick.randint(1, 5)}"])
        if pick.random() < 0.7:
            name, _, make, _ = pick.choice(self.columns)
            value = self.value(make)
            place = "_binary %s" if isinstance(value, bytes) else "%s"
            move = ", id = id + 100000" if self.key == "PRIMARY" and pick.random() < 0.1 and "id < " in where else ""
            order = " ORDER BY id DESC" if move and "ORDER" not in limit else ""
            cursor.execute(f"UPDATE IGNORE {self.name} SET `{name}` = {place}{move} {where}{order}{limit}", (value,))
            if move:
                self.serial += 100000
        else:
            cursor.execute(f"DELETE FROM {self.name} {where}{limit}")

    def alter(self, cursor):
        pick, kind = self.pick, self.pick.randrange(7)
        if kind <= 1:
            definition, make, may = pick.choice(column_types(pick))
            name = f"c{self.next_column}"
            self.next_column += 1
            place = pick.choice(["", " FIRST", f" AFTER `{self.columns[0][0]}`"])
            cursor.execute(f"ALTER TABLE {self.name} ADD COLUMN `{name}` {definition}{place}")
            self.columns.append((name, definition, make, may))
        elif kind == 2 and len(self.columns) > 1:
            name = self.columns.pop(pick.randrange(1, len(self.columns)))[0]
            cursor.execute(f"ALTER TABLE {self.name} DROP COLUMN `{name}`")
        elif kind == 3:
            at = pick.randrange(len(self.columns))
            old, definition, make, may = self.columns[at]
            new = f"c{self.next_column}"
            self.next_column += 1
            cursor.execute(f"ALTER TABLE {self.name} CHANGE `{old}` `{new}` {definition}")
            self.columns[at] = (new, definition, make, may)
        elif kind == 4:
            name = f"{self.name[:-1]}x`"
            cursor.execute(f"RENAME TABLE {self.name} TO {name}")
            self.name = name
        elif kind == 5:
            cursor.execute(f"TRUNCATE TABLE {self.name}")
        else:
            names = [n for n, d, _, may in self.columns if may]
            if names:
                cursor.execute(f"ALTER TABLE {self.name} ADD INDEX (`{pick.choice(names)}`)")


class Writer:
    """All statements of one seed, on one connection."""

    def __init__(self, server, schema, seed):
        self.pick = random.Random(seed)
        self.schema, self.tables, self.refused = schema, [], 0
        self.connection = server.connect()
        self.cursor = self.connection.cursor()
        self.run("SET SESSION sql_mode = %s", (self.pick.choice(["", "NO_BACKSLASH_ESCAPES", "ALLOW_INVALID_DATES"]),))
        if "NO_BACKSLASH" in str(self.value("SELECT @@sql_mode")):
            self.run("SET SESSION sql_mode = ''")  # pymysql's quoting needs them
        self.run("SET SESSION time_zone = %s", (self.pick.choice(["+00:00", "+05:30", "-08:00"]),))
        self.run(f"SET SESSION binlog_row_image = {self.pick.choice(['FULL', 'FULL', 'MINIMAL', 'NOBLOB'])}")

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.connection.close()  # an open transaction would keep the schema from being dropped

    def run(self, sql, args=None):
        self.cursor.execute(sql, args)

    def value(self, sql):
        self.run(sql)
        return self.cursor.fetchone()[0]

    def attempt(self, action):
        """What the server refuses (a value that does not fit a key ...) is no fault of ours."""
        try:
            action(self.cursor)
        except (pymysql.err.OperationalError, pymysql.err.DataError, pymysql.err.IntegrityError, pymysql.err.ProgrammingError,
                pymysql.err.NotSupportedError, pymysql.err.InternalError) as e:
            if e.args[0] in (2006, 2013):
                raise
            self.refused += 1

    def new_table(self):
        table = Table(self.pick, f"`{self.schema}`.`t{len(self.tables)}`")
        table.made = table.create()
        self.run(table.made)
        self.tables.append(table)

    def step(self):
        pick = self.pick
        kind = pick.random()
        if len(self.tables) < 2 or (kind < 0.05 and len(self.tables) < 8):
            self.new_table()
        elif kind < 0.15:
            self.attempt(pick.choice(self.tables).alter)
        else:
            self.transaction()

    def transaction(self):
        pick = self.pick
        self.connection.begin()
        for _ in range(pick.randint(1, 8)):
            table = pick.choice(self.tables)
            self.attempt(table.insert if pick.random() < 0.65 else table.change)
            if pick.random() < 0.05:
                self.run("SAVEPOINT s1")
                self.attempt(table.change)
                self.run("ROLLBACK TO s1")
        if pick.random() < 0.1:
            self.connection.rollback()
        else:
            self.connection.commit()


def indexes_of(server, schema):
    """An index without a name that is made twice would show here."""
    return sorted(server.query("SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME FROM information_schema.STATISTICS"
                               " WHERE TABLE_SCHEMA=%s", (schema,)))


@pytest.fixture(params=["FULL", "default"])
def metadata(request, source):
    before = source.value("SELECT @@GLOBAL.binlog_row_metadata")
    if request.param == "FULL":
        source.query("SET GLOBAL binlog_row_metadata = 'FULL'")
    yield request.param
    source.query(f"SET GLOBAL binlog_row_metadata = '{before}'")


@pytest.mark.parametrize("seed", SEEDS)
def test_random_tables_and_rows(source, target, schema, running, metadata, seed):
    print("seed", seed)
    worker, task = running(source)
    with Writer(source, schema, seed) as writer:
        for _ in range(STEPS):
            writer.step()
    worker.wait_synced(task, source, 60)
    assert_same(source, target, schema)
    print(f"{writer.refused} statements refused by the source")


@pytest.mark.parametrize("seed", SEEDS)
def test_random_rows_and_kills(source, target, schema, running, seed):
    """kill -9 under way: also tables without any key hold the same rows, none lost and none twice."""
    worker, task = running(source)
    pick = random.Random(seed)
    fault = []

    def write():
        try:
            with Writer(source, schema, 1000 + seed) as writer:
                for _ in range(STEPS * 2):
                    writer.step()
                    time.sleep(0.003)
        except Exception as e:  # noqa: BLE001 - told to the test
            fault.append(e)

    # The first checkpoint is ours before the first kill: from a position that a person gave, a table without a key is not exact.
    source.query(f"CREATE TABLE `{schema}`.first (id INT PRIMARY KEY)")
    worker.wait_synced(task, source, 30)
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        for _ in range(6):
            time.sleep(pick.uniform(0.01, 0.25) * SLOWNESS)
            worker.kill()
            worker.start()
    finally:
        thread.join(60)
    assert not fault, fault
    worker.wait_synced(task, source, 60)
    assert_same(source, target, schema)
    assert indexes_of(source, schema) == indexes_of(target, schema)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_random_tables_into_mysql(mysql, own_server, schema, new_worker, seed):
    """MySQL as the target: its own JSON type, its ways of comparing, its fence of the checkpoint."""
    goal = own_server(MySQL, server_id=50 + seed % 50, binlog=False, grants=TARGET_GRANTS + ", REFERENCES")
    worker = new_worker(mysql).start()
    start = mysql.flush_binlog()
    mysql.query(f"CREATE DATABASE `{schema}`")
    file = Task("t" + schema, goal, [schema], meta=(start, 4))
    assert worker.start_task(file)["result"]
    with Writer(mysql, schema, 2000 + seed) as writer:
        for _ in range(STEPS):
            writer.step()
    worker.wait_synced(file.name, mysql, 60)
    assert_same(mysql, goal, schema)
