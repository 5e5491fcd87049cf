"""Fixtures: one pair of servers for the whole run, a worker and a schema for each test."""

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "lib"))

from processes import end_all_children  # noqa: E402
from proxy import Proxy  # noqa: E402
from servers import TARGET_GRANTS, MariaDB, MySQL  # noqa: E402
from worker import Task, Worker  # noqa: E402

_schema_numbers = itertools.count(1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Each part of a test leaves its report in the item, so that fixtures know how it went."""
    outcome = yield
    setattr(item, "report_" + outcome.get_result().when, outcome.get_result())


def has_failed(request):
    return any(getattr(request.node, "report_" + when, None) is not None and getattr(request.node, "report_" + when).failed
               for when in ("setup", "call"))


@pytest.fixture(scope="session")
def home():
    """The directory of this run. Short, because of unix sockets; kept when DM_TEST_KEEP is set."""
    path = Path(tempfile.mkdtemp(prefix="dmt"))
    yield path
    end_all_children()
    if not os.environ.get("DM_TEST_KEEP"):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb(home):
    """The shared MariaDB source."""
    server = MariaDB(home / "src", server_id=11).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mysql(home):
    """The shared MySQL source."""
    server = MySQL(home / "my", server_id=12).start()
    yield server
    server.stop()


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def source(request):
    """Both kinds of source, one after the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def target(home):
    """The shared target: no binlog of its own."""
    server = MariaDB(home / "tgt", server_id=21, binlog=False, grants=TARGET_GRANTS).start()
    yield server
    server.stop()


@pytest.fixture
def own_server(tmp_path_factory, home):
    """Makes servers for one test: own_server(MariaDB, ...). They are ended with it."""
    made = []

    def make(kind, **options):
        server = kind(home / f"own{next(_schema_numbers)}", **options)
        made.append(server)
        return server.start()

    yield make
    for server in made:
        if server.child and server.child.is_alive():
            server.kill()
        shutil.rmtree(server.directory, ignore_errors=True)


@pytest.fixture
def schema(request):
    """A schema name that no other test uses; it is dropped from the shared servers afterwards."""
    name = f"s{next(_schema_numbers)}"
    yield name
    for fixture in ("mariadb", "mysql", "target"):
        if fixture in request.fixturenames or ("source" in request.fixturenames and fixture != "target"):
            server = request.node.funcargs.get(fixture) or request.node.funcargs.get("source")
            if server is not None and server.child.is_alive():
                server.query(f"DROP DATABASE IF EXISTS `{name}`")


@pytest.fixture
def new_worker(request, home):
    """Makes workers: new_worker(source, **keys of the configuration). Not started; ended with the test."""
    made = []

    def make(source=None, **options):
        worker = Worker(home / f"w{next(_schema_numbers)}", source, **options)
        made.append(worker)
        return worker

    yield make
    reports = []
    for worker in made:
        try:
            if worker.child and worker.child.is_alive():
                worker.child.thaw()
                if has_failed(request):
                    worker.kill()
                else:
                    worker.stop()
        finally:
            reports.append(worker.sanitizer_report())
            if has_failed(request) or reports[-1]:
                print(f"--- {worker.file}\n{worker.file.read_text() if worker.file.exists() else ''}"
                      f"--- end of {worker.log}\n{worker.tail()}")
            elif not os.environ.get("DM_TEST_KEEP"):
                shutil.rmtree(worker.directory, ignore_errors=True)
    assert not any(reports), reports


@pytest.fixture
def new_proxy():
    made = []

    def make(server, **options):
        made.append(Proxy(server.port, **options))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def running(new_worker, target, schema):
    """running(source, **keys) -> (worker, task name): a schema on both sides, and an incremental task that runs."""

    def make(source, task=None, wait=True, **options):
        source.execute(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
        position = source.flush_binlog(), 4
        target.execute(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
        worker = new_worker(source, **options).start()
        file = Task("t" + schema, target, [schema], meta=position, **(task or {}))
        reply = worker.start_task(file)
        assert reply["result"] is True, reply
        if wait:
            worker.wait_stage(file.name, "Running")
        return worker, file.name

    return make
