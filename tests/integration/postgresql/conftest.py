import tempfile
from pathlib import Path

import pytest
from support import servers


@pytest.fixture
def postgres():
    """A server of the test's own, which it may kill."""
    server = servers.Postgres(Path(tempfile.mkdtemp(prefix="volley-test-")))
    try:
        yield server.start()
    finally:
        server.stop()
        servers.remove(server.folder)


@pytest.fixture
def pgbouncer(postgres_server):
    pooler = servers.PgBouncer(Path(tempfile.mkdtemp(prefix="volley-test-")), postgres_server)
    try:
        yield pooler.start()
    finally:
        pooler.stop()
        servers.remove(pooler.folder)
