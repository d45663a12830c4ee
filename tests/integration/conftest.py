import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import fault_table, measured, sanitizers, servers  # noqa: E402
from support.stores import Kafka, Rsmq, Sqlite  # noqa: E402
from support.volleyd import Volleyd  # noqa: E402


@pytest.fixture(autouse=True)
def no_engine_is_left_behind():
    yield
    while Volleyd.running:
        Volleyd.running.pop().kill()


@pytest.fixture(autouse=True)
def sanitizers_have_nothing_to_report(no_engine_is_left_behind):
    yield
    reports = sanitizers.take_reports()
    assert not reports, "\n".join(reports)


# Work for parallel processes (pytest-xdist, --dist loadgroup): the tests of a file stay together and in order, and
# whatever needs a Kafka is one group, because two brokers at once would starve each other.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        parameters = getattr(item, "callspec", None)
        kafka = "kafka" in item.path.parts or "kafka_server" in item.fixturenames or (
            parameters is not None and "kafka" in parameters.params.values())
        item.add_marker(pytest.mark.xdist_group("kafka" if kafka else item.path.name))
    # The longest group begins first.
    items.sort(key=lambda item: item.get_closest_marker("xdist_group").args[0] != "kafka")


def pytest_terminal_summary(terminalreporter):
    if fault_table.rows:
        terminalreporter.section("the fault matrix in this run")
        for line in fault_table.table():
            terminalreporter.write_line(line)
    if measured.tables:
        terminalreporter.section("measured in this run")
        for line in measured.lines():
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
