"""Children that are replaced by design, and what Volley says of those that do not start or do not answer."""

import collections
import json
import os
import re
import signal
import sys

import pytest
from support.api import Api
from support.servers import wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd

# Answers each message, and notes which process did.
CHILD = """
import json, os, sys
kept = []
for line in sys.stdin:
    message = json.loads(line)
    if message["body"].get("do") == "grow":
        kept.append(bytearray(os.urandom(1 << 20) * 100))
    with open("pids", "a") as pids:
        print(os.getpid(), file=pids)
    print(json.dumps({"id": message["id"], "outputs": [{"queue": "out", "body": message["body"]}]}), flush=True)
"""


class Job:
    def __init__(self, folder, bodies, handler, component="", child=CHILD):
        self.folder, self.store = folder, Sqlite(folder)
        (folder / "child.py").write_text(child)
        self.store.put("in", [json.dumps(body) for body in bodies], ["k"] * len(bodies))
        queues = "".join(f"  {q}: {{type: sqlite, serializer: json, config: {self.store.config()}}}\n" for q in ("in", "out", "dead"))
        self.volleyd = Volleyd(folder, f"queues:\n{queues}components:\n  - name: work\n    input: in\n    outputs: [out]\n"
                               f"    dead_letter_queue: dead\n    handler: {handler}\n    {component}\n"
                               'operations: {listen: "127.0.0.1:0"}\n')

    def pids(self):
        path = self.folder / "pids"
        return collections.Counter(path.read_text().split()) if path.exists() else collections.Counter()

    def finish(self, count):
        wait_until(lambda: len(self.store.take("out")) == count, f"{count} are delivered", 60)
        assert self.volleyd.metric("volley_message_failures_total") == 0
        assert self.volleyd.stop() == 0, self.volleyd.log


def python(more=""):
    return f'{{exec: ["{sys.executable}", child.py]{more}}}'


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_child_gets_no_more_messages_than_it_may(concurrency, tmp_path):
    job = Job(tmp_path, [{"n": n} for n in range(35)], python(", max_messages_per_child: 10"), f"concurrency: {concurrency}\n    order: none")
    job.finish(35)
    assert sorted(job.pids().values()) == [5, 10, 10, 10]
    assert "is recycled" in job.volleyd.log
    assert "WARN" not in job.volleyd.log


def restarts(job):
    component = Api(job.volleyd).component("work")
    failed, recycled = (job.volleyd.metric("volley_worker_restarts_total", reason=reason) for reason in ("failed", "recycled"))
    assert (component["worker_restarts"], component["workers_recycled"]) == (failed + recycled, recycled)
    return failed, recycled


def test_a_recycled_child_is_a_restart_that_was_planned(tmp_path):
    job = Job(tmp_path, [{"n": n} for n in range(35)], python(", max_messages_per_child: 10"))
    wait_until(lambda: len(job.store.take("out")) == 35, "all are delivered")
    wait_until(lambda: restarts(job) == (0, 3), "three children were replaced by design")


# Dies at the message that says so, the first time; and once without a message.
DYING = CHILD.replace("    with open", """    if message["body"].get("do") == "die" and message["attempt"] == 1:
        os._exit(3)
    with open""")


def test_a_child_that_dies_is_a_restart_that_was_not(tmp_path):
    job = Job(tmp_path, [{"n": 1}, {"n": 2, "do": "die"}, {"n": 3}], python(), child=DYING)
    wait_until(lambda: len(job.store.take("out")) == 3, "all are delivered", 60)
    wait_until(lambda: restarts(job) == (1, 0), "one child was replaced")
    for n, death in enumerate((signal.SIGKILL, signal.SIGTERM), 4):  # while it has no message
        os.kill(int(list(job.pids())[-1]), death)
        job.store.put("in", [json.dumps({"n": n})], ["k"])
        wait_until(lambda: len(job.store.take("out")) == n, "the next is delivered")
    wait_until(lambda: restarts(job) == (3, 0), "all three were replaced")


def test_a_child_that_hangs_is_a_restart_too(tmp_path):
    child = CHILD.replace("    with open", """    if message["attempt"] == 1:
        time.sleep(600)
    with open""").replace("import json", "import time, json")
    job = Job(tmp_path, [{"n": 1}], python(), "handler_timeout: 300ms", child=child)
    wait_until(lambda: len(job.store.take("out")) == 1, "the second attempt succeeds", 60)
    wait_until(lambda: restarts(job) == (1, 0), "one child was replaced")


def test_a_child_that_uses_too_much_memory_is_replaced_without_blame(tmp_path):
    bodies = [{"n": n, "do": "grow" if n == 0 else None} for n in range(3)]
    job = Job(tmp_path, bodies[:1], python(", max_memory_per_child: 60MiB"))
    wait_until(lambda: len(job.store.take("out")) == 1, "the first is delivered")
    for n in range(1, 30):
        job.store.put("in", [json.dumps({"n": n})], ["k"])
        wait_until(lambda: len(job.store.take("out")) == n + 1, "the next is delivered")
        if len(job.pids()) == 2:
            break
    assert len(job.pids()) == 2
    assert "MiB of memory" in job.volleyd.log
    job.finish(n + 1)


def test_an_answer_that_is_not_flushed_is_asked_about(tmp_path):
    child = "import json, sys\nfor line in sys.stdin:\n    print(json.dumps({'id': json.loads(line)['id']}))\n"
    job = Job(tmp_path, [{"n": 1}], f'{{exec: ["{sys.executable}", -E, child.py]}}', "handler_timeout: 300ms\n    retry: {max_attempts: 1}",
              child=child)
    wait_until(lambda: job.store.take("dead"), "it is given up")
    assert "has written nothing to its standard output: does it flush" in job.volleyd.log
    job.volleyd.stop()


def test_a_line_that_is_no_answer_is_shown_when_the_message_is_out_of_time(tmp_path):
    child = "import sys\nfor line in sys.stdin:\n    print('{\"id\":\"nobody\"}', flush=True)\n"
    job = Job(tmp_path, [{"n": 1}], python(), "handler_timeout: 300ms\n    retry: {max_attempts: 1}", child=child)
    wait_until(lambda: job.store.take("dead"), "it is given up")
    assert re.search('is no answer to it: .*nobody', job.volleyd.log)
    job.volleyd.stop()


@pytest.mark.parametrize("content, mode, said", [
    ("#!/nonexistent/python3\n", 0o755, "its interpreter /nonexistent/python3 does not exist"),
    ("#!/bin/sh\r\n", 0o755, "its first line ends with a carriage return"),
    ("#!/bin/sh\n", 0o644, "it is not executable; chmod +x"),
])
def test_a_program_that_cannot_start_says_what_to_mend(content, mode, said, tmp_path):
    program = tmp_path / "program"
    program.write_text(content, newline="")
    os.chmod(program, mode)
    job = Job(tmp_path, [], "{exec: [./program]}")
    wait_until(lambda: said in job.volleyd.log, said)
    job.volleyd.kill()
