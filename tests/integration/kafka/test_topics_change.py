"""Topics that change under a running engine, and messages that were made to hurt."""

import signal
import sys
import time

import pytest
from support import fault_table
from support.kafka_jobs import Group, errors_of, job, properties, put
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka, wait_for_all
from support.volleyd import Volleyd


@pytest.fixture
def store(kafka_server):
    return Kafka(kafka_server, partitions=1)


def come(store, queue, count):
    return wait_until(lambda: (lambda m: m if len(m) >= count else None)(store.take_messages(queue)), f"{count} came", 30)


def test_hostile_messages_cost_a_dead_letter_at_most(store, tmp_path):
    from confluent_kafka import Producer

    deep = b"[" * 1_000_000
    messages = [{"value": deep}, {"value": b'{"a": "\xff\xfe"}'}, {"value": b"\x00" * 100, "key": b"\x00"}, {"value": b""},
                {"value": None, "key": "tombstone"},
                {"value": b'{"n": 1}', "headers": [(f"h{n}", b"x" * 10) for n in range(10000)]},
                {"value": b'{"n": 2}', "headers": [("", b""), ("\x1b[31m\n", b"\r\n")]},
                {"value": b'{"n": 3}', "key": None}]
    producer = Producer({"bootstrap.servers": store.server.bootstrap, "message.max.bytes": 2000000})
    for message in messages:
        producer.produce(store.topic("in"), **message)
    assert producer.flush(30) == 0
    config = job(store, properties(store.server.bootstrap), dead=True).replace("{name: in,", "{name: in, serializer: json,", 1)
    config = config.replace("{name: out,", "{name: out, serializer: json,", 1)
    config = config.replace("type: kafka", "type: kafka, schema: {}", 0)
    volleyd = Volleyd(tmp_path, config).wait_ready()
    volleyd_out = wait_until(lambda: (lambda a, b: (a, b) if len(a) + len(b) == len(messages) else None)(
        store.take_messages("out"), store.take_messages("dead")), "each came out somewhere", 30)
    assert volleyd.stop() == 0, volleyd.log
    out, dead = volleyd_out
    assert {b'{"n": 1}', b'{"n": 2}', b'{"n": 3}', None} <= {m.value() for m in out}
    assert all(m.value() in {message["value"] for message in messages} for m in [*out, *dead])
    assert "\x1b" not in volleyd.log
    assert [len(m.headers()) for m in out if m.value() == b'{"n": 1}'] == [10000]
    fault_table.note(33, "hostile messages: 1 MB of [, invalid UTF-8, NULs, 10,000 headers, no body, no key",
                     also=f"{len(out)} through, {len(dead)} dead letters, each once")


def test_partitions_that_are_added_are_read_from_their_start(store, tmp_path):
    from confluent_kafka.admin import NewPartitions

    consumer = properties(store.server.bootstrap, topic_metadata_refresh_interval_ms=500)
    put(store, Ledger(10))
    volleyd = Volleyd(tmp_path, job(store, consumer)).wait_ready()
    come(store, "out", 10)
    for future in store.server.admin.create_partitions([NewPartitions(store.topic("in"), 3)]).values():
        future.result(timeout=30)
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": store.server.bootstrap})
    wait_until(lambda: len(store.server.admin.list_topics(store.topic("in"), timeout=5).topics[store.topic("in")].partitions) == 3, "added")
    for partition in (1, 2):
        producer.produce(store.topic("in"), f"early {partition}", partition=partition)
    assert producer.flush(30) == 0
    out = come(store, "out", 12)
    assert {m.value() for m in out[10:]} == {b"early 1", b"early 2"}
    fault_table.note(34, "partitions are added", also="read from their start")
    assert volleyd.stop() == 0, volleyd.log


def test_a_topic_deleted_at_work_keeps_nobody_from_stopping(store, tmp_path):
    consumer = properties(store.server.bootstrap, topic_metadata_refresh_interval_ms=500)
    put(store, Ledger(50))
    volleyd = Volleyd(tmp_path, job(store, consumer)).wait_ready()
    come(store, "out", 50)
    for future in store.server.admin.delete_topics([store.topic("in")]).values():
        future.result(timeout=30)
    wait_until(lambda: "partition revoked" in volleyd.log or "partition lost" in volleyd.log, "it is noticed")
    began = time.monotonic()
    assert volleyd.stop() == 0, volleyd.log
    ended = time.monotonic() - began
    assert ended < 30
    fault_table.note(34, "the topic is deleted at work", also=f"a stop ends after {ended:.1f} s, exit 0")


