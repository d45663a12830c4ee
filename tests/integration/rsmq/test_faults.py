"""Faults of Redis and of the way to it; the ledger judges. Rows 19, 20 and 24 to 27 of the fault matrix, and 30 of clocks."""

import json
import os
import struct
import subprocess

import pytest
from job import CLEAN, HANDLERS, Job, settled
from proxy import Proxy
from support.servers import wait_until


def test_an_output_that_is_down_holds_the_ack_and_repeats_nothing_to_the_other(redis, tmp_path):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path).queue("in", output=False).queue("a").queue("b", way.port)
        volleyd = job.start()
        way.freeze()
        ledger = job.put(300)
        wait_until(lambda: volleyd.metric("volley_send_failures_total", destination="b") >= 3, "it is tried again and again")
        wait_until(lambda: volleyd.get("/readyz")[0] == 503, "it says that it is not ready")
        assert job.count("a") > 0
        assert (settled(volleyd), job.count("in"), job.count("b")) == (0, 300, 0)
        way.thaw()
        job.wait_done()
        wait_until(lambda: volleyd.get("/readyz")[0] == 200, "it is ready again")
        assert volleyd.stop() == 0, volleyd.log
        assert job.verdict(ledger, "a") == job.verdict(ledger, "b") == CLEAN


def test_kill_9_while_an_output_is_down_repeats_no_more_than_was_in_hand(redis, tmp_path):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=2).queue("in", output=False).queue("a").queue("b", way.port)
        volleyd = job.start()
        way.freeze()
        ledger = job.put(300)
        wait_until(lambda: job.count("a") > 0, "some of it is in the other output")
        volleyd.kill()
        in_hand = job.count("a")
        way.thaw()
        volleyd = job.start()
        job.wait_done()
        assert volleyd.stop() == 0, volleyd.log
        assert job.verdict(ledger, "b") == CLEAN
        verdict = job.verdict(ledger, "a")
        assert verdict == {**CLEAN, "duplicates": in_hand}


def test_poison_waits_for_a_dead_letter_queue_that_is_down(redis, tmp_path):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path).queue("in", output=False).queue("out").queue("dead", way.port, output=False)
        volleyd = job.start("poison.py", dead_letter_queue="dead")
        way.freeze()
        ledger = job.put(300)
        wait_until(lambda: volleyd.metric("volley_send_failures_total", destination="dead") >= 3, "it is tried again and again")
        wait_until(lambda: volleyd.get("/readyz")[0] == 503, "it says that it is not ready")
        assert settled(volleyd, "dead_letter") == 0
        way.thaw()
        job.wait_done()
        wait_until(lambda: volleyd.get("/readyz")[0] == 200, "it is ready again")
        assert volleyd.stop() == 0, volleyd.log
        letters = job.store.take("dead")
        assert len(letters) == 30
        assert job.verdict(ledger, dead=[json.loads(letter)["body"] for letter in letters]) == CLEAN


def test_a_redis_that_is_killed_and_comes_back_has_lost_nothing(redis, tmp_path):
    job = Job(redis, tmp_path, vt=6).queue("in", output=False).queue("out")
    ledger = job.put(3000)
    volleyd = job.start("slow.py", workers=2, order="none")
    for some in (300, 900, 1500):
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") >= some, f"{some} were sent")
        redis.kill()
        redis.start()
    assert job.count("in") > 0, "the kills came too late to prove anything"
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


def test_a_redis_that_keeps_nothing_loses_what_it_had_and_volleyd_goes_on(start_redis, tmp_path):
    redis = start_redis("--appendonly", "no")
    job = Job(redis, tmp_path).queue("in", output=False).queue("out")
    volleyd = job.start()
    job.put(10)
    wait_until(lambda: job.count("out") == 10, "the first are through")
    redis.kill()
    redis.start()
    wait_until(lambda: int(job.cli("EXISTS", f"{job.store.ns}:in:Q")), "the queue is made again")
    ledger = job.put(100)
    wait_until(lambda: job.count("out") == 100, "what came afterwards is through; the first ten are Redis' loss")
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


