"""The packages for handlers in Python and Node.js over pipes, without an engine. docs/handler-protocol.md has the lines."""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.servers import ROOT, wait_until

HANDLERS = Path(__file__).parent / "support" / "handlers"
PYTHON = ROOT / "plugin_api" / "python"
NODE = ROOT / "plugin_api" / "node"


class Child:
    """A handler's process; this side is the engine's."""

    running = []

    def __init__(self, folder, command, concurrency=None):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VOLLEY_")}
        environment |= {"VOLLEY_COMPONENT": "move", "PYTHONPATH": str(PYTHON)}
        if concurrency is not None:
            environment["VOLLEY_CONCURRENCY"] = str(concurrency)
        self.folder = folder
        self.errors = open(folder / "stderr.txt", "ab")
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, start_new_session=True)
        Child.running.append(self.process)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def take(self, count=1):
        """The next lines of the child."""
        return [self.lines.get(timeout=30) for _ in range(count)]

    def hello(self):
        line, = self.take()
        assert line, self.log
        return line

    def write(self, *lines):
        self.process.stdin.write(b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines))
        self.process.stdin.flush()

    def ask(self, *requests):
        self.write(*requests)
        return self.by_id(len(requests))

    def by_id(self, count):
        answers = {line["id"]: line for line in self.take(count)}
        assert len(answers) == count
        return answers

    def end(self):
        """Closes the child's standard input. Returns what is left."""
        self.process.stdin.close()
        left = []
        while (line := self.lines.get(timeout=30)) is not None:
            left.append(line)
        assert self.process.wait(60) == 0, self.log
        return left

    @property
    def log(self):
        return (self.folder / "stderr.txt").read_text()

    @property
    def begun(self):
        path = self.folder / "begun.txt"
        return path.read_text().splitlines() if path.exists() else []

    def wait_begun(self, *numbers):
        wait_until(lambda: set(map(str, numbers)) <= set(self.begun), f"{numbers} have begun")


@pytest.fixture(autouse=True)
def no_child_is_left_behind():
    yield
    for process in Child.running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    Child.running.clear()


def message(number, chain=None, call=1, **do):
    request = {"id": str(number), "attempt": 1, "body": do}
    return request if chain is None else {**request, "call": call, "chain": chain}


def outputs(answer):
    return [output["body"] for output in answer["outputs"]]


PYTHON_KINDS = ["coroutine", "threads", "wrapped"]
NODE_KINDS = ["node", "node-synchronous"]


def does(kind, folder, concurrency=None):
    """The handler that does what messages say."""
    command = [sys.executable, HANDLERS / "does.py"]
    if kind.startswith("node"):
        if not shutil.which("node"):
            pytest.skip("node is not installed")
        shutil.copy(HANDLERS / "does.mjs", folder)
        command = ["node", "does.mjs"]
        if not (folder / "node_modules").exists():
            shutil.copytree(NODE, folder / "node_modules" / "volley-handler")
    return Child(folder, [*command, kind], concurrency)


@pytest.fixture(params=PYTHON_KINDS + NODE_KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=["batches", "coroutine-batches", "node-batches"])
def batches(request):
    return request.param


def test_as_many_messages_at_a_time_as_the_engine_allows(kind, tmp_path):
    child = does(kind, tmp_path, 4)
    child.hello()
    # The first four end only together; the fifth may then begin.
    child.write(*[message(n, until_active=4) for n in range(4)], message(4))
    child.by_id(5)
    begun = child.begun
    assert set(begun[:4]) == {"0", "1", "2", "3"}
    assert begun.index("4") > min(begun.index(f"{n} ends") for n in range(4))
    assert child.end() == []


