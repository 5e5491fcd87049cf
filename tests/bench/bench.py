"""Relay speed beside mariadb-binlog, query-status beside nginx, memory and start-up. Prints ratios as a table."""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from data import Load  # noqa: E402
from processes import Child, free_port, wait_for  # noqa: E402
from relaylib import assert_same_files  # noqa: E402
from servers import PASSWORD, TARGET_GRANTS, MariaDB  # noqa: E402
from worker import Task, Worker  # noqa: E402

# The same on both sides, the target without a binlog.
SETTINGS = ["--innodb-buffer-pool-size=1G", "--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--binlog-row-image=FULL",
            "--max-allowed-packet=64M", "--max-binlog-size=1G"]

rows = []


def report(what, ours, peer, unit, ratio, want):
    """ratio is ours over the peer's where more is better; `want` is what the project asks for."""
    rows.append((what, f"{ours:,.1f} {unit}", f"{peer:,.1f} {unit}" if peer is not None else "-",
                 f"{ratio:.2f} x" if ratio is not None else "-", want))
    print("   " + "  ".join(rows[-1]), flush=True)


def table():
    head = ("what", "dm-worker", "peer", "ratio", "wanted")
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(5)]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(r, widths)) + " |" for r in [head, *rows]]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    print("\n" + "\n".join(lines))


# -- relay


