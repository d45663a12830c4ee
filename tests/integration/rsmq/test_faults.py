"""Faults of Redis and of the way to it; the ledger judges."""

import json
import os
import struct
import subprocess
import time

import pytest
from job import CLEAN, HANDLERS, Job, settled
from proxy import Proxy
from support.ledger import Ledger
from support.servers import wait_until


def test_an_output_that_is_down_holds_the_ack_and_repeats_nothing_to_the_other(redis, tmp_path, fault):
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
        verdict = job.verdict(ledger, "a")
        fault("an output is frozen while another takes messages", ledger, verdict, "no ack, readiness false, until it is back")
        assert verdict == job.verdict(ledger, "b") == CLEAN


def test_kill_9_while_an_output_is_down_repeats_no_more_than_was_in_hand(redis, tmp_path, fault):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=6).queue("in", output=False).queue("a").queue("b", way.port)
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
        fault("kill -9 of volleyd meanwhile", ledger, verdict, f"in hand at the kill: {in_hand}")
        assert verdict == {**CLEAN, "duplicates": in_hand}


def test_poison_waits_for_a_dead_letter_queue_that_is_down(redis, tmp_path, fault):
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
        verdict = job.verdict(ledger, dead=[json.loads(letter)["body"] for letter in letters])
        fault("the dead-letter queue is frozen while poison comes", ledger, verdict, f"{len(letters)} dead letters, each once")
        assert verdict == CLEAN


def test_a_redis_that_is_killed_and_comes_back_has_lost_nothing(redis, tmp_path, fault):
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
    verdict = job.verdict(ledger)
    fault("three kills of Redis under load, appendfsync always", ledger, verdict)
    assert verdict == CLEAN


def test_a_redis_that_keeps_nothing_loses_what_it_had_and_volleyd_goes_on(start_redis, tmp_path, fault):
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
    verdict = job.verdict(ledger)
    fault("Redis is killed, and keeps nothing: what comes afterwards", ledger, verdict, "what it had before is Redis' loss")
    assert verdict == CLEAN


def test_a_redis_that_is_still_loading_is_waited_for(start_redis, tmp_path, fault):
    redis = start_redis("--appendonly", "no", "--loading-process-events-interval-bytes", "1024")
    job = Job(redis, tmp_path).queue("in", output=False).queue("out")
    volleyd = job.start()
    job.cli("EVAL", "for i = 1, 5000 do redis.call('SET', 'ballast:' .. i, i) end", "0")
    job.cli("SAVE")
    redis.kill()
    redis.words += ("--key-load-delay", "10000")  # us: it loads for 50 s, or until it is told not to
    redis.launch()
    wait_until(lambda: "LOADING" in volleyd.log, "it is told that Redis is loading")
    assert volleyd.get("/readyz")[0] == 503
    job.cli("CONFIG", "SET", "key-load-delay", "0")
    wait_until(redis.answers, "Redis has loaded what it keeps")
    ledger = job.put(300)
    job.wait_done()
    wait_until(lambda: volleyd.get("/readyz")[0] == 200, "it is ready again")
    assert volleyd.stop() == 0, volleyd.log
    verdict = job.verdict(ledger)
    fault("Redis starts anew and loads for long", ledger, verdict, "readiness false until it has")
    assert verdict == CLEAN


@pytest.mark.parametrize("said", ["READONLY", "MASTERDOWN"])
def test_a_lagging_replica_that_is_promoted_gives_everything_that_had_reached_it(said, start_redis, tmp_path, fault):
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
        fault(f"a lagging replica is promoted behind the same address ({said})", ledger, verdict,
              f"half known to it or in hand: {half_known + in_hand:.0f}")
        assert verdict["duplicates"] <= half_known + in_hand
        assert verdict == {**CLEAN, "duplicates": verdict["duplicates"]}


def test_a_stale_ack_does_not_delete_what_another_has_taken_over(redis, tmp_path, fault):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with Proxy(redis.port) as way:
        first = Job(redis, folders[0], vt=4).queue("in", way.port, output=False).queue("out")
        second = Job(redis, folders[1], vt=4).queue("in", output=False).queue("out")
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
        wait_until(lambda: settled(owner) == 1, "the second says so")
        assert (stale.stop(), owner.stop()) == (0, 0), stale.log + owner.log
        verdict = first.verdict(ledger)
        fault("the lease runs out behind a frozen network, and another takes over", ledger, verdict, "the stale ack deletes nothing")
        assert verdict == {**CLEAN, "duplicates": 1}


