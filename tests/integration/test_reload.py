"""SIGHUP: a changed file is applied whole or not at all, and what does not differ goes on untouched."""

import signal
import sys
from pathlib import Path

import pytest
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka, Sqlite, wait_for_all
from support.volleyd import Volleyd

SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parent}/support/slow_forward.py"]}}'


@pytest.fixture(params=["sqlite", "kafka"])
def store(request, tmp_path):
    return Sqlite(tmp_path) if request.param == "sqlite" else Kafka(request.getfixturevalue("kafka_server"))


def config(store, components):
    value = store.topic if store.type == "kafka" else lambda queue: queue
    queues = "".join(f"  - {{name: {q}, value: {value(q)}, type: {store.type}, config: {store.config()}}}\n"
                     for q in ("in", "out", "in2", "out2"))
    return f"app: reload{id(store)}\nqueues:\n{queues}components:\n{components}operations: {{listen: \"127.0.0.1:0\"}}\n"


def component(name, source, target, **settings):
    extra = "".join(f", {key}: {setting}" for key, setting in settings.items())
    return f"  - {{name: {name}, input: {source}, outputs: [{target}], handler: {SLOW}, order: key{extra}}}\n"


def reload(volleyd, text):
    volleyd.config.write_text(text)
    volleyd.process.send_signal(signal.SIGHUP)


def test_under_load_only_what_changed_restarts_and_nothing_is_lost_or_duplicated(store, tmp_path):
    first, second = Ledger(3000), Ledger(3000)
    store.put("in", first.bodies(), [entry["key"] for entry in first.sent])
    store.put("in2", second.bodies(), [entry["key"] for entry in second.sent])
    stays = component("stays", "in", "out")
    volleyd = Volleyd(tmp_path, config(store, stays + component("changes", "in2", "out2"))).wait_ready()
    for turn, workers in enumerate((2, 1, 3), start=1):
        sent = volleyd.metric("volley_messages_sent_total", component="changes")
        wait_until(lambda: volleyd.metric("volley_messages_sent_total", component="changes") > sent, "it works")
        # Another place in the file is no change.
        reload(volleyd, config(store, component("changes", "in2", "out2", workers=workers) + stays))
        wait_until(lambda: volleyd.log.count("reloaded ") == turn, "the file is applied")
        wait_until(lambda: volleyd.metric("volley_workers", component="changes") == workers, "with its workers")
    wait_for_all(store, first)
    wait_for_all(store, second, queue="out2")
    assert volleyd.stop() == 0, volleyd.log
    clean = {"lost": [], "duplicates": 0, "phantoms": 0, "disordered": []}
    assert first.judge(store.take("out")) == clean and second.judge(store.take("out2")) == clean
    ended = [line for line in volleyd.lines if "component has ended" in line]
    assert [("component=stays" in line) for line in ended].count(True) == 1
    assert len(ended) == 5


def test_a_bad_file_changes_nothing_and_says_why(tmp_path):
    store = Sqlite(tmp_path)
    good = config(store, component("move", "in", "out"))
    volleyd = Volleyd(tmp_path, good).wait_ready()
    for bad, code in ((good.replace("order: key", "ordre: key"), "V0104"), (good.replace("input: in", "input: im"), "V01"),
                      (good.replace("queues.db\"}", "queues.db\", paht: x}"), "V0202"), ("queues: [", "V01")):
        errors = volleyd.log.count("is not applied")
        reload(volleyd, bad)
        wait_until(lambda: volleyd.log.count("is not applied") == errors + 1, "it refuses")
        assert f"error[{code}" in volleyd.log, volleyd.log
    store.put("in", ['{"n": 1}'], ["a"])
    wait_until(lambda: store.take("out") == ['{"n": 1}'], "it goes on")
    assert volleyd.get("/readyz")[0] == 200
    assert "component has ended" not in volleyd.log
    assert volleyd.stop() == 0, volleyd.log


def test_components_are_added_and_taken_away(tmp_path):
    store = Sqlite(tmp_path)
    volleyd = Volleyd(tmp_path, config(store, component("one", "in", "out"))).wait_ready()
    reload(volleyd, config(store, component("two", "in2", "out2")))
    wait_until(lambda: "reloaded " in volleyd.log, "the file is applied")
    store.put("in", ['{"n": 1}'], ["a"])
    store.put("in2", ['{"n": 2}'], ["a"])
    wait_until(lambda: store.take("out2") == ['{"n": 2}'], "the new one works")
    assert store.take("out") == [] and store.take("in") == ['{"n": 1}']
    assert volleyd.stop() == 0, volleyd.log


