"""Looking into topics without taking: what waits, and which dead letters are settled. No group is joined or moved by it."""

import json

import pytest
from support.kafka_jobs import Group, job, properties, put
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka
from support.volleyd import Volleyd, volley

REFUSES = "{exec: [\"python3\", \"-c\", \"import json, sys\\nfor line in sys.stdin: print(json.dumps({'id': json.loads(line)['id'], 'fail': 'no'}), flush=True)\"]}"


@pytest.fixture
def store(kafka_server):
    return Kafka(kafka_server, partitions=3)


def peek(tmp_path, queue, *arguments):
    done = volley(tmp_path, "peek", queue, "--json", "--limit", "10000", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def count(tmp_path, queue):
    done = volley(tmp_path, "peek", queue, "--count")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def members(store, group):
    """How many are in the group, as the broker says; it is not even there before somebody joined or committed."""
    groups = store.server.admin.list_consumer_groups().result(timeout=20).valid
    if group not in [listed.group_id for listed in groups]:
        return None
    return len(store.server.admin.describe_consumer_groups([group])[group].result(timeout=20).members)


def test_what_waits_is_shown_and_counted_from_what_its_group_has_committed(store, tmp_path):
    ledger = Ledger(500)
    put(store, ledger)
    consumer = properties(store.server.bootstrap)
    config = job(store, consumer)
    (tmp_path / "volley.yml").write_text(config)
    shown = peek(tmp_path, "in")
    assert sorted(json.loads(m["body"])["seq"] for m in shown) == list(range(500))
    assert count(tmp_path, "in") == 500 and count(tmp_path, "out") == 0
    assert {m["id"].rsplit("/", 1)[0] for m in shown} == {f"{store.topic('in')}/{p}" for p in range(3)}
    assert all(m["key"] == json.loads(m["body"])["key"] for m in shown)
    assert members(store, consumer["group.id"]) is None
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: len(store.take("out")) == 500, "all is out")
    # Beside a member that works: it keeps what it has.
    assert count(tmp_path, "out") == 500 and members(store, consumer["group.id"]) == 1
    assert volleyd.metric("volley_plugin_kafka_rebalances_total") == 0
    assert volleyd.stop() == 0, volleyd.log
    group = Group(store, consumer["group.id"])
    assert sum(group.committed()) == 500, volleyd.log
    group.close()
    assert peek(tmp_path, "in") == [] and count(tmp_path, "in") == 0
    assert volleyd.log.count("partition assigned") == 3


def test_a_topic_that_does_not_exist_has_nothing_and_is_not_made(store, tmp_path):
    store.topics["in"] = "not-there"
    (tmp_path / "volley.yml").write_text(job(store, properties(store.server.bootstrap)))
    assert peek(tmp_path, "in") == [] and count(tmp_path, "in") == 0
    assert "not-there" not in store.server.admin.list_topics(timeout=10).topics


def settle(store, letter):
    """Appends a resolution as the connector's page describes it, with a client that is not ours."""
    from confluent_kafka import Producer

    topic, partition, _ = letter.split("/")
    producer = Producer({"bootstrap.servers": store.server.bootstrap})
    producer.produce(topic, json.dumps({"volley-resolves": letter}), letter, int(partition), headers={"volley-resolves": letter})
    assert producer.flush(30) == 0


def test_settled_dead_letters_are_hidden_and_their_resolutions_are_no_messages(store, tmp_path):
    ledger = Ledger(40)
    put(store, ledger)
    config = job(store, properties(store.server.bootstrap), handler=REFUSES, dead=True)
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: len(store.take("dead")) == 40, "all are dead")
    assert volleyd.stop() == 0, volleyd.log
    letters = peek(tmp_path, "dead")
    assert len(letters) == 40 and all(m["headers"]["volley-reason"] == "handler_fail" for m in letters)
    for letter in letters[:15]:
        settle(store, letter["id"])
    assert [m["id"] for m in peek(tmp_path, "dead")] == [m["id"] for m in letters[15:]]
    assert count(tmp_path, "dead") == 25
    # Whoever reads the topic gets the letters alone, and nothing is left behind.
    again = tmp_path / "again"
    again.mkdir()
    store.topics["in"], store.topics["out"] = store.topics["dead"], store.server.topic("again", 3)
    consumer = properties(store.server.bootstrap, statistics_interval_ms=200)
    reader = Volleyd(again, job(store, consumer)).wait_ready()
    wait_until(lambda: reader.metric("volley_plugin_kafka_committed") == 55 and reader.metric("volley_plugin_kafka_lag") == 0,
               "its group has got past them", timeout=30)
    assert len(store.take("out")) == 40 and reader.metric("volley_messages_received_total") == 40
    assert reader.stop() == 0, reader.log
    group = Group(store, consumer["group.id"])
    assert sum(group.committed()) == 55
    group.close()


