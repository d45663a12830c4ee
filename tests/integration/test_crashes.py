"""What a handler in the process, or a child, can do to the engine: and what it costs."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Sqlite, declared, wait_for_all
from support.volleyd import BUILD, Volleyd

MISBEHAVING = BUILD / "tests" / "integration" / "misbehaving.so"


def queues(store, *names):
    return "queues:\n" + "".join(declared(store, q, reads=q == "in") for q in names)


def test_a_message_that_kills_the_process_is_convicted_and_all_others_come_through(store, tmp_path):
    ledger = Ledger(60)
    bodies = [body if i != 30 else '{"crash": true}' for i, body in enumerate(ledger.bodies())]
    store.put("in", bodies, [entry["key"] for entry in ledger.sent])
    config = ("app: crashes\nstate_dir: state\n" + queues(store, "in", "out", "dead")
              + f"components: [{{name: move, input: in, outputs: [out], handler: '{MISBEHAVING}', dead_letter_queue: dead,\n"
              "              workers: 4, order: key, max_crashes: 3}]\n"
              'operations: {listen: "127.0.0.1:0"}\n')
    deaths = 0
    while True:
        volleyd = Volleyd(tmp_path, config)
        wait_until(lambda: volleyd.process.poll() is not None or len(store.take("dead")) == 1, "it dies or convicts", timeout=60)
        if volleyd.process.poll() is None:
            break
        assert volleyd.wait() == -11, volleyd.log
        deaths += 1
        assert deaths <= 3, "it is not convicted"
    assert deaths == 3
    del ledger.sent[30]
    wait_for_all(store, ledger)
    assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"))
    assert verdict["lost"] == [] and verdict["phantoms"] == 0
    if store.type == "sqlite":
        assert verdict == {"lost": [], "duplicates": 0, "phantoms": 0, "disordered": []}
    dead = store.take("dead")
    letter = dead[0] if store.type != "rsmq" else json.loads(dead[0])["body"]
    assert json.loads(letter) == {"crash": True}
    if store.type == "rsmq":
        assert json.loads(dead[0])["headers"]["volley-reason"] == "crash_loop"
    if store.type == "kafka":
        assert dict(store.take_messages("dead")[0].headers())["volley-reason"] == b"crash_loop"


def test_a_second_signal_is_no_crash_of_the_message_that_hangs(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", ['{"hang": true}'], ["a"])
    config = ("app: crashes\nstate_dir: state\nshutdown_timeout: 1h\n" + queues(store, "in", "out", "dead")
              + f"components: [{{name: move, input: in, outputs: [out], handler: '{MISBEHAVING}', dead_letter_queue: dead,\n"
              "              max_crashes: 1}]\n"
              'operations: {listen: "127.0.0.1:0"}\n')
    for _ in range(3):
        volleyd = Volleyd(tmp_path, config).wait_ready()
        wait_until(lambda: volleyd.metric("volley_workers", state="busy") == 1, "the handler hangs")
        volleyd.process.terminate()
        wait_until(lambda: "draining" in volleyd.log, "it drains")
        volleyd.process.send_signal(signal.SIGINT)
        assert volleyd.wait() == 75
        assert "at work when the last process died" not in volleyd.log
        # What it held is leased until the process is known to be gone.
        store.connect().execute("UPDATE volley_messages SET visible_at = 0")
    assert store.take("dead") == [] and store.take("in") == ['{"hang": true}']


def test_a_stall_ends_the_process_with_75(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", ['{"hang": true}'], ["a"])
    config = ("stall_timeout: 1s\nshutdown_timeout: 500ms\nstate_dir: state\n" + queues(store, "in", "out")
              + f"components: [{{name: move, input: in, outputs: [out], handler: '{MISBEHAVING}', handler_timeout: 200ms}}]\n"
              'operations: {listen: "127.0.0.1:0"}\n')
    volleyd = Volleyd(tmp_path, config)
    assert volleyd.wait() == 75, volleyd.log
    assert "stalled" in volleyd.log
    assert store.take("in") == ['{"hang": true}'] and store.take("out") == []


def test_when_everything_fails_the_input_is_held_back_and_the_dead_letter_queue_is_not_flooded(tmp_path):
    store = Sqlite(tmp_path)
    ledger = Ledger(300)
    store.put("in", ledger.bodies(), [entry["key"] for entry in ledger.sent])
    (tmp_path / "outage").touch()
    config = (queues(store, "in", "out", "dead") + "state_dir: state\n"
              + f"components: [{{name: move, input: in, outputs: [out], handler: '{MISBEHAVING}', dead_letter_queue: dead,\n"
              "              workers: 2, order: none, retry: {max_attempts: 2, initial_delay: 1ms, max_delay: 1s}}]\n"
              'operations: {listen: "127.0.0.1:0"}\n')
    volleyd = Volleyd(tmp_path, config)
    wait_until(lambda: volleyd.address and volleyd.metric("volley_breaker_open") == 1, "the breaker opens")
    wait_until(lambda: "every message fails" in volleyd.get("/readyz")[1], "it is not ready, and says why")
    # A probe may be any message's first attempt, so not each of them gives one up: failures count, not dead letters.
    failures_when_open = volleyd.metric("volley_message_failures_total", reason="handler_retry")
    wait_until(lambda: volleyd.metric("volley_message_failures_total", reason="handler_retry") >= failures_when_open + 4,
               "it goes on trying")
    assert store.take("out") == []
    (tmp_path / "outage").unlink()
    wait_until(lambda: volleyd.metric("volley_breaker_open") == 0, "the breaker closes")
    wait_for_all(store, ledger, dead="dead")
    assert volleyd.stop() == 0, volleyd.log
    verdict = ledger.judge(store.take("out"), store.take("dead"))
    assert verdict["lost"] == [] and verdict["duplicates"] == 0
    assert len(store.take("dead")) < 20


def children_of(process):
    """State and name of each child, as the kernel has it: Z is a zombie."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rsplit(")", 1)
        except OSError:
            continue  # it has just ended
        if int(rest.split()[1]) == process:
            found.append((rest.split()[0], name.split("(", 1)[1]))
    return found


