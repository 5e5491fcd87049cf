"""The daemon under test: its configuration files, its life, and its doors (HTTP and dmctl)."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import yaml

from processes import ROOT, SLOWNESS, Child, free_port, wait_for
from servers import PASSWORD

BUILD = Path(os.environ.get("DM_BUILD", ROOT / "build"))
DAEMON = BUILD / "src/worker/dm-worker"
DMCTL = BUILD / "src/dmctl/dmctl"

SANITIZER_REPORT = re.compile(r"(ERROR: AddressSanitizer|WARNING: ThreadSanitizer|LeakSanitizer|runtime error:).*")


class Reply:
    """Status, headers and body of one HTTP answer."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:2000]!r}>"


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json.dumps(value)


def to_toml(tree):
    """A TOML text of nested dictionaries: scalars first, then tables."""
    lines = [f"{k} = {toml_value(v)}" for k, v in tree.items() if not isinstance(v, dict)]
    for name, table in tree.items():
        if not isinstance(table, dict):
            continue
        lines += ["", f"[{name}]"] + [f"{k} = {toml_value(v)}" for k, v in table.items() if not isinstance(v, dict)]
        for sub, inner in table.items():
            if isinstance(inner, dict):
                lines += ["", f"[{name}.{sub}]"] + [f"{k} = {toml_value(v)}" for k, v in inner.items()]
    return "\n".join(lines) + "\n"


