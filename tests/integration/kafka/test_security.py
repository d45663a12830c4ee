"""TLS, SASL and ACLs against a real broker: what is right works, what is wrong ends with one error and exit code 77."""

import os
import uuid

import pytest
from support import fault_table
from support.kafka_jobs import errors_of
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka, wait_for_all
from support.volleyd import Volleyd, check


@pytest.fixture
def store(kafka_server):
    return Kafka(kafka_server, partitions=1)


def job(store, properties, out_properties=None, more=""):
    def settings(p):
        return "{" + ", ".join(f'{key}: "{value}"' for key, value in p.items()) + "}"

    return (f"app: secure\nstartup_timeout: 20s\n{more}queues:\n"
            f"  - {{name: in, value: {store.topic('in')}, type: kafka, config: {settings(properties)}}}\n"
            f"  - {{name: out, value: {store.topic('out')}, type: kafka, "
            f"config: {settings(properties if out_properties is None else out_properties)}}}\n"
            "components: [{name: move, input: in, outputs: [out], handler: forward}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


def environment(**variables):
    return {**os.environ, **variables}


def secure(server, mechanism="PLAIN", password=None):
    return {"bootstrap.servers": server.secure, "security.protocol": "SASL_SSL", "sasl.mechanisms": mechanism,
            "sasl.username": server.user, "sasl.password": password or server.password,
            "ssl.ca.location": server.certificates.authority, "group.id": "g" + uuid.uuid4().hex[:8]}


def moves(store, tmp_path, config, env=None):
    ledger = Ledger(50)
    store.put("in", ledger.bodies(), [entry["key"] for entry in ledger.sent])
    volleyd = Volleyd(tmp_path, config, env=env).wait_ready()
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    assert ledger.judge(store.take("out")) == {"lost": [], "duplicates": 0, "phantoms": 0, "disordered": []}


def test_environment_gives_credentials_brokers_and_group(store, tmp_path):
    server = store.server
    group = "g" + uuid.uuid4().hex[:8]
    config = job(store, {"ssl.ca.location": server.certificates.authority})
    moves(store, tmp_path, config, environment(KAFKA_KEY=server.user, KAFKA_SECRET=server.password, KAFKA_BROKERS=server.secure,
                                               KAFKA_CONSUMER_GROUP=group))
    assert committed(server, group, store.topic("in")) == 50


def committed(server, group, topic):
    from confluent_kafka import Consumer, TopicPartition

    asker = Consumer({"bootstrap.servers": server.bootstrap, "group.id": group})
    offset = asker.committed([TopicPartition(topic, 0)], timeout=10)[0].offset
    asker.close()
    return offset


def test_consumers_and_producers_can_have_brokers_of_their_own(store, tmp_path):
    """Each role's own variable wins over KAFKA_BROKERS, which leads nowhere here."""
    plain = environment(KAFKA_BROKERS="127.0.0.1:1", KAFKA_CONSUMER_BROKERS=store.server.bootstrap,
                        KAFKA_PRODUCER_BROKERS=f"localhost:{store.server.port}")
    moves(store, tmp_path, job(store, {}), plain)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_sasl_over_tls_from_the_file(store, tmp_path, mechanism):
    moves(store, tmp_path, job(store, secure(store.server, mechanism)))


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_wrong_password_is_one_error_and_77(store, tmp_path, mechanism, side):
    good, bad = secure(store.server, mechanism), secure(store.server, mechanism, "wrong-pony")
    code, said = check(tmp_path, job(store, *((bad, good) if side == "input" else (good, bad))))
    assert code == 77, said
    assert len(errors_of(said)) == 1 and "uthentication" in said and "password" in said and store.server.secure in said, said
    assert "wrong-pony" not in said


@pytest.mark.parametrize("side", ["input", "output"])
def test_an_untrusted_certificate_is_one_error_and_77(store, tmp_path, side):
    good = secure(store.server)
    bad = {**good, "ssl.ca.location": store.server.certificates.stranger}
    code, said = check(tmp_path, job(store, *((bad, good) if side == "input" else (good, bad))))
    assert code == 77, said
    assert len(errors_of(said)) == 1 and "certificate" in said and "ssl.ca.location" in said, said


def deny(server, kind, name, operation):
    from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType,
                                       ResourceType)

    binding = AclBinding(getattr(ResourceType, kind), name, ResourcePatternType.LITERAL, f"User:{server.user}", "*",
                         getattr(AclOperation, operation), AclPermissionType.DENY)
    allow = AclBinding(getattr(ResourceType, kind), name, ResourcePatternType.LITERAL, "User:*", "*", AclOperation.ALL,
                       AclPermissionType.ALLOW)
    for future in server.admin.create_acls([allow, binding]).values():
        future.result(timeout=30)
    both = AclBindingFilter(getattr(ResourceType, kind), name, ResourcePatternType.LITERAL, None, None, AclOperation.ANY,
                            AclPermissionType.ANY)
    wait_until(lambda: len(server.admin.describe_acls(both).result(timeout=30)) >= 2, "the broker knows of it")


