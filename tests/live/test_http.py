"""HTTP: bad input gets a clear answer, slow clients harm nobody, and only the DBA's own tools may command."""

import json
import socket
import threading
import time

import pytest

from processes import SLOWNESS, wait_for
from worker import Task


@pytest.fixture(scope="module")
def shared(home, mariadb):
    """One worker without a task for the questions that change nothing."""
    from worker import Worker

    worker = Worker(home / "http", mariadb).start()
    yield worker
    if worker.child.is_alive():
        worker.stop()
    assert not worker.sanitizer_report(), worker.sanitizer_report()


def start(worker, text):
    return worker.post("/apis/v1alpha1/tasks", {"task": text})


# -- what there is

@pytest.mark.smoke
def test_plain_pages(shared):
    status = shared.get("/status")
    assert status.status == 200 and status.headers["content-type"].startswith("text/plain")
    lines = status.text.split("\n")
    assert [line.split(": ")[0] for line in lines[:4]] == ["Release Version", "Git Commit Hash", "Git Branch", "UTC Build Time"]
    assert shared.get("/livez").status == 200
    wait_for(lambda: shared.get("/readyz").status == 200, 10)
    metrics = shared.get("/metrics")
    assert metrics.status == 200 and metrics.headers["content-type"].startswith("text/plain")
    for path in ("/api/v1/status", "/api/v1/errors"):
        assert isinstance(shared.get(path).json(), (dict, list))


@pytest.mark.parametrize("path", ["/nothing", "/apis", "/statusx", "/%00", "/..%2f..%2fetc/passwd", "//", "/apis/v1alpha1/status/a%2Fb"])
def test_unknown_paths(shared, path):
    assert shared.get(path).status == 404


@pytest.mark.parametrize("method, path", [("POST", "/status"), ("DELETE", "/apis/v1alpha1/status/t"), ("PUT", "/apis/v1alpha1/tasks"),
                                           ("GET", "/api/v1/relay/../relay"), ("PATCH", "/metrics"), ("BREW", "/status")])
def test_wrong_methods(shared, method, path):
    assert shared.request(method, path, "").status in (404, 405, 501)


