"""Handlers and consumers that break their promises: what it costs them, and that it costs nothing of others."""

import json

import pytest
from support.servers import wait_until
from support.stores import Sqlite
from support.volleyd import BUILD, Volleyd

WAYWARD = BUILD / "tests" / "integration" / "wayward.so"


def config(store, handler, settings="", top=""):
    queues = "".join(f"  {q}: {{type: sqlite, serializer: json, config: {store.config()}}}\n" for q in ("in", "out"))
    return (f"app: wayward\nstate_dir: state\n{top}queues:\n{queues}  dead: {{type: sqlite, config: {store.config()}}}\n"
            f"components: [{{name: move, input: in, outputs: [out], dead_letter_queue: dead, handler: '{WAYWARD}:{handler}',\n"
            f"              retry: {{max_attempts: 3, initial_delay: 5ms, max_delay: 20ms}}{settings}}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


def instances(folder):
    return (folder / "instances").read_text().splitlines() if (folder / "instances").exists() else []


@pytest.mark.parametrize("handler", ["Late", "SharedLate"])
def test_a_job_that_is_finished_twice_or_late_ends_no_other_message(handler, tmp_path):
    store = Sqlite(tmp_path)
    bodies = [json.dumps({"n": n, "is": "good" if n % 2 else "bad"}) for n in range(60)]
    store.put("in", bodies, ["a"] * 60)
    volleyd = Volleyd(tmp_path, config(store, handler, ", workers: 2, order: none")).wait_ready()
    wait_until(lambda: len(store.take("out")) + len(store.take("dead")) >= 60, "all came out")
    assert volleyd.stop() == 0, volleyd.log
    assert sorted(json.loads(b)["n"] for b in store.take("out")) == [n for n in range(60) if n % 2]
    assert sorted(json.loads(b)["n"] for b in store.take("dead")) == [n for n in range(60) if n % 2 == 0]


@pytest.mark.parametrize("handler", ["Late", "SharedLate"])
def test_a_job_that_is_never_finished_costs_its_message_its_attempts_and_no_other_one(handler, tmp_path):
    store = Sqlite(tmp_path)
    bodies = [json.dumps({"n": n, "is": "never" if n == 3 else "good"}) for n in range(8)]
    store.put("in", bodies, ["a"] * 8)
    settings = ", handler_timeout: 300ms, workers: 2, order: none"
    volleyd = Volleyd(tmp_path, config(store, handler, settings)).wait_ready()
    wait_until(lambda: len(store.take("out")) == 7 and len(store.take("dead")) == 1, "the others came out")
    assert volleyd.metric("volley_message_failures_total", reason="timeout") >= 3
    assert volleyd.stop() == 0, volleyd.log
    assert json.loads(store.take("dead")[0])["n"] == 3
    assert "keeps messages longer than handler_timeout" in volleyd.log


def test_a_handler_that_failed_is_replaced_and_no_message_pays(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", [json.dumps({"n": n}) for n in range(40)], ["a"] * 40)
    volleyd = Volleyd(tmp_path, config(store, "Frail", ", workers: 2")).wait_ready()
    wait_until(lambda: len(store.take("out")) + len(store.take("dead")) >= 40, "all came out")
    assert volleyd.metric("volley_message_failures_total") == 0
    assert volleyd.stop() == 0, volleyd.log
    assert sorted(json.loads(b)["n"] for b in store.take("out")) == list(range(40))
    assert len(instances(tmp_path)) > 10
    assert not (tmp_path / "called-again").exists()


def test_a_handler_that_cannot_be_made_anew_makes_the_component_unready_until_it_can(tmp_path):
    store = Sqlite(tmp_path)
    volleyd = Volleyd(tmp_path, config(store, "Frail")).wait_ready()
    (tmp_path / "gone").touch()
    store.put("in", [json.dumps({"n": n}) for n in range(8)], ["a"] * 8)

    def unready():
        status, text = volleyd.get("/readyz")
        return status == 503 and "what it needs is gone" in text

    wait_until(unready, "it is not ready, and says why")
    assert volleyd.metric("volley_message_failures_total") == 0
    (tmp_path / "gone").unlink()
    wait_until(lambda: len(store.take("out")) == 8, "all came out")
    volleyd.wait_ready()
    assert volleyd.stop() == 0, volleyd.log
    assert store.take("dead") == []


def test_a_handler_that_waits_for_what_it_needs_is_waited_for_until_startup_timeout(tmp_path):
    store = Sqlite(tmp_path)
    (tmp_path / "gone").touch()
    volleyd = Volleyd(tmp_path, config(store, "Frail"))
    wait_until(lambda: len(instances(tmp_path)) >= 2, "it is tried again")
    (tmp_path / "gone").unlink()
    assert volleyd.wait_ready().stop() == 0, volleyd.log

    (tmp_path / "gone").touch()
    volleyd = Volleyd(tmp_path, config(store, "Frail", top="startup_timeout: 1s\n"))
    assert volleyd.wait() == 69, volleyd.log
    assert "what it needs is gone" in volleyd.log


def test_all_workers_share_one_instance_of_a_thread_safe_class(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", [json.dumps({"n": n}) for n in range(40)], ["a"] * 40)
    volleyd = Volleyd(tmp_path, config(store, "Shared", ", workers: 5, order: none")).wait_ready()
    wait_until(lambda: len(store.take("out")) == 40, "all came out")
    assert volleyd.stop() == 0, volleyd.log
    assert instances(tmp_path) == ["made"]


def test_a_consumer_that_throws_in_the_middle_of_a_batch_loses_nothing(tmp_path):
    store = Sqlite(tmp_path)
    volleyd = Volleyd(tmp_path, f"""
queues:
  in: {{consumer: '{WAYWARD}:Moody', serializer: json}}
  out: {{type: sqlite, config: {store.config()}}}
components: [{{name: move, input: in, outputs: [out], handler: forward}}]
operations: {{listen: "127.0.0.1:0"}}
""")
    wait_until(lambda: len(store.take("out")) == 100, "all came out")
    wait_until(lambda: volleyd.metric("volley_messages_settled_total", outcome="ok") == 100, "all are settled")
    assert volleyd.stop() == 0, volleyd.log
    assert [json.loads(b)["n"] for b in store.take("out")] == list(range(100))
    assert "the store is away for a moment" in volleyd.log
