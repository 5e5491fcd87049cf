"""Every command in every stage: what the stage table allows happens, all else is refused with DM's code and text."""

import signal
import socket

import pytest

from compare import assert_same
from processes import wait_for
from servers import MariaDB
from worker import Task

# What DM says, and the commands that are legal instead.
REFUSALS = {
    ("Running", "start"): (40055, "sub task {t} already exists"),
    ("Running", "resume"): (40051, "current stage is Running but not paused, invalid"),
    ("Paused", "start"): (40055, "sub task {t} already exists"),
    ("Paused", "pause"): (40050, "current stage is Paused but not running, invalid"),
    ("Stopped", "pause"): (40050, "current stage is Stopped but not running, invalid"),
    ("Stopped", "resume"): (40051, "current stage is Stopped but not paused, invalid"),
    ("Stopped", "stop"): (40054, "sub task with name {t} not found"),
    ("New", "start"): (40055, "sub task {t} already exists"),
    ("New", "pause"): (40050, "current stage is New but not running, invalid"),
    ("New", "resume"): (40051, "current stage is New but not paused, invalid"),
}


def header(code):
    return f"[code={code}:class=dm-worker:scope=internal:level=high] "


def command(worker, op, file):
    """The worker's part of the reply: (result, msg)."""
    if op == "start":
        part = worker.start_task(file)["workers"][0]
    else:
        part = worker.operate(file.name, op.capitalize())["workers"][0]["meta"]
    return part["result"], part["msg"]


@pytest.fixture
def hanging(mariadb, target, schema, new_worker, new_proxy):
    """A task whose target accepts and never answers: it stays in New."""
    mariadb.query(f"CREATE DATABASE `{schema}`")
    target.query(f"CREATE DATABASE `{schema}`")
    proxy = new_proxy(target, mode="stall")
    worker = new_worker(mariadb).start()
    worker.wait_relay(mariadb)
    file = Task("t" + schema, target, [schema], meta=(mariadb.position()[0], 4), port=proxy.port)
    assert worker.start_task(file)["result"]
    worker.wait_stage(file.name, "New")
    return worker, file, proxy


def brought_to(stage, worker, file):
    if stage == "Paused":
        assert command(worker, "pause", file) == (True, "")
    elif stage == "Stopped":
        assert command(worker, "stop", file) == (True, "")
    worker.wait_stage(file.name, stage)


@pytest.mark.smoke
@pytest.mark.parametrize("stage, op", [pair for pair in REFUSALS if pair[0] != "New"])
def test_illegal_commands_are_refused_and_change_nothing(mariadb, target, schema, running, stage, op):
    worker, task = running(mariadb)
    file = Task(task, target, [schema], meta=(mariadb.position()[0], 4))
    brought_to(stage, worker, file)
    code, text = REFUSALS[stage, op]
    result, message = command(worker, op, file)
    assert result is False
    lines = message.split("\n")
    assert lines[0] == header(code) + text.format(t=task)
    assert lines[1].startswith(f"current stage is {stage}, legal commands: ")
    assert worker.stage(task) == stage


@pytest.mark.parametrize("op", ["start", "pause", "resume"])
def test_illegal_commands_while_the_start_hangs(hanging, op):
    worker, file, _ = hanging
    code, text = REFUSALS["New", op]
    result, message = command(worker, op, file)
    assert result is False and message.split("\n")[0] == header(code) + text.format(t=file.name)
    assert worker.stage(file.name) == "New"


def test_a_hanging_start_can_be_stopped(hanging):
    worker, file, _ = hanging
    assert command(worker, "stop", file) == (True, "")
    assert worker.stage(file.name) == "Stopped"


def test_a_hanging_start_goes_on_when_the_target_answers(hanging, mariadb, target, schema):
    worker, file, proxy = hanging
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
    proxy.pass_on()
    worker.wait_synced(file.name, mariadb, 60)
    assert_same(mariadb, target, schema)


def test_nothing_else_waits_for_a_hanging_start(hanging, target, schema, mariadb):
    """DM's one queue blocks all commands of all tasks meanwhile."""
    worker, _, _ = hanging
    other = Task("o" + schema, target, [schema], meta=(mariadb.position()[0], 4))
    assert worker.start_task(other)["result"]
    worker.wait_stage(other.name, "Running", 5)
    assert command(worker, "pause", other) == (True, "")
    assert command(worker, "stop", other) == (True, "")


@pytest.mark.smoke
def test_the_legal_walk_through_all_stages(mariadb, target, schema, running):
    worker, task = running(mariadb)
    file = Task(task, target, [schema], meta=(mariadb.position()[0], 4))
    for op, stage in [("pause", "Paused"), ("resume", "Running"), ("stop", "Stopped"), ("start", "Running"),
                      ("pause", "Paused"), ("stop", "Stopped"), ("start", "Running")]:
        assert command(worker, op, file) == (True, ""), (op, stage)
        worker.wait_stage(task, stage)
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


def test_a_stopped_task_can_be_forgotten(mariadb, running):
    worker, task = running(mariadb)
    assert worker.stop_task(task)["result"]
    assert worker.subtask(task)["stage"] == "Stopped"
    assert f'dm_worker_task_state{{task="{task}"}} 4' in worker.get("/metrics").text
    reply = worker.request("DELETE", f"/apis/v1alpha1/tasks/{task}")
    assert reply.status == 200, reply
    assert task not in worker.get("/metrics").text
    assert worker.document(task)["result"] is False
    assert worker.status()["msg"] == "no sub task started"


@pytest.mark.parametrize("op", ["Pause", "Resume", "Stop"])
def test_commands_to_a_task_that_never_was(mariadb, new_worker, op):
    worker = new_worker(mariadb).start()
    reply = worker.put("/apis/v1alpha1/tasks/nobody", {"op": op})
    assert reply.status == 200
    assert reply.json()["result"] is False
    assert "nobody" in reply.text


