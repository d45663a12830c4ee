"""Handlers that get lists of messages: `batch:` on a component."""

import json
import os
import re
import sqlite3
import sys

import pytest
from support.handler_child import install_node
from support.servers import ROOT, wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd, check, volley

# What a message does stands in its body. Each batch leaves its size in the file "sizes".
PYTHON = """
import os, time
from volley_handler import run

class Work:
    def handle_batch(self, messages, outs):
        with open("sizes", "a") as sizes:
            print(len(messages), file=sizes)
        for message, out in zip(messages, outs):
            do = message.body.get("do")
            if do == "die":
                os._exit(3)
            elif do == "hang":
                time.sleep(3600)
            elif do == "fail":
                out.fail("as it says")
            elif do == "retry once" and message.attempt == 1:
                out.retry("as it says")
            elif do == "drop":
                out.drop("as it says")
            else:
                out.send("out", message.body)

run(Work)
"""
NODE = """
import { appendFileSync } from "node:fs";
import { run } from "volley-handler";

class Work {
  async handleBatch(messages, outs) {
    appendFileSync("sizes", `${messages.length}\\n`);
    messages.forEach((message, n) => {
      const act = message.body.do;
      if (act === "die") process.exit(3);
      else if (act === "fail") outs[n].fail("as it says");
      else if (act === "retry once" && message.attempt === 1) outs[n].retry("as it says");
      else if (act === "drop") outs[n].drop("as it says");
      else outs[n].send("out", message.body);
    });
  }
}
await run(Work);
"""


class Job:
    """A batch handler between SQLite queues."""

    def __init__(self, folder, bodies, batch, *, component="", language="python", keys=None):
        self.folder, self.store = folder, Sqlite(folder)
        if language == "python":
            (folder / "work.py").write_text(PYTHON)
            command = f'["{sys.executable}", work.py]'
        else:
            (folder / "work.mjs").write_text(NODE)
            install_node(folder)
            command = "[node, work.mjs]"
        self.store.put("in", [json.dumps(body) for body in bodies], keys or ["k"] * len(bodies))
        queues = "".join(f"  {q}: {{type: sqlite, serializer: json, config: {self.store.config()}}}\n" for q in ("in", "out", "dead"))
        self.volleyd = Volleyd(folder, f"queues:\n{queues}components:\n  - name: work\n    input: in\n    outputs: [out]\n"
                               f"    dead_letter_queue: dead\n    handler: {{exec: {command}}}\n    batch: {batch}\n    {component}\n"
                               'operations: {listen: "127.0.0.1:0"}\n', env={**os.environ, "PYTHONPATH": str(ROOT / "plugin_api" / "python")})

    def sizes(self):
        return [int(size) for size in (self.folder / "sizes").read_text().split()]

    def out(self):
        return sorted(json.loads(body)["n"] for body in self.store.take("out"))

    def stop(self):
        assert self.volleyd.stop() == 0, self.volleyd.log


@pytest.mark.parametrize("language", ["python", "node"])
def test_each_message_of_a_batch_has_its_own_verdict(language, tmp_path):
    does = {3: "fail", 4: "retry once", 5: "drop", 104: "retry once", 207: "fail"}
    bodies = [{"n": n, "do": does.get(n)} for n in range(1000)]
    job = Job(tmp_path, bodies, "{max_messages: 100, max_wait: 200ms}", language=language,
              component="order: none\n    retry: {initial_delay: 1ms}")
    wait_until(lambda: len(job.out()) == 997 and len(job.store.take("dead")) == 2, "all have ended", 60)
    assert job.out() == [n for n in range(1000) if n not in (3, 5, 207)]
    assert job.volleyd.metric("volley_messages_settled_total", outcome="dropped") == 1
    sizes = job.sizes()
    assert max(sizes) == 100
    assert sizes.count(100) >= 9, sizes
    job.stop()


def test_a_batch_that_is_not_full_starts_when_its_time_is_over(tmp_path):
    job = Job(tmp_path, [{"n": n} for n in range(3)], "{max_messages: 100, max_wait: 50ms}", component="order: none")
    wait_until(lambda: len(job.out()) == 3, "they are handled")
    job.stop()
    assert sum(job.sizes()) == 3


def test_a_message_longer_than_max_bytes_is_a_batch_of_its_own(tmp_path):
    bodies = [{"n": n, "pad": "x" * (5000 if n == 5 else 10)} for n in range(10)]
    job = Job(tmp_path, bodies, "{max_messages: 100, max_wait: 100ms, max_bytes: 1KiB}", component="order: none")
    wait_until(lambda: len(job.out()) == 10, "they are handled")
    job.stop()


