"""`volley graph`, `audit`, `completion` and `support-bundle`."""

import io
import json
import os
import re
import subprocess
import tarfile

import pytest
from support.api import Api
from support.servers import free_port, wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEY, Volleyd, volley

FLOW = """\
app: 'the "shop"'
queues:
  - {name: orders, type: memory}
  - {name: 'odd "<b>&#name\\', type: memory}
  - {name: dead, type: memory}
  - {name: unused, type: memory}
components:
  - {name: ship, input: orders, outputs: ['odd "<b>&#name\\'], handler: forward, dead_letter_queue: dead}
  - {name: end, input: 'odd "<b>&#name\\', outputs: [], handler: forward}
"""


def test_the_graph_is_drawn_in_three_ways(tmp_path):
    (tmp_path / "volley.yml").write_text(FLOW)
    text = volley(tmp_path, "graph")
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout.splitlines() == ['orders (memory) -> ship -> odd "<b>&#name\\ (memory)', "                     failed -> dead (memory)",
                                        'odd "<b>&#name\\ (memory) -> end']
    mermaid = volley(tmp_path, "graph", "--format", "mermaid").stdout
    assert mermaid.startswith("flowchart LR\n")
    assert {"q0 --> c0", "c0 --> q1", "c0 -. failed .-> q2", "q1 --> c1"} <= {line.strip() for line in mermaid.splitlines()}
    assert 'q1[("odd #34;#60;b#62;#38;#35;name#92;<br/>memory")]' in mermaid and 'q3[("unused<br/>memory")]' in mermaid
    dot = volley(tmp_path, "graph", "--format", "dot").stdout
    assert dot.startswith('digraph "the \\"shop\\"" {') and 'label="odd \\"<b>&#name\\\\\\nmemory"' in dot
    assert "c0 -> q2 [label=failed, style=dashed];" in dot and dot.endswith("}\n")
    (tmp_path / "volley.yml").write_text(FLOW.replace("input: orders", "input: order"))
    assert volley(tmp_path, "graph").returncode == 78