def admin_allows_again(server, topic):
    from confluent_kafka.admin import AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

    denials = AclBindingFilter(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, None, None, AclOperation.ANY, AclPermissionType.DENY)
    for future in server.admin.delete_acls([denials]).values():
        future.result(timeout=30)
    wait_until(lambda: server.admin.describe_acls(denials).result(timeout=30) == [], "the broker knows of it")


@pytest.mark.parametrize("operation", ["READ", "DESCRIBE"])
def test_a_topic_that_may_not_be_read_is_77(store, tmp_path, operation):
    deny(store.server, "TOPIC", store.topic("in"), operation)
    code, said = check(tmp_path, job(store, secure(store.server)))
    assert code == 77 and store.topic("in") in said and len(errors_of(said)) == 1, said


def test_a_group_that_may_not_be_joined_is_77(store, tmp_path):
    properties = secure(store.server)
    deny(store.server, "GROUP", properties["group.id"], "READ")
    code, said = check(tmp_path, job(store, properties))
    assert code == 77 and "roup" in said and len(errors_of(said)) == 1, said


@pytest.mark.parametrize("operation", ["WRITE", "DESCRIBE"])
def test_a_topic_that_may_not_be_written_is_77_and_acks_nothing(store, tmp_path, operation):
    properties = secure(store.server)
    deny(store.server, "TOPIC", store.topic("out"), operation)
    store.put("in", ['{"n": 1}'], ["a"])
    code, said = check(tmp_path, job(store, properties))
    assert code == 77 and store.topic("out") in said and len(errors_of(said)) == 1, said
    assert committed(store.server, properties["group.id"], store.topic("in")) < 0


def test_a_right_taken_away_at_work_ends_it_with_77_and_loses_nothing(store, tmp_path):
    server, properties = store.server, secure(store.server)
    ledger = Ledger(100)
    keys = [entry["key"] for entry in ledger.sent]
    store.put("in", ledger.bodies()[:50], keys)
    volleyd = Volleyd(tmp_path, job(store, properties)).wait_ready()
    wait_until(lambda: len(store.take("out")) == 50, "the first half is out")
    deny(server, "TOPIC", store.topic("out"), "WRITE")
    store.put("in", ledger.bodies()[50:], keys[50:])
    assert volleyd.wait() == 77, volleyd.log
    assert committed(server, properties["group.id"], store.topic("in")) == 50 == len(store.take("out"))
    admin_allows_again(server, store.topic("out"))
    again = Volleyd(tmp_path, job(store, properties)).wait_ready()
    wait_for_all(store, ledger)
    assert again.stop() == 0, again.log
    verdict = ledger.judge(store.take("out"))
    fault_table.note(15, "the right to write is taken away at work, and given back", verdict, 0, also="exit 77 meanwhile")
    assert verdict == {"lost": [], "duplicates": 0, "phantoms": 0, "disordered": []}