def test_commits_that_are_made_again_do_not_overtake(redis, tmp_path):
    """They are sent one behind another without waiting, and each change of the output's attributes makes one void"""
    # A receive whose reply does not come in time is delivered again later, out of order.
    job = Job(redis, tmp_path, vt=30).queue("in", output=False, command_timeout_ms=20000).queue("out", command_timeout_ms=20000)
    bodies = [json.dumps({"seq": seq}) for seq in range(50_000)]
    job.put_many(bodies)
    volleyd = job.start()
    changes, redis = 0, job.store.redis()
    left, pause = len(bodies), 0.005
    while left > 0:
        changes += 1
        redis.hset(f"{job.store.ns}:out:Q", "maxsize", 60_000 + changes)
        time.sleep(pause)
        before, left = left, redis.zcard(f"{job.store.ns}:in")
        # On a slow disk a commit takes longer than that, and each would be void.
        pause = 0.005 if left < before else min(2 * pause, 1)
    assert volleyd.stop() == 0, volleyd.log
    assert job.stored("out") == bodies
    assert changes > 10, "too few changes to prove anything"


def test_what_the_output_refuses_is_found_among_many_and_the_others_keep_their_order(redis, tmp_path):
    job = Job(redis, tmp_path, vt=30).queue("in", output=False).queue("out", maxsize=1024).queue("dead", maxsize=-1, output=False)
    bodies = [json.dumps({"seq": seq, "pad": "x" * (2000 if seq % 700 == 699 else 10)}) for seq in range(10_000)]
    job.put_many(bodies)
    volleyd = job.start(dead_letter_queue="dead")
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    refused = [body for body in bodies if len(body) > 1024]
    assert [json.loads(letter)["body"] for letter in job.stored("dead")] == refused
    assert job.stored("out") == [body for body in bodies if len(body) <= 1024]


def test_lost_replies_to_commits_that_follow_without_waiting_lose_and_repeat_nothing(redis, tmp_path, fault):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=2).queue("in", way.port, output=False).queue("out", way.port)
        ledger = Ledger(50_000)
        job.put_many(ledger.bodies())
        way.cut_replies(0.08, seed=11)
        volleyd = job.start()
        wait_until(lambda: job.count("out") > 45_000, "most is through", 60)
        way.cut_replies(0, seed=11)
        job.wait_done()
        assert volleyd.stop() == 0, volleyd.log
        assert way.cut >= 8, "too few replies were cut to prove anything"
        verdict = ledger.judge(job.stored("out"))
        del verdict["disordered"]  # what was received and not heard of comes again later
        fault("replies to commits in flight, one behind the other, break off anywhere", ledger, verdict, f"{way.cut} replies cut")
        assert verdict == CLEAN


def test_two_outputs_and_the_ack_are_one_transaction(redis, tmp_path, fault):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=2).queue("in", way.port, output=False).queue("a", way.port).queue("b", way.port)
        ledger = Ledger(60_000)
        job.put_many(ledger.bodies())
        way.cut_replies(0.03, seed=5)
        for some in (5_000, 15_000, 25_000):
            volleyd = job.start()
            wait_until(lambda: job.count("a") > some, f"{some} are through")
            volleyd.kill()
        assert job.count("in") > 0, "the kills came too late to prove anything"
        way.cut_replies(0, seed=5)
        volleyd = job.start()
        job.wait_done()
        assert volleyd.stop() == 0, volleyd.log
        verdicts = [ledger.judge(job.stored(queue)) for queue in ("a", "b")]
        for verdict in verdicts:
            del verdict["disordered"]
        fault("three kills of volleyd and lost replies, two outputs", ledger, verdicts[0], f"{way.cut} replies cut; the other output likewise")
        assert verdicts == [CLEAN, CLEAN]


@pytest.mark.parametrize("where", ["in", "out", "both"])
def test_lost_replies_lose_and_repeat_nothing(where, redis, tmp_path, fault):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=6)
        job.queue("in", way.port if where != "out" else None, output=False).queue("out", way.port if where != "in" else None)
        ledger = job.put(2000)
        volleyd = job.start("slow.py", workers=2, order="none")
        way.cut_replies(0.15, seed=7)
        wait_until(lambda: way.cut >= 15 or job.count("in") == 0, "some replies are cut")
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") > 1500, "most is through")
        way.cut_replies(0, seed=7)
        job.wait_done()
        assert volleyd.stop() == 0, volleyd.log
        assert way.cut >= 10, "too few replies were cut to prove anything"
        verdict = job.verdict(ledger)
        replies = {"in": "receives and acks", "out": "sends"}.get(where, "commits and receives")
        fault(f"replies to {replies} break off anywhere", ledger, verdict, f"{way.cut} replies cut")
        assert verdict == CLEAN


