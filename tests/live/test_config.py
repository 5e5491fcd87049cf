"""Configuration: DM's files as they are, all faults at once with line and key, DM's codes and exit codes."""

import signal
import subprocess

import pytest

from processes import wait_for
from worker import DAEMON, Task


def run(*arguments, cwd="/"):
    return subprocess.run([DAEMON, *map(str, arguments)], capture_output=True, text=True, timeout=20, cwd=cwd)


DM_1_FULL = """
log-level = "warn"
log-file = "{home}/dm-worker-own.log"
log-rotate = "day"
worker-addr = "127.0.0.1:{port}"
source-id = "shop-eu-1"
server-id = 90311
flavor = "mariadb"
enable-gtid = true
auto-fix-gtid = false
relay-dir = "{home}/relay"
meta-dir = "{home}/dmmeta"
charset = ""
[from]
host = "127.0.0.1"
port = {source}
user = "dm"
password = "dm-pass#7"
max-allowed-packet = 33554432
[from.session]
wait_timeout = "3600"
[purge]
interval = 600
expires = 48
remain-space = 30
[checker]
check-enable = true
backoff-rollback = "10m"
backoff-max = "2m"
[tracer]
enable = false
tracer-addr = ""
batch-size = 20
checksum = false
"""


@pytest.mark.smoke
def test_a_full_file_of_dm_1(mariadb, new_worker, monkeypatch):
    worker = new_worker(mariadb)
    text = DM_1_FULL.format(home=worker.directory, port=worker.port, source=mariadb.port)
    monkeypatch.setattr(worker, "write_config", lambda: worker.file.write_text(text))
    worker.start()
    worker.relay_dir = worker.directory / "relay"
    worker.wait_relay(mariadb)
    assert worker.status()["sourceID"] == "shop-eu-1"
    assert (worker.directory / "dm-worker-own.log").exists()
    ids = [r[0] for r in mariadb.query("SHOW SLAVE HOSTS")]
    assert 90311 in [int(i) for i in ids]


def test_a_source_yaml_of_dm_2(source, target, schema, running):
    worker, task = running(source, form="yaml", checker={"check-enable": True, "backoff-max": "5m"}, purge={"interval": 3600, "expires": 0, "remain-space": 1})
    worker.wait_synced(task, source)
    assert worker.status()["worker"] == worker.address


def test_a_source_yaml_without_relay_keeps_one_and_says_so(mariadb, new_worker):
    worker = new_worker(mariadb, form="yaml", enable_relay=False).start()
    worker.wait_relay(mariadb)
    assert worker.logged("enable-relay")


