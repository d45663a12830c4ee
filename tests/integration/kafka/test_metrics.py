"""Lag, positions, assignment and rebalances, as /metrics shows them."""

import sys

from support.kafka_jobs import job, properties, put
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka
from support.volleyd import Volleyd

# Waits until a file appears.
GATE = """
import json, os, sys, time
for line in sys.stdin:
    while not os.path.exists("go"): time.sleep(0.01)
    m = json.loads(line)
    print(json.dumps({"id": m["id"], "outputs": [{"text": m["text"]}]}), flush=True)
"""


def test_lag_counts_from_what_is_committed(kafka_server, tmp_path):
    store = Kafka(kafka_server, partitions=2)
    consumer = properties(kafka_server.bootstrap, statistics_interval_ms=200)
    put(store, Ledger(100))
    sizes = {p: sum(1 for m in store.take_messages("in") if m.partition() == p) for p in (0, 1)}
    (tmp_path / "gate.py").write_text(GATE)
    config = job(store, consumer, handler=f'{{exec: ["{sys.executable}", gate.py]}}', settings=", workers: 1")
    volleyd = Volleyd(tmp_path, config).wait_ready()

    def shown(name, **labels):
        return volleyd.metric(f"volley_plugin_kafka_{name}", **labels)

    wait_until(lambda: shown("lag") == 100, "100 are behind")
    assert shown("assigned_partitions") == 2 and shown("rebalances_total") == 0 and shown("brokers_up", queue="in") >= 1
    wait_until(lambda: {p: shown("position", partition=p) for p in (0, 1)} == sizes, "all are read, and wait for the handler")
    (tmp_path / "go").touch()
    wait_until(lambda: shown("lag") == 0, "nothing is behind")
    assert {p: shown("committed", partition=p) for p in (0, 1)} == sizes
    wait_until(lambda: shown("queued_messages", queue="out") == 0, "the producer's own figures say so, too")
    second = tmp_path / "second"
    second.mkdir()
    (second / "gate.py").write_text(GATE)
    other = Volleyd(second, config).wait_ready()
    wait_until(lambda: shown("assigned_partitions") == 1 and shown("rebalances_total") == 1, "one partition has left")
    assert other.stop() == 0 and volleyd.stop() == 0
