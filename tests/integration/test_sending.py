"""`volley send` with templates, a rate and a delay; `volley dlq` with filters, a rate, and a way to end in the middle."""

import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest
from support.servers import wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEY, Volleyd, volley


@pytest.fixture
def store(tmp_path):
    store = Sqlite(tmp_path)
    queues = "".join(f"  - {{name: {queue}, type: sqlite, config: {store.config()}}}\n" for queue in ("in", "other"))
    (tmp_path / "volley.yml").write_text(f"queues:\n{queues}  - {{name: lines, type: file, config: {{path: lines.txt}}}}\n"
                                         "components: [{input: in, outputs: [], handler: forward}]\noperations: off\n")
    return store


def messages(tmp_path, queue="in"):
    return [json.loads(line) for line in volley(tmp_path, "peek", queue, "-n", "100000", "--json").stdout.splitlines()]


def test_templates_are_filled_anew_for_each_message(store, tmp_path):
    sent = volley(tmp_path, "send", "in", '{"n": {{n}}, "id": "{{uuid}}"}', '{"second": {{n}}}', "--template", "--count", "3",
                  "--key", "k{{n}}", "--header", "at: {{now}} {{uuid}}")
    assert sent.returncode == 0, sent.stderr
    found = messages(tmp_path)
    bodies = [json.loads(m["body"]) for m in found]
    assert [b.get("n", b.get("second")) for b in bodies] == [1, 2, 3, 4, 5, 6]
    assert [m["key"] for m in found] == ["k1", "k2", "k3", "k4", "k5", "k6"]
    uuids = [b["id"] for b in bodies if "id" in b]
    assert len(set(uuids)) == 3 and all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", u) for u in uuids)
    first = found[0]["headers"]["at"]
    assert re.fullmatch(r" ?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z " + uuids[0], first), "one message has one UUID"
    assert volley(tmp_path, "send", "in", "{{n}} {{ {{X}} }} {{", "-t").returncode == 0
    assert messages(tmp_path)[-1]["body"] == "1 {{ {{X}} }} {{"
    wrong = volley(tmp_path, "send", "in", "{{nn}}", "-t")
    assert wrong.returncode == 65 and "no {{nn}}" in wrong.stderr
    assert volley(tmp_path, "send", "in", "{{n}}").returncode == 0
    assert messages(tmp_path)[-1]["body"] == "{{n}}", "without the flag nothing is filled"


def test_what_is_in_brackets_is_one_message(store, tmp_path):
    bodies = ["[1,2]", '["a, b", []]', "[]", "[x]", "\x01[1]"]
    sent = volley(tmp_path, "send", "in", *bodies, "--key", "[k]", "--header", "[a]:[b]")
    assert sent.returncode == 0, sent.stderr
    found = messages(tmp_path)
    assert [m["body"] for m in found] == bodies
    assert {(m["key"], m["headers"]["[a]"]) for m in found} == {("[k]", "[b]")}


def test_a_rate_is_not_passed(store, tmp_path):
    began = time.monotonic()
    assert volley(tmp_path, "send", "in", "{}", "--count", "20", "--rate", "40").returncode == 0
    assert time.monotonic() - began >= 19 / 40 and len(messages(tmp_path)) == 20


def test_an_interrupt_tells_how_many_were_sent(store, tmp_path):
    process = subprocess.Popen([str(VOLLEY), "--config", "volley.yml", "send", "in", "{}", "--count", "100000", "--rate", "20"],
                               cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: messages(tmp_path), "some are sent")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert int(re.search(r"(\d+) sent to in", said).group(1)) == len(messages(tmp_path))


def test_a_delay_is_given_to_the_store_or_refused(store, tmp_path):
    assert volley(tmp_path, "send", "in", "{}", "--delay", "1h").returncode == 0
    depth = json.loads(volley(tmp_path, "queues", "in", "--json").stdout)
    assert (depth["ready"], depth["delayed"]) == (0, 1)
    refused = volley(tmp_path, "send", "lines", "{}", "--delay", "1h")
    assert refused.returncode != 0 and "no delays" in refused.stderr
    assert volley(tmp_path, "send", "in", "{}", "--delay", "soon").returncode == 64


