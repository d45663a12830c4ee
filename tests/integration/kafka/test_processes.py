"""What happens to the process: killed, stopped, hung, suspended, and joined by others. The ledger judges."""

import random
import signal
import sys
import time
from pathlib import Path

import pytest
from support import fault_table
from support.kafka_jobs import SLOW, Group, Trace, job, overlaps, properties, put
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka, wait_for_all
from support.volleyd import Volleyd

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def store(kafka_server):
    return Kafka(kafka_server, partitions=3)


def logged(tmp_path, milliseconds):
    return f'{{exec: ["{sys.executable}", "{SUPPORT}/logged_forward.py", "{milliseconds}", "{tmp_path}/runs.log"]}}'


def sub(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    return folder


def clean(verdict):
    return verdict["lost"] == [] and verdict["phantoms"] == 0 and verdict["disordered"] == []


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.faults)])
def test_kill_9_never_commits_past_what_is_unfinished(store, tmp_path, kills):
    consumer = properties(store.server.bootstrap, group_instance_id="one")
    window = 100
    config = job(store, consumer, handler=SLOW, settings=f", workers: 4, order: key, max_in_flight: {window}")
    ledger = Ledger(1000 * kills)
    put(store, ledger)
    group, chance = Group(store, consumer["group.id"]), random.Random(7)
    recoveries = []
    for _ in range(kills):
        began = time.monotonic()
        volleyd = Volleyd(tmp_path, config).wait_ready()
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") > 0, "work goes on")
        recoveries.append(time.monotonic() - began)
        some = chance.randrange(1, 300)
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") >= some, f"{some} were sent", every=0.005)
        volleyd.kill()
        assert group.passed_unfinished(store) == []
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"))
    print(f"{kills} kills: {verdict['duplicates']} duplicates; work went on within {max(recoveries):.1f} s")
    fault_table.note(1, f"kill -9 under load, {kills} times (static member)", verdict, kills * (window + 500), max(recoveries))
    # In flight, or done since the last commit of up to 100 ms.
    assert clean(verdict) and 0 < verdict["duplicates"] <= kills * (window + 500), verdict
    group.close()


@pytest.mark.faults
@pytest.mark.parametrize("member, figure", [({}, 12), ({"group.instance.id": "one"}, 5)], ids=["default", "static"])
def test_work_goes_on_soon_after_a_kill_and_a_restart(store, tmp_path, member, figure):
    """With the defaults of the connector: a session of 10 s has to end, unless the member is known."""
    window = 200
    consumer = {"bootstrap.servers": store.server.bootstrap, "group.id": f"g-{store.topic('in')}", **member}
    config = job(store, consumer, handler=SLOW, settings=f", max_in_flight: {window}")
    ledger = Ledger(6000)
    put(store, ledger)
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") > 300, "work has begun")
    volleyd.kill()
    began = time.monotonic()
    volleyd = Volleyd(tmp_path, config)
    wait_until(lambda: volleyd.address and volleyd.metric("volley_messages_sent_total") > 0, "work goes on", timeout=5 * figure)
    recovery = time.monotonic() - began
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"))
    fault_table.note(1, f"kill -9 and restart, {'static member' if member else 'defaults'}; figure: {figure} s", verdict, window + 500,
                     recovery)
    assert clean(verdict) and verdict["duplicates"] <= window + 500, verdict


HANG = """
import json, sys, time
for line in sys.stdin:
    m = json.loads(line)
    if json.loads(m["text"])["seq"] == 40:
        open("hangs", "w").close()
        time.sleep(3600)
    print(json.dumps({"id": m["id"], "outputs": [{"text": m["text"]}]}), flush=True)
"""


@pytest.mark.parametrize("signals", [1, 2])
def test_a_hung_handler_ends_a_stop_with_75_and_only_what_hung_runs_again(store, tmp_path, signals):
    """One signal: at the drain deadline. Two: at once."""
    (tmp_path / "hang.py").write_text(HANG)
    consumer = properties(store.server.bootstrap, group_instance_id="one")
    handler = f'{{exec: ["{sys.executable}", hang.py]}}'
    ledger = Ledger(60)
    bodies, keys = ledger.bodies(), [entry["key"] for entry in ledger.sent]
    store.put("in", bodies[:40], keys[:40])
    top = "shutdown_timeout: 1s\n" if signals == 1 else "shutdown_timeout: 1h\n"
    volleyd = Volleyd(tmp_path, job(store, consumer, handler=handler, settings=", workers: 2, order: key", top=top)).wait_ready()
    group = Group(store, consumer["group.id"])
    # What is not committed yet may come twice; what may then is the 20 beside and behind the hung one.
    wait_until(lambda: sum(max(0, offset) for offset in group.committed()) == 40, "the first 40 are committed", timeout=30)
    store.put("in", bodies[40:], keys[40:])
    wait_until((tmp_path / "hangs").exists, "it hangs")
    for stop in [signal.SIGTERM, signal.SIGINT][:signals]:
        volleyd.process.send_signal(stop)
        wait_until(lambda: "draining" in volleyd.log or volleyd.process.poll() is not None, "it drains")
    began = time.monotonic()
    assert volleyd.wait(60) == 75, volleyd.log
    # The deadline, a second for what runs, and no drain of the revocation on top of it.
    ended = time.monotonic() - began
    assert ended < 30, volleyd.log
    assert group.passed_unfinished(store) == []
    group.close()
    assert set(ledger.judge(store.take("out"))["lost"]) >= {seq for seq in range(40, 60) if seq % 7 == 5}
    volleyd = Volleyd(tmp_path, job(store, consumer)).wait_ready()
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"))
    fault = "SIGTERM with a hung handler, deadline 1 s" if signals == 1 else "a second SIGTERM"
    fault_table.note(3 + signals, fault, verdict, 20, also=f"exit 75 after {ended:.1f} s")
    # Less what hung and what waited behind it, which had no output yet.
    assert clean(verdict) and verdict["duplicates"] < 20, verdict