def test_a_refusal_names_what_is_legal(mariadb, running):
    worker, task = running(mariadb)
    message = worker.operate(task, "Resume")["workers"][0]["meta"]["msg"]
    assert "pause-task" in message.split("\n", 1)[1] and "stop-task" in message.split("\n", 1)[1]


def test_stop_overtakes_a_pause_that_drains(hanging, mariadb, target, schema):
    worker, file, proxy = hanging
    proxy.pass_on()
    worker.wait_stage(file.name, "Running", 60)
    proxy.stall()
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    assert command(worker, "stop", file)[0] is True
    assert worker.stage(file.name) == "Stopped"


@pytest.mark.parametrize("ops", [["Pause"], ["Pause", "Resume"], ["Stop"]])
def test_what_the_user_asked_for_survives_kill(mariadb, target, schema, running, ops):
    worker, task = running(mariadb)
    for op in ops:
        assert worker.operate(task, op)["result"]
    want = worker.stage(task)
    for end in ("kill", "stop"):
        getattr(worker, end)()
        worker.start()
        wait_for(lambda: worker.stage(task) == want, 10, f"{want} again after {end}")
    if want == "Running":
        mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
        worker.wait_synced(task, mariadb)
        assert_same(mariadb, target, schema)


def test_a_task_paused_by_an_error_comes_back_by_itself_after_a_restart(mariadb, target, schema, running):
    worker, task = running(mariadb, checker={"check-enable": False})
    mariadb.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.wait_synced(task, mariadb)
    target.query(f"DROP TABLE `{schema}`.t")
    mariadb.query(f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_stage(task, "Paused")
    worker.stop()
    target.query(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    worker.start()
    worker.wait_synced(task, mariadb)
    assert_same(mariadb, target, schema)


def test_log_ids_grow_over_a_restart(mariadb, running):
    worker, task = running(mariadb)
    first = int(worker.pause(task)["workers"][0]["logID"])
    second = int(worker.resume(task)["workers"][0]["logID"])
    worker.restart()
    third = int(worker.pause(task)["workers"][0]["logID"])
    assert first < second < third


# -- the relay


@pytest.mark.smoke
def test_relay_commands_and_their_refusals(mariadb, new_worker):
    worker = new_worker(mariadb).start()
    worker.wait_relay(mariadb)
    assert worker.dmctl("resume-relay").returncode != 0
    refused = worker.dmctl("resume-relay").stdout
    assert header(40039) + "current stage is Running, Paused required, relay op ResumeRelay" in refused
    assert worker.dmctl("pause-relay").returncode == 0
    state = worker.relay()
    assert state["stage"] == "Paused" and state["result"] == {"isCanceled": True, "errors": [], "detail": None}
    refused = worker.dmctl("pause-relay").stdout
    assert header(40039) + "current stage is Paused, Running required, relay op PauseRelay" in refused
    worker.restart()
    assert worker.relay()["stage"] == "Paused"
    assert worker.dmctl("resume-relay").returncode == 0
    assert wait_for(lambda: worker.relay()["stage"] == "Running", 5)
    worker.wait_relay(mariadb)


# -- the end of the process


def assert_ends_quickly(worker, number=signal.SIGTERM):
    assert worker.stop(5.0, number) < 5.0


@pytest.mark.smoke
@pytest.mark.parametrize("stage", ["Running", "Paused", "Stopped"])
def test_sigterm_in_a_stage(mariadb, target, schema, running, stage):
    worker, task = running(mariadb)
    brought_to(stage, worker, Task(task, target, [schema]))
    assert_ends_quickly(worker)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_without_a_task(mariadb, new_worker, number):
    worker = new_worker(mariadb).start()
    assert_ends_quickly(worker, number)


def test_sigterm_while_a_start_hangs(hanging):
    assert_ends_quickly(hanging[0])


def test_sigterm_while_the_target_hangs_in_the_middle_of_work(hanging, mariadb, target, schema):
    worker, file, proxy = hanging
    proxy.pass_on()
    worker.wait_stage(file.name, "Running", 60)
    proxy.stall()
    mariadb.execute(f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", f"INSERT INTO `{schema}`.t VALUES (1)")
    worker.wait_relay(mariadb)
    assert_ends_quickly(worker)
    proxy.pass_on()
    worker.start()
    worker.wait_synced(file.name, mariadb)
    assert_same(mariadb, target, schema)


def test_sigterm_while_a_command_waits(hanging):
    worker, file, proxy = hanging
    with socket.create_connection(("127.0.0.1", worker.port)) as s:
        s.sendall(f"PUT /apis/v1alpha1/tasks/{file.name} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n\r\n{{\"op\":1}}".encode())
        assert_ends_quickly(worker)


def test_sigterm_with_a_frozen_upstream(own_server, target, schema, new_worker):
    source = own_server(MariaDB, server_id=41)
    worker = new_worker(source).start()
    worker.wait_relay(source)
    source.freeze()
    try:
        assert_ends_quickly(worker)
    finally:
        source.thaw()


def test_sigterm_while_the_upstream_is_down(new_worker):
    worker = new_worker(None, port=1).start()
    assert_ends_quickly(worker)


def test_sigterm_right_after_the_launch(mariadb, new_worker):
    for delay in (0.0, 0.01, 0.03, 0.1):
        worker = new_worker(mariadb).launch()
        wait_for(lambda: worker.log.exists(), 5)
        signal.sigtimedwait([], delay)
        worker.child.send(signal.SIGTERM)
        code = worker.child.process.wait(5)
        assert code in (0, -signal.SIGTERM), code  # before main() has set its handlers the default holds