def dead_letters(store, tmp_path, count):
    """A queue with so many dead letters, and its configuration. No engine runs any more."""
    queues = "".join(f"  - {{name: {queue}, type: sqlite, config: {store.config()}{more}}}\n"
                     for queue, more in (("in", ", serializer: json, schema: {required: [ok]}"), ("again", ""), ("dead", "")))
    text = (f"queues:\n{queues}components: [{{name: move, input: in, outputs: [again], handler: forward, dead_letter_queue: dead}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')
    store.put("in", [json.dumps({"n": n, "of": {"kind": "even" if n % 2 == 0 else "odd"}}) for n in range(count)], ["k"] * count)
    volleyd = Volleyd(tmp_path, text).wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_settled_total") == count, "all are dead letters")
    assert volleyd.stop() == 0


def listed(tmp_path, *options):
    result = volley(tmp_path, "dlq", "list", "--json", "-n", "100000", *options)
    assert result.returncode == 0, result.stderr
    return [json.loads(json.loads(line)["body"])["n"] for line in result.stdout.splitlines()]


def test_letters_are_chosen_by_time_and_by_what_is_in_them(store, tmp_path):
    dead_letters(store, tmp_path, 6)
    assert listed(tmp_path, "--match", "/of/kind=even") == [0, 2, 4]
    assert listed(tmp_path, "--match", "/n=3") == [3] and listed(tmp_path, "--match", "/n=3", "--match", "/of/kind=even") == []
    assert listed(tmp_path, "--since", "1h") == [0, 1, 2, 3, 4, 5] and listed(tmp_path, "--since", "2999-01-01") == []
    assert listed(tmp_path, "--since", "1h", "--reason", "schema", "--match", '/of={"kind":"odd"}') == [1, 3, 5]
    for wrong in (("--match", "n=3"), ("--match", "/n"), ("--since", "then")):
        refused = volley(tmp_path, "dlq", "list", *wrong)
        assert refused.returncode == 64 and wrong[0] in refused.stderr
    assert volley(tmp_path, "dlq", "retry", "--match", "/n=1").returncode == 64, "a filter needs --all"
    assert volley(tmp_path, "dlq", "retry", "--all", "--to", "again", "--match", "/of/kind=odd").returncode == 0
    assert listed(tmp_path) == [0, 2, 4] and len(messages(tmp_path, "again")) == 3


def test_what_is_exported_can_be_sent(store, tmp_path):
    dead_letters(store, tmp_path, 4)
    exported = volley(tmp_path, "dlq", "export", "--match", "/of/kind=even")
    assert exported.returncode == 0 and "2 exported" in exported.stderr
    letters = [json.loads(line) for line in exported.stdout.splitlines()]
    assert all(letter["verdict"]["reason"] == "schema" and letter["key"] == "k" for letter in letters)
    assert volley(tmp_path, "send", "again", "--json", "--file", "-", stdin=exported.stdout).returncode == 0
    assert [m["body"] for m in messages(tmp_path, "again")] == [letter["body"] for letter in letters]
    assert len(listed(tmp_path)) == 4, "an export takes nothing"


def test_a_retry_can_be_interrupted_and_goes_on_with_the_rest(store, tmp_path):
    dead_letters(store, tmp_path, 40)
    command = [str(VOLLEY), "--config", "volley.yml", "dlq", "retry", "--all", "--to", "again", "--rate"]
    process = subprocess.Popen([*command, "10"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: messages(tmp_path, "again"), "some are sent")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    done = int(re.search(r"(\d+) sent again", said).group(1))
    left = int(re.search(r"interrupted; (\d+) are left", said).group(1))
    assert 0 < done < 40 and left == 40 - done and len(listed(tmp_path)) == left
    # On a terminal there is a line that says how far it is, and it is gone in the end.
    master, slave = pty.openpty()
    rest = subprocess.Popen([*command, str(2 * left)], cwd=tmp_path, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    os.close(master)
    assert rest.wait(20) == 0
    assert re.search(rb"\r\[[#.]{20}\] \d+ of %d, \d+/s" % left, shown) and shown.rstrip().endswith(b"\r\x1b[K%d sent again" % left)
    sent = [json.loads(m["body"])["n"] for m in messages(tmp_path, "again")]
    assert sorted(sent) == list(range(40)) and listed(tmp_path) == []
