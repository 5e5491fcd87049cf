"""The demonstration: a small shop on one server, copied to another while it sells."""

import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import processes
from compare import assert_same, tables_of
from servers import TARGET_GRANTS, MariaDB
from worker import DMCTL, Task, Worker

TERMINAL = sys.stdout.isatty()
BOLD, DIM, GREEN, RED, PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m") if TERMINAL else [""] * 5

SHOP = [
    "CREATE TABLE shop.customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60), since DATE, card JSON)",
    "CREATE TABLE shop.products (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60), price DECIMAL(9,2), stock INT)",
    "CREATE TABLE shop.orders (id BIGINT PRIMARY KEY AUTO_INCREMENT, customer INT, product INT, pieces INT,"
    " state ENUM('new','paid','sent') DEFAULT 'new', changed TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3), KEY (customer))",
]
PRODUCTS = [("Kettle", 39.9), ("Teapot", 24.5), ("Darjeeling 250 g", 18.75), ("Assam 500 g", 14.2), ("Sieve", 6.99)]


class Shop(threading.Thread):
    """Customers come, order, pay; orders are sent; old ones are cleared away."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.halt, self.statements, self.fault = server, threading.Event(), 0, None

    def run(self):
        pick = random.Random(1)
        connection = self.server.connect(database="shop")
        try:
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO products (name, price, stock) VALUES (%s, %s, 1000000)", PRODUCTS)
                while not self.halt.is_set():
                    self._sell(cursor, pick)
                    time.sleep(0.004)
        except Exception as e:  # noqa: BLE001 - told at the end
            self.fault = e
        finally:
            connection.close()

    def _sell(self, cursor, pick):
        connection = cursor.connection
        connection.begin()
        cursor.execute("INSERT INTO customers (name, since, card) VALUES (%s, CURDATE(), %s)",
                       (f"Customer {pick.randint(1, 10**6)}", '{"kind": "%s"}' % pick.choice(("visa", "cash", "invoice"))))
        customer = cursor.lastrowid
        for _ in range(pick.randint(1, 4)):
            product = pick.randint(1, len(PRODUCTS))
            cursor.execute("INSERT INTO orders (customer, product, pieces) VALUES (%s, %s, %s)", (customer, product, pick.randint(1, 9)))
            cursor.execute("UPDATE products SET stock=stock-1 WHERE id=%s", (product,))
        connection.commit()
        cursor.execute("UPDATE orders SET state='paid' WHERE state='new' AND customer < %s LIMIT 5", (customer - 3,))
        cursor.execute("DELETE FROM orders WHERE state='paid' AND customer < %s LIMIT 3", (customer - 200,))
        self.statements += 8

    def end(self):
        self.halt.set()
        self.join(20)
        if self.fault:
            raise self.fault


def say(text):
    print(f"\n{BOLD}== {text}{PLAIN}", flush=True)


def show(command, output, lines=None):
    print(f"{DIM}${PLAIN} {command}")
    rows = output.rstrip("\n").split("\n")
    print("\n".join(rows[:lines]) + (f"\n{DIM}  ... {len(rows) - lines} more lines{PLAIN}" if lines and len(rows) > lines else ""), flush=True)


def dmctl(worker, *arguments, lines=None):
    done = worker.dmctl(*arguments)
    show("dmctl " + " ".join(map(str, arguments)), done.stdout + done.stderr, lines)
    print(f"{DIM}  (exit code {done.returncode}){PLAIN}")
    return done.returncode


def watch(worker, task, shop, seconds):
    """query-status again and again, one line each time; on a terminal the line stays where it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = worker.subtask(task)
        sync = state["sync"]
        line = (f"{state['stage']:8} source {sync['masterBinlog']}  applied {sync['syncerBinlog']}  events {sync['totalEvents']:>6}"
                f"  {sync['recentTps']:>5}/s  synced {str(sync['synced']).lower():5}  ({shop.statements} statements written)")
        print(("\r\x1b[K" if TERMINAL else "") + line, end="" if TERMINAL else "\n", flush=True)
        time.sleep(0.25 if TERMINAL else 1)
    if TERMINAL:
        print()


