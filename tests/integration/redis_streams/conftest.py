import tempfile
from pathlib import Path

import pytest
from support import servers


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