def test_an_output_that_is_made_again_with_fewer_partitions_gets_every_key(store, tmp_path):
    store.partitions = 6
    ledger = Ledger(600)
    volleyd = Volleyd(tmp_path, job(store, properties(store.server.bootstrap), {
        "bootstrap.servers": store.server.bootstrap, "topic.metadata.refresh.interval.ms": 500, "statistics.interval.ms": 500},
        dead=True)).wait_ready()
    put(store, ledger)
    come(store, "out", 600)
    from confluent_kafka.admin import NewTopic

    admin, out = store.server.admin, store.topic("out")
    for future in admin.delete_topics([out]).values():
        future.result(timeout=30)

    def partitions():
        """Whoever is first makes it again: this test, or the broker for the producer, with one."""
        admin.create_topics([NewTopic(out, 2)])[out].exception(timeout=30)
        topics = admin.list_topics(timeout=5).topics
        return len(topics[out].partitions) if out in topics else 0

    store.readers.pop("out").close()
    store.taken.pop("out")
    store.partitions = wait_until(lambda: (lambda n: n if 0 < n < 6 else None)(partitions()), "it is made again")
    put(store, ledger)
    assert len(come(store, "out", 600)) == 600
    assert volleyd.metric("volley_messages_settled_total", outcome="dead_letter") == 0
    fault_table.note(34, "an output is made again with fewer partitions", also="600 messages after that, each once, no dead letter")
    assert volleyd.stop() == 0, volleyd.log


def delete_records(store, before):
    from confluent_kafka import TopicPartition

    for future in store.server.admin.delete_records([TopicPartition(store.topic("in"), 0, before)]).values():
        future.result(timeout=30)


@pytest.mark.parametrize("policy", ["earliest", "error"])
def test_messages_that_retention_deleted_unread_are_told(store, tmp_path, policy):
    consumer = properties(store.server.bootstrap, auto_offset_reset=policy)
    ledger = Ledger(100)
    put(store, ledger)
    first = Volleyd(tmp_path, job(store, {**consumer, "auto.offset.reset": "earliest"})).wait_ready()
    come(store, "out", 100)
    assert first.stop() == 0, first.log
    put(store, ledger)
    delete_records(store, 150)
    volleyd = Volleyd(tmp_path, job(store, consumer))
    if policy == "error":
        assert volleyd.wait() == 78 and "auto.offset.reset" in volleyd.log, volleyd.log
        return
    volleyd.wait_ready()
    assert len(come(store, "out", 150)) == 150
    assert volleyd.metric("volley_plugin_kafka_truncations_total") == 1
    assert volleyd.stop() == 0
    fault_table.note(34, "retention deletes messages unread", also="told, counted, and on at auto.offset.reset")
    assert len(errors_of(volleyd.log)) == 1 and "offsets 100 to 149 were deleted" in volleyd.log, volleyd.log


def transaction(store, bodies):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": store.server.bootstrap, "transactional.id": "t" + store.group})
    producer.init_transactions(30)
    producer.begin_transaction()
    for body in bodies:
        producer.produce(store.topic("in"), body)
    producer.commit_transaction(30)


