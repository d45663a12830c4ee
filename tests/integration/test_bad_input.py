"""A stranger's mistakes: one clear message that says where and what to do, the documented exit code, and nothing lost."""

import json
import os
import subprocess

import pytest
from support.servers import free_port
from support.volleyd import VOLLEY, VOLLEYD, check

GOOD = """\
queues:
  - {name: in, type: sqlite}
  - {name: out, type: sqlite}
components:
  - {input: in, outputs: [out], handler: forward, on_fail: drop}
"""

# What is replaced in the good file, and what must be said: code, place, and the advice.
MISTAKES = {
    "unknown key": (("handler: forward", "handler: forward, wrokers: 2"), ["V0104", "volley.yml:5:", 'did you mean "workers"?', "^^^^^^^"]),
    "wrong type": (("handler: forward", "handler: forward, workers: many"), ["V0105", "whole number from 1 to 1024", "^^^^"]),
    "out of range": (("handler: forward", "handler: forward, workers: 0"), ["V0106", "volley.yml:5:"]),
    "unset variable": (("type: sqlite}\n  - {name: out", 'type: sqlite, value: "${NO_SUCH}"}\n  - {name: out'),
                       ["V0112", "NO_SUCH is not set", "${NO_SUCH:-value}"]),
    "no such queue": (("outputs: [out]", "outputs: [uot]"), ["V0110", 'no queue is named "uot"', 'did you mean "out"?']),
    "no such connector": (("name: out, type: sqlite", "name: out, type: sqlit"), ["V0201", "sqlit.so", "volley.yml:3:"]),
    "wrong connector key": (("name: out, type: sqlite", "name: out, type: sqlite, config: {pth: x.db}"),
                            ["V0202", 'did you mean "path"?', "volley.yml:3:"]),
    "duplicate key": (("components:", "components: []\ncomponents:"), ["V0102", "stands twice"]),
    "not yet": (("handler: forward", "handler: forward, retry_queue: out"), ["V0109", "not available in this version"]),
    "tab": (("  - {name: in", "\t- {name: in"), ["V0101", "spaces"]),
    "template": (("name: in, type: sqlite", "name: {{in}}, type: sqlite"), ["V0111"]),
    "wrong librdkafka property": (("name: out, type: sqlite", "name: out, type: kafka, config: {acsk: all}"),
                                  ["V0202", 'no property "acsk"', 'did you mean "acks"?', "volley.yml:3:"]),
    "auto commit": (("name: in, type: sqlite", "name: in, type: kafka, config: {enable.auto.commit: true}"),
                    ["V0202", "enable.auto.commit must be false"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_pointed_at_with_advice_and_exit_78(name, tmp_path):
    (before, after), wanted = MISTAKES[name]
    assert before in GOOD
    for arguments in (["--check"], []):
        code, said = check(tmp_path, GOOD.replace(before, after, 1), *arguments)
        assert code == 78, said
        for words in wanted:
            assert words in said, said


def test_the_smallest_good_file_passes(tmp_path):
    code, said = check(tmp_path, GOOD, "--check")
    assert code == 0, said


def test_a_missing_file_is_named(tmp_path):
    result = subprocess.run([VOLLEYD, "--config", tmp_path / "none.yml"], capture_output=True, text=True)
    assert result.returncode == 78 and "none.yml" in result.stderr and "--config FILE" in result.stderr


def test_a_shared_object_that_is_no_plugin_says_so(tmp_path):
    (tmp_path / "odd.c").write_text("int nothing;")
    subprocess.run(["gcc", "-shared", "-o", tmp_path / "odd.so", tmp_path / "odd.c"], check=True)
    code, said = check(tmp_path, GOOD.replace("name: out, type: sqlite", "name: out, type: odd"), "--plugin-dir", str(tmp_path))
    assert code == 78 and "volley_plugin_v1" in said, said


def test_a_plugin_for_another_abi_says_what_to_do(tmp_path):
    (tmp_path / "newer.c").write_text("void *volley_plugin_v7(void *h, void *e) { return 0; }")
    subprocess.run(["gcc", "-shared", "-o", tmp_path / "newer.so", tmp_path / "newer.c"], check=True)
    code, said = check(tmp_path, GOOD.replace("name: out, type: sqlite", "name: out, type: newer"), "--plugin-dir", str(tmp_path))
    assert code == 78 and "ABI 7" in said, said


@pytest.mark.parametrize("kind", ["rsmq", "kafka"])
def test_a_store_that_cannot_be_reached_is_waited_for_and_then_exit_69(kind, tmp_path):
    port = free_port()
    place = f"{{port: {port}}}" if kind == "rsmq" else f'{{bootstrap.servers: "127.0.0.1:{port}"}}'
    config = "startup_timeout: 2s\noperations: off\n" + GOOD.replace("name: in, type: sqlite", f"name: in, type: {kind}, config: {place}")
    code, said = check(tmp_path, config)
    assert code == 69, said
    assert str(port) in said and "Is " in said and "startup_timeout" in said, said


def test_a_wrong_redis_password_is_exit_77(tmp_path, redis_server):
    config = GOOD.replace("name: in, type: sqlite", f"name: in, type: rsmq, config: {{port: {redis_server.port}, password: wrong}}")
    code, said = check(tmp_path, "operations: off\n" + config)
    assert code == 77 and "wrong" not in said.replace("WRONGPASS", ""), said


def test_secrets_are_never_printed(tmp_path):
    environment = {**os.environ, "MY_SECRET": "canary-1"}
    config = GOOD.replace("name: out, type: sqlite", 'name: out, type: rsmq, config: {username: "${MY_SECRET}", password: canary-2, '
                                                     'url: "redis://u:canary-3@h:1/0"}')
    (tmp_path / "volley.yml").write_text(config)
    result = subprocess.run([VOLLEYD, "--config", tmp_path / "volley.yml", "--print-config"], capture_output=True, text=True,
                            env=environment)
    assert result.returncode == 0 and "***" in result.stdout
    assert "canary" not in result.stdout + result.stderr


def test_the_effective_values_are_printed_with_where_each_is_from(tmp_path):
    (tmp_path / "volley.yml").write_text(
        'queues:\n  in: {type: rsmq, value: "${TOPIC}"}\n  out: {type: kafka, schema: {type: object}}\n  dead: {type: sqlite}\n'
        'components: [{input: in, outputs: [out], handler: forward, workers: "${N:-3}", dead_letter_queue: dead}]\n')
    environment = {"PATH": os.environ["PATH"], "TOPIC": "orders", "REDIS_HOST": "redis.example", "KAFKA_SECRET": "canary",
                   "KAFKA_BROKERS": "broker:9092"}
    result = subprocess.run([VOLLEYD, "--print-config"], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = {" ".join(line.split()) for line in result.stdout.splitlines()}
    assert {"value: orders # volley.yml:2, environment TOPIC", 'host: "redis.example" # environment REDIS_HOST', "vt: 30 # default",
            'bootstrap.servers: "broker:9092" # environment KAFKA_BROKERS', 'sasl.password: "***" # environment KAFKA_SECRET',
            'path: "volley.db" # default', "workers: 3 # volley.yml:5, default in the file", "order: key # default",
            "on_fail: dead_letter # default", "serializer: json # default", 'schema: {"type":"object"} # volley.yml:3'} <= lines, result.stdout
    assert "canary" not in result.stdout


def test_the_command_line_explains_itself():
    assert subprocess.run([VOLLEYD, "--nonsense"], capture_output=True).returncode == 64
    listed = subprocess.run([VOLLEYD, "--list-plugins"], capture_output=True, text=True)
    assert all(f"{name}.so" in listed.stdout for name in ("kafka", "memory", "rsmq", "sqlite"))
    explained = subprocess.run([VOLLEY, "explain", "V0104"], capture_output=True, text=True)
    assert explained.returncode == 0 and "unknown key" in explained.stdout
    wrong = subprocess.run([VOLLEY, "pek"], capture_output=True, text=True)
    assert wrong.returncode == 64 and 'did you mean "volley peek"?' in wrong.stderr


def test_mistakes_come_as_json_and_as_annotations_for_programs(tmp_path):
    (tmp_path / "volley.yml").write_text("queues: {in: {type: sqlite}}\ncomponents: [{input: in, handlr: forward}]\n")
    as_json = subprocess.run([VOLLEYD, "--check", "--format", "json"], capture_output=True, text=True, cwd=tmp_path)
    assert as_json.returncode == 78
    errors = [m for m in json.loads(as_json.stdout) if m["severity"] == "error"]
    assert [(m["code"], m["file"], m["line"], m["column"], m["help"]) for m in errors] == [
        ("V0104", "volley.yml", 2, 26, 'did you mean "handler"?')]
    annotations = subprocess.run([VOLLEYD, "--check", "--format", "github"], capture_output=True, text=True, cwd=tmp_path)
    assert annotations.returncode == 78
    assert "::error file=volley.yml,line=2,col=26,title=V0104::unknown key" in annotations.stdout


def test_a_file_of_a_credential_is_looked_for_where_systemd_puts_it(tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "name").write_text("from-systemd.db\n")
    (tmp_path / "name").write_text("from-beside.db\n")
    (tmp_path / "volley.yml").write_text('queues: {in: {type: sqlite, config: {path: "${file:name}"}}}\n'
                                         "components: [{input: in, outputs: [], handler: forward}]\noperations: off\n")
    environment = {name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
    for more, expected in (({"CREDENTIALS_DIRECTORY": str(credentials)}, "from-systemd.db"), ({}, "from-beside.db")):
        ran = subprocess.run([VOLLEYD, "--exit-when-idle"], capture_output=True, text=True, env={**environment, **more}, cwd=tmp_path)
        assert ran.returncode == 0 and (tmp_path / expected).exists(), ran.stderr
