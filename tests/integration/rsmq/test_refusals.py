"""What Redis says no to: what passes is waited out, what does not ends with its exit code and what to do."""

import signal
import subprocess
import time

import pytest
from job import CLEAN, Job
from proxy import Proxy
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


def test_a_redis_that_wants_more_replicas_is_waited_for(redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False).queue("out")
    ledger = job.put(100)
    volleyd = job.start("slow.py")
    job.cli("CONFIG", "SET", "min-replicas-to-write", 1)
    wait_until(lambda: "NOREPLICAS" in volleyd.log, "it says why it waits")
    job.cli("CONFIG", "SET", "min-replicas-to-write", 0)
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


@pytest.mark.parametrize("queue", ["", ":Q"])
@pytest.mark.parametrize("handler", ["forward", "slow.py"])  # in one transaction with the ack, and apart
def test_a_queue_that_becomes_something_else_at_work_ends_it_with_78_and_nothing_dies(queue, handler, redis, tmp_path):
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path).queue("in", output=False).queue("dead", output=False)
        job.queue("out", port=None if handler == "forward" else way.port)
        volleyd = job.start(handler, dead_letter_queue="dead")
        key = f"{job.store.ns}:out{queue}"
        job.cli("DEL", key)
        job.cli("SET", key, "no queue")
        ledger = job.put(20)
        assert volleyd.wait() == 78
        assert "WRONGTYPE" in volleyd.log and "choose another ns or name" in volleyd.log
        assert (job.count("in"), job.count("dead")) == (20, 0)
        for key in (f"{job.store.ns}:out", f"{job.store.ns}:out:Q"):
            job.cli("DEL", key)
        volleyd = job.start()
        job.wait_done()
        assert volleyd.stop() == 0, volleyd.log
        assert job.verdict(ledger) == CLEAN


@pytest.mark.parametrize("right", ["rename", "multi"])
def test_a_user_who_may_not_commit_is_told_before_anything_is_committed(right, redis, tmp_path):
    job = Job(redis, tmp_path)
    job.cli("ACL", "SETUSER", "worker", "on", ">pw", f"~{job.store.ns}:*", f"&{job.store.ns}:*", "+@all", f"-{right}")
    for queue in ("in", "out"):
        job.queue(queue, output=queue == "out", username="worker", password="pw")
    job.put(5)
    volleyd = Volleyd(tmp_path, job.config())
    assert volleyd.wait() == 77
    assert right in volleyd.log and "ACL" in volleyd.log
    assert (job.count("in"), job.count("out")) == (5, 0)


@pytest.mark.parametrize("queue, right", [("in", "zadd"), ("out", "zadd"), ("out", "hset")])
def test_a_right_that_only_a_script_needs_is_77_too(queue, right, redis, tmp_path):
    job = Job(redis, tmp_path)
    job.cli("ACL", "SETUSER", "worker", "on", "nopass", f"~{job.store.ns}:*", f"&{job.store.ns}:*", "+@all", f"-{right}")
    for name in ("in", "out"):
        job.queue(name, output=name == "out", **({"username": "worker"} if name == queue else {}))
    job.put(5)
    volleyd = Volleyd(tmp_path, job.config())
    assert volleyd.wait() == 77
    assert "ACL" in volleyd.log
    assert job.count("in") == 5 and job.stored("out") == []


def test_a_redis_that_may_lose_queues_is_warned_of_once(start_redis, tmp_path):
    redis = start_redis("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
    job = Job(redis, tmp_path).queue("in", output=False).queue("out")
    volleyd = job.start()
    assert volleyd.stop() == 0, volleyd.log
    assert volleyd.log.count("set maxmemory-policy noeviction") == 1
    assert volleyd.log.count("set appendonly yes") == 1


def test_a_redis_with_snapshots_only_is_warned_of_and_one_that_does_not_tell_is_named(start_redis, tmp_path):
    redis = start_redis("--appendonly", "no", "--save", "3600 1")
    job = Job(redis, tmp_path).queue("in", output=False).queue("out")
    volleyd = job.start()
    assert volleyd.stop() == 0 and volleyd.log.count("set appendonly yes") == 1, volleyd.log
    job.cli("ACL", "SETUSER", "default", "-info")
    volleyd = job.start()
    assert volleyd.stop() == 0 and "INFO persistence is refused" in volleyd.log, volleyd.log


def test_a_stop_does_not_wait_for_a_frozen_redis(redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False, command_timeout_ms=60_000).queue("out", command_timeout_ms=60_000)
    job.put(1000)
    volleyd = Volleyd(tmp_path, "shutdown_timeout: 1s\n" + job.config("slow.py")).wait_ready()

    def sent():
        return volleyd.metric("volley_messages_sent_total")

    def stands_still():
        before = sent()
        time.sleep(0.3)
        return sent() == before

    wait_until(lambda: sent() > 0, "it works")
    redis.process.send_signal(signal.SIGSTOP)
    wait_until(stands_still, "it waits for Redis")
    try:
        assert volleyd.stop(timeout=10) in (0, 75), volleyd.log
    finally:
        redis.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("first", ["its reader", "its writer"])
def test_a_queue_of_dead_letters_is_made_without_a_limit_whoever_makes_it(first, redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False).queue("out").queue("dead", output=False)
    lines = ["  - {name: retry, input: dead, outputs: [out]}", "  - {name: move, input: in, outputs: [out], dead_letter_queue: dead}"]
    if first == "its writer":
        lines.reverse()
    queues = job.config().split("components:")[0]
    volleyd = Volleyd(tmp_path, queues + "components:\n" + "\n".join(lines) + '\noperations: {listen: "127.0.0.1:0"}\n').wait_ready()
    assert volleyd.stop() == 0, volleyd.log
    assert job.cli("HGET", f"{job.store.ns}:dead:Q", "maxsize") == "-1"
