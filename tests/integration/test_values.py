"""Keys, headers and bodies of any bytes on every route: dead letters, retry, peek, send, replay, forward and memory."""

import base64
import json
import sqlite3
import subprocess
import sys

from support.servers import wait_until
from support.volleyd import VOLLEY, VOLLEYD, Volleyd, volley

BIN = base64.b64encode(b"\x00\xff\xfe").decode()

# Key, headers as SQLite's table has them, body.
NASTY = [
    (b"plain", None, b'{"n": 1}'),
    (b"\xff\x00key", [["a", "1"], ["a", "2"], ["b", None], ["", ""]], b'{\n  "pretty": 1.10\n}\n'),
    (b"", [["a", "1"], ["b", "2"], ["a", "3"]], b""),
    (None, [["sig_base64", "aGk="], ["base64:x", "y"], [{"base64": BIN}, {"base64": BIN}]], None),
    ("schlüssel ".encode() + b"\x1b[2J", [["esc", "\x1b]0;owned\x07\x7f\u009b"], ["line", "a\r\nb"]], b"line one\r"),
    (b"surrogate", [["half", {"base64": base64.b64encode(b"\xed\xb5\xb9").decode()}]], b"\xed\xa0\x80"),
    (b"bom", None, b"\xef\xbb\xbf{}"),
    (b"letter", [["x", "y"]], b'{"volley_dead_letter":2,"headers":{"a":"b"},"body":"no letter"}'),
]

QUEUES = "".join(f"  {name}: {{type: sqlite}}\n" for name in ("in", "out", "copy", "dead")) + "  mid: {type: memory}\n"

REFUSES = "import json, sys\nfor line in sys.stdin: print(json.dumps({'id': json.loads(line)['id'], 'fail': 'no'}), flush=True)\n"


def config(tmp_path, components):
    text = f"queues:\n{QUEUES}components:\n{components}" + 'operations: {listen: "127.0.0.1:0"}\n'
    (tmp_path / "volley.yml").write_text(text)
    return text


def database(tmp_path):
    return sqlite3.connect(tmp_path / "volley.db", timeout=30, isolation_level=None)


def put_all(tmp_path):
    assert volley(tmp_path, "send", "in", "makes the table").returncode == 0
    with database(tmp_path) as connection:
        connection.execute("DELETE FROM volley_messages")
        for key, headers, body in NASTY:
            connection.execute("INSERT INTO volley_messages (queue, key, headers, body) VALUES ('in', ?, ?, ?)",
                               (key, headers and json.dumps(headers), body))


def as_bytes(value):
    return value.encode() if isinstance(value, str) else value


def stored(tmp_path, queue):
    """What is in a queue, in one form whatever the table's own."""
    rows = database(tmp_path).execute("SELECT key, headers, body FROM volley_messages WHERE queue = ? ORDER BY id", (queue,))
    out = []
    for key, headers, body in rows:
        pairs = json.loads(headers) if headers else []
        out.append((as_bytes(key), [pair for pair in pairs if not str(pair[0]).startswith("volley-")], as_bytes(body)))
    return sorted(out, key=repr)


EXPECTED = sorted(((key, headers or [], body) for key, headers, body in NASTY), key=repr)


def test_peek_and_send_carry_everything_byte_for_byte(tmp_path):
    config(tmp_path, "  - {input: in, outputs: [out], on_fail: requeue}\n")
    put_all(tmp_path)
    saved = volley(tmp_path, "peek", "in", "-n", "100", "--json")
    assert saved.returncode == 0 and len(saved.stdout.splitlines()) == len(NASTY)
    assert "\x1b" not in saved.stdout and "\x7f" not in saved.stdout and "\u009b" not in saved.stdout
    (tmp_path / "saved.ndjson").write_text("\ufeff" + saved.stdout.replace("\n", "\r\n"), encoding="utf-8", newline="")
    sent = volley(tmp_path, "send", "copy", "--json", "--file", "saved.ndjson")
    assert sent.returncode == 0, sent.stderr
    assert stored(tmp_path, "copy") == EXPECTED