class Worker:
    """One dm-worker. form "toml" writes DM 1.0's dm-worker.toml, "yaml" DM 2.0's source.yaml.

    `keys` are added to the file; a dictionary is merged into the section of that name.
    `password` is what the file says; host and port may be those of a proxy.
    """

    def __init__(self, directory, source=None, form="toml", source_id="source-1", host="127.0.0.1", port=None,
                 user="dm", password=PASSWORD, flags=(), env=None, **keys):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.form = form
        self.source_id = source_id
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = self.directory / "dm-worker.log"
        self.relay_dir = self.directory / "relay_log"
        self.flags = list(flags)
        self.env = dict(env or {})
        self.child = None
        self.exits = []  # what each earlier run ended with
        self.config = {
            "source-id": source_id,
            "relay-dir": str(self.relay_dir),
            "meta-dir": str(self.directory / "meta"),
            "from": {"host": host, "port": port or (source.port if source else 3306), "user": user,
                     "password": password},
        }
        if form == "toml":
            self.config = {"worker-addr": self.address, "log-level": "debug", **self.config}
            self.file = self.directory / "dm-worker.toml"
        else:
            self.config["enable-relay"] = True
            self.file = self.directory / "source.yaml"
            self.flags += ["-worker-addr", self.address, "-L", "debug"]
        for key, value in keys.items():
            self.set(key.replace("_", "-"), value)

    def set(self, key, value):
        """Changes the configuration for the next start (or reload)."""
        if isinstance(value, dict):
            self.config[key] = {**self.config.get(key, {}), **value}
        elif value is None:
            self.config.pop(key, None)
        else:
            self.config[key] = value
        return self

    def write_config(self):
        text = to_toml(self.config) if self.form == "toml" else yaml.safe_dump(self.config, sort_keys=False)
        self.file.write_text(text)
        return self.file

    # -- life

    def launch(self):
        """Starts the process and returns at once."""
        assert self.child is None or not self.child.is_alive()
        self.write_config()
        self.child = Child([DAEMON, "-config", self.file, *self.flags], self.log, env=self.env, cwd=self.directory)
        return self

    def start(self):
        """Starts the process and waits until it answers."""
        self.launch()
        wait_for(self.is_live, 15, "the daemon answers /livez", every=0.005)
        return self

    def is_live(self):
        if not self.child.is_alive():
            raise RuntimeError(f"the daemon ended with {self.child.process.returncode}:\n{self.tail()}")
        try:
            return self.get("/livez", timeout=2).status == 200
        except OSError:
            return False

    def stop(self, seconds=5.0, number=signal.SIGTERM):
        """SIGTERM; fails when the process needs longer, or does not end with 0."""
        if self.child is None or not self.child.is_alive():
            return 0.0
        code, took = self.child.terminate(seconds, number)
        self.exits.append(code)
        assert code == 0, f"the daemon ended with {code}:\n{self.tail()}"
        return took

    def kill(self):
        self.child.kill()

    def restart(self):
        self.stop()
        return self.start()

    def rss(self):
        """Resident memory in bytes."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def tail(self, size=6000):
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def logged(self, text):
        return text in self.log.read_text(errors="replace")

    def sanitizer_report(self):
        found = SANITIZER_REPORT.search(self.log.read_text(errors="replace")) if self.log.exists() else None
        return found.group(0) if found else ""

    # -- HTTP

    def request(self, method, path, body=None, headers=None, timeout=35.0):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout * SLOWNESS)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            if isinstance(body, str):
                body = body.encode()
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Reply(response, response.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def put(self, path, body, **more):
        return self.request("PUT", path, body, **more)

    def post(self, path, body, **more):
        return self.request("POST", path, body, **more)

    def raw(self, data, seconds=10.0):
        """Bytes to the HTTP port as they are; all that comes back until the other side closes or time is up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as s:
            s.sendall(data)
            answer = b""
            try:
                while chunk := s.recv(65536):
                    answer += chunk
            except (TimeoutError, ConnectionError):
                pass
            return answer

    # -- commands and answers

    def start_task(self, task):
        return self.post("/apis/v1alpha1/tasks", {"task": str(task)}).json()

    def operate(self, name, op):
        return self.put(f"/apis/v1alpha1/tasks/{name}", {"op": op}).json()

    def pause(self, name):
        return self.operate(name, 2)

    def resume(self, name):
        return self.operate(name, 3)

    def stop_task(self, name):
        return self.operate(name, 1)

    def relay_op(self, op, **more):
        return self.post("/api/v1/relay", {"op": op, **more})

    def document(self, name=""):
        reply = self.get(f"/apis/v1alpha1/status/{name}" if name else "/apis/v1alpha1/status", timeout=5)
        assert reply.status == 200, reply
        return reply.json()

    def status(self, name=""):
        """This worker's entry of the query-status document."""
        return self.document(name)["workers"][0]

    def subtask(self, name):
        return self.status(name)["subTaskStatus"][0]

    def relay(self):
        return self.status()["relayStatus"]

    def stage(self, name):
        return self.subtask(name)["stage"]

    def wait_stage(self, name, stage, deadline=15.0):
        return wait_for(lambda: self.subtask(name) if self.stage(name) == stage else None, deadline,
                        f"task {name} is {stage}: {self.get('/apis/v1alpha1/status/' + name)}")

    def wait_synced(self, name, source=None, deadline=30.0):
        """Waits until the subtask says that it is synced with where the source stands now."""

        def is_synced():
            # Asked each time: MariaDB adds checkpoint events to its binlog when it likes.
            want = "(%s, %s)" % tuple(source.position()) if source else None
            state = self.subtask(name)
            assert state["stage"] != "Paused", json.dumps(state.get("result"))
            sync = state.get("sync", {})
            return sync.get("synced") and (want is None or sync["masterBinlog"] == want) and state

        return wait_for(is_synced, deadline, f"task {name} synced with {source and source.position()}", every=0.05)

    def wait_relay(self, source, deadline=30.0):
        """Waits until the relay stands where the source stands now."""

        def is_there():
            want, state = "(%s, %s)" % tuple(source.position()), self.relay()
            return state if state["relayBinlog"] == want else None

        return wait_for(is_there, deadline, f"relay at {source.position()}")

    def dmctl(self, *arguments, seconds=40, stdin="", env=None):
        """Runs dmctl against this worker. Returns the finished process with text output."""
        return subprocess.run([DMCTL, "--worker", self.address, *map(str, arguments)], input=stdin, text=True,
                              capture_output=True, timeout=seconds * SLOWNESS, cwd=self.directory,
                              env={**os.environ, "HOME": str(self.directory), **(env or {})})

    # -- relay files

    def relay_sub_dirs(self):
        index = self.relay_dir / "server-uuid.index"
        return index.read_text().split() if index.exists() else []

    def relay_files(self, sub_dir=None):
        folder = self.relay_dir / (sub_dir or self.relay_sub_dirs()[-1])
        return sorted(p for p in folder.iterdir() if re.fullmatch(r"[^.]+\.\d+", p.name))


class Task:
    """A task file for one source: str() gives its YAML."""

    def __init__(self, name, target, schemas, meta=None, source_id="source-1", mode="incremental",
                 password=PASSWORD, host="127.0.0.1", port=None, instance=None, **keys):
        self.tree = {
            "name": name,
            "task-mode": mode,
            "meta-schema": f"dm_meta_{name}",
            "target-database": {"host": host, "port": port or target.port, "user": "dm", "password": password},
            "mysql-instances": [{"source-id": source_id, "black-white-list": "only", **(instance or {})}],
            "black-white-list": {"only": {"do-dbs": list(schemas)}},
        }
        if meta:
            self.tree["mysql-instances"][0]["meta"] = {"binlog-name": meta[0], "binlog-pos": meta[1]}
        for key, value in keys.items():
            self.tree[key.replace("_", "-")] = value
        self.name = name

    def __str__(self):
        return yaml.safe_dump(self.tree, sort_keys=False, allow_unicode=True)

    def write(self, path):
        Path(path).write_text(str(self))
        return path
