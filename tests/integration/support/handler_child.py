"""A child process of a handler, over pipes, without an engine. docs/handler-protocol.md has the lines."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from .servers import ROOT, wait_until

HANDLERS = Path(__file__).parent / "handlers"
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


def kill_children():
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


def install_node(folder):
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    shutil.copytree(NODE, folder / "node_modules" / "volley-handler")


def does(kind, folder, concurrency=None):
    """The handler that does what messages say."""
    command = [sys.executable, HANDLERS / "does.py"]
    if kind.startswith("node"):
        shutil.copy(HANDLERS / "does.mjs", folder)
        command = ["node", "does.mjs"]
        install_node(folder)
    return Child(folder, [*command, kind], concurrency)