def all_verbs():
    """Every verb with its options, by asking the program itself."""
    found = {}

    def ask(*path):
        shown = subprocess.run([str(VOLLEY), *path, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        found[path] = set(re.findall(r"(?m)^  (?:-\w,)?(--[a-z-]+)", shown))
        listed = re.search(r"(?ms)^Subcommands:\n(.*?)(?:^\S|\Z)", shown)
        for verb in re.findall(r"(?m)^  ([a-z][a-z-]*)(?: |$)", listed.group(1)) if listed else []:
            ask(*path, verb)

    ask()
    return found


def test_the_completion_of_bash_knows_every_verb_and_every_option():
    verbs = all_verbs()
    assert {("top",), ("dlq", "export"), ("new", "plugin")} <= set(verbs)
    questions = [("volley", *path, "--") for path in verbs] + [("volley", *path, "") for path in verbs]
    questions += [("volley", "pe"), ("volley", "peek", "--lim"), ("volley", "dlq", "re"), ("volley", "-c", "x.yml", "dlq", "sh"),
                  ("volley", "check", "--format", "j"), ("volley", "log", "d"), ("volley", "completion", ""),
                  ("volley", "peek", "--limit", "3", "orders", "--js"), ("volley", "graph", "--format", "")]
    ask = 'eval "$(volley completion bash)"\nanswer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _volley; echo "${COMPREPLY[*]}"; }\n'
    ask += "".join("answer " + " ".join(f"'{word}'" for word in question) + "\n" for question in questions)
    path = f"{VOLLEY.parent}:{os.environ['PATH']}"
    said = subprocess.run(["bash", "-u", "-c", "set +u\n" + ask], capture_output=True, text=True, timeout=60, check=True,
                          env={**os.environ, "PATH": path})
    assert said.stderr == ""
    answers = dict(zip(questions, (set(line.split()) for line in said.stdout.splitlines())))
    for verb, options in verbs.items():
        assert options <= answers[("volley", *verb, "--")], verb
        below = {path[-1] for path in verbs if len(path) == len(verb) + 1 and path[:len(verb)] == verb}
        if below:
            assert answers[("volley", *verb, "")] == below
    assert answers[("volley", "pe")] == {"peek"} and answers[("volley", "peek", "--lim")] == {"--limit"}
    assert answers[("volley", "dlq", "re")] == {"retry"} and answers[("volley", "-c", "x.yml", "dlq", "sh")] == {"show"}
    assert answers[("volley", "check", "--format", "j")] == {"json"} and answers[("volley", "log", "d")] == {"debug"}
    assert answers[("volley", "completion", "")] == {"bash", "zsh", "fish"}
    assert answers[("volley", "peek", "--limit", "3", "orders", "--js")] == {"--json"}
    assert answers[("volley", "graph", "--format", "")] == {"text", "mermaid", "dot"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_written_for_each_shell(shell):
    script = subprocess.run([str(VOLLEY), "completion", shell], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "support-bundle" in script and "export" in script
    found = subprocess.run(["which", shell], capture_output=True, text=True).stdout.strip()
    if found:
        subprocess.run([found, "-n"], input=script, text=True, check=True, timeout=60)


def test_who_changed_what_is_shown(tmp_path):
    store, port = Sqlite(tmp_path), free_port()
    text = (f"app: shop\nqueues:\n  - {{name: in, type: sqlite, config: {store.config()}}}\n"
            f"components: [{{name: move, input: in, outputs: [], handler: forward}}]\noperations: {{listen: \"127.0.0.1:{port}\"}}\n")
    volleyd = Volleyd(tmp_path, text).wait_ready()
    assert volley(tmp_path, "audit").stdout == ""
    volley(tmp_path, "pause", "move")
    Api(volleyd).post("components/move/resume")
    shown = volley(tmp_path, "audit")
    assert [re.search(r"request=(\w+) about=move by=local from=127", line).group(1) for line in shown.stdout.splitlines()] == ["pause", "resume"]
    assert len(json.loads(volley(tmp_path, "audit", "--json").stdout)["lines"]) == 2
    (tmp_path / "log").write_text(volleyd.log + "\n\x1b[31mforged\n")
    of_file = volley(tmp_path, "audit", "--file", "log").stdout.splitlines()
    assert len(of_file) == 2 and "request=pause" in of_file[0]
    assert volley(tmp_path, "audit", "--file", "-", stdin=volleyd.log).stdout.splitlines() == of_file
    assert volley(tmp_path, "audit", "--file", "nowhere").returncode == 64
    assert volleyd.stop() == 0


SECRETS = ["canary-token", "canary-by-env", "canary-by-file", "canary-in-url", 'canary"quoted', "canary-word", "canary-next-word",
           "canary-handler-env", "canary-in-log", "canary-in-environment"]


def secretive(store, port):
    return f"""\
app: shop
queues:
  - {{name: in, type: sqlite, config: {store.config()}}}
  - {{name: dead, type: sqlite, config: {store.config()}}}
  - {{name: one, type: rsmq, config: {{password: "${{MY_PASSWORD}}"}}}}
  - {{name: two, type: rsmq, config: {{url: "redis://me:canary-in-url@localhost/0"}}}}
  - {{name: three, type: kafka, config: {{bootstrap.servers: "127.0.0.1:1", sasl.password: "${{file:secret.txt}}"}}}}
  - {{name: four, type: rsmq, config: {{password: 'canary"quoted'}}}}
components:
  - name: move
    input: in
    dead_letter_queue: dead
    handler: {{exec: [cat, --api-token=canary-word, --password, canary-next-word], env: {{API_KEY: canary-handler-env}}}}
operations: {{listen: "127.0.0.1:{port}", token: canary-token}}
"""


def unpacked(file):
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file, "r:gz") as archive:
        return {member.name: archive.extractfile(member).read().decode() for member in archive.getmembers()}


def test_a_support_bundle_has_everything_but_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_PASSWORD", "canary-by-env")
    monkeypatch.setenv("UNRELATED_SECRET", "canary-in-environment")
    (tmp_path / "secret.txt").write_text("canary-by-file\n")
    store, port = Sqlite(tmp_path), free_port()
    volleyd = Volleyd(tmp_path, secretive(store, port))
    wait_until(lambda: volleyd.address and volleyd.get("/healthz")[0] == 200, "it answers")
    log = ["x" * 100] * 20000 + ["password=canary-in-log", "started with canary-word and canary-in-environment",
                                 'url redis://me:canary-in-url@localhost, {"password":"canary\\"quoted"}', "the last line"]
    (tmp_path / "the.log").write_text("\n".join(log) + "\n")
    made = volley(tmp_path, "support-bundle", "-o", "bundle.tar.gz", "--log", "the.log")
    assert (made.returncode, made.stdout) == (0, "bundle.tar.gz\n"), made.stderr
    files = unpacked(tmp_path / "bundle.tar.gz")
    assert {"README.txt", "versions.txt", "check.txt", "configuration.yml", "plugins.txt", "why.txt", "status.json", "components.json",
            "queues.json", "in_flight.json", "log.json", "audit.json", "configuration.json", "metrics.txt", "log.txt"} == set(files)
    everything = "\n".join(files.values())
    for secret in SECRETS:
        assert secret not in everything and json.dumps(secret)[1:-1] not in everything, secret
    assert "***" in files["configuration.yml"] and "the last line" in files["log.txt"] and len(files["log.txt"]) <= 1 << 20
    assert json.loads(files["status.json"])["app"] == "shop" and "volley_ready" in files["metrics.txt"]
    again = volley(tmp_path, "support-bundle", "-o", "bundle.tar.gz")
    assert again.returncode == 73 and "exists" in again.stderr, "nothing is overwritten"
    volleyd.process.kill()
    volleyd.process.wait()


def test_a_support_bundle_is_made_without_an_engine_and_of_a_wrong_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_PASSWORD", "canary-by-env")
    (tmp_path / "secret.txt").write_text("canary-by-file\n")
    (tmp_path / "volley.yml").write_text(secretive(Sqlite(tmp_path), free_port()).replace("input: in", "inptu: in"))
    made = volley(tmp_path, "support-bundle", "--log", "nowhere.log")
    assert made.returncode == 0, made.stderr
    name = made.stdout.strip()
    assert re.fullmatch(r"volley-support-\d{4}-\d\d-\d\dT\d{6}Z\.tar\.gz", name)
    files = unpacked(tmp_path / name)
    assert "inptu" in files["check.txt"] and "no engine answers" in files["missing.txt"] and "nowhere.log" in files["missing.txt"]
    assert not any(secret in text for secret in SECRETS for text in files.values())
    (tmp_path / "volley.yml").write_text("queues: [")
    assert volley(tmp_path, "support-bundle", "-o", "second.tar.gz").returncode == 0
    assert volley(tmp_path, "support-bundle", "-o", "no/such/folder.tar.gz").returncode == 73
    # The archive is one for the system's own tar, too.
    listed = subprocess.run(["tar", "-tzf", name], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "check.txt" in listed.stdout and listed.stderr == ""
    assert tarfile.open(fileobj=io.BytesIO((tmp_path / name).read_bytes())).getmembers()
