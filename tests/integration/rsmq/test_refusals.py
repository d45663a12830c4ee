"""What Redis says no to: what passes is waited out, what does not ends with its exit code and what to do."""

import subprocess

import pytest
from job import CLEAN, Job
from support.servers import wait_until
from support.volleyd import Volleyd

BLOCK = "while redis.call('EXISTS', KEYS[1]) == 0 do end"


def test_a_busy_redis_is_waited_for(redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False, command_timeout_ms=3000).queue("out", command_timeout_ms=3000)
    volleyd = job.start()
    job.cli("CONFIG", "SET", "busy-reply-threshold", 100)
    endless = subprocess.Popen(["redis-cli", "-p", str(redis.port), "EVAL", BLOCK, "1", "never"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_until(lambda: "BUSY" in volleyd.log, "it says why it waits")
    assert job.cli("SCRIPT", "KILL") == "OK"
    endless.wait()
    ledger = job.put(10)
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


def test_a_full_redis_is_waited_for_and_a_script_cache_that_is_flushed_is_not_noticed(redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False).queue("out")
    ledger = job.put(100)
    job.cli("CONFIG", "SET", "maxmemory", 1)
    volleyd = Volleyd(tmp_path, job.config())
    wait_until(lambda: "OOM" in volleyd.log, "it says why it waits")
    assert job.count("out") == 0
    job.cli("SCRIPT", "FLUSH")
    job.cli("CONFIG", "SET", "maxmemory", 0)
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


@pytest.mark.parametrize("queue", ["in", "out"])
def test_a_key_of_another_type_ends_it_with_78(queue, redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False).queue("out")
    job.cli("SET", f"{job.store.ns}:{queue}:Q", "no queue")
    volleyd = Volleyd(tmp_path, job.config())
    assert volleyd.wait() == 78
    assert "WRONGTYPE" in volleyd.log and "choose another ns or name" in volleyd.log


def test_rights_that_are_taken_away_end_it_with_77_and_nothing_is_acked(redis, tmp_path):
    job = Job(redis, tmp_path)
    job.cli("ACL", "SETUSER", "worker", "on", ">pw", f"~{job.store.ns}:*", f"&{job.store.ns}:*", "+@all", "-@dangerous", "-@admin")
    for queue in ("in", "out"):
        job.queue(queue, output=queue == "out", username="worker", password="pw")
    volleyd = job.start()
    ledger = job.put(5)
    wait_until(lambda: job.count("out") == 5, "it works with no more rights than the README says")
    job.cli("ACL", "SETUSER", "worker", "resetkeys", f"~{job.store.ns}:in*")
    job.store.put("in", ['{"seq": 9}'], [None])
    assert volleyd.wait() == 77
    assert "NOPERM" in volleyd.log and "ACL" in volleyd.log
    assert (job.count("in"), job.count("out")) == (1, 5)
    assert job.verdict(ledger) == CLEAN


def test_a_user_who_may_not_rename_is_told_before_anything_is_committed(redis, tmp_path):
    job = Job(redis, tmp_path)
    job.cli("ACL", "SETUSER", "worker", "on", ">pw", f"~{job.store.ns}:*", f"&{job.store.ns}:*", "+@all", "-rename")
    for queue in ("in", "out"):
        job.queue(queue, output=queue == "out", username="worker", password="pw")
    job.put(5)
    volleyd = Volleyd(tmp_path, job.config())
    assert volleyd.wait() == 77
    assert "+rename" in volleyd.log
    assert job.count("out") == 0


def test_a_redis_that_may_lose_queues_is_warned_of_once(start_redis, tmp_path):
    redis = start_redis("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
    job = Job(redis, tmp_path).queue("in", output=False).queue("out")
    volleyd = job.start()
    assert volleyd.stop() == 0, volleyd.log
    assert volleyd.log.count("set maxmemory-policy noeviction") == 1
    assert volleyd.log.count("set appendonly yes") == 1
