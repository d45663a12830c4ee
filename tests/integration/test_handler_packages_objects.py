"""What else the packages for handlers have: objects, the message's source, testing, and their pages. Without an engine."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from support.handler_child import NODE, PYTHON, Child, install_node, kill_children, message, outputs


@pytest.fixture(autouse=True)
def no_child_is_left_behind():
    yield
    kill_children()


# ---- objects and classes


class Script:
    """A script in one of the languages, beside an installed package."""

    def __init__(self, folder, language):
        self.folder, self.language = folder, language

    def start(self, python, node, concurrency=None, **arguments):
        if self.language == "node":
            install_node(self.folder)
            (self.folder / "handler.mjs").write_text(node)
            return Child(self.folder, ["node", "handler.mjs"], concurrency, **arguments)
        (self.folder / "handler.py").write_text(python)
        return Child(self.folder, [sys.executable, "handler.py"], concurrency, **arguments)


@pytest.fixture(params=["python", "node"])
def script(request, tmp_path):
    return Script(tmp_path, request.param)


LIFE_IN_PYTHON = """
from pathlib import Path
from volley_handler import run
def say(what): Path("said.txt").open("a").write(what + "\\n")
class Life:
    def __init__(self): say("made")
    {}def open(self): say("opened"); self.name = "ada"
    {}def handle(self, message, out): say("handles"); out.send("out", self.name)
    {}def close(self): say("closed")
run({})
"""
LIFE_IN_NODE = """
import {{ appendFileSync }} from "node:fs";
import {{ run }} from "volley-handler";
const say = (what) => appendFileSync("said.txt", what + "\\n");
class Life {{
  constructor() {{ say("made"); }}
  {} open() {{ say("opened"); this.name = "ada"; }}
  {} handle(message, out) {{ say("handles"); out.send("out", this.name); }}
  {} close() {{ say("closed"); }}
}}
await run({});
"""


@pytest.mark.parametrize("what", ["a class", "an object"])
@pytest.mark.parametrize("methods", [("", "", ""), ("async ", "async ", "async "), ("async ", "", "async "), ("", "async ", "")])
@pytest.mark.parametrize("concurrency", [None, 3])
def test_an_object_is_opened_before_the_first_line_and_closed_after_the_last(script, what, methods, concurrency):
    child = script.start(LIFE_IN_PYTHON.format(*methods, "Life" if what == "a class" else "Life()"),
                         LIFE_IN_NODE.format(*methods, "Life" if what == "a class" else "new Life()"), concurrency)
    assert child.hello() == {"volley": 2, "chains": True, "cancels": True, "source": True}
    said = script.folder / "said.txt"
    assert said.read_text().split() == ["made", "opened"]
    assert all(outputs(answer) == ["ada"] for answer in child.ask(message(1), message(2)).values())
    assert child.end() == []
    assert said.read_text().split() == ["made", "opened", "handles", "handles", "closed"]


@pytest.mark.parametrize("where", ["open", "coroutine", "constructor"])
def test_an_object_that_does_not_open_ends_the_process_before_the_first_line(script, where):
    python = {"open": "def open(self): raise OSError('no database')", "coroutine": "async def open(self): raise OSError('no database')",
              "constructor": "def __init__(self): raise OSError('no database')"}[where]
    node = {"open": "open() { throw new Error('no database'); }", "coroutine": "async open() { throw new Error('no database'); }",
            "constructor": "constructor() { throw new Error('no database'); }"}[where]
    child = script.start(f"from volley_handler import run\nclass H:\n    {python}\n    def handle(self, message, out): pass\nrun(H)",
                         f"import {{ run }} from 'volley-handler'; await run(class {{ {node} handle() {{}} }});")
    assert child.take() == [None]
    assert child.process.wait(60) == 1
    assert "no database" in child.log and "handler." in child.log


def test_an_error_in_close_is_told_by_the_status(script):
    child = script.start("from volley_handler import run\nclass H:\n    def handle(self, message, out): pass\n"
                         "    def close(self): raise OSError('not closed')\nrun(H)",
                         "import { run } from 'volley-handler'; await run({ handle() {}, close() { throw new Error('not closed'); } });")
    child.hello()
    child.ask(message(1))
    child.process.stdin.close()
    assert child.process.wait(60) == 1 and "not closed" in child.log


def test_an_output_after_the_answer_is_an_error_for_who_sends_it(script):
    child = script.start("""
import volley_handler
earlier = []
def handle(message, out):
    if earlier:
        earlier[0].flush()
        earlier[0].send("out", "late")
    earlier.append(out)