def test_head_and_keep_alive(shared):
    answer = shared.raw(b"HEAD /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 5)
    assert answer.count(b"HTTP/1.1 200") == 2


# -- bad bodies

BAD_JSON = ["", "{", '{"op":', "[]", "null", "3", '"x"', '{"op": 2} trailing', '{"op": 2,}', "{'op': 2}", '{"op": 2, "op": 3', "\x00", "[" * 5000]


@pytest.mark.smoke
@pytest.mark.parametrize("body", BAD_JSON)
def test_malformed_json(shared, body):
    reply = shared.put("/apis/v1alpha1/tasks/t", body)
    assert reply.status in (200, 400), reply
    error = reply.json()
    assert not error.get("result", False)
    if reply.status == 400:
        assert error["code"] == 3 and error["message"] and error["error"] == error["message"]


@pytest.mark.parametrize("op", [-1, 0, 4, 5, 6, 99, 1.5, "Dance", "", None, True, [], {}, 2**40])
def test_ops_that_are_none(shared, op):
    reply = shared.put("/apis/v1alpha1/tasks/t", {"op": op})
    assert reply.status in (200, 400), reply
    assert not reply.json().get("result", False)


@pytest.mark.parametrize("body", ['{"task": 5}', '{"task": {}}', '{"task": null}', '{"task": ["a"]}', "{}"])
def test_task_of_a_wrong_type(shared, body):
    reply = shared.post("/apis/v1alpha1/tasks", body)
    assert reply.status in (200, 400), reply
    assert not reply.json().get("result", False)


GOOD = """
name: good
task-mode: incremental
target-database: {host: 127.0.0.1, port: 1, user: dm, password: ""}
mysql-instances:
- source-id: source-1
  meta: {binlog-name: mysql-bin.000001, binlog-pos: 4}
"""

# What is wrong with the file, DM's code, and what the text must name.
BAD_TASKS = [
    ("", 20019, "unique task name"),
    ("name: [", 20003, "line"),
    ("just text", 20003, ""),
    ("- a\n- b", 20003, ""),
    (GOOD.replace("good", '""'), 20019, "unique task name"),
    (GOOD.replace("incremental", "sideways"), 20020, ""),
    (GOOD + "no-such-key: 1\n", 20003, "no-such-key"),
    (GOOD + "name: again\n", 20003, "name"),
    (GOOD.replace("port: 1", "port: many"), 20003, "line 4"),
    (GOOD.replace("target-database", "#"), 20021, ""),
    (GOOD.split("mysql-instances")[0], 20013, ""),
    (GOOD.replace("source-1", '""'), 20005, ""),
    (GOOD.replace("  meta", "  #"), 20022, "must set meta"),
    (GOOD.replace("binlog-name: mysql-bin.000001, ", ""), 20011, "binlog-name"),
    (GOOD + "  black-white-list: nowhere\n", 20026, "nowhere"),
    (GOOD + "  route-rules: [nowhere]\n", 20023, "nowhere"),
    (GOOD + "timezone: Mars/Olympus\n", 20008, "Mars/Olympus"),
    (GOOD + "online-ddl-scheme: magic\n", 20007, "magic"),
    (GOOD.replace("source-1", "source-2"), 20031, "source source-1 "),
]


@pytest.mark.smoke
@pytest.mark.parametrize("text, code, names", BAD_TASKS, ids=[f"{c}-{i}" for i, (_, c, _) in enumerate(BAD_TASKS)])
def test_bad_task_files(shared, text, code, names):
    reply = start(shared, text)
    assert reply.status == 200, reply
    assert reply.json()["result"] is False or reply.json()["workers"][0]["result"] is False
    if code:
        assert f"code={code}" in reply.text, reply
    assert names in reply.text
    assert shared.status()["msg"] == "no sub task started"


def test_a_yaml_bomb_is_refused_at_once(shared):
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{n}: &{n} [{','.join('*' + p for _ in range(9))}]\n" for p, n in zip("abcdefgh", "bcdefghi"))
    begin = time.monotonic()
    reply = start(shared, bomb)
    assert time.monotonic() - begin < 2 * SLOWNESS
    assert not reply.json().get("result", False)


def test_deep_yaml_is_refused(shared):
    assert not start(shared, "name: " + "[" * 100000).json().get("result", False)


def test_other_text_in_names(shared):
    for name in ("a%20b", "%F0%9F%A6%8A", "a" * 3000, "%27%3B--", "a%22b", "%3Cscript%3E"):
        reply = shared.get(f"/apis/v1alpha1/status/{name}")
        assert reply.status in (200, 400, 404, 414), reply
        assert b"<script>" not in reply.body
        if reply.status == 200:
            assert reply.json()["result"] is False


# -- sizes


@pytest.mark.smoke
def test_ten_megabytes_are_refused(shared):
    begin_rss = shared.rss()
    for path in ("/apis/v1alpha1/tasks", "/api/v1/relay"):
        try:
            reply = shared.post(path, b'{"task":"' + b"x" * (10 << 20) + b'"}')
            assert reply.status in (400, 413), reply
        except OSError:
            pass  # the connection was ended before all was sent: as good
    assert shared.get("/livez").status == 200
    assert shared.rss() < begin_rss + (8 << 20) or SLOWNESS > 1


def test_headers_without_end(shared):
    answer = shared.raw(b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(2000)), 15)
    assert b" 200 " not in answer.split(b"\r\n")[0]
    assert shared.get("/livez").status == 200


def test_bytes_that_are_no_http(shared):
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00" * 1000, b"GET\r\n\r\n",
                 b"GET /status HTTP/9.9\r\n\r\n", b"POST /apis/v1alpha1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
                 b"POST /apis/v1alpha1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n"):
        shared.raw(data, 3)
    assert shared.get("/livez").status == 200


# -- slow clients


