"""A stop is never a failure: whatever it cuts off is at its first attempt again, and no message dies of it."""

import os
import random
import sys
from collections import Counter
from pathlib import Path

from support.ledger import Ledger
from support.servers import wait_until
from support.stores import declared, wait_for_all
from support.volleyd import Volleyd

RESTARTS = 100 if "VOLLEY_LONG" in os.environ else 25
EACH = 100  # messages that are put in before each


def test_many_restarts_fail_nothing(store, tmp_path):
    ledger = Ledger(RESTARTS * EACH, keys=5)
    keys = [entry["key"] for entry in ledger.sent]
    notes = tmp_path / "attempts.txt"
    handler = f'{{exec: ["{sys.executable}", "{Path(__file__).parent}/support/attempts.py", "{notes}"]}}'

    def config(shutdown_timeout):
        queues = "".join(declared(store, q, reads=q == "in") for q in ("in", "out", "dead"))
        return (f"shutdown_timeout: {shutdown_timeout}\nqueues:\n{queues}"
                f"components: [{{name: move, input: in, outputs: [out], handler: {handler}, dead_letter_queue: dead,\n"
                "              workers: 2, order: key, retry: {max_attempts: 2, initial_delay: 1ms}}]\n"
                'operations: {listen: "127.0.0.1:0"}\n')

    chance = random.Random(1)
    codes = Counter()
    for restart in range(RESTARTS):
        now = slice(restart * EACH, (restart + 1) * EACH)
        store.put("in", ledger.bodies()[now], keys[now])
        patient = restart % 2 == 0  # every other stop cuts off what is at work
        volleyd = Volleyd(tmp_path, config("30s" if patient else "20ms")).wait_ready()
        some = chance.randrange(1, 40)
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") >= some, f"{some} were sent", every=0.005)
        codes[volleyd.stop()] += 1
        if patient:
            assert volleyd.process.returncode == 0, volleyd.log
    assert set(codes) <= {0, 75}, codes
    assert ledger.judge(store.take("out"))["lost"], "the stops came too late to prove anything"
    volleyd = Volleyd(tmp_path, config("30s")).wait_ready()
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"))
    print(f"{store.type}: exit codes {dict(codes)}, {verdict['duplicates']} duplicates")
    assert store.take("dead") == []
    assert set(notes.read_text().split()) == {"1"}
    assert verdict["lost"] == [] and verdict["phantoms"] == 0
    if codes[75] == 0 or store.type != "kafka":
        assert verdict["duplicates"] == 0
    if store.type != "rsmq":
        assert verdict["disordered"] == []
