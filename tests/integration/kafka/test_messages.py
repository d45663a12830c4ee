"""What a Kafka message can be, and where it can come from and go to."""

import json
import sys
import uuid

import pytest
from support.kafka_jobs import job, properties
from support.servers import wait_until
from support.stores import Kafka
from support.volleyd import Volleyd


@pytest.fixture
def store(kafka_server):
    return Kafka(kafka_server, partitions=1)


def producer(server):
    from confluent_kafka import Producer

    return Producer({"bootstrap.servers": server.bootstrap, "message.max.bytes": 5000000})


def send(server, topic, *messages):
    client = producer(server)
    for message in messages:
        client.produce(topic, **message)
    assert client.flush(30) == 0


def come(store, queue, count):
    return wait_until(lambda: (lambda m: m if len(m) >= count else None)(store.take_messages(queue)), f"{count} came", 30)


def test_several_topics_in_one_value(store, tmp_path):
    server = store.server
    topics = [server.topic("first", 2), server.topic("second", 2)]
    for topic in topics:
        send(server, topic, *({"value": f"{topic} {partition} {n}", "partition": partition} for partition in (0, 1) for n in range(20)))
    store.topics["in"] = '"' + ", ".join(topics) + '"'
    volleyd = Volleyd(tmp_path, job(store, properties(server.bootstrap), settings=", workers: 3, order: partition")).wait_ready()
    out = [m.value().decode() for m in come(store, "out", 80)]
    assert volleyd.stop() == 0, volleyd.log
    for topic in topics:
        for partition in (0, 1):
            start = f"{topic} {partition} "
            assert [line for line in out if line.startswith(start)] == [f"{start}{n}" for n in range(20)]


def test_a_regular_expression_takes_also_what_is_made_later(store, tmp_path):
    server = store.server
    prefix = "re" + uuid.uuid4().hex[:8]
    send(server, server.topic(f"{prefix}.old"), {"value": "old"})
    send(server, server.topic(f"not-{prefix}.old"), {"value": "no"})
    store.topics["in"] = f'"^{prefix}[.]"'
    consumer = properties(server.bootstrap, topic_metadata_refresh_interval_ms=500)
    volleyd = Volleyd(tmp_path, job(store, consumer)).wait_ready()
    assert come(store, "out", 1)[0].value() == b"old"
    send(server, server.topic(f"{prefix}.new"), {"value": "new"})
    assert come(store, "out", 2)[1].value() == b"new"
    assert volleyd.stop() == 0, volleyd.log
    assert len(store.take_messages("out")) == 2


def test_keys_headers_tombstones_and_bytes_go_through_untouched(store, tmp_path):
    messages = [{"value": b"\x00\xff\xfe binary", "key": b"\x80\x81"},
                {"value": "text", "key": "k", "headers": [("h", b"\xff\x00"), ("h", b"again"), ("null", None), ("empty", b"")]},
                {"value": None, "key": "gone"},
                {"value": b"", "key": b""},
                {"value": "no key"}]
    send(store.server, store.topic("in"), *messages)
    volleyd = Volleyd(tmp_path, job(store, properties(store.server.bootstrap))).wait_ready()
    out = come(store, "out", len(messages))
    assert volleyd.stop() == 0, volleyd.log

    def as_bytes(text):
        return text.encode() if isinstance(text, str) else text

    assert [m.value() for m in out] == [as_bytes(m["value"]) for m in messages]
    assert [m.key() for m in out] == [as_bytes(m.get("key")) for m in messages]
    assert [m.headers() for m in out] == [m.get("headers") for m in messages]


CHOOSER = """
import json, sys
for line in sys.stdin:
    m = json.loads(line)
    to = int(m["text"])
    print(json.dumps({"id": m["id"], "outputs": [{"text": m["text"], "key": "same", "partition": to}]}), flush=True)
"""


def test_a_handler_chooses_the_partition_and_one_that_is_not_there_is_a_dead_letter(kafka_server, tmp_path):
    store = Kafka(kafka_server, partitions=3)
    (tmp_path / "choose.py").write_text(CHOOSER)
    send(kafka_server, store.topic("in"), *({"value": str(n), "key": "k"} for n in (2, 0, 1, 7)))
    volleyd = Volleyd(tmp_path, job(store, properties(kafka_server.bootstrap), handler=f'{{exec: ["{sys.executable}", choose.py]}}',
                                    dead=True)).wait_ready()
    out = come(store, "out", 3)
    dead = come(store, "dead", 1)
    assert volleyd.stop() == 0, volleyd.log
    assert all(int(m.value()) == m.partition() for m in out) and len(out) == 3
    assert [m.value() for m in dead] == [b"7"] and b"partition" in dict(dead[0].headers())["volley-error"].lower()


def test_a_message_as_large_as_the_broker_takes_goes_through(store, tmp_path):
    largest = 1_048_588 - 100  # the broker counts its own framing too
    send(store.server, store.topic("in"), {"value": b"x" * largest, "key": "k"})
    volleyd = Volleyd(tmp_path, job(store, properties(store.server.bootstrap))).wait_ready()
    assert len(come(store, "out", 1)[0].value()) == largest
    assert volleyd.stop() == 0, volleyd.log


@pytest.mark.parametrize("judge, limit, kept", [("client", 3_000_000, 2_000_000), ("broker", 1_048_588, 16 * 1024)])
def test_a_too_large_message_becomes_a_dead_letter_once_whole_where_it_fits(store, tmp_path, judge, limit, kept):
    """Refused by librdkafka's own limit, or by the broker in its report: the same."""
    server = store.server
    store.topics["in"] = server.topic("in", max_message_bytes=3_000_000)
    store.topics["dead"] = server.topic("dead", max_message_bytes=limit)
    body = json.dumps({"n": 1, "pad": "x" * 1_999_980}).encode()[:2_000_000].ljust(2_000_000)
    send(server, store.topic("in"), {"value": body, "key": "large", "headers": [("h", b"v")]}, {"value": "small"})
    sender = {"bootstrap.servers": server.bootstrap, **({"message.max.bytes": 4000000} if judge == "broker" else {})}
    config = job(store, properties(server.bootstrap), sender, dead=True, top="max_message_bytes: 4MB\n")
    volleyd = Volleyd(tmp_path, config).wait_ready()
    assert come(store, "out", 1)[0].value() == b"small"
    letter = come(store, "dead", 1)[0]
    assert volleyd.stop() == 0, volleyd.log
    assert len(store.take_messages("dead")) == 1 and len(store.take_messages("out")) == 1
    headers = dict(letter.headers())
    assert (letter.key(), headers["h"], headers["volley-reason"], headers["volley-attempts"]) == (b"large", b"v", b"too_large", b"1")
    assert letter.value() == body[:kept]
    assert headers.get("volley-truncated-from") == (b"2000000" if kept < 2_000_000 else None)
