"""What happens between us and the broker: gone, frozen, reset, cut off in the middle of a request. The ledger judges."""

import random
import signal
import time

import pytest
from support import fault_table
from support.kafka_jobs import SLOW, Group, Trace, job, properties, put
from support.ledger import Ledger
from support.proxy import Proxy
from support.servers import wait_until
from support.stores import Kafka, wait_for_all
from support.volleyd import Volleyd

# Short, so that what went nowhere is soon sent again.
IMPATIENT = {"socket.timeout.ms": 3000, "reconnect.backoff.max.ms": 1000}

FLOW = ", workers: 2, order: key, max_in_flight: 300"
# Where an assignment is lost: what was in flight, and what was done since the last commit that got through.
LOST_ONCE = 300 + 500


@pytest.fixture
def store(kafka_server):
    return Kafka(kafka_server, partitions=3)


@pytest.fixture
def proxy(kafka_server):
    between = Proxy(kafka_server.behind_port, kafka_server.proxy_port)
    yield between
    between.close()


def through_proxy(store, handler="forward", **more):
    server = store.server
    consumer = {**properties(server.behind_proxy, **more), **IMPATIENT}
    producer = {"bootstrap.servers": server.behind_proxy, **IMPATIENT}
    return consumer, job(store, consumer, producer, handler=handler, settings=FLOW)


def ready(volleyd):
    status, text = volleyd.get("/readyz")
    return status == 200


def start(tmp_path, config, store, ledger, some=200):
    put(store, ledger)
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") > some, "work has begun")
    return volleyd


def goes_on(volleyd, timeout):
    """Waits until something more was sent. Returns the seconds that this took."""
    sent, began = volleyd.metric("volley_messages_sent_total"), time.monotonic()
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") > sent, "work goes on", timeout)
    return time.monotonic() - began


def finish(volleyd, store, ledger, duplicates=0, row=None, recovery=None):
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"))
    if row:
        fault_table.note(*row, verdict, duplicates, recovery)
    assert verdict["lost"] == [] and verdict["phantoms"] == 0 and verdict["disordered"] == [], f"{verdict}\n{volleyd.log}"
    assert verdict["duplicates"] <= duplicates, f"{verdict}\n{volleyd.log}"


@pytest.mark.parametrize("seconds", [0, pytest.param(30, marks=pytest.mark.faults)])
def test_a_broker_that_is_killed_and_comes_back_loses_nothing_and_readiness_says_so(store, tmp_path, seconds):
    server = store.server
    consumer = properties(server.bootstrap)
    ledger = Ledger(6000)
    volleyd = start(tmp_path, job(store, consumer, handler=SLOW, settings=FLOW), store, ledger)
    server.kill()
    try:
        began = time.monotonic()
        wait_until(lambda: not ready(volleyd), "it says that it is not ready", timeout=10)
        time.sleep(max(0, seconds - (time.monotonic() - began)))
        assert volleyd.process.poll() is None, volleyd.log
    finally:
        server.start_again()
    recovery = goes_on(volleyd, timeout=75)
    wait_until(lambda: ready(volleyd), "it is ready again", timeout=75)
    # The session ended with the broker or outlived it; what was in flight, or done and not committed, may run again.
    finish(volleyd, store, ledger, 2 * LOST_ONCE, (9, f"the broker is killed, and back after {seconds} s or when that is noticed"), recovery)


@pytest.mark.faults
@pytest.mark.parametrize("seconds", [5, 90])
def test_a_frozen_broker_is_waited_for(store, proxy, tmp_path, seconds):
    _, config = through_proxy(store, SLOW)
    ledger = Ledger(5000)
    volleyd = start(tmp_path, config, store, ledger)
    proxy.freeze()
    if seconds > 10:
        wait_until(lambda: not ready(volleyd), "it says that it is not ready", timeout=12)
    time.sleep(seconds)
    proxy.calm()
    recovery = goes_on(volleyd, timeout=75)
    finish(volleyd, store, ledger, 2 * LOST_ONCE, (10, f"the broker is frozen for {seconds} s"), recovery)


