"""The connector amqp against a RabbitMQ, which starts once for this file: it takes seconds. What kills it comes last."""

import tempfile
from pathlib import Path

import pytest
from amqp_job import CLEAN, SLOW, Job, answering, settled
from support import servers
from support.proxy import Proxy
from support.servers import wait_until
from support.volleyd import Volleyd, volley

pytestmark = pytest.mark.skipif(not servers.RabbitMq.binary.exists(), reason="rabbitmq-server is not installed: ./dev setup")


@pytest.fixture(scope="module")
def broker():
    folder = Path(tempfile.mkdtemp(prefix="volley-test-"))
    server = servers.RabbitMq(folder)
    try:
        yield server.start()
    finally:
        server.stop()
        servers.remove(folder)


@pytest.fixture
def job(broker, tmp_path):
    return Job(broker, tmp_path)


def test_messages_are_moved_once(job):
    ledger = job.put(300)
    volleyd = job.start()
    job.wait_out(300)
    wait_until(lambda: settled(volleyd) == 300, "all are acked")
    assert volleyd.stop() == 0, volleyd.log
    assert job.count("in") == 0
    assert job.verdict(ledger) == CLEAN


def test_properties_and_headers_pass_as_the_page_says(job):
    headers = {"text": "é", "number": -7, "truth": True, "none": None, "again": ["a", "b"], "table": {"deep": [1, "x"]},
               "volley-key": "k1", "x-death": "forged"}
    job.publish(["{}"], headers=headers, content_type="application/json", correlation_id="c-1", message_id="m-1",
                expiration="600000", priority=3, timestamp=1_700_000_000)
    volleyd = job.start()
    job.wait_out(1)
    assert volleyd.stop() == 0, volleyd.log
    [(properties, body)] = job.take()
    assert body == "{}"
    assert (properties.content_type, properties.correlation_id, properties.priority) == ("application/json", "c-1", 3)
    assert properties.delivery_mode == 2 and properties.expiration is None and properties.message_id not in (None, "m-1")
    assert properties.headers == {"text": "é", "number": "-7", "truth": "true", "none": None, "again": ["a", "b"],
                                  "table": '{"deep":[1,"x"]}', "volley-key": "k1"}


def test_a_failed_message_is_put_back_after_its_delay_and_counted(job, tmp_path):
    job.put(2)
    volleyd = job.start(answering(tmp_path, {"fail": "not today"}), on_fail="requeue", retry="{max_delay: 200ms}")
    wait_until(lambda: settled(volleyd, "requeued") >= 4, "both were put back twice")
    assert volleyd.stop() == 0, volleyd.log
    volleyd = job.start()
    job.wait_out(2)
    assert volleyd.stop() == 0, volleyd.log


def test_a_rejected_message_goes_to_the_dead_letter_exchange(job, tmp_path):
    with job.channel() as channel:
        channel.queue_declare(job.name("dead"), durable=True)
        channel.queue_bind(job.name("dead"), "dead")
    job.queue("in", nack="reject", dead_letter_exchange="dead")
    volleyd = job.start(answering(tmp_path, {"fail": "poison"}), on_fail="requeue")
    with job.channel() as channel:
        channel.basic_publish("", job.name("in"), "{}")
    wait_until(lambda: job.count("dead") == 1, "it is dead-lettered")
    assert volleyd.stop() == 0, volleyd.log
    [(properties, _)] = job.take("dead")
    assert properties.headers["x-death"][0]["reason"] == "rejected"


def test_what_no_queue_takes_becomes_a_dead_letter_and_is_not_lost(job):
    job.queue("out", exchange="dead", routing_key="nowhere").queue("letters")
    with job.channel() as channel:
        channel.exchange_declare(job.name("exchange"), durable=True)
    job.queue("out", exchange=job.name("exchange"))
    job.publish(["1", "2"])
    volleyd = job.start(dead_letter_queue="letters")
    wait_until(lambda: job.count("letters") == 2, "both are dead letters")
    assert volleyd.stop() == 0, volleyd.log
    listed = volley(job.folder, "dlq", "list")
    assert listed.stdout.count("no queue takes the message") == 2 and "NO_ROUTE" in listed.stdout, listed.stdout + listed.stderr
    with job.channel() as channel:
        channel.queue_declare(job.name("bound"), durable=True)
        channel.queue_bind(job.name("bound"), job.name("exchange"), job.name("out"))
    retried = volley(job.folder, "dlq", "retry", "--all")
    assert retried.returncode == 0, retried.stdout + retried.stderr
    assert (job.count("letters"), job.count("in")) == (0, 2)
    volleyd = job.start(dead_letter_queue="letters")
    wait_until(lambda: job.count("bound") == 2, "both are routed now")
    assert volleyd.stop() == 0, volleyd.log