@pytest.mark.parametrize("said", ["READONLY", "MASTERDOWN"])
def test_a_lagging_replica_that_is_promoted_gives_everything_that_had_reached_it(said, start_redis, tmp_path):
    redis = start_redis("--repl-diskless-sync-delay", "0")
    replica = start_redis("--replica-serve-stale-data", "no" if said == "MASTERDOWN" else "yes")
    with Proxy(redis.port) as link, Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=3).queue("in", way.port, output=False).queue("out", way.port)
        ledger = job.put(2000)
        promoted = Job(replica, tmp_path)
        promoted.store.ns = job.store.ns
        promoted.cli("REPLICAOF", "127.0.0.1", link.port)
        wait_until(lambda: "master_link_status:up" in promoted.cli("INFO", "replication"), "the replica is linked")
        wait_until(lambda: promoted.count("in") == 2000, "the replica has it all")
        volleyd = job.start("slow.py", retry="{max_delay: 300ms}")
        wait_until(lambda: promoted.count("out") > 100, "the replica follows")
        link.freeze()
        if said == "MASTERDOWN":
            link.reset()
        wait_until(lambda: job.count("out") > promoted.count("out") + 300 if said == "READONLY" else job.count("out") > 500, "it lags")
        way.switch(replica.port)
        wait_until(lambda: said in volleyd.log, f"the replica refuses: {said}")
        # Of these the replica knows the output, and does not know that they are settled.
        promoted.cli("CONFIG", "SET", "replica-serve-stale-data", "yes")
        half_known = promoted.count("in") + promoted.count("out") - 2000
        in_hand = volleyd.metric("volley_in_flight_messages")
        promoted.cli("REPLICAOF", "NO", "ONE")
        promoted.wait_done()
        assert volleyd.process.poll() is None and volleyd.stop() == 0, volleyd.log
        verdict = promoted.verdict(ledger)
        assert verdict["duplicates"] <= half_known + in_hand
        assert verdict == {**CLEAN, "duplicates": verdict["duplicates"]}


def test_a_stale_ack_does_not_delete_what_another_has_taken_over(redis, tmp_path):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with Proxy(redis.port) as way:
        first = Job(redis, folders[0], vt=1).queue("in", way.port, output=False).queue("out")
        second = Job(redis, folders[1], vt=1).queue("in", output=False).queue("out")
        second.store.ns = first.store.ns
        second = second.queue("in", output=False)
        second.outputs.clear()
        second.queue("out")
        stale = first.start("gated.py")
        ledger = first.put(1)
        wait_until((folders[0] / "working").exists, "the first works on it")
        way.freeze()
        owner = second.start("gated.py")
        wait_until((folders[1] / "working").exists, "the lease has run out, and the second works on it")
        (folders[0] / "open").touch()
        way.thaw()
        wait_until(lambda: stale.metric("volley_leases_lost_total") == 1, "the first has seen that its lease is lost")
        assert first.count("in") == 1
        (folders[1] / "open").touch()
        first.wait_done()
        assert settled(owner) == 1
        assert (stale.stop(), owner.stop()) == (0, 0), stale.log + owner.log
        assert first.verdict(ledger) == {**CLEAN, "duplicates": 1}


@pytest.mark.parametrize("where", ["in", "out"])
def test_lost_replies_lose_and_repeat_nothing(where, redis, tmp_path):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=2)
        job.queue("in", way.port if where == "in" else None, output=False).queue("out", way.port if where == "out" else None)
        ledger = job.put(2000)
        volleyd = job.start("slow.py", workers=2, order="none")
        way.cut_replies(0.15, seed=7)
        wait_until(lambda: way.cut >= 15 or job.count("in") == 0, "some replies are cut")
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") > 1500, "most is through")
        way.cut_replies(0, seed=7)
        job.wait_done()
        assert volleyd.stop() == 0, volleyd.log
        assert way.cut >= 10, "too few replies were cut to prove anything"
        assert job.verdict(ledger) == CLEAN


def test_a_wall_clock_that_jumps_changes_nothing(redis, tmp_path):
    shim, clock = tmp_path / "clock.so", tmp_path / "clock"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, HANDLERS / "clock.c", "-ldl"], check=True)
    clock.write_bytes(struct.pack("q", 0))
    job = Job(redis, tmp_path, vt=1).queue("in", output=False).queue("out")
    # A minute and not an hour is off at the start, too.
    clock.write_bytes(struct.pack("q", 60))
    ledger = job.put(2500)
    volleyd = job.start("slow.py", env={**os.environ, "LD_PRELOAD": str(shim), "CLOCK_FILE": str(clock)})
    for some, seconds in ((200, 3600), (800, -3600), (1400, 0)):
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") >= some, f"{some} were sent")
        with clock.open("r+b") as file:
            file.write(struct.pack("q", seconds))
    job.wait_done()
    assert volleyd.metric("volley_leases_lost_total") == 0
    assert volleyd.stop() == 0, volleyd.log
    ids = job.cli("ZRANGE", f"{job.store.ns}:out", 0, -1).split()
    now = int(job.cli("TIME").split()[0])
    ages = [now - int(id[:10], 36) / 1e6 for id in ids]
    assert all(-1 < age < 600 for age in ages), "ids tell a time that Redis' clock never showed"
    assert job.verdict(ledger) == CLEAN