def test_a_process_that_stood_still_for_longer_than_its_session_commits_nothing_afterwards(store, tmp_path):
    consumer = properties(store.server.bootstrap)
    window = 100
    config = job(store, consumer, handler=SLOW, settings=f", workers: 2, order: key, max_in_flight: {window}")
    ledger = Ledger(12000)
    put(store, ledger)
    group = Group(store, consumer["group.id"])
    trace = Trace(group)
    zombie = Volleyd(sub(tmp_path, "a"), config).wait_ready()
    wait_until(lambda: zombie.metric("volley_messages_sent_total") > 200, "the first one works")
    zombie.process.send_signal(signal.SIGSTOP)
    other = Volleyd(sub(tmp_path, "b"), config).wait_ready()
    wait_until(lambda: other.metric("volley_messages_sent_total") > 1000, "the other one has taken over", timeout=30)
    zombie.process.send_signal(signal.SIGCONT)
    wait_for_all(store, ledger, timeout=180)
    assert zombie.stop() == 0 and other.stop() == 0, zombie.log
    assert trace.went_back() == []
    verdict = ledger.judge(store.take("out"))
    fault_table.note(6, "SIGSTOP for longer than the session, then SIGCONT", verdict, 2 * (window + 500), also="no commit went back")
    assert verdict["lost"] == [] and verdict["phantoms"] == 0 and verdict["duplicates"] <= 2 * (window + 500), f"{verdict}\n{zombie.log}\n\n{other.log}"
    assert "partition lost" in zombie.log, zombie.log
    group.close()


@pytest.mark.parametrize("rounds, instances", [(2, 2), pytest.param(40, 5, marks=pytest.mark.faults)])
def test_a_storm_of_rebalances_duplicates_nothing_and_never_runs_a_key_twice_at_once(store, tmp_path, rounds, instances):
    store = Kafka(store.server, partitions=6)
    handler = logged(tmp_path, 3)
    config = job(store, properties(store.server.bootstrap), handler=handler, settings=", workers: 2, order: key, max_in_flight: 200")
    ledger = Ledger(3000 + 500 * rounds, keys=40)
    put(store, ledger)
    running = [Volleyd(sub(tmp_path, "0"), config).wait_ready()]
    chance = random.Random(3)
    for number in range(rounds):
        if len(running) < instances and (len(running) == 1 or chance.random() < 0.5):
            running.append(Volleyd(sub(tmp_path, str(number + 1)), config).wait_ready())
            newest = running[-1]
            wait_until(lambda: "partition assigned" in newest.log or not ledger.judge(store.take("out"))["lost"], "it has joined")
        else:
            leaver = running.pop(chance.randrange(len(running)))
            assert leaver.stop() == 0, leaver.log
    verdict = wait_for_all(store, ledger)
    logs = [volleyd.log for volleyd in running if volleyd.stop() == 0]
    assert len(logs) == len(running)
    verdict = ledger.judge(store.take("out"))
    fault_table.note(7, f"rebalance storm: {rounds} joins and leaves of up to {instances} instances", verdict, 0,
                     also=f"{overlaps(tmp_path / 'runs.log')} overlaps of a key")
    # Every handler ends well within the drain of a revocation, so nothing runs twice.
    assert clean(verdict) and verdict["duplicates"] == 0, verdict
    assert overlaps(tmp_path / "runs.log") == 0


@pytest.mark.faults
def test_a_handler_slower_than_max_poll_interval_keeps_its_membership(store, tmp_path):
    consumer = properties(store.server.bootstrap, max_poll_interval_ms=6000)
    ledger = Ledger(2)
    put(store, ledger)
    volleyd = Volleyd(tmp_path, job(store, consumer, handler=logged(tmp_path, 9000), settings=", workers: 2, order: none")).wait_ready()
    wait_for_all(store, ledger)
    assert volleyd.log.count("partition assigned") == 3 and "partition lost" not in volleyd.log
    assert volleyd.metric("volley_plugin_kafka_rebalances_total") == 0
    assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"))
    fault_table.note(8, "a handler of 9 s under max.poll.interval.ms 6000", verdict, 0, also="no rebalance")
    assert verdict["duplicates"] == 0