def compare(source, target):
    assert_same(source, target, "shop")
    for table in tables_of(source, "shop"):
        count = source.value(f"SELECT COUNT(*) FROM shop.{table}")
        print(f"   shop.{table:10} {count:>6} rows   {GREEN}equal{PLAIN}")


def run(home, keep):
    say("Two private MariaDB servers, a source and a target")
    source = MariaDB(home / "source", server_id=1).start()
    target = MariaDB(home / "target", server_id=2, binlog=False, grants=TARGET_GRANTS).start()
    print(f"   source 127.0.0.1:{source.port}   target 127.0.0.1:{target.port}")
    for server in (source, target):
        server.query("CREATE DATABASE shop")
    start = source.flush_binlog(), 4
    source.execute(*SHOP)

    worker = Worker(home / "worker", source, source_id="shop-source")
    say("dm-worker with a dm-worker.toml of DM 1.0")
    print(worker.write_config().read_text().replace(worker.config["from"]["password"], "******"))
    worker.start()
    print(f"   ready at http://{worker.address}/")

    say("An incremental task")
    task = Task("shop", target, ["shop"], meta=start, source_id="shop-source")
    file = task.write(home / "task.yaml")
    if dmctl(worker, "start-task", file) != 0:
        raise AssertionError("start-task was refused")
    worker.wait_stage("shop", "Running")

    say("The shop sells; dm-worker follows")
    shop = Shop(source)
    shop.start()
    watch(worker, "shop", shop, 5)
    dmctl(worker, "query-status", "shop")

    say("Pause: the shop goes on selling, the target waits")
    dmctl(worker, "pause-task", "shop")
    watch(worker, "shop", shop, 2)

    say("A command that makes no sense now is refused, with the reason and what is legal instead")
    if dmctl(worker, "pause-task", "shop") == 0:
        raise AssertionError("pause-task of a paused task was not refused")

    say("Resume: it catches up")
    dmctl(worker, "resume-task", "shop", lines=3)
    watch(worker, "shop", shop, 4)

    say("The shop closes; are both sides equal?")
    shop.end()
    worker.wait_synced("shop", source, 60)
    watch(worker, "shop", shop, 0.1)
    compare(source, target)

    if not keep:
        took = worker.stop()
        print(f"\n   dm-worker ended {took:.2f} s after SIGTERM")
        return
    say("All of it is still running")
    print(f"   dm-worker   http://{worker.address}/apis/v1alpha1/status?pretty   (log: {worker.log})")
    print(f"   dmctl       {DMCTL} --worker {worker.address} query-status")
    print(f"   source      mariadb --no-defaults -uroot -S {source.socket} shop")
    print(f"   target      mariadb --no-defaults -uroot -S {target.socket} shop")
    print(f"   the end     kill {worker.child.pid} {source.child.pid} {target.child.pid}; sleep 3; rm -r {home}")


def main():
    if sys.argv[1:] not in ([], ["--keep"]):
        sys.exit("usage: tests/demo [--keep]")
    keep = sys.argv[1:] == ["--keep"]
    home = Path(tempfile.mkdtemp(prefix="dm-demo-"))
    if keep:
        processes.leave_running()
    try:
        run(home, keep)
        print(f"\n{GREEN}The demonstration went well.{PLAIN}")
    except BaseException as e:
        print(f"\n{RED}The demonstration failed: {e}{PLAIN}", file=sys.stderr)
        log = home / "worker/dm-worker.log"
        if log.exists():
            print(log.read_text()[-4000:], file=sys.stderr)
        processes.end_all_children(True)
        sys.exit(1)
    finally:
        if not keep:
            processes.end_all_children()
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
