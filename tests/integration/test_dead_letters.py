"""Dead letters from the command line: seen, sent again with their own bytes, changed, deleted. One way on every store."""

import json
import os
import stat
import sys

from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka, Rsmq, declared, wait_for_all
from support.volleyd import Volleyd, volley

# Refuses every third message until a file named "mended" is there.
PICKY = """
import json, os, sys
for line in sys.stdin:
    m = json.loads(line)
    if m["body"]["seq"] % 3 == 0 and not os.path.exists("mended"):
        print(json.dumps({"id": m["id"], "fail": "seq is a \\x1b[31mmultiple\\nof three"}), flush=True)
    else:
        print(json.dumps({"id": m["id"], "outputs": [{"body": m["body"]}]}), flush=True)
"""


def config_of(store):
    queues = "".join(declared(store, q, serializer="json") for q in ("in", "out", "dead"))
    return (f"queues:\n{queues}components:\n"
            f"  - {{name: move, input: in, outputs: [out], handler: {{exec: ['{sys.executable}', picky.py]}}, dead_letter_queue: dead}}\n"
            'operations: {listen: "127.0.0.1:0"}\n')


def letters(tmp_path, *options):
    listed = volley(tmp_path, "dlq", "list", "--json", "--limit", "1000", *options)
    assert listed.returncode == 0, listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]


def failed(store, tmp_path, count=30):
    """Runs until every third message is a dead letter. Returns the engine and the ledger."""
    (tmp_path / "picky.py").write_text(PICKY)
    ledger = Ledger(count)
    store.put("in", ledger.bodies(), [entry["key"] for entry in ledger.sent])
    volleyd = Volleyd(tmp_path, config_of(store)).wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_settled_total") == count, "all are settled")
    return volleyd, ledger


def test_after_the_handler_is_mended_a_retry_brings_everything_through(store, tmp_path):
    volleyd, ledger = failed(store, tmp_path)
    before = letters(tmp_path)
    poison = [body for body in ledger.bodies() if json.loads(body)["seq"] % 3 == 0]
    assert sorted(letter["body"] for letter in before) == sorted(poison), "the original bytes"
    assert {letter["verdict"]["reason"] for letter in before} == {"handler_fail"}
    assert letters(tmp_path, "--reason", "schema") == []

    dry = volley(tmp_path, "dlq", "retry", "--all", "--dry-run")
    assert dry.returncode == 0 and len(dry.stdout.splitlines()) == len(poison) and len(letters(tmp_path)) == len(poison)

    # While the handler still fails, what comes back is not sent in circles.
    again = volley(tmp_path, "dlq", "retry", "--all")
    assert again.returncode == 0 and f"{len(poison)} sent again" in again.stderr, again.stderr
    wait_until(lambda: len(letters(tmp_path)) == len(poison), "they have failed again")
    assert all(letter["verdict"]["attempts"] == "1" for letter in letters(tmp_path))

    (tmp_path / "mended").touch()
    assert volley(tmp_path, "dlq", "retry", "--all", "--reason", "handler_fail").returncode == 0
    verdict = wait_for_all(store, ledger)
    assert verdict["lost"] == [] and verdict["duplicates"] == 0 and verdict["phantoms"] == 0
    assert letters(tmp_path) == []
    assert volleyd.stop() == 0, volleyd.log


def test_letters_are_shown_changed_sent_elsewhere_and_deleted_one_by_one(store, tmp_path):
    volleyd, _ = failed(store, tmp_path)
    assert volleyd.stop() == 0, volleyd.log
    first, second, third, fourth = (letter["id"] for letter in letters(tmp_path)[:4])

    shown = volley(tmp_path, "dlq", "show", first)
    assert "handler_fail" in shown.stdout and '"seq"' in shown.stdout
    assert "\x1b" not in shown.stdout and "\x1b" not in volley(tmp_path, "dlq", "list").stdout, "a body must not drive the terminal"

    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf '{\"seq\": 1, \"changed\": true}' > \"$1\"\n")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    os.environ["EDITOR"] = str(editor)
    assert volley(tmp_path, "dlq", "retry", "--edit", first).returncode == 0
    editor.write_text("#!/bin/sh\nprintf 'no json' > \"$1\"\n")
    refused = volley(tmp_path, "dlq", "retry", "--edit", second)
    assert refused.returncode == 1 and "what was saved is not sent" in refused.stderr

    assert volley(tmp_path, "dlq", "retry", third, "--to", "out").returncode == 0
    assert volley(tmp_path, "dlq", "delete", fourth).returncode == 0
    unknown = volley(tmp_path, "dlq", "delete", fourth)
    assert unknown.returncode == 1 and "there is no such dead letter" in unknown.stderr
    left = [letter["id"] for letter in letters(tmp_path)]
    assert second in left and not {first, third, fourth} & set(left)
    assert '{"seq": 1, "changed": true}' in volley(tmp_path, "peek", "in").stdout