@pytest.mark.timing
def test_a_slow_client_harms_nobody_and_is_cut(shared):
    def dribble(out):
        begin = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", shared.port), timeout=40) as s:
                s.sendall(b"POST /apis/v1alpha1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(60):
                    s.sendall(b"x")
                    s.settimeout(0.5)
                    try:
                        if s.recv(100) == b"":
                            break
                    except TimeoutError:
                        pass
        except OSError:
            pass
        out.append(time.monotonic() - begin)

    took = []
    threads = [threading.Thread(target=dribble, args=(took,)) for _ in range(20)]
    for t in threads:
        t.start()
    slowest = 0.0
    while any(t.is_alive() for t in threads):
        begin = time.monotonic()
        assert shared.get("/status", timeout=5).status == 200
        slowest = max(slowest, time.monotonic() - begin)
        time.sleep(0.1)
    assert slowest < 0.5, slowest
    assert max(took) < 20, took


def test_many_idle_connections(shared):
    idle = [socket.create_connection(("127.0.0.1", shared.port)) for _ in range(200)]
    try:
        wait_for(lambda: shared.get("/livez", timeout=15).status == 200, 20)
    finally:
        for s in idle:
            s.close()


def test_a_client_that_does_not_read(shared):
    with socket.create_connection(("127.0.0.1", shared.port)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.settimeout(2)
        try:
            for _ in range(2000):
                s.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        except OSError:
            pass
        assert shared.get("/livez", timeout=5).status == 200


# -- who may command


@pytest.mark.smoke
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Host": "evil.example:8262"},
                                      {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://127.0.0.1.evil.example"}])
@pytest.mark.parametrize("method, path, body", [("PUT", "/apis/v1alpha1/tasks/t", '{"op":2}'), ("POST", "/apis/v1alpha1/tasks", '{"task":"x"}'),
                                                 ("POST", "/api/v1/relay", '{"op":"pause"}')])
def test_a_web_page_cannot_command(shared, headers, method, path, body):
    reply = shared.request(method, path, body, headers)
    assert reply.status == 403, reply
    assert shared.relay()["stage"] == "Running"


def test_own_host_names_may_command(shared):
    for host in (f"127.0.0.1:{shared.port}", f"localhost:{shared.port}", "localhost"):
        reply = shared.put("/apis/v1alpha1/tasks/t", '{"op":2}', headers={"Host": host})
        assert reply.status == 200, (host, reply)


def other_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            return s.getsockname()[0]
        except OSError:
            return None


def test_other_hosts_may_read_but_not_command(mariadb, new_worker):
    address = other_address()
    if address is None or address.startswith("127."):
        pytest.skip("this machine has no other address")
    worker = new_worker(mariadb)
    worker.set("worker-addr", f"0.0.0.0:{worker.port}")
    worker.start()
    assert worker.logged("loopback")

    def ask(text):
        with socket.create_connection((address, worker.port), timeout=5) as s:
            s.sendall(text.encode())
            return s.recv(4096).split(b"\r\n")[0]

    assert b" 200 " in ask(f"GET /apis/v1alpha1/status HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
    assert b" 403 " in ask(f"PUT /apis/v1alpha1/tasks/t HTTP/1.1\r\nHost: {address}\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{{\"op\":2}}")


# -- good requests


@pytest.mark.smoke
@pytest.mark.parametrize("ops", [(2, 3, 1), ("Pause", "Resume", "Stop")])
def test_op_as_number_and_as_name(mariadb, running, ops):
    worker, task = running(mariadb)
    for op, stage, name in zip(ops, ("Paused", "Running", "Stopped"), ("Pause", "Resume", "Stop")):
        reply = worker.put(f"/apis/v1alpha1/tasks/{task}", {"op": op})
        assert reply.status == 200
        document = reply.json()
        assert list(document) == ["op", "result", "msg", "workers"]
        assert document["op"] == name and document["result"] is True
        part = document["workers"][0]
        assert list(part) == ["meta", "op", "logID"] and part["meta"] == {"result": True, "worker": worker.address, "msg": ""}
        assert worker.stage(task) == stage


def test_the_file_for_several_sources_gives_our_part(mariadb, target, schema, new_worker):
    worker = new_worker(mariadb, source_id="source-b").start()
    worker.wait_relay(mariadb)
    file = Task("t" + schema, target, [schema], meta=(mariadb.position()[0], 4), source_id="source-b")
    file.tree["mysql-instances"].insert(0, {"source-id": "source-a", "meta": {"binlog-name": "x.000001", "binlog-pos": 4}})
    assert worker.start_task(file)["result"]
    assert worker.wait_stage(file.name, "Running")


def test_relay_over_http(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    worker.wait_relay(mariadb)
    for op, stage in (("pause", "Paused"), ("resume", "Running")):
        reply = worker.relay_op(op)
        assert reply.status == 200 and reply.json()["result"] is True, reply
        assert worker.relay()["stage"] == stage
    for bad in ("fly", 7, None):
        reply = worker.relay_op(bad)
        assert reply.status in (200, 400) and not reply.json().get("result", False), reply


def test_the_password_is_nowhere(mariadb, target, schema, running):
    worker, task = running(mariadb, task={"password": "dm-pass#7"})
    worker.wait_synced(task, mariadb)
    for path in ("/status", "/metrics", "/apis/v1alpha1/status", "/api/v1/status", "/api/v1/errors", f"/apis/v1alpha1/tasks/{task}", "/api/v1/config"):
        assert "dm-pass#7" not in worker.get(path).text
    assert not worker.logged("dm-pass#7")
    with open(f"/proc/{worker.child.pid}/cmdline") as f:
        assert "dm-pass#7" not in f.read()
    for server in (mariadb, target):
        assert not any("dm-pass#7" in json.dumps([str(c) for c in row]) for row in server.query("SHOW FULL PROCESSLIST"))