def test_an_answer_does_not_wait_for_other_messages(kind, tmp_path):
    child = does(kind, tmp_path, 3)
    child.hello()
    child.write(message(1, until="gate"), message(2), message(3, until="gate"), message(4), message(5))
    assert set(child.by_id(3)) == {"2", "4", "5"}
    (tmp_path / "gate").touch()
    assert set(child.by_id(2)) == {"1", "3"}
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [None, 1])
def test_one_message_at_a_time_unless_the_engine_allows_more(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    child.write(*[message(n, turns=3) for n in range(20)])
    assert [line["id"] for line in child.take(20)] == [str(n) for n in range(20)]
    assert child.begun == [line for n in range(20) for line in (f"{n}", f"{n} ends")]
    assert child.end() == []


def test_messages_of_a_chain_are_handled_in_order(kind, tmp_path):
    child = does(kind, tmp_path, 8)
    child.hello()
    child.write(*[message(n, chain=n % 5, turns=n % 3) for n in range(300)])
    child.by_id(300)
    for chain in range(5):
        mine = [line for line in child.begun if int(line.split()[0]) % 5 == chain]
        assert mine == [line for n in range(chain, 300, 5) for line in (f"{n}", f"{n} ends")]
    assert child.end() == []


@pytest.mark.parametrize("then", ["retry", "fail", "throw"])
def test_what_waits_behind_a_failure_is_skipped(kind, tmp_path, then):
    child = does(kind, tmp_path, 4)
    child.hello()
    child.write(message(1, chain=1, until="gate", then=then), message(2, chain=1), message(3, chain=2), message(4, chain=1),
                message(5, chain=1, call=2), message(6))
    assert all("outputs" in answer for answer in child.by_id(3).values())
    (tmp_path / "gate").touch()
    answers = child.by_id(3)
    assert answers["2"] == {"id": "2", "skipped": True} and answers["4"] == {"id": "4", "skipped": True}
    assert ("fail" if then == "fail" else "retry") in answers["1"]
    # Later lines of the same call and chain, too.
    answers = child.ask(message(7, chain=1), message(8, chain=1, call=2), message(9, chain=2))
    assert answers["7"] == {"id": "7", "skipped": True} and "outputs" in answers["8"] and "outputs" in answers["9"]
    assert child.end() == []


def test_a_dropped_message_holds_nothing_up(kind, tmp_path):
    child = does(kind, tmp_path, 2)
    child.hello()
    answers = child.ask(message(1, chain=1, then="drop"), message(2, chain=1))
    assert answers["1"] == {"id": "1", "drop": "not wanted"} and "outputs" in answers["2"]


def test_a_message_is_cancelled_while_others_go_on(kind, tmp_path):
    child = does(kind, tmp_path, 3)
    child.hello()
    child.write(message(1, until_cancelled=True, then="retry"), message(2, until="gate"))
    child.wait_begun(1, 2)
    child.ask(message(3), message(4))
    child.write({"cancelled": "1"}, {"cancelled": "of no message"})
    assert child.take() == [{"id": "1", "retry": "later", "after_ms": 1500}]
    # One that has not begun; and another that has its name later is not cancelled.
    child.write(message(5, until="gate"), message(6, until="gate"), message(7, until_cancelled=True), {"cancelled": "7"})
    (tmp_path / "gate").touch()
    assert set(child.by_id(4)) == {"2", "5", "6", "7"}
    child.write(message(7, until_cancelled=True), message(8))
    assert child.take()[0]["id"] == "8"
    child.write({"cancelled": "7"})
    assert child.take()[0]["id"] == "7"
    assert child.end() == []


def test_handlers_that_ask_whether_they_are_cancelled_hold_nothing_up(kind, tmp_path):
    child = does(kind, tmp_path, 12)
    child.hello()
    child.write(*[message(n, until_cancelled=True) for n in range(10)])
    child.wait_begun(*range(10))
    for n in range(10, 510):  # lines that arrive while others ask
        child.ask(message(n))
    child.write(*[{"cancelled": str(n)} for n in range(10)])
    assert set(child.by_id(10)) == set(map(str, range(10)))
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_what_was_read_is_answered_after_standard_input_is_closed(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    child.write(*[message(n, until="gate") for n in range(10)])
    child.wait_begun(0)
    child.process.stdin.close()
    (tmp_path / "gate").touch()
    assert len({line["id"] for line in child.take(10)}) == 10
    assert child.take() == [None] and child.process.wait(60) == 0, child.log


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_signal_cuts_no_message_off_before_standard_input_is_closed(kind, tmp_path, name, concurrency):
    number = getattr(signal, name)
    child = does(kind, tmp_path, concurrency)
    child.hello()
    child.write(message(1, until="gate"))
    child.wait_begun(1)
    os.killpg(child.process.pid, number)
    (tmp_path / "gate").touch()
    assert "outputs" in child.take()[0]
    os.killpg(child.process.pid, number)
    assert "outputs" in child.ask(message(2))["2"]
    # From now on it has its usual effect.
    child.write(message(3, until="never"))
    child.wait_begun(3)
    child.process.stdin.close()

    def ends():
        if child.process.poll() is None:
            os.killpg(child.process.pid, number)
        return child.process.poll() is not None

    wait_until(ends, "the signal ends it")
    assert child.process.returncode == -number


def test_what_is_raised_is_the_outcome(kind, tmp_path):
    child = does(kind, tmp_path, 4)
    child.hello()
    answers = child.ask(*[message(n, then=then) for n, then in enumerate(["retry", "fail", "drop", "throw", "unprintable", "ok"])])
    assert answers["0"] == {"id": "0", "retry": "later", "after_ms": 1500}
    assert answers["1"] == {"id": "1", "fail": "never"}
    assert answers["2"] == {"id": "2", "drop": "not wanted"}
    assert "it broke" in answers["3"]["retry"] and answers["4"]["retry"]
    assert answers["5"]["outputs"]
    assert "it broke" in child.log
    assert child.end() == []


@pytest.mark.parametrize("kind", PYTHON_KINDS)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_other_ends_of_a_handler_in_python(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    answers = child.ask(message(1, then="list"), message(2, then="false"), message(3))
    assert "out.send" in answers["1"]["fail"] and "False" in answers["2"]["retry"] and answers["3"]["outputs"]
    if kind != "threads":
        assert "retry" in child.ask(message(4, then="cancelled"))["4"]
    # An exit ends the process, as in any script.
    child.write(message(5, then="exit"))
    assert child.take() == [None]
    assert child.process.wait(60) == 7


@pytest.mark.parametrize("concurrency", [None, 1, 16])
def test_ten_thousand_messages(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    lines = [message(n, chain=n % 97, call=n // 1000) for n in range(10_000)]
    writer = threading.Thread(target=child.write, args=lines)
    writer.start()
    assert all("outputs" in answer for answer in child.by_id(10_000).values())
    writer.join()
    assert child.end() == []


# ---- partial answers


def test_what_is_flushed_is_written_before_the_message_ends(kind, tmp_path):
    child = does(kind, tmp_path, 2)
    child.hello()
    child.write(message(1, flushed=3, sends=2))
    lines = child.take(4)
    assert [line.get("more") for line in lines] == [True, True, True, None]
    assert [outputs(line) for line in lines] == [["flushed"]] * 3 + [[[0, ""], [1, ""]]]
    # A failure says what becomes of the parts; none of what was not flushed goes out.
    child.write(message(2, flushed=1, then="fail"))
    assert child.take(2) == [{"id": "2", "outputs": [{"body": "flushed", "queue": "out"}], "more": True}, {"id": "2", "fail": "never"}]
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_many_outputs_are_written_in_parts(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    child.write(message(1, sends=1000, size=2000), message(2, sends=3))
    sent = {"1": [], "2": []}
    ended, parts = set(), 0
    while len(ended) < 2:
        line, = child.take()
        assert line["id"] not in ended
        assert len(json.dumps(line)) < 300_000
        sent[line["id"]] += [number for number, _ in outputs(line)]
        if line.get("more"):
            parts += 1
        else:
            ended.add(line["id"])
    assert sent == {"1": list(range(1000)), "2": [0, 1, 2]} and parts >= 7
    assert child.end() == []


def test_an_engine_of_version_1_gets_no_parts(kind, tmp_path):
    child = does(kind, tmp_path)
    child.hello()
    answer, = child.ask(message(1, flushed=2, sends=1000, size=1000)).values()
    assert len(outputs(answer)) == 1002 and "more" not in answer
    assert child.end() == []


# ---- batches


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_batch_is_one_call_and_each_message_has_its_outcome(batches, tmp_path, concurrency):
    child = does(batches, tmp_path, concurrency)
    assert child.hello()["batches"] is True
    child.write({"batch": [message(n, then=then, sends=n) for n, then in enumerate(["ok", "retry", "fail", "drop", "ok"])]})
    answers = child.by_id(5)
    assert outputs(answers["0"]) == [] and len(outputs(answers["4"])) == 4
    assert answers["1"] == {"id": "1", "retry": "later", "after_ms": 1500}
    assert answers["2"] == {"id": "2", "fail": "never"} and answers["3"] == {"id": "3", "drop": "not wanted"}
    assert (tmp_path / "batches.txt").read_text().splitlines() == [f"{n} of 5" for n in range(5)]
    # A message that comes alone is a batch of one.
    assert len(outputs(child.ask(message(5))["5"])) == 1
    assert "5 of 1" in (tmp_path / "batches.txt").read_text()
    assert child.end() == []


def test_what_a_batch_handler_raises_applies_to_all_its_messages(batches, tmp_path):
    child = does(batches, tmp_path, 2)
    child.hello()
    child.write({"batch": [message(1), message(2, **{"raise": True}), message(3)]}, {"batch": [message(4), message(5, then="throw")]})
    answers = child.by_id(5)
    assert all(answers[n] == {"id": n, "retry": "all of them"} for n in "123")
    assert "it broke" in answers["4"]["retry"] and answers["4"]["retry"] == answers["5"]["retry"]
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [1, 3])
def test_batches_keep_the_order_of_chains(batches, tmp_path, concurrency):
    child = does(batches, tmp_path, concurrency)
    child.hello()
    # 2 and 3 are behind 1 in its batch, 5 and 9 in later ones; 7 and 8 depend on nothing of it.
    child.write({"batch": [message(1, chain=1, until="gate", then="retry"), message(2, chain=1), message(3, chain=1, then="drop"),
                           message(4, chain=2)]},
                {"batch": [message(5, chain=1), message(6, chain=2), message(7)]},
                {"batch": [message(8, chain=3)]}, message(9, chain=1))
    child.wait_begun(1)
    if concurrency == 3:
        assert set(child.by_id(1)) == {"8"}
    assert not {"5", "6", "7", "9"} & set(child.begun)
    (tmp_path / "gate").touch()
    answers = child.by_id(9 if concurrency == 1 else 8)
    assert {n for n, answer in answers.items() if answer.get("skipped")} == {"2", "5", "9"}
    assert "retry" in answers["1"] and "drop" in answers["3"]
    assert not {"5", "9"} & set(child.begun)
    assert child.end() == []


def test_a_message_of_a_batch_is_cancelled(batches, tmp_path):
    child = does(batches, tmp_path, 2)
    child.hello()
    child.write({"batch": [message(1), message(2, until_cancelled=True, then="retry")]})
    child.wait_begun(2)
    child.write({"cancelled": "2"})
    answers = child.by_id(2)
    assert "outputs" in answers["1"] and answers["2"]["retry"] == "later"
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_ten_thousand_messages_in_batches(batches, tmp_path, concurrency):
    child = does(batches, tmp_path, concurrency)
    child.hello()
    lines = [{"batch": [message(n, chain=n % 7) for n in range(first, first + 50)]} for first in range(0, 10_000, 50)]
    writer = threading.Thread(target=child.write, args=lines)
    writer.start()
    assert all("outputs" in answer for answer in child.by_id(10_000).values())
    writer.join()
    assert child.end() == []


@pytest.mark.parametrize("name", ["coroutine", "threads", "batches", "coroutine-batches"])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_message_that_python_cannot_read_fails_alone(name, tmp_path, concurrency):
    child = does(name, tmp_path, concurrency)
    child.hello()
    bad = b'{"id":"2","call":1,"chain":1,"body":{"n":[' + b"9" * 5000 + b"]}}"
    if "batches" in name:
        child.write(b'{"batch":[{"id":"1","body":{}},' + bad + b',{"id":"3","call":1,"chain":1,"body":{}},{"id":"4","body":{}}]}\n')
    else:
        child.write(message(1), bad + b"\n", message(3, chain=1), message(4))
    answers = child.by_id(4)
    assert "cannot read" in answers["2"]["fail"] and answers["3"] == {"id": "3", "skipped": True}
    assert outputs(answers["1"]) and outputs(answers["4"])
    assert child.end() == []


# ---- objects and classes


class Script:
    """A script in one of the languages, beside an installed package."""

    def __init__(self, folder, language):
        self.folder, self.language = folder, language

    def start(self, python, node, concurrency=None, **arguments):
        if self.language == "node":
            if not shutil.which("node"):
                pytest.skip("node is not installed")
            shutil.copytree(NODE, self.folder / "node_modules" / "volley-handler")
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
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    shutil.copytree(NODE, tmp_path / "node_modules" / "volley-handler")
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