def started_but(volleyd, text, errors=1):
    reload(volleyd, text)
    wait_until(lambda: volleyd.log.count("is not applied") == errors, "it refuses")
    assert volleyd.process.poll() is None


def test_a_handler_program_that_is_not_there_changes_nothing(tmp_path):
    store = Sqlite(tmp_path)
    good = config(store, component("move", "in", "out") + component("other", "in2", "out2"))
    volleyd = Volleyd(tmp_path, good).wait_ready()
    (tmp_path / "not-executable").write_text("#!/bin/sh\n")
    for errors, program in enumerate(("pyhton3", "./no-such", "./not-executable", "/", "no/such/dir/handler"), start=1):
        started_but(volleyd, good.replace(f'exec: ["{sys.executable}", ', f'exec: ["{program}", ', 1), errors)
        assert f'\\"{program}\\"' in volleyd.log or f'"{program}"' in volleyd.log
    assert "component has ended" not in volleyd.log
    store.put("in", ['{"n": 1}'], ["a"])
    wait_until(lambda: store.take("out") == ['{"n": 1}'], "it goes on")
    assert volleyd.stop() == 0, volleyd.log


def test_what_cannot_open_is_rolled_back_and_the_old_comes_back(tmp_path):
    store = Sqlite(tmp_path)
    good = config(store, component("move", "in", "out") + component("other", "in2", "out2"))
    volleyd = Volleyd(tmp_path, good).wait_ready()
    # One output's folder is missing, one component is new and sound, one is new and waits for a server that is not there.
    broken = good.replace(f"name: out, value: out, type: sqlite, config: {store.config()}",
                          "name: out, value: out, type: sqlite, config: {path: no/such/folder/x.db}")
    assert broken != good
    started_but(volleyd, broken)
    wait_until(lambda: volleyd.log.count("component is ready") == 3, "what ran before runs again")
    # A file with another mistake, after it: the engine is what it was.
    nobody = good.replace("components:\n", "  - {name: far, type: rsmq, config: {host: 127.0.0.1, port: 1}}\ncomponents:\n"
                          + component("added", "in2", "far"))
    nobody = "startup_timeout: 1s\n" + nobody
    started_but(volleyd, nobody, 2)
    wait_until(lambda: volleyd.get("/readyz")[0] == 200, "what ran before runs again")
    for source, target in (("in", "out"), ("in2", "out2")):
        store.put(source, ['{"n": 1}'], ["a"])
        wait_until(lambda: store.take(target) == ['{"n": 1}'], "it goes on")
    # And a sound file is applied.
    reload(volleyd, config(store, component("move", "in", "out", workers=2) + component("other", "in2", "out2")))
    wait_until(lambda: "reloaded " in volleyd.log, "the file is applied")
    assert volleyd.metric("volley_workers", component="move") == 2
    assert volleyd.stop() == 0, volleyd.log


def waiting_for_a_server(tmp_path):
    """An engine in the middle of a reload: the new component waits for a server that is not there."""
    store = Sqlite(tmp_path)
    good = config(store, component("move", "in", "out"))
    volleyd = Volleyd(tmp_path, good).wait_ready()
    reload(volleyd, good.replace("components:\n", "  - {name: far, type: rsmq, config: {host: 127.0.0.1, port: 1}}\ncomponents:\n"
                                 + component("added", "in2", "far")))
    wait_until(lambda: volleyd.get("/readyz")[0] == 503, "the new one is starting")
    return store, volleyd, good


def test_a_stop_in_the_middle_of_a_reload_is_clean(tmp_path):
    _, volleyd, _ = waiting_for_a_server(tmp_path)
    assert volleyd.stop() == 0, volleyd.log


def test_a_second_reload_takes_the_place_of_one_that_cannot_finish(tmp_path):
    store, volleyd, good = waiting_for_a_server(tmp_path)
    reload(volleyd, good.replace("order: key", "order: key, workers: 2"))
    wait_until(lambda: "reloaded " in volleyd.log, "the second file is applied")
    wait_until(lambda: volleyd.get("/readyz")[0] == 200, "it is ready")
    assert volleyd.metric("volley_workers", component="move") == 2
    store.put("in", ['{"n": 1}'], ["a"])
    wait_until(lambda: store.take("out") == ['{"n": 1}'], "it goes on")
    assert volleyd.stop() == 0, volleyd.log