def create(store, queue, partitions=1):
    """Where the broker makes topics by itself, a client that asks may have been first."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import NewTopic

    def made():
        try:
            for future in store.server.admin.create_topics([NewTopic(store.topic(queue), partitions)]).values():
                future.result(timeout=30)
            return True
        except KafkaException as error:
            if error.args[0].name() == "TOPIC_ALREADY_EXISTS":  # as long as the deletion is under way
                return False
            raise

    wait_until(made, "the topic is created")


def delete(store, queue):
    for future in store.server.admin.delete_topics([store.topic(queue)]).values():
        future.result(timeout=30)


@pytest.mark.parametrize("how", ["suspended", "running", "with fewer messages", "error"])
def test_a_topic_that_is_deleted_and_created_again_is_read_from_its_start(store, tmp_path, how):
    """Suspended, the engine sees nothing of the change: the new topic reaches past the offset where it stood."""
    consumer = properties(store.server.bootstrap, auto_offset_reset="error" if how == "error" else "earliest")
    transaction(store, [f"before {n}" for n in range(100)])
    if how == "error":
        from confluent_kafka import Consumer, TopicPartition

        client = Consumer({"bootstrap.servers": store.server.bootstrap, "group.id": consumer["group.id"]})
        client.commit(offsets=[TopicPartition(store.topic("in"), 0, 0)], asynchronous=False)
        client.close()
    volleyd = Volleyd(tmp_path, job(store, consumer, top="log: {level: debug}\n")).wait_ready()
    come(store, "out", 100)
    group = Group(store, consumer["group.id"])
    # The marker behind them is committed once the end was seen.
    wait_until(lambda: group.committed() == [101] and "is marked at offset" in volleyd.log, "all is committed")
    again = 50 if how == "with fewer messages" else 150
    suspends = how in ("suspended", "error")
    if suspends:
        volleyd.process.send_signal(signal.SIGSTOP)
    delete(store, "in")
    create(store, "in")
    store.put("in", [f"again {n}" for n in range(again)], ["k"] * again)
    if suspends:
        volleyd.process.send_signal(signal.SIGCONT)
    if how == "error":
        assert volleyd.wait() == 78, volleyd.log
        assert "auto.offset.reset is error" in volleyd.log, volleyd.log
        group.close()
        return

    def all_came():
        return {f"again {n}" for n in range(again)} <= set(store.take("out"))

    try:
        wait_until(all_came, "all of the new topic")
    except AssertionError:
        raise AssertionError(volleyd.log) from None
    wait_until(lambda: group.committed() == [again], "the new offsets are committed")
    group.close()
    assert volleyd.metric("volley_plugin_kafka_log_restarts_total") == 1
    assert "was deleted and created again" in "\n".join(errors_of(volleyd.log)), volleyd.log
    assert volleyd.stop() == 0, volleyd.log


def test_an_input_topic_that_does_not_exist_is_no_readiness(store, tmp_path):
    store.topics["in"] = "ordres-" + store.group
    volleyd = Volleyd(tmp_path, job(store, properties(store.server.bootstrap)))
    said = wait_until(lambda: (lambda answer: answer[1] if answer[0] == 503 and store.topic("in") in answer[1] else None)(
        volleyd.get("/readyz")) if volleyd.address else None, "it is told")
    assert "no topic" in said, said
    create(store, "in")
    put(store, Ledger(10))
    come(store, "out", 10)
    volleyd.wait_ready()
    delete(store, "in")
    wait_until(lambda: volleyd.get("/readyz")[0] == 503, "its end is told")
    assert volleyd.stop() == 0, volleyd.log


GATED = """import json, pathlib, sys, time
for line in sys.stdin:
    pathlib.Path("at-work").touch()
    while not pathlib.Path("go-on").exists():
        time.sleep(0.02)
    message = json.loads(line)
    print(json.dumps({"id": message["id"], "outputs": [{"text": message["text"]}]}), flush=True)
"""


def test_offsets_of_a_topic_that_is_gone_do_not_spoil_a_stop(store, tmp_path):
    """Its last message is at work while the topic is deleted: the broker refuses the offset from then on."""
    (tmp_path / "gated.py").write_text(GATED)
    put(store, Ledger(1))
    handler = f'{{exec: ["{sys.executable}", gated.py]}}'
    volleyd = Volleyd(tmp_path, job(store, properties(store.server.bootstrap), handler=handler)).wait_ready()
    wait_until(lambda: (tmp_path / "at-work").exists(), "the message is at work")
    delete(store, "in")
    wait_until(lambda: volleyd.get("/readyz")[0] == 503, "its end is told")
    (tmp_path / "go-on").touch()
    wait_until(lambda: len(store.take_messages("out")) == 1, "the message is done")
    assert volleyd.stop() == 0, volleyd.log


def test_a_pattern_that_matches_nothing_is_no_readiness(store, tmp_path):
    prefix = "pattern-" + store.group
    store.topics["in"] = f"^{prefix}-.*"
    config = job(store, properties(store.server.bootstrap)).replace(f"value: {store.topic('in')}", f'value: "{store.topic("in")}"')
    volleyd = Volleyd(tmp_path, config)
    wait_until(lambda: volleyd.address and volleyd.get("/readyz")[0] == 503 and "no topic matches" in volleyd.get("/readyz")[1],
               "it is told")
    store.topics["in"] = f"{prefix}-one"
    create(store, "in")
    put(store, Ledger(10))
    come(store, "out", 10)
    volleyd.wait_ready()
    assert volleyd.stop() == 0, volleyd.log
