"""Faults of Redis and deaths of volleyd; the ledger judges."""

from streams_job import CLEAN, SLOW, Job, answering
from support.servers import wait_until
from support.volleyd import Volleyd


def sent(volleyd):
    return volleyd.metric("volley_messages_sent_total")


def settled(volleyd):
    return volleyd.metric("volley_messages_settled_total", outcome="ok")


def test_kill_9_of_volleyd_loses_nothing(redis, tmp_path):
    job = Job(redis, tmp_path, claim_idle_ms=2000)
    ledger = job.put(300)
    for some in (30, 80, 130):
        volleyd = job.start(SLOW, workers=2, order="none")
        wait_until(lambda: job.count() > some, f"{some} are through")
        volleyd.kill()
    assert not job.is_done(), "the kills came too late to prove anything"
    volleyd = job.start()
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    verdict = job.verdict(ledger)
    assert verdict == {**CLEAN, "duplicates": verdict["duplicates"]}


def test_a_redis_that_is_killed_and_comes_back_has_lost_nothing(redis, tmp_path):
    job = Job(redis, tmp_path, claim_idle_ms=2000)
    ledger = job.put(300)
    volleyd = job.start(SLOW, workers=2, order="none")
    for some in (30, 80, 130):
        wait_until(lambda: sent(volleyd) >= some, f"{some} were sent")
        redis.kill()
        redis.start()
    assert not job.is_done(), "the kills came too late to prove anything"
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    verdict = job.verdict(ledger)
    assert verdict == {**CLEAN, "duplicates": verdict["duplicates"]}


def test_a_redis_that_is_flushed_is_gone_on_with(redis, tmp_path):
    job = Job(redis, tmp_path)
    volleyd = job.start()
    job.put(10)
    wait_until(lambda: job.count() == 10, "the first are through")
    job.redis.flushall()
    ledger = job.put(100)
    wait_until(lambda: job.count() == 100, "what comes afterwards is through")
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert "has vanished and was made again" in volleyd.log
    assert job.verdict(ledger) == CLEAN


def test_a_full_redis_is_waited_for(redis, tmp_path):
    job = Job(redis, tmp_path)
    ledger = job.put(100)
    job.redis.config_set("maxmemory", 1)
    volleyd = Volleyd(tmp_path, job.config())
    wait_until(lambda: "OOM" in volleyd.log, "it says why it waits")
    assert job.count() == 0
    job.redis.script_flush()
    job.redis.config_set("maxmemory", 0)
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


def test_a_redis_that_wants_more_replicas_is_waited_for(redis, tmp_path):
    job = Job(redis, tmp_path)
    volleyd = job.start()
    job.redis.config_set("min-replicas-to-write", 1)
    wait_until(lambda: "NOREPLICAS" in volleyd.log, "it says why it waits")
    job.redis.config_set("min-replicas-to-write", 0)
    ledger = job.put(100)
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


def test_a_replica_is_waited_for_until_it_is_promoted(redis, tmp_path):
    job = Job(redis, tmp_path)
    volleyd = job.start()
    ledger = job.put(10)
    wait_until(lambda: job.count() == 10, "the first are through")
    job.redis.execute_command("REPLICAOF", "127.0.0.1", 1)
    wait_until(lambda: "READONLY" in volleyd.log or "UNBLOCKED" in volleyd.log, "it says why it waits")
    job.redis.execute_command("REPLICAOF", "NO", "ONE")
    more = job.put(10)
    wait_until(lambda: job.count() == 20, "it goes on")
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert more.sent == ledger.sent and job.verdict(ledger) == {**CLEAN, "duplicates": 10}


def test_a_handler_that_takes_longer_than_the_idle_time_keeps_its_message(redis, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    job = Job(redis, folders[0], claim_idle_ms=2000)
    job.put(1)
    engines = [Job(redis, folder, claim_idle_ms=2000).start(answering(folder, {"outputs": []}, pause=2.5)) for folder in folders]
    wait_until(lambda: sum(settled(engine) for engine in engines) == 1, "one of them has done it")
    assert sum(engine.metric("volley_leases_lost_total") for engine in engines) == 0
    assert [engine.stop() for engine in engines] == [0, 0]
    assert job.is_done()
