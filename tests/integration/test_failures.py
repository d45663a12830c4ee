"""What becomes of messages that fail: the dead-letter queue, or the connector's own on_fail where there is none."""

import json
import os
import subprocess
import sys

import pytest
from support.install import build_postgres_example
from support.servers import ROOT, wait_until
from support.stores import Kafka, Rsmq, Sqlite
from support.volleyd import VOLLEY, Volleyd

# Refuses what says "bad", three times each; the fourth time it is good.
MOODY = """
import json, sys
seen = {}
for line in sys.stdin:
    m = json.loads(line)
    body = m["body"]
    seen[body["n"]] = seen.get(body["n"], 0) + 1
    if body.get("bad") and seen[body["n"]] <= body["bad"]:
        print(json.dumps({"id": m["id"], "fail": "it is bad"}), flush=True)
    else:
        print(json.dumps({"id": m["id"], "outputs": [{"body": {"n": body["n"], "times": seen[body["n"]]}}]}), flush=True)
"""


def moody(tmp_path):
    (tmp_path / "moody.py").write_text(MOODY)
    return f'{{exec: ["{sys.executable}", moody.py]}}'


def component(handler, **settings):
    extra = "".join(f", {key}: {value}" for key, value in settings.items())
    return (f"components: [{{name: move, input: in, outputs: [out], handler: {handler}{extra}}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


@pytest.mark.parametrize("kind", ["sqlite", "rsmq"])
def test_without_a_dead_letter_queue_a_failed_message_is_put_back(kind, tmp_path, request):
    store = Sqlite(tmp_path) if kind == "sqlite" else Rsmq(request.getfixturevalue("redis_server"))
    store.put("in", ['{"n": 1, "bad": 2}', '{"n": 2}'], ["a", "b"])
    queues = "".join(f"  - {{name: {q}, type: {kind}, serializer: json, config: {store.config()}}}\n" for q in ("in", "out"))
    volleyd = Volleyd(tmp_path, "queues:\n" + queues + component(moody(tmp_path), retry="{max_delay: 300ms}")).wait_ready()
    out = wait_until(lambda: (lambda b: b if len(b) == 2 else None)(store.take("out")), "both came out")
    assert volleyd.metric("volley_messages_settled_total", outcome="requeued") == 2
    assert volleyd.stop() == 0
    assert {m["n"]: m["times"] for m in map(json.loads, out)} == {1: 3, 2: 1}


def test_the_postgres_example_is_built_outside_and_its_on_fail_is_called(postgres_server, tmp_path):
    plugins = build_postgres_example(tmp_path)
    example = (ROOT / "examples" / "postgres" / "volley.yml").read_text()
    script = moody(tmp_path)
    config = example.replace("handler: forward", f"handler: {script}") + 'operations: {listen: "127.0.0.1:0"}\n'
    environment = {**os.environ, "PG_DSN": postgres_server.dsn}
    volleyd = Volleyd(tmp_path, config, "--plugin-dir", str(plugins), env=environment).wait_ready()
    wait_until(lambda: postgres_server.sql("SELECT count(*) FROM pg_queue_table").strip() == "0", "the table is made")
    postgres_server.sql("""INSERT INTO pg_queue_table (body) VALUES ('{"n": 1, "bad": 1}'), ('{"n": 2}')""")
    wait_until(lambda: postgres_server.sql("SELECT count(*) FROM pg_done_table").strip() == "2", "both rows moved")
    assert volleyd.metric("volley_messages_settled_total", outcome="requeued") == 1
    assert volleyd.stop() == 0, volleyd.log
    assert postgres_server.sql("SELECT count(*) FROM pg_queue_table").strip() == "0"


def with_policy(tmp_path, policy):
    """One message of three fails for good; `policy` decides."""
    store = Sqlite(tmp_path)
    store.put("in", ['{"n": 1}', '{"n": 2, "bad": 99}', '{"n": 3}'], ["a"] * 3)
    queues = "".join(f"  - {{name: {q}, type: sqlite, serializer: json, config: {store.config()}}}\n" for q in ("in", "out"))
    return store, Volleyd(tmp_path, "queues:\n" + queues + component(moody(tmp_path), on_fail=policy))


def test_on_fail_drop_acks_what_failed_and_counts_it(tmp_path):
    store, volleyd = with_policy(tmp_path, "drop")
    wait_until(lambda: len(store.take("out")) == 2, "the others came out")
    wait_until(lambda: store.take("in") == [], "nothing is left")
    assert volleyd.metric("volley_messages_settled_total", outcome="dropped") == 1
    assert volleyd.metric("volley_message_failures_total", reason="handler_fail") == 1
    assert volleyd.stop() == 0, volleyd.log


def test_on_fail_stop_ends_with_65_and_acks_neither_what_failed_nor_what_is_behind_it(tmp_path):
    store, volleyd = with_policy(tmp_path, "stop")
    assert volleyd.wait() == 65, volleyd.log
    assert [json.loads(body)["n"] for body in store.take("out")] == [1]
    assert [json.loads(body)["n"] for body in store.take("in")] == [2, 3]
    assert "it is bad" in volleyd.log


CURIOUS = """
import json, os, sys
for line in sys.stdin:
    m = json.loads(line)
    print("first line\\nsecond line \\x1b[31mred", file=sys.stderr, flush=True)
    seen = {"descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)),
            "leads_its_group": os.getpgrp() == os.getpid(), "folder": os.getcwd(), "names": sorted(os.environ)}
    print(json.dumps({"id": m["id"], "outputs": [{"body": seen}]}), flush=True)
"""


def test_a_child_inherits_three_descriptors_and_the_environment_and_its_stderr_is_in_the_log(tmp_path):
    (tmp_path / "curious.py").write_text(CURIOUS)
    store = Sqlite(tmp_path)
    store.put("in", ['{"n": 1}'], ["a"])
    queues = "".join(f"  - {{name: {q}, type: sqlite, serializer: json, config: {store.config()}}}\n" for q in ("in", "out"))
    environment = {**os.environ, "DB_PASSWORD": "x", "api_token": "x", "PLAIN": "x"}
    volleyd = Volleyd(tmp_path, "queues:\n" + queues + component(f'{{exec: ["{sys.executable}", curious.py]}}'), env=environment)
    seen = json.loads(wait_until(lambda: store.take("out"), "it answered")[0])
    assert volleyd.stop() == 0, volleyd.log
    assert seen["descriptors"] == [0, 1, 2] and seen["leads_its_group"] and seen["folder"] == str(tmp_path)
    assert {"PLAIN", "DB_PASSWORD", "api_token"} <= set(seen["names"])
    said = [line for line in volleyd.lines if "from=handler" in line]
    assert len(said) == 2 and "first line" in said[0] and "second line" in said[1] and "\x1b" not in said[1]


BODIES = ['{"n": 1}', "this is no JSON", json.dumps({"n": 2, "pad": "x" * 3000}), '{"n": 3, "bad": 99}']


def test_dead_letters_keep_their_bytes_and_say_why_in_headers_on_kafka(kafka_server, tmp_path):
    store = Kafka(kafka_server, partitions=1)
    store.put("in", BODIES, ["a"] * 4)
    queues = "".join(f"  - {{name: {q}, value: {store.topic(q)}, type: kafka, serializer: json, config: {store.config()}}}\n"
                     for q in ("in", "out", "dead"))
    volleyd = Volleyd(tmp_path, "max_message_bytes: 2000\nqueues:\n" + queues
                      + component(moody(tmp_path), dead_letter_queue="dead")).wait_ready()
    dead = wait_until(lambda: (lambda m: m if len(m) == 3 else None)(store.take_messages("dead")), "three dead letters")
    assert volleyd.stop() == 0, volleyd.log
    assert [m.value().decode() for m in dead] == BODIES[1:]
    reasons = [dict(m.headers())["volley-reason"].decode() for m in dead]
    assert reasons == ["decode", "too_large", "handler_fail"]
    assert dict(dead[2].headers())["volley-error"] == b"it is bad"
    assert [json.loads(b)["n"] for b in store.take("out")] == [1]


def test_a_body_without_the_key_that_is_looked_for_in_it_is_a_dead_letter_or_has_no_order(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", ['{"n": 1, "customer": {"id": "a"}}', "this is no JSON", '{"n": 2}'], ["x"] * 3)
    queues = "".join(f"  - {{name: {q}, type: sqlite, serializer: json, key: /customer/id, config: {store.config()}}}\n"
                     for q in ("in", "out", "dead"))
    volleyd = Volleyd(tmp_path, "queues:\n" + queues + component(moody(tmp_path), dead_letter_queue="dead", order="key")).wait_ready()
    wait_until(lambda: len(store.take("out")) == 2 and len(store.take("dead")) == 1, "two out, one dead")
    assert volleyd.metric("volley_message_failures_total", reason="decode") == 1
    assert volleyd.stop() == 0, volleyd.log
    assert store.take("dead") == ["this is no JSON"]


def test_dead_letters_come_in_an_envelope_on_rsmq(redis_server, tmp_path):
    store = Rsmq(redis_server)
    store.put("in", BODIES, ["a"] * 4)
    queues = "".join(f"  - {{name: {q}, type: rsmq, config: {store.config()}}}\n" for q in ("in", "out", "dead"))
    volleyd = Volleyd(tmp_path, "max_message_bytes: 2000\nqueues:\n" + queues
                      + component(moody(tmp_path), dead_letter_queue="dead")).wait_ready()
    dead = wait_until(lambda: (lambda m: m if len(m) == 3 else None)(store.take("dead")), "three dead letters")
    assert volleyd.stop() == 0, volleyd.log
    letters = [json.loads(body) for body in dead]
    assert sorted(letter["body"] for letter in letters) == sorted(BODIES[1:])
    assert {letter["headers"]["volley-reason"] for letter in letters} == {"decode", "too_large", "handler_fail"}


def test_a_child_that_dies_costs_an_attempt_and_never_the_engine(tmp_path):
    store = Sqlite(tmp_path)
    (tmp_path / "fragile.py").write_text(
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        "    m = json.loads(line)\n"
        "    if m['body']['n'] == 3: os.abort()\n"
        "    print(json.dumps({'id': m['id'], 'outputs': [{'body': m['body']}]}), flush=True)\n")
    store.put("in", [json.dumps({"n": n}) for n in range(6)], ["a"] * 6)
    queues = "".join(f"  - {{name: {q}, type: sqlite, serializer: json, config: {store.config()}}}\n" for q in ("in", "out", "dead"))
    handler = f'{{exec: ["{sys.executable}", fragile.py]}}'
    volleyd = Volleyd(tmp_path, "queues:\n" + queues + component(handler, dead_letter_queue="dead",
                                                                 retry="{max_attempts: 2, initial_delay: 1ms}")).wait_ready()
    wait_until(lambda: len(store.take("out")) == 5 and len(store.take("dead")) == 1, "five out, one dead")
    assert volleyd.metric("volley_message_failures_total", reason="crash") == 2
    assert volleyd.stop() == 0, volleyd.log
    assert [json.loads(b)["n"] for b in store.take("out")] == [0, 1, 2, 4, 5]
    peeked = subprocess.run([str(VOLLEY), "--config", str(tmp_path / "volley.yml"), "peek", "dead",
                             "--json"], capture_output=True, text=True, check=True).stdout
    assert "SIGABRT" in json.loads(peeked)["headers"]["volley-error"]