def test_the_sample_is_a_valid_file(home):
    done = run("-print-sample-config")
    assert done.returncode == 0 and "source-id" in done.stdout
    path = home / "sample.toml"
    path.write_text(done.stdout)
    checked = run("--check-config", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_version_and_help():
    version = run("-V")
    assert version.returncode == 0
    assert [line.split(":")[0] for line in version.stdout.splitlines()[:4]] == ["Release Version", "Git Commit Hash", "Git Branch", "UTC Build Time"]
    assert run("--help").returncode == 0
    assert run("-V").stdout == run("--V").stdout


MINIMAL = 'worker-addr = "127.0.0.1:0"\nsource-id = "s"\n[from]\nhost = "127.0.0.1"\nport = 3306\nuser = "u"\npassword = "p"\n'

# (change of the file, DM's code, words that must be there)
BAD = [
    ('source-id = "s"', "", 40005, ["source ID"]),
    ('"s"', '"' + "x" * 33 + '"', 40006, ["x" * 33]),
    ("source-id", "no-such-key = 1\nsource-id", 40004, ["no-such-key", ":2"]),
    ("source-id", "other-key = 1\nno-such-key = 1\nsource-id", 40004, ["no-such-key", "other-key"]),
    ("port = 3306", 'port = "many"', 40003, ["port", ":5"]),
    ("port = 3306", "port = 99999", 0, ["port", ":5"]),
    ("[from]", "[from", 40003, [":3"]),
    ('"127.0.0.1:0"', '"nowhere"', 40069, ["nowhere"]),
    ('source-id = "s"', 'source-id = "s"\nrelay-binlog-name = "x"', 40007, ["relay-binlog-name x not valid"]),
    ('source-id = "s"', 'source-id = "s"\nflavor = "mysql"\nrelay-binlog-gtid = "xyz"', 11009, ["xyz"]),
    ('source-id = "s"', 'source-id = "s"\nflavor = "oracle"', 11010, ["oracle"]),
    ('password = "p"', 'password = "p"\n[checker]\nbackoff-max = "1ms"', 11103, ["backoff-max"]),
    ('password = "p"', 'password = "p"\n[checker]\nbackoff-max = "soon"', 0, ["backoff-max", "soon"]),
    ('source-id = "s"', 'source-id = "s"\nlog-level = "loud"', 0, ["loud"]),
]


@pytest.mark.smoke
@pytest.mark.parametrize("old, new, code, words", BAD, ids=[f"{c}-{i}" for i, (_, _, c, _) in enumerate(BAD)])
def test_bad_files_end_with_2_and_name_the_place(home, old, new, code, words):
    path = home / "bad.toml"
    text = MINIMAL.replace(old, new, 1)
    assert text != MINIMAL
    path.write_text(text)
    for arguments in (("-config", path), ("--check-config", path)):
        done = run(*arguments, cwd=home)
        output = done.stdout + done.stderr
        assert done.returncode == 2, output
        if code:
            assert f"code={code}" in output
        for word in words:
            assert word in output, output


def test_all_faults_are_told_at_once(home):
    path = home / "bad.toml"
    path.write_text(MINIMAL.replace('"s"', '""').replace("3306", '"x"').replace("source-id", "bogus = 1\nsource-id"))
    output = run("--check-config", path).stderr + run("--check-config", path).stdout
    assert "bogus" in output and "port" in output and "40005" in output


def test_bad_yaml_and_unknown_keys_of_source_yaml(home):
    path = home / "source.yaml"
    for text, word in (("source-id: s\nfrom: {host: a\n", "line"), ("source-id: s\nnonsense: 1\nfrom: {host: h, port: 1, user: u}\n", "nonsense")):
        path.write_text(text)
        done = run("--check-config", path)
        assert done.returncode == 2 and word in done.stdout + done.stderr, done


def test_a_file_that_is_not_there(home):
    done = run("-config", home / "none.toml")
    assert done.returncode == 2 and "none.toml" in done.stderr + done.stdout


def test_unknown_flags_and_left_over_words(home):
    for arguments in (["-bogus"], ["word"], ["-config"]):
        assert run(*arguments).returncode == 2


def test_flags_win_over_the_file(mariadb, new_worker):
    worker = new_worker(mariadb)
    worker.set("worker-addr", "127.0.0.1:1")
    worker.flags += ["-worker-addr", worker.address, f"-relay-dir={worker.directory}/flagged", "--L", "info"]
    worker.start()
    worker.relay_dir = worker.directory / "flagged"
    worker.wait_relay(mariadb)


# AES-256-CFB as DM writes it; these are of the password 123456.
ENCRYPTED = "/Q7B9DizNLLTTfiZHv9WoEAKamfpIUs="


def test_encrypted_passwords(mariadb, target, schema, new_worker):
    for server, grants in ((mariadb, "SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT"), (target, "ALL")):
        server.execute("CREATE OR REPLACE USER enc@'127.0.0.1' IDENTIFIED BY '123456'", f"GRANT {grants} ON *.* TO enc@'127.0.0.1'")
    worker = new_worker(mariadb, user="enc", password=ENCRYPTED).start()
    worker.wait_relay(mariadb)
    file = Task("t" + schema, target, [schema], meta=(mariadb.position()[0], 4))
    file.tree["target-database"].update(user="enc", password=ENCRYPTED)
    assert worker.start_task(file)["result"]
    worker.wait_stage(file.name, "Running")
    assert not worker.logged("123456") or "123456" in str(worker.port)


def test_a_port_that_is_taken(mariadb, new_worker):
    first = new_worker(mariadb).start()
    second = new_worker(mariadb)
    second.set("worker-addr", first.address)
    second.launch()
    wait_for(lambda: not second.child.is_alive(), 10)
    assert second.child.process.returncode == 1 and second.logged(str(first.port))


def test_a_state_of_a_running_worker_is_not_shared(mariadb, new_worker):
    first = new_worker(mariadb).start()
    second = new_worker(mariadb, meta_dir=first.config["meta-dir"], relay_dir=first.config["relay-dir"])
    second.launch()
    wait_for(lambda: not second.child.is_alive(), 10, "two workers in one directory")
    assert second.child.process.returncode == 1
    assert first.get("/livez").status == 200


# -- reload


def test_sighup_reads_the_file_again(mariadb, running, schema):
    worker, task = running(mariadb)
    worker.set("log-level", "info").write_config()
    worker.child.send(signal.SIGHUP)
    wait_for(lambda: worker.logged("reload") or worker.logged("configuration"), 5)
    assert worker.stage(task) == "Running"


def test_a_bad_reload_leaves_the_running_one_alone(mariadb, running):
    worker, task = running(mariadb)
    worker.file.write_text("nonsense = [")
    worker.child.send(signal.SIGHUP)
    wait_for(lambda: worker.logged("40003"), 5, "the fault is logged")
    mariadb.query("SELECT 1")
    assert worker.stage(task) == "Running" and worker.relay()["stage"] == "Running"


def test_a_new_password_comes_with_a_reload(mariadb, new_worker):
    mariadb.execute("CREATE OR REPLACE USER turn@'127.0.0.1' IDENTIFIED BY 'old-1'", "GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO turn@'127.0.0.1'")
    worker = new_worker(mariadb, user="turn", password="old-1").start()
    worker.wait_relay(mariadb)
    mariadb.query("ALTER USER turn@'127.0.0.1' IDENTIFIED BY 'new-2'")
    worker.set("from", {"password": "new-2"}).write_config()
    worker.child.send(signal.SIGHUP)
    wait_for(lambda: worker.logged("reload") or worker.logged("configuration"), 5)
    mariadb.kill_connections("turn")
    mariadb.flush_binlog()
    worker.wait_relay(mariadb)
