"""Beside us on the same topics: kcat, and the broker's own producer, consumer and group command."""

import ctypes
import json
import subprocess

import pytest
from support.kafka_jobs import job, properties
from support.servers import ROOT, wait_until
from support.stores import Kafka
from support.volleyd import Volleyd


@pytest.fixture
def store(kafka_server):
    return Kafka(kafka_server, partitions=3)


def tool(name, *arguments):
    """One of the broker's tools, to its end. Returns what it printed."""
    jars = ROOT / "build" / "kafka" / "jars"
    done = subprocess.run(["java", "-Xmx256m", "-cp", f"{jars}/*", f"org.apache.kafka.tools.{name}", *map(str, arguments)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def events(printed, name):
    return [event for event in map(json.loads, printed.splitlines()) if event["name"] == name]


def test_kcat_on_both_sides(store, tmp_path):
    server = store.server
    text = "".join(f"k{n % 5}:{json.dumps({'n': n})}\n" for n in range(200))
    subprocess.run(["kcat", "-P", "-b", server.bootstrap, "-t", store.topic("in"), "-K", ":", "-H", "from=kcat"], input=text, text=True,
                   check=True, timeout=60)
    volleyd = Volleyd(tmp_path, job(store, properties(server.bootstrap))).wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") == 200, "all was moved")
    assert volleyd.stop() == 0, volleyd.log
    done = subprocess.run(["kcat", "-C", "-b", server.bootstrap, "-t", store.topic("out"), "-e", "-q", "-J"], capture_output=True,
                          text=True, check=True, timeout=60)
    came = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(json.loads(m["payload"])["n"] for m in came) == list(range(200))
    assert all(m["key"] == f"k{json.loads(m['payload'])['n'] % 5}" and m["headers"] == ["from", "kcat"] for m in came)


def test_the_broker_s_own_tools_on_both_sides_and_its_word_on_our_group(store, tmp_path):
    server = store.server
    produced = events(tool("VerifiableProducer", "--bootstrap-server", server.bootstrap, "--topic", store.topic("in"),
                           "--max-messages", 500, "--acks", -1), "producer_send_success")
    assert len(produced) == 500
    consumer = properties(server.bootstrap, client_id="volley-here")
    volleyd = Volleyd(tmp_path, job(store, consumer)).wait_ready()
    consumed = events(tool("VerifiableConsumer", "--bootstrap-server", server.bootstrap, "--topic", store.topic("out"), "--group-id",
                           consumer["group.id"] + "-out", "--max-messages", 500, "--reset-policy", "earliest", "--verbose"), "record_data")
    assert sorted(int(record["value"]) for record in consumed) == list(range(500))

    def described():
        rows = tool("consumer.group.ConsumerGroupCommand", "--bootstrap-server", server.bootstrap, "--describe", "--group",
                    consumer["group.id"]).splitlines()
        heading = next(row for row in rows if row.startswith("GROUP")).split()
        return [dict(zip(heading, row.split())) for row in rows if row.startswith(consumer["group.id"])]

    def offsets(rows):
        return [int(row["CURRENT-OFFSET"]) for row in rows if row["CURRENT-OFFSET"] != "-"]  # a partition that never had one has none

    def settled():
        rows = described()
        return rows if sum(offsets(rows)) == 500 and {row["LAG"] for row in rows} <= {"0", "-"} else None

    rows = wait_until(settled, "nothing is behind", every=1)
    assert sorted(row["PARTITION"] for row in rows) == ["0", "1", "2"] and all(row["CLIENT-ID"] == "volley-here" for row in rows)
    assert volleyd.stop() == 0, volleyd.log
    # It has left, and at once: nobody waits for its session to end.
    assert all(row["CONSUMER-ID"] == "-" for row in described())


def test_the_assignor_is_the_best_that_the_running_library_has_without_its_bugs(store, tmp_path):
    """`./dev librdkafka` runs this with a newer one than `./dev test`."""
    consumer = properties(store.server.bootstrap)
    volleyd = Volleyd(tmp_path, job(store, consumer)).wait_ready()
    wait_until(lambda: volleyd.log.count("partition assigned") == 3, "it has its partitions")
    group = store.server.admin.describe_consumer_groups([consumer["group.id"]])[consumer["group.id"]].result(timeout=20)
    assert volleyd.stop() == 0, volleyd.log
    cooperative_is_sound = 0x020A0000
    newer = ctypes.CDLL("librdkafka.so.1").rd_kafka_version() >= cooperative_is_sound
    assert group.partition_assignor == ("cooperative-sticky" if newer else "range")
