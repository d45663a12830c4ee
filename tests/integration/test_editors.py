"""The JSON Schema of a configuration in an editor: yaml-language-server, as VS Code and others run it."""

import json
import subprocess

import pytest
from support.servers import ROOT
from support.volleyd import VOLLEY, VOLLEYD

SERVER = ROOT / "build" / "node" / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


class Editor:
    """Speaks the language server protocol over the server's standard streams."""

    def __init__(self, schema):
        self.process = subprocess.Popen(["node", str(SERVER), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.settings = {"yaml": {"schemas": {schema.as_uri(): "/*.yml"}, "validate": True, "completion": True}}
        self.number = 0
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {"workspace": {"configuration": True}}})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": self.settings})

    def write(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method, params):
        self.write({"method": method, "params": params})

    def read(self):
        length = 0
        while (line := self.process.stdout.readline().strip()) != b"":
            name, value = line.split(b":", 1)
            length = int(value) if name.lower() == b"content-length" else length
        message = json.loads(self.process.stdout.read(length))
        if message.get("method") == "workspace/configuration":
            sections = [item.get("section") for item in message["params"]["items"]]
            self.write({"id": message["id"], "result": [self.settings.get(section, {}) for section in sections]})
        elif "method" in message and "id" in message:
            self.write({"id": message["id"], "result": None})
        return message

    def ask(self, method, params):
        self.number += 1
        self.write({"id": self.number, "method": method, "params": params})
        while (message := self.read()).get("id") != self.number or "method" in message:
            pass
        return message.get("result")

    def problems(self, uri, text):
        self.tell("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}})
        while (message := self.read()).get("method") != "textDocument/publishDiagnostics" or message["params"]["uri"] != uri:
            pass
        return [problem["message"] for problem in message["params"]["diagnostics"]]

    def completions(self, uri, text, line, character):
        self.problems(uri, text)  # then it has the schema
        found = self.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}})
        return {item["label"] for item in found["items"]}

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def editor(tmp_path):
    schema = tmp_path / "volley.schema.json"
    schema.write_text(subprocess.run([str(VOLLEYD), "--config-schema"], capture_output=True, text=True, check=True).stdout)
    editor = Editor(schema)
    yield editor
    editor.close()


GOOD = """\
app: shop
queues:
  - {name: in, type: rsmq, config: {host: localhost, port: "${REDIS_PORT}", vt: 30}}
  - {name: out, type: sqlite, serializer: json, config: {path: shop.db}}
  - {name: far, type: kafka, config: {bootstrap.servers: "localhost:9092"}}
  - {name: mine, type: postgres, config: {anything: 1}}
components:
  - {input: in, outputs: [out, far], handler: forward, order: key, retry: {max_attempts: 3}, on_fail: "${ON_FAIL:-drop}"}
"""


def test_an_editor_finds_what_is_wrong_and_nothing_where_all_is_right(editor):
    assert editor.problems("file:///good.yml", GOOD) == []
    mapping = "queues: {in: {type: sqlite}}\ncomponents: [{input: in, handler: forward}]\n"
    assert editor.problems("file:///mapping.yml", mapping) == []
    for number, (right, wrong) in enumerate([("serializer: json", "serialiser: json"), ("order: key", "order: keys"),
                                             ("vt: 30", "vt: soon"), ("max_attempts", "attempts"), ("host: localhost", "hots: localhost")]):
        assert editor.problems(f"file:///wrong{number}.yml", GOOD.replace(right, wrong)), wrong


def test_an_editor_completes_keys_connectors_and_their_own_keys(editor):
    assert {"queues", "components", "state_dir"} <= editor.completions("file:///top.yml", "\n", 0, 0)
    assert {"kafka", "rsmq", "sqlite"} <= editor.completions("file:///type.yml", "queues:\n  in:\n    type: \n", 2, 10)
    text = "queues:\n  in:\n    type: rsmq\n    config:\n      \n"
    assert {"host", "ns", "vt"} <= editor.completions("file:///config.yml", text, 4, 6)


def test_an_editor_finds_the_schema_of_a_new_project_by_its_first_line(editor, tmp_path):
    project = tmp_path / "with space"
    subprocess.run([str(VOLLEY), "init", str(project), "--to", "kafka"], check=True, capture_output=True)
    editor.settings["yaml"]["schemas"] = {}
    text = (project / "volley.yml").read_text()
    assert editor.problems((project / "volley.yml").as_uri(), text) == []
    assert editor.problems((project / "wrong.yml").as_uri(), text.replace("workers:", "worker:")) != []