def test_queues_can_be_looked_at_and_emptied(job):
    job.publish(["1", "2", "3"], message_id="same")
    (job.folder / "volley.yml").write_text(job.config())
    assert volley(job.folder, "peek", "in", "--limit", "2").stdout.split() == ["1", "2"]
    assert volley(job.folder, "peek", "in", "--count").stdout.strip() == "3"
    assert job.count("in") == 3


def test_queues_that_are_deleted_at_work_are_made_again(job):
    volleyd = job.start()
    job.put(5)
    job.wait_out(5)
    with job.channel() as channel:
        channel.queue_delete(job.name("in"))
        channel.queue_delete(job.name("out"))
    wait_until(lambda: "has cancelled the consumer" in volleyd.log, "it says so")
    ledger = job.put(20)
    wait_until(lambda: settled(volleyd) >= 25, "it goes on")
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


@pytest.mark.parametrize("config, code, said", [
    ({"password": "wrong"}, 77, "Check username and password"),
    ({"username": "reader", "password": "reader"}, 77, "ACCESS_REFUSED"),
    ({"declare": "passive"}, 78, "NOT_FOUND"),
    ({"vhost": "nowhere"}, 78, "Check vhost"),
    ({"queue_type": "quorum"}, 78, "It exists with other options"),
])
def test_what_a_person_must_change_ends_it(config, code, said, job):
    if "queue_type" in config:
        job.put(1)
    job.queue("in", **config)
    volleyd = Volleyd(job.folder, job.config())
    assert volleyd.wait() == code, volleyd.log
    assert said in volleyd.log


def test_tls_verifies_the_broker(broker, job):
    secure = {"host": "localhost", "port": broker.secure_port, "tls": "true"}
    job.queue("in", **secure, tls_ca=broker.certificates.authority).queue("out", **secure, tls_ca=broker.certificates.authority)
    ledger = job.put(10)
    volleyd = job.start()
    job.wait_out(10)
    wait_until(lambda: settled(volleyd) == 10, "all are acked")
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN
    job.queue("in", **secure, tls_ca=broker.certificates.stranger)
    volleyd = Volleyd(job.folder, job.config())
    assert volleyd.wait() == 78, volleyd.log
    assert "Is tls_ca its authority" in volleyd.log


def test_a_slow_handler_keeps_connection_and_message(job, tmp_path):
    job.queue("in", heartbeat_s=1)
    job.put(1)
    volleyd = job.start(answering(tmp_path, {"outputs": []}, pause=4))
    wait_until(lambda: settled(volleyd) == 1, "it is done")
    assert volleyd.metric("volley_messages_received_total") == 1
    assert volleyd.metric("volley_leases_lost_total") == 0
    assert volleyd.stop() == 0, volleyd.log
    assert job.count("in") == 0


def test_connections_that_break_lose_nothing(broker, tmp_path):
    way = Proxy(broker.port)
    try:
        job = Job(broker, tmp_path, port=way.port)
        ledger = job.put(200)
        volleyd = job.start(SLOW)
        for some in (20, 60, 100):
            wait_until(lambda: volleyd.metric("volley_messages_sent_total") >= some, f"{some} were sent")
            way.reset()
        assert settled(volleyd) < 200, "the resets came too late to prove anything"
        wait_until(lambda: job.count("in") == 0 and volleyd.metric("volley_in_flight_messages") == 0, "everything is settled")
        assert volleyd.stop() == 0, volleyd.log
        verdict = job.verdict(ledger)
        assert verdict == {**CLEAN, "duplicates": verdict["duplicates"]}
    finally:
        way.close()


def test_kill_9_of_volleyd_loses_nothing(job):
    ledger = job.put(200)
    for some in (20, 60):
        volleyd = job.start(SLOW)
        job.wait_out(some)
        volleyd.kill()
    volleyd = job.start()
    wait_until(lambda: job.count("in") == 0 and volleyd.metric("volley_in_flight_messages") == 0, "everything is settled")
    assert volleyd.stop() == 0, volleyd.log
    verdict = job.verdict(ledger)
    assert verdict == {**CLEAN, "duplicates": verdict["duplicates"]}


def test_a_broker_that_is_killed_and_comes_back_has_lost_nothing(broker, job):
    ledger = job.put(200)
    volleyd = job.start(SLOW)
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") >= 30, "it is at work")
    broker.kill()
    wait_until(lambda: volleyd.get("/readyz")[0] == 503, "it says that it is not ready")
    broker.start_again()
    wait_until(lambda: job.count("in") == 0 and volleyd.metric("volley_in_flight_messages") == 0, "everything is settled")
    wait_until(lambda: volleyd.get("/readyz")[0] == 200, "it is ready again")
    assert volleyd.stop() == 0, volleyd.log
    verdict = job.verdict(ledger)
    assert verdict == {**CLEAN, "duplicates": verdict["duplicates"]}