volley_handler.run(handle)
""", """
import { run } from "volley-handler";
const earlier = [];
await run(async (message, out) => {
  if (earlier.length > 0) {
    await earlier[0].flush();
    earlier[0].send("out", "late");
  }
  earlier.push(out);
});
""", 1)
    child.hello()
    assert child.ask(message(1))["1"] == {"id": "1", "outputs": []}
    assert "already answered" in child.ask(message(2))["2"]["retry"]
    assert child.end() == []


SOURCE_IN_PYTHON = """
from volley_handler import run
def handle(message, out):
    source = message.source
    out.send("out", [source.queue, repr(source.id), source.partition, source.offset, source.deliveries,
                     source.timestamp and source.timestamp.isoformat(), message.json()])
run(handle)
"""
SOURCE_IN_NODE = """
import { run } from "volley-handler";
await run((message, out) => {
  const { queue, id, partition, offset, deliveries, timestamp } = message.source;
  const shown = Buffer.isBuffer(id) ? `b'${id.toString("latin1")}'` : id === undefined ? "None" : `'${id}'`;
  const time = timestamp && timestamp.toISOString().replace("Z", "000+00:00").replace(".000000", "");
  out.send("out", [queue, shown, partition, offset, deliveries, time, message.json()]);
});
"""


def test_a_message_says_where_it_comes_from_and_its_body_as_json(script):
    child = script.start(SOURCE_IN_PYTHON, SOURCE_IN_NODE, 1)
    assert child.hello()["source"] is True
    whole = {"queue": "orders", "id": "1-0", "partition": 3, "offset": 12, "timestamp_ms": 1700000000123, "deliveries": 2}
    answers = child.ask({"id": "1", "source": whole, "body": {"a": 1}}, {"id": "2", "source": {"id_base64": "/w=="}, "text": '["ü"]'},
                        {"id": "3", "base64": "eyJhIjoi/yJ9"}, {"id": "4", "tombstone": True, "body": None}, {"id": "5", "text": "{"})
    sent = {number: json.loads(json.dumps(answer["outputs"][0]["body"]) if "outputs" in answer else "null") for number, answer in answers.items()}
    assert sent["1"] == ["orders", "'1-0'", 3, 12, 2, "2023-11-14T22:13:20.123000+00:00", {"a": 1}]
    assert sent["2"][1] in (r"b'\xff'", "b'ÿ'") and sent["2"][6] == ["ü"]
    assert [one for i, one in enumerate(sent["4"]) if i != 1] == [None] * 6
    assert "retry" in answers["3"] and "retry" in answers["5"]
    assert child.end() == []


def test_a_child_may_read_its_messages_from_a_file(script):
    (script.folder / "lines").write_text("".join(json.dumps(message(n)) + "\n" for n in range(1000)))
    python = "from volley_handler import run\nasync def handle(message, out): out.send('out', message.body)\nrun(handle)"
    child = script.start(python, "import { run } from 'volley-handler'; await run((message, out) => out.send('out', message.body));", 4)
    child.hello()
    assert child.end() == []
    program = "node handler.mjs" if script.language == "node" else f"{sys.executable} handler.py"
    done = subprocess.run(f"{program} < lines | grep -c outputs", shell=True, cwd=script.folder, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(PYTHON), "VOLLEY_CONCURRENCY": "4"}, timeout=60)
    assert done.stdout.strip() == "1000", done.stderr


# ---- in tests of handlers


def environment():
    return {**{name: value for name, value in os.environ.items() if not name.startswith("VOLLEY_")}, "PYTHONPATH": str(PYTHON)}


def run_program(folder, *command):
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, input="input of the test")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def node_folder(tmp_path):
    install_node(tmp_path)
    return tmp_path


def test_the_import_of_a_handler_takes_no_streams_outside_of_volley(tmp_path):
    (tmp_path / "ship.py").write_text("from volley_handler import run\nprint('loads')\nif __name__ == '__main__': run(None)\n")
    said = run_program(tmp_path, sys.executable, "-c", "import sys, ship; from volley_handler import testing; print(sys.stdin.read())")
    assert said == "loads\ninput of the test\n"


def test_the_import_of_a_handler_takes_no_streams_outside_of_volley_in_node(node_folder):
    (node_folder / "ship.mjs").write_text("import { run } from 'volley-handler'; console.log('loads');\n"
                                          "if (process.env.VOLLEY_COMPONENT) await run();")
    (node_folder / "uses.mjs").write_text("import './ship.mjs'; import 'volley-handler/testing'; import { readFileSync } from 'node:fs';\n"
                                          "console.log(readFileSync(0, 'utf8'));")
    assert run_program(node_folder, "node", "uses.mjs") == "loads\ninput of the test\n"


def test_python_handlers_are_called_without_an_engine(tmp_path):
    (tmp_path / "uses.py").write_text('''
from datetime import datetime, timezone
from volley_handler import Drop, Fail, Retry, testing

def sends(message, out):
    out.send("a", message.body, delay=1.5, partition=2)
    out.flush()
    out.send(None, b"\\xff", key=b"\\xfe", headers=[("n", "1"), ("n", None)])
    out.send_tombstone("t")

first, second, third = testing.call(sends, {"n": 2**70}, key="k", headers={"h": b"\\xff"}).outputs
assert (first.queue, first.body, first.key, first.headers, first.delay, first.partition) == ("a", {"n": 2**70}, "k", {"h": b"\\xff"}, 1.5, 2)
assert (second.queue, second.body, second.key, second.headers, second.delay) == (None, b"\\xff", b"\\xfe", {"n": ["1", None]}, None)
assert third.tombstone and third.body is None and not first.tombstone

for body, is_json in ((b"\\xff", False), ("text", False), (None, False), ([1], True)):
    assert testing.call(lambda message, out: out.send("q", [message.is_json]) or True, body).outputs[0].body == [is_json]
assert testing.call(sends, "x", json=True).outputs[0].body == "x"

def raises(error):
    def handle(message, out):
        out.send("q", 1)
        raise error
    return testing.call(handle, {})

result = raises(Retry("later", after=2))
assert (result.verdict, result.why, result.after, result.outputs) == ("retry", "later", 2.0, [])
assert (raises(Fail("bad")).verdict, raises(Drop()).verdict, raises(Drop()).why) == ("fail", "drop", "")
assert raises(KeyError("it")).verdict == "retry" and "KeyError" in raises(KeyError("it")).why
assert testing.call(lambda message, out: [1], {}).verdict == "fail"

async def coroutine(message, out):
    source = message.source
    out.send("q", [message.attempt, source.queue, repr(source.id), source.timestamp.year, source.offset, message.cancelled])
when = datetime(2026, 1, 2, tzinfo=timezone.utc)
result = testing.call(coroutine, "x", attempt=3, source={"queue": "o", "id": b"\\xff", "timestamp": when}, cancelled=True)
assert result.outputs[0].body == [3, "o", repr(b"\\xff"), 2026, None, True], result

class Batch:
    steps = []
    async def open(self): self.steps.append("open")
    def close(self): self.steps.append("close")
    def handle_batch(self, messages, outs):
        for message, out in zip(messages, outs):
            out.send("q", message.key)
            if message.body == "retry": out.retry("later", after=1)
            if message.body == "drop": out.drop("away")
            if message.body == "raise": raise Fail("all")
results = testing.call_batch(Batch, [testing.Input("a", key="k"), "retry", "drop"])
assert [result.verdict for result in results] == ["ok", "retry", "drop"] and results[1].after == 1
assert results[0].outputs[0].body == "k" and Batch.steps == ["open", "close"]
assert [result.why for result in testing.call_batch(Batch(), ["a", "raise"])] == ["all", "all"]
assert testing.call(Batch, "retry").verdict == "retry"
try:
    testing.call_batch(sends, [1])
    assert False
except TypeError:
    pass
''')
    run_program(tmp_path, sys.executable, "uses.py")


def test_node_handlers_are_called_without_an_engine(node_folder):
    (node_folder / "uses.mjs").write_text('''
import assert from "node:assert/strict";
import { Drop, Fail, Retry } from "volley-handler";
import { call, callBatch } from "volley-handler/testing";

async function sends(message, out) {
  out.send("a", message.body, { delayMs: 1500, partition: 2 });
  await out.flush();
  out.send(null, Buffer.from([255]), { key: Buffer.from([254]), headers: [["n", "1"], ["n", null]] });
  out.sendTombstone("t");
}
const [first, second, third] = (await call(sends, { n: 2 }, { key: "k", headers: { h: Buffer.from([255]) } })).outputs;
assert.deepEqual(first, { queue: "a", body: { n: 2 }, key: "k", headers: { h: Buffer.from([255]) }, delayMs: 1500, partition: 2, tombstone: false });
assert.deepEqual([second.queue, second.body, second.key, second.headers], [null, Buffer.from([255]), Buffer.from([254]), { n: ["1", null] }]);
assert.ok(third.tombstone && third.body === null);
for (const [body, isJson] of [[Buffer.from([255]), false], ["text", false], [null, false], [[1], true]]) {
  assert.deepEqual((await call((message, out) => out.send("q", [message.isJson]), body)).outputs[0].body, [isJson]);
}
const raises = (error) => call((message, out) => { out.send("q", 1); throw error; }, {});
assert.deepEqual(await raises(new Retry("later", { afterMs: 2 })), { verdict: "retry", why: "later", afterMs: 2, outputs: [] });
assert.equal((await raises(new Fail("bad"))).verdict, "fail");
assert.equal((await raises(new Drop())).why, "");
assert.match((await raises(new TypeError("it"))).why, /TypeError: it/);
const about = (message, out) => out.send("q", [message.attempt, message.source.queue, message.source.timestamp.getTime(), message.source.offset ?? null, message.signal.aborted]);
const { outputs } = await call(about, {}, { attempt: 3, source: { queue: "o", id: Buffer.from([255]), timestamp: new Date(5) }, signal: AbortSignal.abort() });
assert.deepEqual(outputs[0].body, [3, "o", 5, null, true]);
const steps = [];
class Batch {
  async open() { steps.push("open"); }
  close() { steps.push("close"); }
  handleBatch(messages, outs) {
    for (const [i, { body, key }] of messages.entries()) {
      outs[i].send("q", key ?? "none");
      if (body === "retry") outs[i].retry("later", { afterMs: 1 });
      if (body === "throw") throw new Fail("all");
    }
  }
}
const results = await callBatch(Batch, [{ body: "a", key: "k" }, { body: "retry" }]);
assert.deepEqual(results.map(({ verdict }) => verdict), ["ok", "retry"]);
assert.equal(results[0].outputs[0].body, "k");
assert.deepEqual(steps, ["open", "close"]);
assert.deepEqual((await callBatch(new Batch(), [{ body: "a" }, { body: "throw" }])).map(({ why }) => why), ["all", "all"]);
assert.equal((await call(Batch, "retry")).verdict, "retry");
await assert.rejects(callBatch(sends, [{ body: 1 }]), TypeError);
''')
    run_program(node_folder, "node", "uses.mjs")


def test_the_installed_package_has_types_and_testing(tmp_path):
    source = shutil.copytree(PYTHON, tmp_path / "source")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--target", "packages", source],
                   cwd=tmp_path, check=True)
    installed = tmp_path / "packages" / "volley_handler"
    assert (installed / "py.typed").exists()
    assert (installed / "__init__.py").read_text() == (PYTHON / "volley_handler.py").read_text()
    program = "import volley_handler.testing as testing; print(testing.__file__, testing.call(lambda message, out: None, {}).verdict)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "packages")},
                          capture_output=True, text=True)
    assert done.stdout.split() == [str(installed / "testing.py"), "ok"], done.stderr


# ---- what the pages show


def snippets(folder, fence):
    """The blocks of a page that begin with their file's name, written into `folder`."""
    page = (PYTHON if fence == "python" else NODE) / "README.md"
    blocks = re.findall(rf"```{fence}\n(?:#|//) (\S+)\n(.*?)```", page.read_text(), re.S)
    for name, block in blocks:
        (folder / name).write_text(block)
    whole = re.findall(rf"```{fence}\n(.*?)```", page.read_text(), re.S)
    assert len(whole) == len(blocks) + 1, "each block but the first, which test_handler_sdks.py runs, begins with the name of its file"
    return {name for name, _ in blocks}