def test_a_plain_list_says_what_it_cannot_carry(tmp_path):
    config(tmp_path, "  - {input: in, outputs: [out], on_fail: requeue}\n")
    put_all(tmp_path)
    said = subprocess.run([VOLLEY, "--config", "volley.yml", "peek", "in", "-n", "100"], cwd=tmp_path, capture_output=True)
    assert b"4 of 8 messages are no line of text" in said.stderr and b"--json" in said.stderr
    assert b'{\n  "pretty": 1.10\n}\n\n' in said.stdout and b"\xed\xa0\x80\n" in said.stdout, "the bytes themselves"
    volley(tmp_path, "purge", "in", "--yes")
    assert volley(tmp_path, "send", "in", "a", "b", "--key", "k").returncode == 0
    assert "keys and headers are left out" in volley(tmp_path, "peek", "in").stderr
    volley(tmp_path, "purge", "in", "--yes")
    assert volley(tmp_path, "send", "in", "a", "b").returncode == 0
    said = volley(tmp_path, "peek", "in")
    assert (said.stdout, said.stderr) == ("a\nb\n", "")


def test_an_output_that_cannot_be_written_is_an_error(tmp_path):
    config(tmp_path, "  - {input: in, outputs: [out], handler: forward}\n")
    assert volley(tmp_path, "send", "in", "1", "2").returncode == 0
    for command in ([VOLLEY, "peek", "in"], [VOLLEY, "queues"], [VOLLEY, "explain"], [VOLLEYD, "--config-schema"]):
        with open("/dev/full", "wb") as full:
            ended = subprocess.run([str(word) for word in command], stdout=full, stderr=subprocess.PIPE, cwd=tmp_path)
        assert ended.returncode == 74 and b"standard output" in ended.stderr, ended


def test_a_folder_is_no_list_of_messages_and_no_number_of_them_is_negative(tmp_path):
    config(tmp_path, "  - {input: in, outputs: [out], handler: forward}\n")
    ended = volley(tmp_path, "send", "in", "--file", str(tmp_path))
    assert ended.returncode == 64 and "cannot read" in ended.stderr, ended
    for command in ("send in 1 --count -1", "peek in --limit -1", f"peek in --limit {10 ** 30}"):
        ended = volley(tmp_path, *command.split())
        assert ended.returncode == 64, (command, ended)


def test_a_saved_message_that_is_none_is_refused_by_line(tmp_path):
    config(tmp_path, "  - {input: in, outputs: [out], on_fail: requeue}\n")
    wrong = ['{"bdy": "x"}', '{"key": "k"}', '{"body": {"a": 1}}', '{"body": "a", "body_base64": "YQ=="}', '{"body_base64": "!"}',
             '{"body": "a", "headers": 1}', '{"body": "a", "headers": {"x": 1}}', "[]", "no json", '{"body": "a", "body": "b"}',
             '{"body": "\\udc00"}']
    (tmp_path / "wrong.ndjson").write_text("\n".join(wrong) + '\n{"body": "good"}\n')
    said = volley(tmp_path, "send", "in", "--json", "--file", "wrong.ndjson")
    assert said.returncode == 65 and len(said.stderr.splitlines()) == len(wrong) + 1, said.stderr
    assert all(f"wrong.ndjson:{line}: " in said.stderr for line in range(1, len(wrong) + 1))
    assert volley(tmp_path, "peek", "in").stdout == "good\n"


def through_engine(tmp_path, components, queue):
    volleyd = Volleyd(tmp_path, config(tmp_path, components))
    wait_until(lambda: len(stored(tmp_path, queue)) == len(NASTY), f"all are in {queue}")
    assert volleyd.stop() == 0, volleyd.log


