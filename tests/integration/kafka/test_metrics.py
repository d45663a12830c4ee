"""Lag, positions, assignment and rebalances, as /metrics shows them."""

import json
import sys

from support.api import Api, mistakes
from support.kafka_jobs import job, properties, put
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka
from support.volleyd import Volleyd, volley

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
    lags = wait_until(lambda: (lambda lags: lags if sum(lags.values()) == 100 else None)(
        {p: volleyd.metric("volley_queue_partition_lag", partition=p, source=store.topic("in")) for p in (0, 1)}), "each has a lag")
    assert lags == sizes and volleyd.metric("volley_queue_partitions_assigned") == 2
    queue = Api(volleyd).get("queues")["queues"][0]
    assert queue["partitions_assigned"] == 2
    assert queue["partitions"] == [{"source": store.topic("in"), "partition": p, "lag": sizes[p]} for p in (0, 1)]
    assert mistakes(queue, {"$ref": "#/components/schemas/Queue"}) == []
    status = json.loads(volley(tmp_path, "status", "--json", "--address", volleyd.address).stdout)
    assert status["queues"]["queues"][0]["partitions"] == queue["partitions"]
    Api(volleyd).post("components/move/pause")
    why = wait_until(lambda: (lambda text: text if "paused" in text else None)(
        volley(tmp_path, "why", "--address", volleyd.address).stdout), "it says that it is paused")
    largest = max(sizes, key=sizes.get)
    assert f"  in is behind: partition {largest} of {store.topic('in')} by {sizes[largest]}, partition" in why
    Api(volleyd).post("components/move/resume")
    assert shown("assigned_partitions") == 2 and shown("rebalances_total") == 0 and shown("brokers_up", queue="in") >= 1
    wait_until(lambda: {p: shown("position", partition=p) for p in (0, 1)} == sizes, "all are read, and wait for the handler")
    (tmp_path / "go").touch()
    wait_until(lambda: shown("lag") == 0, "nothing is behind")
    wait_until(lambda: volleyd.metric("volley_queue_partition_lag") == 0, "no partition is behind")
    assert {p: shown("committed", partition=p) for p in (0, 1)} == sizes
    wait_until(lambda: shown("queued_messages", queue="out") == 0, "the producer's own figures say so, too")
    second = tmp_path / "second"
    second.mkdir()
    (second / "gate.py").write_text(GATE)
    other = Volleyd(second, config).wait_ready()
    wait_until(lambda: shown("assigned_partitions") == 1 and shown("rebalances_total") == 1, "one partition has left")
    wait_until(lambda: volleyd.metric("volley_queue_partitions_assigned") == 1, "its lag has left, too")
    wait_until(lambda: len(Api(volleyd).get("queues")["queues"][0]["partitions"]) == 1, "in the API as well")
    assert other.stop() == 0 and volleyd.stop() == 0
