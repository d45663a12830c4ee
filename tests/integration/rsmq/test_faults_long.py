"""The faults of test_faults.py for longer and together, by a seed that is printed. Run with: ./dev test integration -m faults"""

import os
import random
import time

import pytest
from job import CLEAN, Job
from proxy import Proxy
from support.servers import wait_until

pytestmark = pytest.mark.faults


def chance():
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"SEED={seed}")
    return random.Random(seed)


def sent(volleyd):
    return volleyd.metric("volley_messages_sent_total")


def test_ten_kills_of_redis_under_load_lose_nothing(redis, tmp_path, fault):
    pick = chance()
    job = Job(redis, tmp_path, vt=5).queue("in", output=False).queue("out")
    ledger = job.put(15_000)
    volleyd = job.start("slow.py", workers=4, order="none")
    for _ in range(10):
        some = sent(volleyd) + pick.randrange(1, 1000)
        wait_until(lambda: sent(volleyd) >= some, f"{some} were sent")
        redis.kill()
        redis.start()
    assert job.count("in") > 0, "the kills came too late to prove anything"
    job.wait_done(180)
    assert volleyd.stop() == 0, volleyd.log
    verdict = job.verdict(ledger)
    fault("ten kills of Redis under load, appendfsync always", ledger, verdict)
    assert verdict == CLEAN


def test_kills_of_volleyd_and_lost_replies_together_lose_nothing(redis, tmp_path, fault):
    pick = chance()
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=2).queue("in", way.port, output=False).queue("out", way.port)
        ledger = job.put(8000)
        in_hand = 0
        for _ in range(10):
            volleyd = job.start("slow.py", workers=2, order="none")
            way.cut_replies(0.05, pick.random())
            some = pick.randrange(1, 400)
            wait_until(lambda: sent(volleyd) >= some, f"{some} were sent")
            volleyd.kill()
            way.cut_replies(0, 0)
            # Of these the output may be there, and the ack is not.
            in_hand += int(job.cli("ZCOUNT", f"{job.store.ns}:in", f"({int(time.time() * 1000)}", "+inf"))
        assert way.cut > 10, "too few replies were cut to prove anything"
        assert job.count("in") > 0, "the kills came too late to prove anything"
        volleyd = job.start("slow.py", workers=2, order="none")
        job.wait_done(180)
        assert volleyd.stop() == 0, volleyd.log
        verdict = job.verdict(ledger)
        fault("ten kills of volleyd and lost replies together", ledger, verdict, f"in hand: {in_hand}, {way.cut} replies cut")
        assert verdict["duplicates"] <= in_hand
        assert verdict == {**CLEAN, "duplicates": verdict["duplicates"]}


def test_forty_resets_and_freezes_lose_and_repeat_nothing(redis, tmp_path, fault):
    pick = chance()
    with Proxy(redis.port) as way:
        job = Job(redis, tmp_path, vt=8).queue("in", way.port, output=False).queue("out", way.port)
        ledger = job.put(12_000)
        volleyd = job.start("slow.py", workers=2, order="none")
        for _ in range(40):
            some = sent(volleyd) + pick.randrange(1, 250)
            wait_until(lambda: sent(volleyd) >= some, f"{some} were sent")
            if pick.random() < 0.7:
                way.reset()
            else:
                way.freeze()
                wait_until(lambda: volleyd.get("/readyz")[0] == 503, "it notices the freeze")
                way.thaw()
        assert job.count("in") > 0, "the faults came too late to prove anything"
        job.wait_done(180)
        assert volleyd.stop() == 0, volleyd.log
        verdict = job.verdict(ledger)
        fault("forty resets and freezes", ledger, verdict)
        assert verdict == CLEAN