def test_thousands_of_deaths_of_children_leave_nothing_behind(tmp_path):
    """Each child answers one message and dies of the next: by signals, exits, a closed pipe, half an answer, garbage."""
    deaths, workers = 10_000 if "VOLLEY_LONG" in os.environ else 2_000, 2
    store = Sqlite(tmp_path)
    store.put("in", [json.dumps({"n": n}) for n in range(deaths + 200)], ["a"] * (deaths + 200))
    mortal = BUILD / "tests" / "integration" / "mortal"
    config = (queues(store, "in", "out") + f"components: [{{name: move, input: in, outputs: [out], handler: {{exec: ['{mortal}']}},\n"
              f"  workers: {workers}, order: none, retry: {{max_attempts: 100000, initial_delay: 1ms, max_delay: 1ms}}}}]\n"
              'operations: {listen: "127.0.0.1:0"}\n')
    volleyd = Volleyd(tmp_path, config)
    wait_until(lambda: volleyd.address, "it serves")
    descriptors = Path(f"/proc/{volleyd.process.pid}/fd")
    wait_until(lambda: volleyd.metric("volley_message_failures_total", reason="crash") >= 50, "the first have died")
    at_first = len(list(descriptors.iterdir()))
    wait_until(lambda: volleyd.metric("volley_message_failures_total", reason="crash") >= deaths, "they have died", timeout=300)
    wait_until(lambda: volleyd.metric("volley_messages_settled_total", outcome="ok") == deaths + 200, "all came through", timeout=300)
    of_children = 5 * workers  # at first, none may have been alive
    assert len(list(descriptors.iterdir())) <= at_first + of_children + 8, "descriptors leak"
    assert [child for child in children_of(volleyd.process.pid) if child[0] == "Z"] == []
    assert len(children_of(volleyd.process.pid)) <= workers
    assert volleyd.stop() == 0, volleyd.log
    assert len(store.take("out")) == deaths + 200


UNRULY = """
import json, sys, time
for line in sys.stdin:
    m = json.loads(line)
    if m["body"] == {"do": "hang"}: time.sleep(3600)
    if m["body"] == {"do": "flood"}:
        while True: sys.stdout.write("x" * 65536)
    print(json.dumps({"id": m["id"], "outputs": [{"body": m["body"]}]}), flush=True)
"""


@pytest.mark.parametrize("way, reason", [("hang", "timeout"), ("flood", "crash")])
def test_a_child_that_hangs_or_floods_costs_an_attempt(way, reason, tmp_path):
    store = Sqlite(tmp_path)
    (tmp_path / "unruly.py").write_text(UNRULY)
    store.put("in", ['{"n": 1}', json.dumps({"do": way}), '{"n": 2}'], ["a"] * 3)
    timeout = "handler_timeout: 500ms, " if way == "hang" else ""
    names = "".join(f"  - {{name: {q}, type: sqlite, serializer: json, config: {store.config()}}}\n" for q in ("in", "out", "dead"))
    volleyd = Volleyd(tmp_path, "queues:\n" + names
                      + f'components: [{{name: move, input: in, outputs: [out], handler: {{exec: ["{sys.executable}", unruly.py]}},\n'
                      f"  dead_letter_queue: dead, {timeout}retry: {{max_attempts: 2, initial_delay: 1ms}}}}]\n"
                      'operations: {listen: "127.0.0.1:0"}\n').wait_ready()
    wait_until(lambda: len(store.take("out")) == 2 and len(store.take("dead")) == 1, "two out, one dead")
    assert volleyd.metric("volley_message_failures_total", reason=reason) == 2
    assert volleyd.stop() == 0, volleyd.log
    assert json.loads(store.take("dead")[0]) == {"do": way}