def test_a_stop_while_the_broker_is_frozen_ends_in_time(store, proxy, tmp_path):
    consumer, config = through_proxy(store, SLOW)
    ledger = Ledger(2000)
    volleyd = start(tmp_path, "shutdown_timeout: 1s\n" + config, store, ledger)
    proxy.freeze()
    began = time.monotonic()
    # In flight is what the broker never confirmed: the drain runs out of time, and a second later all is over.
    assert volleyd.stop(timeout=30) in (0, 75), volleyd.log
    fault_table.note(10, "SIGTERM while the broker is frozen, deadline 1 s", also=f"ended after {time.monotonic() - began:.1f} s")
    proxy.calm()
    group = Group(store, consumer["group.id"])
    assert group.passed_unfinished(store) == []
    group.close()


def test_what_was_done_while_the_broker_was_silent_is_committed_before_a_stop_ends(store, proxy, tmp_path):
    """A commit waits for its answer, and what is done meanwhile is to go with the next: the stop comes in between."""
    consumer = properties(store.server.behind_proxy, session_timeout_ms=45000)
    group = Group(store, consumer["group.id"])
    ledger = Ledger(1500)
    volleyd = start(tmp_path, job(store, consumer, {"bootstrap.servers": store.server.bootstrap}, handler=SLOW), store, ledger, some=50)
    wait_until(lambda: volleyd.metric("volley_messages_received_total") == 1500, "all is fetched")
    proxy.freeze()
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") == 1500, "what was fetched is done")
    volleyd.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "draining" in volleyd.log, "it drains")
    proxy.calm()
    assert volleyd.wait() == 0, volleyd.log
    assert sum(group.committed()) == 1500, volleyd.log
    group.close()


@pytest.mark.parametrize("resets", [6, pytest.param(60, marks=pytest.mark.faults)])
def test_connections_that_are_reset_every_half_second_lose_and_duplicate_nothing(store, proxy, tmp_path, resets):
    consumer, config = through_proxy(store, SLOW)
    ledger = Ledger(800 * resets)
    group = Group(store, consumer["group.id"])
    volleyd = start(tmp_path, config, store, ledger, some=50)
    trace = Trace(group)
    for _ in range(resets):
        proxy.reset()
        time.sleep(0.5)
    proxy.calm()
    finish(volleyd, store, ledger, row=(11, f"every connection is reset each 0.5 s, {resets} times"))  # the producer is idempotent: what it sends again, the broker knows
    assert trace.went_back() == []
    group.close()


@pytest.mark.parametrize("cuts", [6, pytest.param(60, marks=pytest.mark.faults)])
def test_connections_cut_in_the_middle_of_requests_and_replies_lose_nothing(store, proxy, tmp_path, cuts):
    consumer, config = through_proxy(store, SLOW)
    ledger = Ledger(2000 * cuts)  # so that some is left at the last cut
    volleyd = start(tmp_path, config, store, ledger, some=50)
    chance = random.Random(11)
    for number in range(cuts):
        proxy.cut(chance.randrange(1, 20000), "up" if number % 2 == 0 else "down")
        time.sleep(0.5)
        proxy.calm()
        sent = volleyd.metric("volley_messages_sent_total")
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") > sent, "work goes on", timeout=20)
    finish(volleyd, store, ledger, row=(12, f"connections are cut after N bytes of requests or replies, {cuts} times"))


@pytest.mark.faults
def test_a_broker_that_is_suspended_is_waited_for(store, tmp_path):
    server = store.server
    ledger = Ledger(6000)
    volleyd = start(tmp_path, job(store, properties(server.bootstrap), handler=SLOW, settings=FLOW), store, ledger)
    server.process.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: not ready(volleyd), "it says that it is not ready", timeout=15)
        time.sleep(30)
    finally:
        server.process.send_signal(signal.SIGCONT)
    recovery = goes_on(volleyd, timeout=75)
    finish(volleyd, store, ledger, 2 * LOST_ONCE, (9, "the broker's process is suspended for 30 s"), recovery)
