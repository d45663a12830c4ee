"""Volley's configurations between Kafka topics, and what the group says of them."""

import sys
import uuid
from pathlib import Path

SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parent}/slow_forward.py"]}}'


def mapping(properties) -> str:
    return "{" + ", ".join(f'{key}: "{value}"' for key, value in properties.items()) + "}"


def properties(bootstrap, **more):
    """A short session, and a group of its own unless one is given (group_id=…)."""
    base = {"bootstrap.servers": bootstrap, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
            "group.id": "g" + uuid.uuid4().hex[:8]}
    return {**base, **{key.replace("_", "."): value for key, value in more.items()}}


def job(store, consumer, producer=None, *, handler="forward", settings="", dead=False, top=""):
    """One component from topic `in` to topic `out`; `consumer` and `producer` are librdkafka's properties."""
    producer = producer or {"bootstrap.servers": consumer["bootstrap.servers"]}
    queues = [("in", consumer), ("out", producer)] + ([("dead", producer)] if dead else [])
    lines = "".join(f"  - {{name: {name}, value: {store.topic(name)}, type: kafka, config: {mapping(config)}}}\n"
                    for name, config in queues)
    if dead:
        settings += ", dead_letter_queue: dead"
    return (f"app: jobs\n{top}queues:\n{lines}"
            f"components: [{{name: move, input: in, outputs: [out], handler: {handler}{settings}}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


def put(store, ledger, queue="in"):
    store.put(queue, ledger.bodies(), [entry["key"] for entry in ledger.sent])


def errors_of(log: str):
    return [line for line in log.splitlines() if line.split(" ")[1:2] == ["error"]]


class Group:
    """What the broker says that a group has committed in one topic."""

    def __init__(self, store, group, queue="in"):
        from confluent_kafka import Consumer

        self.topic, self.partitions = store.topic(queue), store.partitions
        self.client = Consumer({"bootstrap.servers": store.server.bootstrap, "group.id": group, "log_level": 0})

    def committed(self):
        """One offset a partition; negative: none."""
        from confluent_kafka import TopicPartition

        asked = self.client.committed([TopicPartition(self.topic, p) for p in range(self.partitions)], timeout=20)
        return [partition.offset for partition in asked]

    def close(self):
        self.client.close()
