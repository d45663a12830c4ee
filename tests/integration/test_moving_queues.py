"""docs/scaling.md, "From RSMQ to Kafka": a queue moves while messages come in and processes die, and nothing is lost."""

import json
import subprocess
import threading
import time

from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka, Rsmq, declared, wait_for_all
from support.volleyd import VOLLEY, Volleyd

PARTITIONS = 3
WINDOW = 100


def config(rsmq, kafka, *stages):
    """The stages of the page: what handles RSMQ, what moves it to Kafka, what handles Kafka."""
    orders = f"{{name: %s, value: {kafka.topic('orders')}, type: kafka, config: {kafka.config()[:-1]}, group.id: {kafka.group}}}}}"
    queues = {"handle RSMQ": declared(rsmq, "old"), "move": declared(rsmq, "old") + f"  - {orders % 'orders'}\n",
              "handle Kafka": f"  - {orders % 'new'}\n"}
    components = {"handle RSMQ": "{name: ship, input: old, outputs: [out]", "move": "{name: move, input: old, outputs: [orders]",
                  "handle Kafka": "{name: ship-new, input: new, outputs: [out]"}
    of = "\n".join(f"  - {components[stage]}, handler: forward, max_in_flight: {WINDOW}}}" for stage in stages)
    return (f"app: moving\nqueues:\n{''.join(queues[stage] for stage in stages)}{declared(kafka, 'out')}components:\n{of}\n"
            'operations: {listen: "127.0.0.1:0"}\n')


class Load(threading.Thread):
    """A sender that goes on while everything changes: first into RSMQ, then into Kafka."""

    def __init__(self, rsmq, kafka, ledger):
        super().__init__(daemon=True)
        self.rsmq, self.kafka, self.sent = rsmq, kafka, 0
        self.entries = list(zip(ledger.bodies(), (entry["key"] for entry in ledger.sent)))
        self.into_kafka, self.ending = threading.Event(), threading.Event()

    def run(self):
        from confluent_kafka import Producer

        client, producer = self.rsmq.client(), Producer(
            {"bootstrap.servers": self.kafka.server.bootstrap, "linger.ms": 0, "enable.idempotence": True})
        for body, key in self.entries:
            if self.ending.is_set():
                break
            if self.into_kafka.is_set():
                producer.produce(self.kafka.topic("orders"), body.encode(), key.encode())
            else:
                client.sendMessage(qname="old", message=body, encode=False).execute()
            self.sent += 1
            time.sleep(0.002)
        assert producer.flush(60) == 0

    def wait(self, more):
        had = self.sent
        wait_until(lambda: self.sent >= had + more, f"{more} more were sent")


def test_a_queue_moves_from_rsmq_to_kafka_under_load(redis_server, kafka_server, tmp_path):
    rsmq, kafka = Rsmq(redis_server), Kafka(kafka_server, partitions=PARTITIONS)
    rsmq.client().createQueue(qname="old", vt=5, delay=0).exceptions(False).execute()
    folders = {name: tmp_path / name for name in ("a", "b", "c")}
    for folder in folders.values():
        folder.mkdir()
    ledger = Ledger(20_000)
    before = Volleyd(folders["a"], config(rsmq, kafka, "handle RSMQ")).wait_ready()
    load = Load(rsmq, kafka, ledger)
    load.start()
    load.wait(100)
    # Beside the old process, so that RSMQ is read all the time.
    between = Volleyd(folders["b"], config(rsmq, kafka, "move", "handle Kafka")).wait_ready()
    assert before.stop() == 0, before.log
    load.wait(100)
    between.kill()
    load.wait(100)
    between = Volleyd(folders["b"], config(rsmq, kafka, "move", "handle Kafka")).wait_ready()
    load.into_kafka.set()
    load.wait(100)

    def depth():
        said = subprocess.run([str(VOLLEY), "--config", str(folders["b"] / "volley.yml"), "queues", "old", "--json"],
                              capture_output=True, text=True, timeout=60)
        return json.loads(said.stdout)

    wait_until(lambda: rsmq.redis().zcard(f"{rsmq.ns}:old") == 0, "RSMQ is empty")
    assert depth()
    assert between.stop() == 0, between.log
    after = Volleyd(folders["c"], config(rsmq, kafka, "handle Kafka")).wait_ready()
    load.wait(100)
    load.ending.set()
    load.join(60)
    ledger.sent = ledger.sent[:load.sent]
    wait_for_all(kafka, ledger)
    assert after.stop() == 0, after.log
    verdict = ledger.judge(kafka.take("out"))
    assert verdict["lost"] == [] and verdict["phantoms"] == 0, verdict
    # What the killed process had in flight in its two components, or had done since the last commit on Kafka.
    assert verdict["duplicates"] <= 2 * WINDOW + 500, verdict
