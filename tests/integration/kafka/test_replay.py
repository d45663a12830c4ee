"""What was stored between two times, read or not: shown, counted, and sent again."""

import time
from datetime import datetime, timezone

import pytest
from support.kafka_jobs import job, properties
from support.servers import wait_until
from support.stores import Kafka
from support.volleyd import Volleyd, volley

HOUR = 3_600_000
NOW = time.time_ns() // 1_000_000
START = NOW - 5 * HOUR


def stamp(milliseconds, form="%Y-%m-%dT%H:%M:%S.%fZ"):
    text = datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime(form)
    return text.replace("000Z", "Z")


@pytest.fixture
def store(kafka_server, tmp_path):
    """A message a minute for three hours, over three partitions; all of it was moved to `out` by a component."""
    from confluent_kafka import Producer

    store = Kafka(kafka_server, partitions=3)
    producer = Producer({"bootstrap.servers": kafka_server.bootstrap})
    for minute in range(180):
        producer.produce(store.topic("in"), str(minute), f"k{minute % 7}", timestamp=START + minute * 60_000,
                         headers=[("n", str(minute)), ("n", b"\xff")])
    assert producer.flush(30) == 0
    store.topic("other")
    config = job(store, properties(kafka_server.bootstrap)).replace(
        "components:", f'  - {{name: other, value: {store.topic("other")}, type: kafka, config: {{bootstrap.servers: "{kafka_server.bootstrap}"}}}}\n'
                       "  - {name: packed, type: sqlite, serializer: msgpack}\n  - {name: lines, type: sqlite, serializer: json}\ncomponents:")
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: len(store.take("out")) == 180, "all was moved")
    assert volleyd.stop() == 0, volleyd.log
    return store


def run(tmp_path, *arguments, code=0):
    done = volley(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def minutes(begin, end):
    return [str(minute) for minute in range(begin, end)]


def test_an_hour_is_shown_counted_and_sent_again(store, tmp_path):
    hour = ["--from", stamp(START + 60 * 60_000), "--to", stamp(START + 120 * 60_000)]
    assert run(tmp_path, "peek", "in") == ""  # nothing waits
    assert run(tmp_path, "peek", "in", *hour, "--limit", "1000").split() == minutes(60, 120)
    assert run(tmp_path, "peek", "in", *hour, "--count") == "60\n"
    assert run(tmp_path, "replay", "in", *hour, "--dry-run") == "60 would be sent to in\n"
    assert run(tmp_path, "peek", "in", "--count") == "0\n"
    run(tmp_path, "replay", "in", *hour, "--into", "other")
    came = store.take_messages("other")
    assert sorted(int(m.value()) for m in came) == list(range(60, 120))
    assert all(m.key() == f"k{int(m.value()) % 7}".encode() for m in came)
    assert all(m.headers() == [("n", m.value()), ("n", b"\xff")] for m in came)
    # Into the queue itself: it does not find what it sends.
    run(tmp_path, "replay", "in", "--from", stamp(START), "--limit", "100")
    assert sorted(int(line) for line in run(tmp_path, "peek", "in", "--limit", "1000").split()) == list(range(100))


def test_times_can_be_written_in_several_ways(store, tmp_path):
    whole = START // 60_000 * 60_000 + 60_000  # a minute without seconds
    first = -(-(whole - START) // 60_000)
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M+00:00"):
        assert run(tmp_path, "peek", "in", "--from", stamp(whole, form), "--limit", "1") == f"{first}\n"
    east = stamp(whole + 5 * HOUR + HOUR // 2, "%Y-%m-%dT%H:%M") + "+05:30"
    assert run(tmp_path, "peek", "in", "--from", east, "--limit", "1") == f"{first}\n"

    def three_hours_ago():
        return -(-(time.time_ns() // 1_000_000 - 3 * HOUR - START) // 60_000)

    before = three_hours_ago()
    ago = int(run(tmp_path, "peek", "in", "--from", "3h", "--limit", "1"))
    assert before <= ago <= three_hours_ago()
    day = stamp(START, "%Y-%m-%d")
    assert run(tmp_path, "peek", "in", "--from", day, "--limit", "1") == "0\n"


@pytest.mark.parametrize("time_text", ["yesterday", "2026-13-01", "2026-02-30", "2026-01-01T25:00", "2026-01-01T10:00:00+1", "5x", ""])
def test_what_is_no_time_is_a_mistake(tmp_path, time_text):
    (tmp_path / "volley.yml").write_text("queues: {in: {type: sqlite}}\ncomponents: [{input: in, handler: forward}]\n")
    said = run(tmp_path, "replay", "in", "--from", time_text, code=64)
    assert "--from" in said and "is no time; write 2026-11-24T10:00:00Z" in said, said


def test_what_cannot_be_replayed_says_why(store, tmp_path):
    assert "--from is not before --to" in run(tmp_path, "replay", "in", "--from", "1h", "--to", "2h", code=64)
    assert "keeps nothing of what was read" in run(tmp_path, "replay", "packed", "--from", "1h", code=69)
    assert "no queue" in run(tmp_path, "replay", "in", "--from", "1h", "--into", "nowhere", code=64)
    said = run(tmp_path, "replay", "lines", "--from", "1h", "--into", "packed", code=78)
    assert "different serializers" in said
