"""Handlers and consumers that break their promises: what it costs them, and that it costs nothing of others."""

import json

import pytest
from support.servers import wait_until
from support.stores import Sqlite
from support.volleyd import BUILD, Volleyd

WAYWARD = BUILD / "tests" / "integration" / "wayward.so"
UNRULY = BUILD / "tests" / "integration" / "unruly.so"


def config(store, handler, settings="", top=""):
    queues = "".join(f"  {q}: {{type: sqlite, serializer: json, config: {store.config()}}}\n" for q in ("in", "out"))
    return (f"app: wayward\nstate_dir: state\n{top}queues:\n{queues}  dead: {{type: sqlite, config: {store.config()}}}\n"
            f"components: [{{name: move, input: in, outputs: [out], dead_letter_queue: dead, handler: '{WAYWARD}:{handler}',\n"
            f"              retry: {{max_attempts: 3, initial_delay: 5ms, max_delay: 20ms}}{settings}}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


def instances(folder):
    return (folder / "instances").read_text().splitlines() if (folder / "instances").exists() else []


def at_once(handler):
    """A class that declares VOLLEY_ASYNC has several messages at a time."""
    return ", concurrency: 8" if handler.startswith("Async") else ""


@pytest.mark.parametrize("handler", ["Late", "SharedLate", "AsyncLate", "AsyncSharedLate"])
def test_a_job_that_is_finished_twice_or_late_ends_no_other_message(handler, tmp_path):
    store = Sqlite(tmp_path)
    bodies = [json.dumps({"n": n, "is": "good" if n % 2 else "bad"}) for n in range(60)]
    store.put("in", bodies, ["a"] * 60)
    volleyd = Volleyd(tmp_path, config(store, handler, ", workers: 2, order: none" + at_once(handler))).wait_ready()
    wait_until(lambda: len(store.take("out")) + len(store.take("dead")) >= 60, "all came out")
    assert volleyd.stop() == 0, volleyd.log
    assert sorted(json.loads(b)["n"] for b in store.take("out")) == [n for n in range(60) if n % 2]
    assert sorted(json.loads(b)["n"] for b in store.take("dead")) == [n for n in range(60) if n % 2 == 0]


@pytest.mark.parametrize("handler", ["Late", "SharedLate", "AsyncLate", "AsyncSharedLate"])
def test_a_job_that_is_never_finished_costs_its_message_its_attempts_and_no_other_one(handler, tmp_path):
    store = Sqlite(tmp_path)
    bodies = [json.dumps({"n": n, "is": "never" if n == 3 else "good"}) for n in range(8)]
    store.put("in", bodies, ["a"] * 8)
    settings = ", handler_timeout: 300ms, workers: 2, order: none" + at_once(handler)
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


# ---- one broken rule each: the component ends, and says which

def unruly(folder, breaks, by="Input", outputs=("out",)):
    """A component of connectors that keep the rules, but for one of them."""
    rule = {by: f", config: {{breaks: {breaks!r}}}"}
    rule["other"] = ", config: {breaks: no reports}"
    queues = "".join(f"  {q}: {{producer: '{UNRULY}:Output'{rule.get('Output' if q == 'out' else q, '')}}}\n" for q in outputs)
    handler = f"{{library: '{UNRULY}:Forgets', config: {{breaks: {breaks!r}}}}}" if by == "Forgets" else "forward"
    return Volleyd(folder, f"""
state_dir: state
shutdown_timeout: 5s
startup_timeout: 5s
queues:
  in: {{consumer: '{UNRULY}:Input'{rule.get('Input', '')}}}
{queues}components: [{{name: move, input: in, outputs: [{', '.join(outputs)}], handler: {handler}}}]
operations: {{listen: "127.0.0.1:0"}}
""")


def is_refused(volleyd, folder, by, rule):
    """It ends by itself, with the plugin's name and the rule, and nothing is acked."""
    assert volleyd.wait() == 70, volleyd.log
    ends = [line for line in volleyd.lines if "the component stops" in line]
    assert len(ends) == 1 and f"unruly.so:{by}" in ends[0] and rule in ends[0], volleyd.log
    assert not (folder / "acked").exists(), volleyd.log


@pytest.mark.parametrize("breaks, rule", [
    ("an error with messages", "it must return the messages, and the error from the next call"),
    ("too many messages", "consume filled more messages than there is room for"),
    ("revokes what is not assigned", "it called `revoked` of its listener for partition 7"),
    ("revokes inside of settle", "it called `revoked` of its listener outside of open, consume, poll and close"),
    ("announces from another thread", "it called `revoked` of its listener outside of open, consume, poll and close"),
    ("status of open", "open returned the status 99, which the ABI does not define"),
    ("status of consume", "consume returned the status 99"),
    ("status of settle", "settle returned the status 99"),
    ("status of a result of settle", "settle set a result to the status 99"),
    ("status of commit", "commit returned the status 99"),
])
def test_a_consumer_that_breaks_a_rule_ends_its_component(breaks, rule, tmp_path):
    is_refused(unruly(tmp_path, breaks), tmp_path, "Input", rule)


@pytest.mark.parametrize("breaks, rule", [
    ("too many accepted", "produce accepted more records than it was given"),
    ("reports twice", "reported a record twice, or one that it was not given"),
    ("reports again later", "reported a record twice, or one that it was not given"),
    ("reports what it was not given", "reported a record twice, or one that it was not given"),
    ("status of open", "open returned the status 99"),
    ("status of produce", "produce returned the status 99"),
    ("status of poll", "poll returned the status 99"),
    ("status of flush", "flush returned the status 99"),
    ("status of a report", "reported the status 99, which the ABI does not define"),
])
def test_a_producer_that_breaks_a_rule_ends_its_component(breaks, rule, tmp_path):
    volleyd = unruly(tmp_path, breaks, "Output")
    if breaks == "reports again later":  # what it reported before was acked rightly
        assert volleyd.wait() == 70, volleyd.log
        assert "unruly.so:Output" in volleyd.log and rule in volleyd.log
    else:
        is_refused(volleyd, tmp_path, "Output", rule)


def test_a_producer_that_reports_another_ones_record_ends_its_component(tmp_path):
    volleyd = unruly(tmp_path, "reports another's record", "Output", outputs=("out", "other"))
    is_refused(volleyd, tmp_path, "Output", "reported a record twice, or one that it was not given")


def test_a_report_after_close_is_ignored_and_logged(tmp_path):
    volleyd = unruly(tmp_path, "reports after close", "Output").wait_ready()
    assert volleyd.stop() == 0, volleyd.log
    assert any("reports records after it was closed" in line and "unruly.so:Output" in line for line in volleyd.lines), volleyd.log


@pytest.mark.parametrize("breaks, rule", [
    ("status of handle", "handle returned the status 99"),
    ("status of a task", "a message ended with the status 99"),
    ("status of finish", "a message ended with the status 99"),
])
def test_a_handler_with_an_unknown_status_ends_its_component(breaks, rule, tmp_path):
    is_refused(unruly(tmp_path, breaks, "Forgets"), tmp_path, "Forgets", rule)


def test_a_thread_that_outlives_its_instance_finds_a_host_that_does_nothing(tmp_path):
    volleyd = unruly(tmp_path, "calls its host after destroy", "Forgets").wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_settled_total", outcome="ok") == 20, "all are settled")
    wait_until(lambda: (tmp_path / "forgotten thread ended").exists(), "the thread has ended")
    assert volleyd.stop() == 0, volleyd.log
    late = [line for line in volleyd.lines if "calls its host after its instance was destroyed" in line]
    assert len(late) == 1 and "unruly.so:Forgets" in late[0], volleyd.log