def test_dead_letters_are_listed_sent_again_and_deleted_by_the_command_line(store, tmp_path):
    ledger = Ledger(30)
    put(store, ledger)
    consumer = properties(store.server.bootstrap)
    refusing = Volleyd(tmp_path, job(store, consumer, handler=REFUSES, dead=True)).wait_ready()
    wait_until(lambda: len(store.take("dead")) == 30, "all are dead")
    assert refusing.stop() == 0, refusing.log

    def dlq(*arguments, code=0):
        done = volley(tmp_path, "dlq", *arguments)
        assert done.returncode == code, done.stderr
        return done.stdout

    letters = [json.loads(line) for line in dlq("list", "--json", "--limit", "100").splitlines()]
    assert len(letters) == 30
    one, two, three = (letter["id"] for letter in letters[:3])
    assert json.loads(dlq("show", one, "--json"))["id"] == one
    dlq("retry", one)
    dlq("delete", two)
    dlq("retry", one, code=1)  # it is settled
    assert count(tmp_path, "dead") == 28 and count(tmp_path, "in") == 1
    (tmp_path / "volley.yml").write_text(job(store, consumer, dead=True))
    dlq("retry", "--all")
    assert count(tmp_path, "dead") == 0 and count(tmp_path, "in") == 29
    mended = Volleyd(tmp_path, job(store, consumer, dead=True)).wait_ready()
    wait_until(lambda: len(store.take("out")) == 29, "they come out")
    assert mended.stop() == 0, mended.log
    deleted = next(letter for letter in letters if letter["id"] == two)
    verdict = ledger.judge(store.take("out"), [deleted["body"]])
    assert verdict["lost"] == [] and verdict["duplicates"] == 0, verdict
    assert all(not m.headers() for m in store.take_messages("out"))
    mended = Volleyd(tmp_path, job(store, consumer, handler=REFUSES, dead=True)).wait_ready()
    store.put("in", ["again"], ["k"])
    wait_until(lambda: count(tmp_path, "dead") == 1, "one is dead again")
    assert mended.stop() == 0, mended.log
    assert volley(tmp_path, "purge", "dead", "--yes").returncode == 0
    assert count(tmp_path, "dead") == 0 and dlq("list", "--json") == ""


@pytest.mark.parametrize("verb", ["retry", "delete"])
def test_all_letters_are_settled_together(store, tmp_path, verb):
    """Neighbours share a resolution record: one for each, waited for, would take minutes."""
    from confluent_kafka import Consumer, Producer, TopicPartition

    letters = 3000
    producer = Producer({"bootstrap.servers": store.server.bootstrap, "queue.buffering.max.messages": letters})
    for n in range(letters):
        producer.produce(store.topic("dead"), f"letter {n}", f"k{n % 50}", headers={"volley-queue": "in", "volley-reason": "schema"})
    assert producer.flush(30) == 0
    (tmp_path / "volley.yml").write_text(job(store, properties(store.server.bootstrap), dead=True))
    done = volley(tmp_path, "dlq", verb, "--all")
    assert done.returncode == 0 and f"{letters} {'deleted' if verb == 'delete' else 'sent again'}" in done.stderr, done.stderr
    assert count(tmp_path, "dead") == 0
    assert len(store.take("in")) == (letters if verb == "retry" else 0)
    client = Consumer({"bootstrap.servers": store.server.bootstrap, "group.id": "end", "log_level": 0})
    ends = [client.get_watermark_offsets(TopicPartition(store.topic("dead"), p), timeout=20)[1] for p in range(store.partitions)]
    client.close()
    assert letters < sum(ends) < letters * 1.2
