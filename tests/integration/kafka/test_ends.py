"""The end of a partition: offsets behind the last message that no message has are no lag."""

import json
import uuid

import pytest
from support.kafka_jobs import Group, job, properties, put
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka
from support.volleyd import Volleyd, volley


@pytest.fixture
def store(kafka_server):
    return Kafka(kafka_server, partitions=1)


def transaction(store, bodies, commit):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": store.server.bootstrap, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(30)
    producer.begin_transaction()
    for body in bodies:
        producer.produce(store.topic("in"), body)
    assert producer.flush(30) == 0
    producer.commit_transaction(30) if commit else producer.abort_transaction(30)


def end(store):
    from confluent_kafka import Consumer, TopicPartition

    client = Consumer({"bootstrap.servers": store.server.bootstrap, "group.id": "end", "log_level": 0})
    try:
        return client.get_watermark_offsets(TopicPartition(store.topic("in"), 0), timeout=20)[1]
    finally:
        client.close()


def ready(tmp_path):
    done = volley(tmp_path, "queues", "in", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["ready"]


@pytest.mark.parametrize("tail", ["committed", "aborted", "aborted alone", "plain"])
def test_an_engine_knows_when_nothing_is_left(store, tmp_path, tail):
    wanted, stable = 0, 0
    if tail == "plain":
        put(store, Ledger(5))
        wanted, stable = 5, 5
    if tail in ("committed", "aborted"):
        transaction(store, [f"kept {n}" for n in range(5)], True)
        wanted, stable = 5, 6
    if tail.startswith("aborted"):
        transaction(store, [f"gone {n}" for n in range(7)], False)
        stable += 8
    # The coordinator writes a transaction's marker after it has answered the client.
    wait_until(lambda: end(store) == stable, "the markers are written")
    consumer = properties(store.server.bootstrap)
    volleyd = Volleyd(tmp_path, job(store, consumer), "--exit-when-idle")
    assert volleyd.wait(60) == 0, volleyd.log
    assert len(store.take("out")) == wanted
    group = Group(store, consumer["group.id"])
    assert group.committed() == [end(store)]
    group.close()
    assert ready(tmp_path) == 0


def test_an_idle_engine_behind_a_marker_is_not_taken_for_a_stalled_one(store, tmp_path):
    """Every lag that it has is looked for; it is stopped after a stall_timeout, if it takes one for messages."""
    transaction(store, ["one"], True)
    config = job(store, properties(store.server.bootstrap, statistics_interval_ms=200), top="stall_timeout: 5s\n")
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: len(store.take("out")) == 1, "it came")

    def lag():
        text = volleyd.get("/metrics")[1]
        return "volley_plugin_kafka_lag{" in text and volleyd.metric("volley_plugin_kafka_lag")

    wait_until(lambda: lag() == 0.0, "there is no lag")
    with pytest.raises(AssertionError, match="does not end"):
        volleyd.wait(12)
    # It still is awake.
    transaction(store, ["two"], True)
    wait_until(lambda: len(store.take("out")) == 2, "the next came")
    assert volleyd.stop() == 0, volleyd.log