EXPECTED = {"stock": {"place": "B12"}, "enrich": {"enriched": True}, "insert": {}, "ship": {}}


def runs(child):
    child.hello()
    answer, = child.ask({"id": "1", "attempt": 1, "body": {"item": "lamp", "order": 7}}).values()
    assert child.end() == []
    output, = answer["outputs"]
    assert output["queue"] == "shipments"
    return output["body"]


@pytest.mark.parametrize("name", EXPECTED)
def test_the_handlers_of_the_page_for_python_run(name, tmp_path):
    assert snippets(tmp_path, "python") == {f"{shown}.py" for shown in [*EXPECTED, "test_ship"]}
    assert runs(Child(tmp_path, [sys.executable, f"{name}.py"], 2)) == {"item": "lamp", "order": 7, **EXPECTED[name]}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_handlers_of_the_page_for_node_run(name, node_folder):
    assert snippets(node_folder, "js") == {f"{shown}.mjs" for shown in [*EXPECTED, "ship.test"]}
    assert runs(Child(node_folder, ["node", f"{name}.mjs"], 2)) == {"item": "lamp", "order": 7, **EXPECTED[name]}


def test_the_tests_of_the_page_for_python_pass(tmp_path):
    snippets(tmp_path, "python")
    assert "2 passed" in run_program(tmp_path, sys.executable, "-m", "pytest", "-q", "test_ship.py")


def test_the_tests_of_the_page_for_node_pass(node_folder):
    snippets(node_folder, "js")
    assert "pass 2" in run_program(node_folder, "node", "--test", "ship.test.mjs")
