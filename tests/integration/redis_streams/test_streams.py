"""Messages between streams: what other clients see, and what volleyd makes of theirs."""

import json

import pytest
from streams_job import CLEAN, GROUP, Job, answering
from support.servers import wait_until
from support.volleyd import Volleyd, check, volley


def test_messages_of_another_client_are_moved_once_and_a_stop_leaves_no_consumer(redis, tmp_path):
    job = Job(redis, tmp_path)
    ledger = job.put(500)
    volleyd = job.start()
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN
    names = [c["name"].decode() for c in job.redis.xinfo_consumers("in", GROUP)]
    assert all(name.startswith(("volley-id-", "volley-waiting")) for name in names), names


def test_two_processes_share_the_work_of_a_group(redis, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    jobs = [Job(redis, folder) for folder in folders]
    engines = [job.start() for job in jobs]
    ledger = jobs[0].put(1000)
    jobs[0].wait_done()
    assert [engine.stop() for engine in engines] == [0, 0]
    assert jobs[0].verdict(ledger) == CLEAN


def test_a_field_of_another_producer_is_the_body_and_the_others_are_headers(redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", body_field="payload", key_field="device")
    job.redis.xadd("in", {"unit": "C", "payload": '{"t": 21}', "device": "d7"})
    volleyd = job.start()
    wait_until(lambda: job.count() == 1, "it is moved")
    assert volleyd.stop() == 0, volleyd.log
    [(_, fields)] = job.redis.xrange("out")
    assert json.loads(fields[b"body"]) == {"t": 21}
    assert (fields[b"key"], fields[b"h:unit"]) == (b"d7", b"C")


def test_failed_messages_are_put_back_with_a_delay_and_counted(redis, tmp_path):
    job = Job(redis, tmp_path)
    job.put(3)
    volleyd = job.start(answering(tmp_path, {"fail": "not today"}), on_fail="requeue", retry="{max_delay: 200ms}")
    wait_until(lambda: volleyd.metric("volley_messages_settled_total", outcome="requeued") >= 6, "all were put back twice")
    volleyd.stop()
    pending = job.redis.xpending_range("in", GROUP, "-", "+", 10)
    assert [(p["consumer"], p["times_delivered"] >= 2) for p in pending] == [(b"volley-waiting", True)] * 3
    volleyd = job.start()
    wait_until(lambda: job.count() == 3, "they are delivered again")
    assert volleyd.stop() == 0, volleyd.log


def test_dead_letters_are_listed_and_sent_again(redis, tmp_path):
    job = Job(redis, tmp_path).queue("dead")
    job.put(2)
    volleyd = job.start(answering(tmp_path, {"fail": "poison"}), dead_letter_queue="dead")
    wait_until(lambda: job.redis.exists("dead") and job.count("dead") == 2, "both are dead")
    assert volleyd.stop() == 0, volleyd.log
    listed = volley(tmp_path, "dlq", "list")
    assert listed.returncode == 0 and listed.stdout.count("poison") == 2, listed.stdout + listed.stderr
    sent = volley(tmp_path, "dlq", "retry", "--all")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert job.count("dead") == 0 and job.count("in") == 4


@pytest.mark.parametrize("place", ["ipv6", "socket", "url"])
def test_it_reaches_redis_by_every_kind_of_address(place, start_redis, tmp_path):
    path = tmp_path / "redis.sock"
    server = start_redis("--unixsocket", str(path), "--bind", "127.0.0.1", "::1")
    where = {"ipv6": {"host": f'"[::1]:{server.port}"'}, "socket": {"socket": path},
             "url": {"url": f'"redis://127.0.0.1:{server.port}/0"'}}[place]
    job = Job(server, tmp_path, **where)
    ledger = job.put(10)
    volleyd = job.start()
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


@pytest.mark.parametrize("queue", ["in", "out"])
def test_a_key_of_another_type_ends_it_with_78(queue, redis, tmp_path):
    job = Job(redis, tmp_path)
    job.redis.set(queue, "no stream")
    volleyd = Volleyd(tmp_path, job.config())
    assert volleyd.wait() == 78
    assert "WRONGTYPE" in volleyd.log and "choose another value" in volleyd.log


def test_a_user_needs_no_more_rights_than_the_page_says_and_without_them_it_ends_with_77(redis, tmp_path):
    job = Job(redis, tmp_path, username="worker", password="pw")
    job.redis.execute_command("ACL", "SETUSER", "worker", "on", ">pw", "~in", "~out", "+@all", "-@dangerous", "-@admin")
    ledger = job.put(10)
    volleyd = job.start()
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN
    job.redis.execute_command("ACL", "SETUSER", "worker", "resetkeys", "~in")
    job.put(1)
    volleyd = Volleyd(tmp_path, job.config())
    assert volleyd.wait() == 77
    assert "NOPERM" in volleyd.log or "no permissions" in volleyd.log.lower()
    assert job.count() == 10
    job.redis.execute_command("ACL", "SETUSER", "worker", "resetpass", ">other")
    code, log = check(tmp_path, job.config())
    assert code == 77 and "WRONGPASS" in log
