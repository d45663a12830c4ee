"""Volley's configurations between Kafka topics, and what the group says of them."""

import json
import sys
import threading
import uuid
from pathlib import Path

from .servers import wait_until

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
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        def ask():
            try:
                return self.client.committed([TopicPartition(self.topic, p) for p in range(self.partitions)], timeout=20)
            except KafkaException as error:
                # A broker that has just started makes the topic of the offsets first.
                assert error.args[0].code() in (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
                                                KafkaError.COORDINATOR_NOT_AVAILABLE), error
                return None

        return [partition.offset for partition in wait_until(ask, "the group has a coordinator")]

    def close(self):
        self.client.close()

    def passed_unfinished(self, store, queue="out"):
        """Messages that a committed offset has passed and that never came out. For an engine that is not running."""
        committed = self.committed()
        out = {json.dumps(json.loads(m.value())) for m in everything(store, queue)}
        return [m.value().decode() for m in everything(store, "in")
                if m.offset() < committed[m.partition()] and json.dumps(json.loads(m.value())) not in out]


def everything(store, queue):
    """All messages of a topic up to where each partition ends now."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    reader = Consumer({"bootstrap.servers": store.server.bootstrap, "group.id": "reader", "enable.auto.commit": False})
    topic = store.topic(queue)
    ends = {p: reader.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1] for p in range(store.partitions)}
    left = {p: end for p, end in ends.items() if end > 0}
    reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in left])
    messages = []
    while left:
        message = reader.poll(20)
        assert message is not None and message.error() is None, f"{topic} cannot be read to its end"
        messages.append(message)
        if message.offset() + 1 >= left.get(message.partition(), 0):
            left.pop(message.partition(), None)
    reader.close()
    return messages


class Trace:
    """Samples a group's committed offsets until it is asked; they must never go back."""

    def __init__(self, group):
        self.group, self.samples, self.ending = group, [], threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()

    def _sample(self):
        while not self.ending.wait(0.1):
            try:
                self.samples.append(self.group.committed())
            except Exception:  # the broker is down: part of some tests
                continue

    def went_back(self):
        self.ending.set()
        self.thread.join(30)
        pairs = zip(self.samples, self.samples[1:])
        return [(before, after) for before, after in pairs if any(b > a for b, a in zip(before, after))]


def overlaps(path):
    """Pairs of runs of one key that were at work at the same time, of all processes that wrote this log (logged_forward.py)."""
    runs = {}
    for line in open(path):
        run = json.loads(line)
        runs.setdefault(run["key"], []).append((run["began"], run["ended"]))
    found = 0
    for of_key in runs.values():
        of_key.sort()
        found += sum(1 for (_, ended), (began, _) in zip(of_key, of_key[1:]) if began < ended)
    return found
