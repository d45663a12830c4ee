"""In at one end, out at the other, through volleyd, with clients that are not ours; and nothing lost when it is killed."""

import random
import sys
from pathlib import Path

from support import fault_table
from support.ledger import Ledger
from support.stores import declared, wait_for_all
from support.servers import wait_until
from support.volleyd import Volleyd


SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parent}/support/slow_forward.py"]}}'


def config(store, handler="forward", **component):
    extra = "".join(f", {key}: {setting}" for key, setting in component.items())
    return (f"app: ledger\nqueues:\n{declared(store, 'in', reads=True)}{declared(store, 'out')}"
            f"components: [{{name: move, input: in, outputs: [out], handler: {handler}{extra}}}]\n"
            f'operations: {{listen: "127.0.0.1:0"}}\n')


def put(store, ledger):
    store.put("in", ledger.bodies(), [entry["key"] for entry in ledger.sent])


def judge(store, ledger):
    """Once more, after the engine has ended: what it wrote while it drained counts too."""
    return ledger.judge(store.take("out"))


def test_what_goes_in_comes_out_once_and_a_stop_is_clean(store, tmp_path):
    ledger = Ledger(2000)
    put(store, ledger)
    volleyd = Volleyd(tmp_path, config(store)).wait_ready()
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    assert judge(store, ledger) == {"lost": [], "duplicates": 0, "phantoms": 0, "disordered": []}, volleyd.log


def test_a_stop_in_the_middle_duplicates_nothing(store, tmp_path):
    ledger = Ledger(3000)
    put(store, ledger)
    for _ in range(3):
        volleyd = Volleyd(tmp_path, config(store, SLOW, workers=2, order="key")).wait_ready()
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") > 0, "work has begun")
        assert volleyd.stop() == 0, volleyd.log
    assert judge(store, ledger)["lost"], "the stops came too late to prove anything"
    volleyd = Volleyd(tmp_path, config(store, SLOW, workers=2, order="key")).wait_ready()
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    verdict = judge(store, ledger)
    # RSMQ has no keys: what a stop gives back goes behind what is there.
    disordered = [] if store.type != "rsmq" else verdict["disordered"]
    if store.type == "kafka":
        fault_table.note(3, "SIGTERM under load, 4 times", verdict, 0, also="exit 0")
    assert verdict == {"lost": [], "duplicates": 0, "phantoms": 0, "disordered": disordered}


KILLS = 20
MAX_IN_FLIGHT = 400


def test_kill_9_in_the_middle_loses_nothing(store, tmp_path):
    """Where outputs and acks are one transaction it duplicates nothing either; elsewhere what was in flight at most."""
    ledger = Ledger(6000)
    put(store, ledger)
    chance = random.Random(1)
    component = {"workers": 4, "order": "key", "max_in_flight": MAX_IN_FLIGHT}
    for _ in range(KILLS):
        volleyd = Volleyd(tmp_path, config(store, SLOW, **component)).wait_ready()
        some = chance.randrange(1, 200)
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") >= some, f"{some} were sent", every=0.005)
        volleyd.kill()
    assert judge(store, ledger)["lost"], "the kills came too late to prove anything"
    volleyd = Volleyd(tmp_path, config(store, SLOW, **component)).wait_ready()
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    verdict = judge(store, ledger)
    print(f"{store.type}: {verdict['duplicates']} duplicates after {KILLS} kills")
    bound = KILLS * MAX_IN_FLIGHT if store.type == "kafka" else 0
    assert verdict["duplicates"] <= bound, verdict
    disordered = [] if store.type != "rsmq" else verdict["disordered"]
    assert verdict == {"lost": [], "duplicates": verdict["duplicates"], "phantoms": 0, "disordered": disordered}
