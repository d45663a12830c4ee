"""In at one end, out at the other, while volleyd, the server and the connections between them die: nothing is lost, nothing
comes twice, and each key keeps its order, also with two processes at one queue."""

import json
import random
import sys
from pathlib import Path

import pytest
from support.ledger import Ledger
from support.proxy import Proxy
from support.servers import wait_until
from support.stores import Postgresql, declared, wait_for_all
from support.volleyd import Volleyd, check, volley

SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parents[1]}/support/slow_forward.py"]}}'
CLEAN = {"lost": [], "duplicates": 0, "phantoms": 0, "disordered": []}


def config(store, handler=SLOW):
    return (f"app: ledger\nqueues:\n{declared(store, 'in', reads=True)}{declared(store, 'out')}{declared(store, 'dead')}"
            f"components: [{{name: move, input: in, outputs: [out], handler: {handler}, dead_letter_queue: dead, workers: 2, "
            'order: key, max_in_flight: 100}]\noperations: {listen: "127.0.0.1:0"}\n')


def filled(store, tmp_path, count):
    """The ledger of what is in the input."""
    code, log = check(tmp_path, config(store), "--exit-when-idle")
    assert code == 0, log
    ledger = Ledger(count, keys=20)
    store.put("in", ledger.bodies(), [entry["key"] for entry in ledger.sent])
    return ledger


def start(tmp_path, store, name):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    return Volleyd(folder, config(store))


def finish(store, ledger, processes):
    wait_for_all(store, ledger)
    for volleyd in processes:
        assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"), store.take("dead"))
    log = "\n".join(volleyd.log for volleyd in processes)
    assert verdict == CLEAN, log
    assert store.take("in") == store.take("dead") == []


@pytest.mark.faults
def test_kill_9_of_either_of_two_processes(postgres_server, tmp_path):
    store = Postgresql(postgres_server)
    ledger = filled(store, tmp_path, 700)
    chance = random.Random(1)
    processes = [start(tmp_path, store, name) for name in ("a", "b")]
    for _ in range(3):
        had = len(store.take("out"))
        wait_until(lambda: len(store.take("out")) > had + chance.randrange(1, 50), "some more came out", every=0.01)
        victim = chance.randrange(2)
        processes[victim].kill()
        processes[victim] = start(tmp_path, store, "ab"[victim])
    assert ledger.judge(store.take("out"))["lost"], "the kills came too late to prove anything"
    finish(store, ledger, processes)


@pytest.mark.faults
def test_kill_9_of_the_server(postgres, tmp_path):
    store = Postgresql(postgres)
    ledger = filled(store, tmp_path, 800)
    volleyd = start(tmp_path, store, "a")
    for _ in range(2):
        had = len(store.take("out"))
        wait_until(lambda: len(store.take("out")) > had + 20, "some more came out", every=0.01)
        postgres.kill()
        postgres.start_again()
    assert ledger.judge(store.take("out"))["lost"], "the kills came too late to prove anything"
    finish(store, ledger, [volleyd])


@pytest.mark.faults
def test_connections_cut_at_any_byte_of_a_commit(postgres_server, tmp_path):
    proxy = Proxy(postgres_server.port)
    store = Postgresql(postgres_server)
    ledger = filled(store, tmp_path, 300)
    store.dsn = store.dsn.replace(str(postgres_server.port), str(proxy.port))
    volleyd = start(tmp_path, store, "a")
    chance = random.Random(2)
    for _ in range(10):
        had = len(store.take("out"))
        wait_until(lambda: len(store.take("out")) > had, "some more came out", every=0.005)
        pairs = list(proxy.open)
        proxy.cut(chance.randrange(1, 3000), chance.choice(["up", "down"]))
        wait_until(lambda: any(pair.ended for pair in pairs), "one was cut", every=0.005)
        proxy.calm()
    finish(store, ledger, [volleyd])
    proxy.close()


@pytest.mark.parametrize("listen", [pytest.param("false", marks=pytest.mark.faults), "true"])
def test_through_pgbouncer_in_transaction_mode(postgres_server, pgbouncer, tmp_path, listen):
    store = Postgresql(postgres_server, pgbouncer.dsn, listen=listen)
    ledger = filled(store, tmp_path, 400)
    processes = [start(tmp_path, store, name) for name in ("a", "b")]
    finish(store, ledger, processes)
    told = any("this is a pooler" in volleyd.log for volleyd in processes)
    assert told == (listen == "true")


def test_a_dead_letter_is_listed_and_sent_again(postgres_server, tmp_path):
    store = Postgresql(postgres_server)
    text = config(store, "forward").replace("type: postgresql", "type: postgresql, serializer: json, schema: {type: object}", 1)
    assert check(tmp_path, text, "--exit-when-idle")[0] == 0
    store.put("in", ["this is no JSON"], ["k"])
    assert check(tmp_path, text, "--exit-when-idle")[0] == 0
    assert store.take("dead") == ["this is no JSON"] and store.take("in") == []
    listed = volley(tmp_path, "dlq", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    letter = json.loads(listed.stdout)
    assert letter["body"] == "this is no JSON" and letter["key"] == "k" and letter["verdict"]["reason"] == "decode"
    retried = volley(tmp_path, "dlq", "retry", "--all")
    assert retried.returncode == 0, retried.stderr
    assert store.take("in") == ["this is no JSON"] and store.take("dead") == []
