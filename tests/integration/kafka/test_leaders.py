"""Three brokers, and the one that leads and coordinates dies. The ledger judges."""

import time

import pytest
from support import fault_table
from support.kafka_cluster import KafkaCluster
from support.kafka_jobs import SLOW, Group, Trace, job, properties, put
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka, wait_for_all
from support.volleyd import Volleyd


@pytest.fixture
def cluster(tmp_path):
    cluster = KafkaCluster(tmp_path)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


def coordinator_of(cluster, group):
    from confluent_kafka import KafkaException

    try:
        return cluster.admin.describe_consumer_groups([group])[group].result(20).coordinator.id
    except KafkaException:  # the client asks another broker the next time
        return None


@pytest.mark.faults
def test_a_leader_and_coordinator_that_dies_loses_nothing_and_keeps_the_order(cluster, tmp_path):
    store = Kafka(cluster, partitions=3)
    consumer = properties(cluster.bootstrap)
    window = 300
    config = job(store, consumer, handler=SLOW, settings=f", workers: 2, order: key, max_in_flight: {window}")
    ledger = Ledger(12000)
    put(store, ledger)
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") > 500, "work has begun")
    group = Group(store, consumer["group.id"])
    trace = Trace(group)
    coordinator = wait_until(lambda: coordinator_of(cluster, consumer["group.id"]), "the group has its coordinator")
    node = cluster.nodes[coordinator]
    node.kill()
    began = time.monotonic()
    # Every partition of both topics has another leader, or had one already: then something more comes out.
    wait_until(lambda: all(coordinator not in (cluster.leaders(store.topic(q), 3) or [coordinator]) for q in ("in", "out")),
               "it leads nothing more")
    sent = volleyd.metric("volley_messages_sent_total")
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") > sent + 100, "work goes on", timeout=150)
    recovery = time.monotonic() - began
    node.start().wait_for_port()
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    assert trace.went_back() == []
    verdict = ledger.judge(store.take("out"))
    bound = window + 500
    fault_table.note(13, "the broker that leads and coordinates is killed, one of three", verdict, bound, recovery, also="order kept")
    assert verdict["lost"] == [] and verdict["phantoms"] == 0 and verdict["disordered"] == [], f"{verdict}\n{volleyd.log}"
    assert verdict["duplicates"] <= bound, verdict
    group.close()