def test_forward_keeps_everything_through_memory_too(tmp_path):
    config(tmp_path, "  - {input: in, outputs: [mid], on_fail: requeue}\n")
    put_all(tmp_path)
    through_engine(tmp_path, "  - {name: a, input: in, outputs: [mid], on_fail: requeue}\n"
                             "  - {name: b, input: mid, outputs: [out], on_fail: requeue}\n", "out")
    assert stored(tmp_path, "out") == EXPECTED


def test_dead_letters_come_back_as_they_were(tmp_path):
    (tmp_path / "refuses.py").write_text(REFUSES)
    component = f"  - {{name: move, input: in, outputs: [out], handler: {{exec: ['{sys.executable}', refuses.py]}}, dead_letter_queue: dead}}\n"
    config(tmp_path, component)
    put_all(tmp_path)
    through_engine(tmp_path, component, "dead")
    assert stored(tmp_path, "dead") == EXPECTED
    listed = volley(tmp_path, "dlq", "list", "--json", "-n", "100")
    shown = [json.loads(line) for line in listed.stdout.splitlines()]
    by_key = {letter.get("key"): letter for letter in shown}
    assert by_key["bom"]["body"] == "\ufeff{}"
    assert by_key["surrogate"]["body_base64"] == base64.b64encode(b"\xed\xa0\x80").decode()
    assert by_key[""]["headers"] == [["a", "1"], ["b", "2"], ["a", "3"]]
    for letter in shown:
        assert volley(tmp_path, "dlq", "show", letter["id"]).returncode == 0
    retried = volley(tmp_path, "dlq", "retry", "--all", "--to", "copy")
    assert retried.returncode == 0, retried.stderr
    assert stored(tmp_path, "copy") == EXPECTED


def test_a_letter_of_another_queue_with_this_name_is_not_sent_into_ours(tmp_path):
    (tmp_path / "refuses.py").write_text(REFUSES)
    component = f"  - {{name: move, input: in, outputs: [out], handler: {{exec: ['{sys.executable}', refuses.py]}}, dead_letter_queue: dead}}\n"
    config(tmp_path, component)
    put_all(tmp_path)
    through_engine(tmp_path, component, "dead")
    text = (tmp_path / "volley.yml").read_text()
    (tmp_path / "volley.yml").write_text(text.replace("  in: {type: sqlite}", "  in: {type: sqlite, value: theirs}"))
    said = volley(tmp_path, "dlq", "retry", "--all")
    assert said.returncode == 1 and 'is "theirs" here; name a queue with --to' in said.stderr
    assert stored(tmp_path, "theirs") == []


def test_commands_check_the_config_of_the_queues_that_they_open(tmp_path):
    config(tmp_path, "  - {input: in, outputs: [out], on_fail: requeue}\n")
    text = (tmp_path / "volley.yml").read_text()
    (tmp_path / "volley.yml").write_text(text.replace("in: {type: sqlite}", "in: {type: sqlite, config: {paht: x.db}}"))
    for command in (["send", "in", "x"], ["peek", "in"], ["queues", "in"], ["purge", "in", "--yes"]):
        said = volley(tmp_path, *command)
        assert said.returncode == 78 and 'unknown key "paht"' in said.stderr and "volley.yml:2:" in said.stderr, command
    assert volley(tmp_path, "peek", "out").returncode == 0


def test_explain_without_a_code_shows_all(tmp_path):
    said = volley(tmp_path, "explain")
    assert said.returncode == 0 and all(f"V0{n}: " in said.stdout for n in (100, 117, 201, 206, 207))


def test_a_warning_of_the_check_is_in_the_log_of_a_start(tmp_path):
    schema = "schema: {type: object, requird: [id]}"
    text = config(tmp_path, "  - {input: in, outputs: [out], on_fail: requeue}\n").replace(
        "in: {type: sqlite}", f"in: {{type: sqlite, {schema}}}")
    volleyd = Volleyd(tmp_path, text).wait_ready()
    assert volleyd.stop() == 0
    assert "requird" in volleyd.log and 'did you mean \\"required\\"?' in volleyd.log and "code=V0207" in volleyd.log