def test_a_message_that_kills_its_child_is_charged_and_its_batch_is_not(tmp_path):
    bodies = [{"n": n, "do": "die" if n == 37 else None} for n in range(100)]
    job = Job(tmp_path, bodies, "{max_messages: 50}", component="order: none\n    retry: {max_attempts: 2, initial_delay: 1ms}")
    wait_until(lambda: len(job.out()) == 99 and len(job.store.take("dead")) == 1, "99 out and one dead", 60)
    assert job.volleyd.metric("volley_message_failures_total", reason="crash") == 2
    assert job.volleyd.metric("volley_message_failures_total") == 2
    job.stop()


def test_a_message_that_hangs_is_charged_and_its_batch_is_not(tmp_path):
    bodies = [{"n": n, "do": "hang" if n == 7 else None} for n in range(30)]
    job = Job(tmp_path, bodies, "{max_messages: 15, max_wait: 1s}",
              component="order: none\n    handler_timeout: 1s\n    retry: {max_attempts: 2, initial_delay: 1ms}")
    wait_until(lambda: len(job.out()) == 29 and len(job.store.take("dead")) == 1, "29 out and one dead", 60)
    assert job.volleyd.metric("volley_message_failures_total", reason="timeout") == 2
    assert job.volleyd.metric("volley_message_failures_total") == 2
    job.stop()


def test_messages_of_a_key_stay_in_order_behind_a_failure_in_their_batch(tmp_path):
    bodies = [{"n": n, "do": "retry once" if n % 10 == 0 else None} for n in range(200)]
    job = Job(tmp_path, bodies, "{max_messages: 50}", component="order: key\n    retry: {initial_delay: 1ms}",
              keys=[f"k{n % 4}" for n in range(200)])
    wait_until(lambda: len(job.out()) == 200, "all are handled", 60)
    job.stop()
    numbers = [json.loads(body)["n"] for body in job.store.take("out")]
    for key in range(4):
        of_key = [n for n in numbers if n % 4 == key]
        assert of_key == sorted(of_key)


def test_a_stop_does_not_wait_for_a_batch_to_fill(tmp_path):
    job = Job(tmp_path, [{"n": n} for n in range(3)], "{max_messages: 100, max_wait: 250s}", component="order: none")
    job.volleyd.wait_ready()
    wait_until(lambda: job.volleyd.metric("volley_messages_received_total") == 3, "they are received")
    job.stop()
    left = len(job.store.take("in"))
    assert len(job.out()) + left == 3


def test_the_example_inserts_many_rows_in_one_transaction(tmp_path):
    page = (ROOT / "docs" / "slow-handlers.md").read_text()
    code = next(code for code in re.findall(r"```python\n(.*?)```", page, re.S) if "handle_batch" in code)
    (tmp_path / "insert.py").write_text(code)
    config = ("queues:\n  orders: {type: sqlite, serializer: json, config: {path: queues.db}}\n  shipments: {type: sqlite, serializer: json, config: {path: queues.db}}\n"
              f'components: [{{input: orders, outputs: [shipments], handler: {{exec: ["{sys.executable}", insert.py]}}, on_fail: requeue,\n'
              "  batch: {max_messages: 500, max_wait: 200ms, max_bytes: 4MiB}}]\noperations: off\n")
    (tmp_path / "volley.yml").write_text(config)
    sent = volley(tmp_path, "send", "orders", "--file", "-", stdin="".join(json.dumps({"item": f"item {n}"}) + "\n" for n in range(1200)))
    assert sent.returncode == 0, sent.stderr
    code, log = check(tmp_path, config, "--exit-when-idle", env={**os.environ, "PYTHONPATH": str(ROOT / "plugin_api" / "python")})
    assert code == 0, log
    assert sqlite3.connect(tmp_path / "orders.db").execute("SELECT count(*) FROM orders").fetchone() == (1200,)


def test_check_warns_of_a_batch_without_effect(tmp_path):
    queues = "queues: {in: {type: memory}, out: {type: memory}}\n"
    component = "components: [{input: in, outputs: [out], on_fail: requeue, "
    code, said = check(tmp_path, queues + component + "batch: {max_messages: 5}}]\n", "--check")
    assert code == 0
    assert '"batch" has no effect' in said
    code, said = check(tmp_path, queues + component + "handler: {exec: [cat]}, max_in_flight: 10, batch: {max_messages: 50}}]\n", "--check")
    assert code == 0
    assert "no batch gets full" in said
