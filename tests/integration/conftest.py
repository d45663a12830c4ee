import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import fault_table, servers  # noqa: E402
from support.stores import Kafka, Rsmq, Sqlite  # noqa: E402
from support.volleyd import Volleyd  # noqa: E402


@pytest.fixture(autouse=True)
def no_engine_is_left_behind():
    yield
    while Volleyd.running:
        Volleyd.running.pop().kill()


def pytest_terminal_summary(terminalreporter):
    if fault_table.rows:
        terminalreporter.section("the fault matrix in this run")
        for line in fault_table.table():
            terminalreporter.write_line(line)


def serve(kind):
    folder = Path(tempfile.mkdtemp(prefix="volley-test-"))
    server = kind(folder)
    try:
        yield server.start()
    finally:
        server.stop()
        servers.remove(folder)


@pytest.fixture(scope="session")
def redis_server():
    yield from serve(servers.Redis)


@pytest.fixture(scope="session")
def postgres_server():
    yield from serve(servers.Postgres)


@pytest.fixture(scope="session")
def kafka_server():
    yield from serve(servers.Kafka)


@pytest.fixture(params=["sqlite", "rsmq", "kafka"])
def store(request, tmp_path):
    """Each of the three connectors in turn; a file whose tests are of one says so with a fixture of its own."""
    if request.param == "sqlite":
        return Sqlite(tmp_path)
    if request.param == "rsmq":
        return Rsmq(request.getfixturevalue("redis_server"))
    return Kafka(request.getfixturevalue("kafka_server"))
