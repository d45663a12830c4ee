"""A long backlog is processed at the rate of a short one: the processor time of a message says so on a busy machine, too."""

import os
import subprocess
import time

import pytest
from support import measured
from support.stores import Postgresql, Rsmq, Sqlite, declared
from support.volleyd import VOLLEY, Volleyd

pytestmark = pytest.mark.scale

SHORT = 50_000
LONG = int(os.environ.get("VOLLEY_SCALE_BACKLOG", "1000000"))


def config(store):
    return (f"app: backlog\nqueues:\n{declared(store, 'in')}{declared(store, 'out')}"
            "components: [{name: move, input: in, outputs: [out], handler: forward, order: key}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


@pytest.mark.parametrize("kind", ["sqlite", "rsmq", "postgresql"])
def test_the_rate_does_not_depend_on_what_waits(request, tmp_path, kind):
    table = "Messages a second with a backlog, while the first 40,000 of it are processed"
    if table not in measured.tables:
        measured.row(table, "store", "backlog", "messages/s", "ratio to the short one", "processor, µs a message",
                     "of the server, µs", "ratio of both")
    rates, costs = [], []
    for waiting in (SHORT, LONG):
        folder = tmp_path / str(waiting)
        folder.mkdir()
        store = {"sqlite": lambda: Sqlite(folder), "rsmq": lambda: Rsmq(request.getfixturevalue("redis_server")),
                 "postgresql": lambda: Postgresql(request.getfixturevalue("postgres_server"))}[kind]()
        (folder / "volley.yml").write_text(config(store))
        subprocess.run([str(VOLLEY), "--config", str(folder / "volley.yml"), "send", "in", '{"of": "a message of fifty bytes or so"}',
                        "--count", str(waiting)], check=True, timeout=1800, capture_output=True)
        volleyd = Volleyd(folder, config(store)).wait_ready()

        def done():
            assert volleyd.process.poll() is None, f"volleyd ended with {volleyd.process.returncode}:\n{volleyd.log[-3000:]}"
            return volleyd.metric("volley_messages_sent_total")

        while done() < 2_000:
            time.sleep(0.01)
        server = getattr(store, "server", None)

        def used():
            return measured.processor_seconds(volleyd.process.pid), measured.family_seconds(server.process.pid) if server else 0.0

        began, before, at = time.monotonic(), done(), used()
        while (now := done()) < 42_000:
            time.sleep(0.02)
        rates.append((now - before) / (time.monotonic() - began))
        engine, store_itself = ((after - first) * 1e6 / (now - before) for after, first in zip(used(), at))
        costs.append(engine + store_itself)
        measured.row(table, kind, waiting, int(rates[-1]), rates[-1] / rates[0], engine, store_itself, costs[-1] / costs[0])
        volleyd.kill()
