"""Applications of py-volley run unmodified on volleyd: same inputs, same outputs."""

import json
import signal

import pytest
from support.environments import compat, py_volley
from support.py_volley import APPS, BOTH, Run, on_py_volley, on_volleyd
from support.servers import wait_until
from support.stores import Kafka, Rsmq


@pytest.fixture(autouse=True)
def no_application_is_left_behind():
    yield
    while Run.running:
        Run.running.pop().kill()


class OnRsmq:
    """The queues of one run, in a namespace of their own."""

    profile = "rsmq"

    def __init__(self, server):
        self.store = Rsmq(server)

    def environment(self, vt=30, codec="", dead="-dlq"):
        place = {"host": "127.0.0.1", "port": self.store.server.port, "ns": self.store.ns}
        queues = {"IN": codec, "OUT": codec, "OTHER": codec, "DEAD": dead}
        return {name: json.dumps({"value": name.lower(), "profile": self.profile + ending,
                                  "config": {**place, "vt": vt} if name == "IN" else place})
                for name, ending in queues.items() if ending is not None}

    def put(self, bodies):
        client = self.store.client()
        client.createQueue(qname="in", vt=30).exceptions(False).execute()
        for body in bodies:
            client.sendMessage(qname="in", message=body, encode=False).execute()

    def stored(self, queue):
        """Bodies as they are, in the order of their sending; nothing is received."""
        redis = self.store.redis()
        key = f"{self.store.ns}:{queue}"
        ids = redis.zrange(key, 0, -1)
        return sorted(redis.hget(f"{key}:Q", each) for each in ids)

    def is_settled(self):
        return not self.stored("in")


class OnKafka:
    profile = "confluent"

    def __init__(self, server):
        self.store = Kafka(server, partitions=1)

    def environment(self, codec="", dead="-dlq", **config):
        servers = {"bootstrap.servers": self.store.server.bootstrap}
        reads = {**servers, "group.id": self.store.group, "session.timeout.ms": 6000, "poll_interval": 0.2, **config}
        queues = {"IN": codec, "OUT": codec, "OTHER": codec, "DEAD": dead}
        return {name: json.dumps({"value": self.store.topic(name.lower()), "profile": self.profile + ending,
                                  "config": reads if name == "IN" else servers})
                for name, ending in queues.items() if ending is not None}

    def put(self, bodies, **options):
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.store.server.bootstrap})
        for body in bodies:
            producer.produce(self.store.topic("in"), body, **options)
        assert producer.flush(60) == 0

    def stored(self, queue):
        return sorted(message.value() for message in self.store.take_messages(queue))

    def committed(self):
        from confluent_kafka import Consumer, TopicPartition

        reader = Consumer({"bootstrap.servers": self.store.server.bootstrap, "group.id": self.store.group})
        try:
            return reader.committed([TopicPartition(self.store.topic("in"), 0)], timeout=30)[0].offset
        finally:
            reader.close()


@pytest.fixture(params=[OnRsmq, OnKafka], ids=["rsmq", "kafka"])
def queues(request):
    """Makes the queues of a run."""
    server = request.getfixturevalue("redis_server" if request.param is OnRsmq else "kafka_server")
    return lambda: request.param(server)


@pytest.fixture
def rsmq(redis_server):
    return lambda: OnRsmq(redis_server)


@pytest.fixture
def kafka(kafka_server):
    return lambda: OnKafka(kafka_server)


ORDERS = [
    {"id": 1}, {"id": "2", "do": "both"}, {"id": 3, "do": "true"}, {"id": 4, "do": "empty"}, {"id": "no number"}, {}, [1], "text",
    {"id": 5, "at": "2024-02-29T12:00:00", "price": "10.10", "uuid": "6b1f1c7e-8f43-4f38-9b5c-1d6c0f6c8b11"},
    {"id": 6, "at": "2024-02-29T12:00:00.5+02:00", "tags": ["a\n", "\u2028", "🌍", "\x00"], "unknown": 1},
]
BAD_BYTES = [b"", b"{", b"\xff\xfe\x00", b"null"]


def encoded(codec):
    if "msgpack" not in codec:
        return [json.dumps(order).encode() for order in ORDERS] + BAD_BYTES
    # By hand, for this interpreter has no msgpack: {"id": n}.
    return [b"\x81\xa2id" + bytes([n]) for n in range(5)] + [b"\x81\xa2id\xa17", b"\x81\xa2id\xa1x", b"\xc1", b"\x90", b""]


@pytest.mark.parametrize("codec", ["", "-pydantic", "-orjson-pydantic", "-msgpack-pydantic"])
def test_outputs_and_dead_letters_are_the_same_bytes(codec, queues, tmp_path):
    stored = {}
    for name, start in BOTH.items():
        at = queues()
        bodies = [body for body in encoded(codec) if body or isinstance(at, OnKafka)]  # PyRSMQ does not send an empty one
        at.put(bodies)
        app = start(tmp_path / name, APPS / "orders.py", **at.environment(codec=codec))
        # What is stored beside the input's two that come to nothing: one goes to three queues.
        expected = len(bodies) - 2 + 2 if "msgpack" not in codec else len(bodies)
        app.wait_for("all is dealt with", lambda: sum(len(at.stored(queue)) for queue in ("out", "other", "dead")) >= expected)
        assert app.stop() == 0, app.log
        assert "the end" in app.lines, app.log
        stored[name] = {queue: at.stored(queue) for queue in ("out", "other", "dead")}
    assert stored["volleyd"] == stored["py-volley"]