def test_a_wall_clock_that_jumps_changes_nothing(redis, tmp_path, fault):
    shim, clock = tmp_path / "clock.so", tmp_path / "clock"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, HANDLERS / "clock.c", "-ldl"], check=True)
    clock.write_bytes(struct.pack("q", 0))
    job = Job(redis, tmp_path, vt=30).queue("in", output=False).queue("out")
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
    verdict = job.verdict(ledger)
    fault("the wall clock jumps an hour forth and back under load", ledger, verdict, "no lease lost")
    assert verdict == CLEAN


def test_a_redis_clock_behind_or_ahead_of_ours_is_the_clock_that_counts(redis, tmp_path, fault):
    """The other side of it: Redis' own clock jumps. Sends are visible by the clock that Redis has then."""
    shim, clock = tmp_path / "clock.so", tmp_path / "clock"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, HANDLERS / "clock.c", "-ldl"], check=True)
    clock.write_bytes(struct.pack("q", 0))
    redis.kill()
    redis.spawn(["env", f"LD_PRELOAD={shim}", f"CLOCK_FILE={clock}", "redis-server", "--port", str(redis.port), "--bind", "127.0.0.1",
                 "--dir", str(tmp_path), "--save", ""])
    redis.wait_for_port()
    job = Job(redis, tmp_path, vt=30).queue("in", output=False).queue("out")
    volleyd = job.start()
    ledger = Ledger(3)
    for n, seconds in enumerate((0, 7200, 3600)):
        with clock.open("r+b") as file:
            file.write(struct.pack("q", seconds))
        wait_until(lambda: abs(int(job.cli("TIME").split()[0]) - time.time() - seconds) < 60, "its clock has jumped")
        job.store.put("in", ledger.bodies()[n:n + 1], [None])
        wait_until(lambda: job.count("out") == n + 1, "it is moved")
        now = int(job.cli("TIME").split()[0]) * 1000
        # What was sent by the clock that is ahead waits until it is that late again.
        visible = int(job.cli("ZCOUNT", f"{job.store.ns}:out", "-inf", now + 1000))
        assert visible == (1, 2, 2)[n], "it is visible by Redis' clock"
    with clock.open("r+b") as file:
        file.write(struct.pack("q", 7300))
    assert volleyd.stop() == 0, volleyd.log
    verdict = job.verdict(ledger)
    fault("Redis' own clock jumps two hours ahead, and one back", ledger, verdict, "sends are visible at once")
    assert verdict == CLEAN


def asks_to_delete(data):
    """A settlement of our script names id and receipt, and an empty delay."""
    return b"EVALSHA" in data and b"\r\n$1\r\n1\r\n$0\r\n\r\n" in data


def carries_a_body(data):
    return b'"seq"' in data


def commits(data):
    """Not the empty transaction by which Volley asks whether it may have one."""
    return b"MULTI" in data and b"ZREM" in data


# What volleyd was doing when it died, which queue is elsewhere, and how often the message is in the output afterwards.
STEPS = {
    "before a send reaches Redis": ("out", carries_a_body, False, 1),
    "after a send, before its reply": ("out", carries_a_body, True, 2),
    "after a send, before the ack reaches Redis": ("in", asks_to_delete, False, 2),
    "after the ack, before its reply": ("in", asks_to_delete, True, 1),
    "before a commit reaches Redis": ("both", commits, False, 1),
    "after a commit, before its reply": ("both", commits, True, 1),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_each_step_repeats_what_was_sent_and_not_acked_and_no_more(step, redis, tmp_path, fault):
    where, request, passes, times = STEPS[step]
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=1)
        place = {"in": (way.port, None), "out": (None, way.port), "both": (way.port, way.port)}[where]
        job.queue("in", place[0], output=False, command_timeout_ms=20000).queue("out", place[1], command_timeout_ms=20000)
        volleyd = job.start()
        way.hold(request, passes)
        ledger = job.put(1)
        wait_until(way.held, "it is at this step")
        if passes:
            wait_until(lambda: job.count("out") == 1 and (where == "out" or job.count("in") == 0), "Redis has done it")
        volleyd.kill()
        way.hold(lambda data: False, True)
        way.thaw()
        volleyd = job.start()
        job.wait_done()
        assert volleyd.stop() == 0, volleyd.log
        verdict = job.verdict(ledger)
        fault(f"kill -9 {step}", ledger, verdict, "one transaction" if where == "both" else "outputs and ack apart")
        assert verdict == {**CLEAN, "duplicates": times - 1}
