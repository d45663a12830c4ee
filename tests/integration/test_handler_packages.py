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