def write_small(server, megabytes):
    """Transactions of one small row each, until the binlog has that size."""
    server.execute("CREATE DATABASE small", "CREATE TABLE small.t (id BIGINT PRIMARY KEY AUTO_INCREMENT, a INT, b VARCHAR(20)) ENGINE=InnoDB")
    server.query("CREATE PROCEDURE small.fill(n INT) BEGIN DECLARE i INT DEFAULT 0;"
                 " WHILE i < n DO INSERT INTO small.t (a, b) VALUES (i, 'some text'); SET i = i + 1; END WHILE; END")
    first = server.flush_binlog()

    def fill():
        connection = server.connect()
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION binlog_annotate_row_events=0")
            while sum(size for name, size in server_binlogs(cursor) if name >= first) < megabytes << 20:
                cursor.execute("CALL small.fill(20000)")
        connection.close()

    def server_binlogs(cursor):
        cursor.execute("SHOW BINARY LOGS")
        return [(r[0], int(r[1])) for r in cursor.fetchall()]

    threads = [threading.Thread(target=fill) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    server.flush_binlog()
    return first, server.value("SELECT COUNT(*) FROM small.t")


def write_large(server, megabytes):
    server.execute("CREATE DATABASE large", "CREATE TABLE large.t (id INT PRIMARY KEY AUTO_INCREMENT, b MEDIUMBLOB)")
    first = server.flush_binlog()
    for i in range(megabytes):
        server.query("INSERT INTO large.t (b) VALUES (REPEAT(CHAR(%s), 1024*1024))", (i % 256,))
    server.flush_binlog()
    return first, megabytes


def time_peer(server, first, home):
    folder = Path(tempfile.mkdtemp(prefix="peer", dir=home))
    begin = time.monotonic()
    subprocess.run(["/usr/bin/mariadb-binlog", "--no-defaults", "--read-from-remote-server", "--raw", "--to-last-log", "--host=127.0.0.1",
                    f"--port={server.port}", "--user=dm", f"--password={PASSWORD}", f"--result-file={folder}/", first], check=True,
                   stderr=subprocess.DEVNULL)
    took = time.monotonic() - begin
    shutil.rmtree(folder)
    return took


def time_ours(server, first, home, check):
    worker = Worker(Path(tempfile.mkdtemp(prefix="ours", dir=home)), server, relay_binlog_name=first, log_level="info")
    want = "(%s, %s)" % tuple(server.position())
    begin = time.monotonic()
    worker.start()
    wait_for(lambda: worker.relay()["relayBinlog"] == want, 300, f"relay at {want}", every=0.01)
    took = time.monotonic() - begin
    if check:
        assert_same_files(worker, server, first)
    worker.stop(30)
    shutil.rmtree(worker.directory)
    return took


def bench_relay(home, options):
    for name, write, want in (("small transactions", write_small, ">= 3"), ("1 MiB events", write_large, ">= 0.8")):
        server = MariaDB(home / f"src{len(rows)}", options=SETTINGS).start()
        print(f"relay: writing {options.megabytes} MB of {name} ...", flush=True)
        first, count = write(server, options.megabytes)
        size = sum(s for n, s in server.binlogs() if n >= first)
        ours, peer = [], []
        for i in range(options.rounds):  # in turn
            ours.append(time_ours(server, first, home, check=i == 0))
            peer.append(time_peer(server, first, home))
        mine, other = statistics.median(ours), statistics.median(peer)
        report(f"relay, {name} ({count:,} in {size / 1e6:,.0f} MB)", size / 1e6 / mine, size / 1e6 / other, "MB/s", other / mine, want)
        server.stop()
        shutil.rmtree(server.directory)


# -- HTTP


class Nginx:
    def __init__(self, home, body, workers):
        self.home = home / f"nginx{workers}"
        (self.home / "www").mkdir(parents=True)
        (self.home / "www/status.json").write_bytes(body)
        self.port = free_port()
        config = self.home / "nginx.conf"
        config.write_text(f"""
worker_processes {workers};
daemon off;
user root;
pid {self.home}/pid;
error_log {self.home}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  types {{ application/json json; }}
  sendfile on; tcp_nopush on; keepalive_requests 100000000;
  open_file_cache max=10 inactive=60s;
  client_body_temp_path {self.home}/t1; proxy_temp_path {self.home}/t2; fastcgi_temp_path {self.home}/t3;
  uwsgi_temp_path {self.home}/t4; scgi_temp_path {self.home}/t5;
  server {{ listen 127.0.0.1:{self.port}; root {self.home}/www; }}
}}
""")
        self.child = Child(["/usr/sbin/nginx", "-c", config, "-p", self.home], self.home / "log")
        wait_for(lambda: socket.create_connection(("127.0.0.1", self.port)).close() or True, 10, "nginx answers")


def wrk(port, path, threads, connections, seconds):
    out = subprocess.run(["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"],
                         capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


class Writer(threading.Thread):
    """Keeps a task busy at a pace that leaves the two cores to the measured ones."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.load, self.server, self.halt = Load(server, "busy"), server, threading.Event()

    def run(self):
        connection = self.server.connect()
        while not self.halt.is_set():
            self.load.step(connection)
            time.sleep(0.02)
        connection.close()


def with_task(home):
    source = MariaDB(home / "hsrc", server_id=5, options=SETTINGS).start()
    target = MariaDB(home / "htgt", server_id=6, binlog=False, grants=TARGET_GRANTS).start()
    for server in (source, target):
        server.query("CREATE DATABASE busy")
    worker = Worker(home / "hw", source, log_level="info").start()
    task = Task("busy", target, ["busy"], meta=(source.flush_binlog(), 4))
    assert worker.start_task(task)["result"]
    worker.wait_stage("busy", "Running")
    writer = Writer(source)
    writer.load.create()
    writer.start()
    time.sleep(1)
    return source, target, worker, writer


def bench_http(home, options):
    source, target, worker, writer = with_task(home)
    path = "/apis/v1alpha1/status/busy"
    body = worker.get(path).body
    peers = [Nginx(home, body, n) for n in (1, 2)]
    try:
        for state in ("a task runs", "upstream stopped"):
            if state == "upstream stopped":
                writer.halt.set()
                writer.join()
                source.freeze()
                time.sleep(1)
            for threads, connections in ((1, 8), (2, 64)):
                ours, peer = [], []
                for _ in range(options.rounds):  # in turn; of nginx with one and with two processes the better counts
                    ours.append(wrk(worker.port, path, threads, connections, options.seconds))
                    peer.append(max(wrk(n.port, "/status.json", threads, connections, options.seconds) for n in peers))
                mine, other = statistics.median(r for r, _ in ours), statistics.median(r for r, _ in peer)
                what = f"query-status ({len(body)} bytes), {state}, wrk -t{threads} -c{connections}"
                report(what, mine, other, "req/s", mine / other, ">= 0.8")
                report("  its 99th percentile", statistics.median(p for _, p in ours), statistics.median(p for _, p in peer), "ms", None, "< 5 ms")
        source.thaw()
        report("resident memory after that", worker.rss() / 2**20, None, "MB", None, "<= 20 MB")
    finally:
        source.thaw()
        writer.halt.set()
        worker.stop(30)
        for child in [p.child for p in peers]:
            child.terminate(10)
        for server in (source, target):
            server.stop()


# -- memory and start


def time_to_ready(home, number):
    path = str(home / f"notify{number}")
    worker = Worker(home / f"ready{number}", None, port=1, log_level="info", env={"NOTIFY_SOCKET": path})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(10)
        worker.write_config()
        begin = time.monotonic()
        worker.launch()
        while b"READY=1" not in s.recv(4096):
            pass
        took = time.monotonic() - begin
    worker.stop()
    return took * 1000


def bench_memory(home, options):
    report("time to READY, upstream down", statistics.median(time_to_ready(home, i) for i in range(10)), None, "ms", None, "<= 100 ms")
    (home / "memory").mkdir()
    source, target, worker, writer = with_task(home / "memory")
    time.sleep(10)
    writer.halt.set()
    writer.join()
    report("resident memory, relay and one task", worker.rss() / 2**20, None, "MB", None, "<= 20 MB")
    worker.stop(30)
    for server in (source, target):
        server.stop()


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="each measurement so many times; the median counts")
    parser.add_argument("--megabytes", type=int, default=600, help="binlog size of the relay measurements")
    parser.add_argument("--seconds", type=int, default=3, help="length of one wrk run")
    parser.add_argument("--only", default="relay,http,memory")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="dmb"))
    try:
        for name in options.only.split(","):
            {"relay": bench_relay, "http": bench_http, "memory": bench_memory}[name](home, options)
        table()
    finally:
        if not os.environ.get("DM_TEST_KEEP"):
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
