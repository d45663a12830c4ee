import tempfile
from pathlib import Path

import pytest
from support import servers

FAULTS = []
OPERATIONS = {}


@pytest.fixture
def fault():
    """Notes a line of the fault table: fault("…", ledger, verdict, "what else")."""
    def note(what, ledger, verdict, more=""):
        FAULTS.append((what, len(ledger.sent), len(verdict["lost"]), verdict["duplicates"], more))
    return note


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when != "call" or "shared" not in item.fixturenames:
        return
    library = item.callspec.params["shared"].__name__
    OPERATIONS.setdefault(item.function.__doc__, {})[library] = {"passed": "yes", "skipped": "-"}.get(outcome.get_result().outcome, "NO")


def pytest_terminal_summary(terminalreporter):
    """What the tests have measured, as the README has it."""
    say = terminalreporter.write_line
    if OPERATIONS:
        say("\n| what the library and Volley do to one queue | PyRSMQ | node rsmq |\n|---|---|---|")
        for what, libraries in OPERATIONS.items():
            say(f"| {what} | {libraries.get('PyRsmq', '-')} | {libraries.get('NodeRsmq', '-')} |")
    if FAULTS:
        say("\n| fault | sent | lost | twice | |\n|---|---|---|---|---|")
        for line in FAULTS:
            say("| " + " | ".join(map(str, line)) + " |")


@pytest.fixture
def start_redis():
    """Starts servers of the test's own, which it may kill; the further words go to redis-server."""
    started = []

    def start(*words):
        server = servers.Redis(Path(tempfile.mkdtemp(prefix="volley-test-")), *words)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()
        servers.remove(server.folder)


@pytest.fixture
def redis(start_redis):
    return start_redis()