def test_what_retry_cannot_do_it_says(store, tmp_path):
    volleyd, _ = failed(store, tmp_path, 6)
    assert volleyd.stop() == 0
    stranger = volley(tmp_path, "send", "dead", '{"seq": 0}')
    assert stranger.returncode == 0
    without_origin = [letter["id"] for letter in letters(tmp_path) if "verdict" not in letter]
    said = volley(tmp_path, "dlq", "retry", *without_origin)
    assert said.returncode == 1 and "name one with --to" in said.stderr
    assert volley(tmp_path, "dlq", "retry").returncode == 64
    assert volley(tmp_path, "dlq", "list", "--queue", "ded").returncode == 64
    assert 'did you mean "volley dlq list"?' in volley(tmp_path, "dlq", "lst").stderr


def test_how_much_waits_is_told_and_can_be_purged(store, tmp_path):
    volleyd, _ = failed(store, tmp_path)
    assert volleyd.stop() == 0
    rows = [json.loads(line) for line in volley(tmp_path, "queues", "--json").stdout.splitlines()]
    assert {row["queue"]: row["ready"] for row in rows} == {"in": 0, "out": 20, "dead": 10}
    assert store.type == "kafka" or all(row["oldest_ms"] >= 0 for row in rows if row["ready"])
    table = volley(tmp_path, "queues", "out").stdout.splitlines()
    assert table[0].split()[:3] == ["QUEUE", "TYPE", "READY"] and table[1].split()[:3] == ["out", store.type, "20"]

    refused = volley(tmp_path, "purge", "dead")
    assert refused.returncode == 64 and "10 messages" in refused.stderr
    assert volley(tmp_path, "purge", "dead", "--yes").returncode == 0
    assert letters(tmp_path) == []


def test_tombstones_and_bytes_come_back_as_they_were_from_an_envelope(kafka_server, redis_server, tmp_path):
    """From Kafka into RSMQ, which has neither keys nor headers nor nulls, and back to Kafka."""
    from confluent_kafka import Producer

    kafka, rsmq = Kafka(kafka_server, partitions=1), Rsmq(redis_server)
    (tmp_path / "no.py").write_text('import json, sys\nfor line in sys.stdin: print(json.dumps({"id": json.loads(line)["id"], '
                                    '"fail": "no"}), flush=True)\n')
    config = (f"queues:\n  - {{name: in, value: {kafka.topic('in')}, type: kafka, config: {kafka.config()}}}\n"
              f"  - {{name: again, value: {kafka.topic('again')}, type: kafka, config: {kafka.config()}}}\n"
              f"  - {{name: dead, type: rsmq, config: {rsmq.config()}}}\n"
              f"components: [{{input: in, handler: {{exec: ['{sys.executable}', no.py]}}, dead_letter_queue: dead}}]\n"
              'operations: {listen: "127.0.0.1:0"}\n')
    producer = Producer({"bootstrap.servers": kafka_server.bootstrap})
    producer.produce(kafka.topic("in"), None, b"gone", headers=[("colour", b"\xff\x00blue"), ("volley-reason", b"forged")])
    producer.produce(kafka.topic("in"), b"\x80\x00raw", b"\xfe", headers=[("colour", b"red")])
    producer.produce(kafka.topic("in"), b"", None)
    odd = [("twice", b"1"), ("twice", b"2"), ("null", None), ("sig_base64", b"aGk="), ("base64:x", b"y"), ("twice", b"3")]
    producer.produce(kafka.topic("in"), b"\xed\xb5\xb9", b"odd", headers=odd)
    assert producer.flush(30) == 0
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: len(letters(tmp_path)) == 4, "four dead letters")
    assert volleyd.stop() == 0, volleyd.log
    assert {letter["verdict"]["reason"] for letter in letters(tmp_path)} == {"handler_fail"}
    assert volley(tmp_path, "dlq", "retry", "--all", "--to", "again").returncode == 0
    back = wait_until(lambda: (lambda m: m if len(m) == 4 else None)(kafka.take_messages("again")), "four came back")
    assert sorted(((m.value(), m.key(), m.headers()) for m in back), key=repr) == sorted(
        [(None, b"gone", [("colour", b"\xff\x00blue")]), (b"\x80\x00raw", b"\xfe", [("colour", b"red")]), (b"", None, None), (b"\xed\xb5\xb9", b"odd", odd)],
        key=repr)
