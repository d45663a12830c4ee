"""PyRSMQ and node's rsmq on our queues, and we on theirs: both libraries through the same checks.

node's rsmq is taken from build/node: npm install --prefix build/node rsmq@0.12.4"""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from support.servers import ROOT, wait_until
from support.volleyd import BUILD, VOLLEY, Volleyd

BODIES = ['{"n": 1}', '{"text": "Grüße, 世界 🌍"}', '[]']


class PyRsmq:
    def __init__(self, port, ns):
        from rsmq import RedisSMQ

        self.client = RedisSMQ(host="127.0.0.1", port=port, ns=ns)

    def create(self, queue, **attributes):
        self.client.createQueue(qname=queue, **attributes).execute()

    def send(self, queue, body, delay=None):
        return self.client.sendMessage(qname=queue, message=body, delay=delay, encode=False).execute()

    def receive(self, queue, vt=30):
        got = self.client.receiveMessage(qname=queue, vt=vt, quiet=True).exceptions(False).execute()
        return {"id": got["id"], "message": got["message"], "rc": got["rc"]} if got else None

    def delete(self, queue, message):
        return bool(self.client.deleteMessage(qname=queue, id=message).execute())

    def show(self, queue, message):
        self.client.changeMessageVisibility(qname=queue, id=message, vt=0).execute()

    def attributes(self, queue):
        return self.client.getQueueAttributes(qname=queue).execute()

    def queues(self):
        return set(self.client.listQueues().execute())

    def set(self, queue, **attributes):
        self.client.setQueueAttributes(qname=queue, **attributes).execute()

    def pop(self, queue):
        got = self.client.popMessage(qname=queue, quiet=True).exceptions(False).execute()
        return {"id": got["id"], "message": got["message"], "rc": got["rc"]} if got else None

    def drop(self, queue):
        self.client.deleteQueue(qname=queue).execute()


class NodeRsmq:
    MODULES = ROOT / "build" / "node" / "node_modules"

    def __init__(self, port, ns):
        if not shutil.which("node") or not (self.MODULES / "rsmq").is_dir():
            pytest.skip("node's rsmq is not installed: npm install --prefix build/node rsmq@0.12.4")
        self.port, self.ns = port, ns

    def call(self, method, **options):
        done = subprocess.run(["node", Path(__file__).parent / "node_rsmq.js", str(self.port), self.ns, method, json.dumps(options)],
                              env={**os.environ, "NODE_PATH": str(self.MODULES)}, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def create(self, queue, **attributes):
        assert self.call("createQueue", qname=queue, **attributes) == 1

    def send(self, queue, body, delay=None):
        return self.call("sendMessage", qname=queue, message=body, **({} if delay is None else {"delay": delay}))

    def receive(self, queue, vt=30):
        got = self.call("receiveMessage", qname=queue, vt=vt)
        return {"id": got["id"], "message": got["message"], "rc": got["rc"]} if got else None

    def delete(self, queue, message):
        return self.call("deleteMessage", qname=queue, id=message) == 1

    def show(self, queue, message):
        self.call("changeMessageVisibility", qname=queue, id=message, vt=0)

    def attributes(self, queue):
        return self.call("getQueueAttributes", qname=queue)

    def queues(self):
        return set(self.call("listQueues"))

    def set(self, queue, **attributes):
        self.call("setQueueAttributes", qname=queue, **attributes)

    def pop(self, queue):
        got = self.call("popMessage", qname=queue)
        return {"id": got["id"], "message": got["message"], "rc": got["rc"]} if got else None

    def drop(self, queue):
        assert self.call("deleteQueue", qname=queue) == 1


class Shared:
    """Two queues, in and out, that Volley and the other library share."""

    def __init__(self, kind, port, folder):
        self.ns = "i" + uuid.uuid4().hex[:8]
        self.other = kind(port, self.ns)
        self.folder = folder
        settings = f"type: rsmq, config: {{port: {port}, ns: {self.ns}, vt: 20}}"
        self.config = (f"queues: [{{name: in, {settings}}}, {{name: out, {settings}}}]\n"
                       f"components: [{{name: move, input: in, outputs: [out], handler: forward, on_fail: requeue}}]\n"
                       f'operations: {{listen: "127.0.0.1:0"}}\n')

    def volley(self, *arguments, text=None):
        (self.folder / "shared.yml").write_text(self.config)
        done = subprocess.run([VOLLEY, "--config", self.folder / "shared.yml", *arguments], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def take_all(self, queue, count):
        got = []
        for _ in range(count):
            got.append(wait_until(lambda: self.other.receive(queue), f"message {len(got) + 1} of {count}"))
        return got


@pytest.fixture(params=[PyRsmq, NodeRsmq], ids=["PyRSMQ", "node"])
def shared(request, redis_server, tmp_path):
    return Shared(request.param, redis_server.port, tmp_path)


def test_they_take_and_delete_what_we_send(shared):
    """We send; it receives and deletes; both counters"""
    shared.volley("send", "in", "--file", "-", text="\n".join(BODIES) + "\n")
    got = shared.take_all("in", len(BODIES))
    assert [json.loads(m["message"]) for m in got] == [json.loads(body) for body in BODIES]
    assert all(len(m["id"]) == 32 and m["rc"] == 1 for m in got)
    assert all(shared.other.delete("in", m["id"]) for m in got)
    attributes = shared.other.attributes("in")
    assert [attributes[k] for k in ("msgs", "hiddenmsgs", "totalsent", "totalrecv")] == [0, 0, 3, 3]


def test_a_queue_that_we_make_is_one_of_theirs(shared):
    """We make the queue; it lists it and reads its attributes"""
    shared.volley("send", "in", "{}")
    attributes = shared.other.attributes("in")
    assert [int(attributes[k]) for k in ("vt", "delay", "maxsize", "msgs", "totalsent")] == [20, 0, 65536, 1, 1]
    assert attributes["created"] == attributes["modified"]
    assert "in" in shared.other.queues()


def test_what_they_send_we_move_and_they_take(shared):
    """It makes the queue and sends; we receive, send on and delete; all counters"""
    shared.other.create("in", vt=40, delay=0, maxsize=2048)
    for body in BODIES:
        shared.other.send("in", body)
    volleyd = Volleyd(shared.folder, shared.config).wait_ready()
    got = shared.take_all("out", len(BODIES))
    assert [m["message"] for m in got] == BODIES
    wait_until(lambda: shared.other.attributes("in")["msgs"] == 0, "the input is settled")
    assert volleyd.stop() == 0, volleyd.log
    attributes = shared.other.attributes("in")
    assert [int(attributes[k]) for k in ("vt", "maxsize", "totalsent", "totalrecv")] == [40, 2048, 3, 3]


def test_their_delay_and_their_change_of_visibility_hold_for_us(shared):
    """It delays, and changes a visibility; we wait, and receive"""
    shared.other.create("in", vt=40)
    shared.other.send("in", '"later"', delay=600)
    shared.other.send("in", '"taken"')
    taken = shared.take_all("in", 1)[0]
    assert json.loads(taken["message"]) == "taken"
    volleyd = Volleyd(shared.folder, shared.config).wait_ready()
    assert shared.other.attributes("in")["hiddenmsgs"] == 2
    shared.other.show("in", taken["id"])
    assert json.loads(shared.take_all("out", 1)[0]["message"]) == "taken"
    wait_until(lambda: shared.other.attributes("in")["msgs"] == 1, "one is settled, and one is still delayed")
    assert not shared.other.delete("in", taken["id"])
    assert volleyd.stop() == 0, volleyd.log


def test_what_they_set_while_we_run_counts_at_once(shared):
    """It sets vt, delay and maxsize of a queue in use; we obey from the next message on"""
    volleyd = Volleyd(shared.folder, shared.config).wait_ready()
    shared.other.send("in", "1")
    shared.take_all("out", 1)
    shared.other.set("out", delay=600, maxsize=1024)
    shared.other.send("in", "2")
    wait_until(lambda: shared.other.attributes("out")["hiddenmsgs"] == 2, "the second is delayed, the first in hand")
    shared.other.send("in", json.dumps("x" * 1024))
    wait_until(lambda: "maxsize of queue out is 1024" in volleyd.log, "the third is too long")
    shared.other.set("out", delay=0, maxsize=65536, vt=7)
    wait_until(lambda: len(shared.take_all("out", 1)[0]["message"]) > 1024, "it passes when it may")
    assert volleyd.stop() == 0, volleyd.log
    assert int(shared.other.attributes("out")["vt"]) == 7


def test_they_pop_what_we_send(shared):
    """We send; it pops; nothing is left, and it counts as received"""
    shared.volley("send", "in", '{"n": 1}')
    assert json.loads(shared.other.pop("in")["message"]) == {"n": 1}
    attributes = shared.other.attributes("in")
    assert [int(attributes[k]) for k in ("msgs", "totalsent", "totalrecv")] == [0, 1, 1]
    assert shared.other.receive("in") is None


def test_a_queue_that_they_delete_is_made_again(shared):
    """It deletes a queue in use; we make it again, as configured"""
    shared.other.create("in", vt=40)
    volleyd = Volleyd(shared.folder, shared.config).wait_ready()
    shared.other.drop("in")
    wait_until(lambda: "in" in shared.other.queues(), "it is made again")
    assert int(shared.other.attributes("in")["vt"]) == 20
    shared.other.send("in", '{"n": 1}')
    assert json.loads(shared.take_all("out", 1)[0]["message"]) == {"n": 1}
    assert volleyd.stop() == 0, volleyd.log


def test_what_they_take_from_us_we_do_not_delete(shared):
    """It makes visible and receives what is in our hand; our stale ack changes nothing, the handler is told, it is counted"""
    config = shared.config.replace("handler: forward", f'handler: "{BUILD}/tests/integration/misbehaving.so:Misbehaving", max_in_flight: 1')
    volleyd = Volleyd(shared.folder, config.replace("vt: 20", "vt: 6")).wait_ready()
    mine = shared.other.send("in", '"wait"')
    wait_until((shared.folder / "waiting").exists, "the handler has it")

    def take():  # before the next heartbeat hides it again
        shared.other.show("in", mine)
        return shared.other.receive("in", vt=600)

    theirs = wait_until(take, "it is theirs")
    assert (theirs["id"], theirs["rc"]) == (mine, 2)
    wait_until((shared.folder / "told").exists, "the handler is told that its result is not wanted")
    wait_until(lambda: volleyd.metric("volley_leases_lost_total") == 1, "it is counted, once")
    assert volleyd.stop() == 0, volleyd.log
    attributes = shared.other.attributes("in")
    assert (attributes["msgs"], attributes["hiddenmsgs"]) == (1, 1), "it is hidden, for as long as they said"
    assert shared.other.delete("in", mine)
    assert shared.other.receive("out") is None


def test_what_is_theirs_we_count_look_at_and_purge(shared):
    """It makes the queue, sends and receives; we count what is ready and hidden, look at it, and purge it"""
    shared.other.create("in", vt=600)
    for body in BODIES:
        shared.other.send("in", body)
    taken = shared.take_all("in", 1)[0]
    row = json.loads(shared.volley("queues", "in", "--json"))
    assert (row["ready"], row["in_flight"]) == (2, 1)
    assert shared.volley("peek", "in").splitlines() == [*BODIES[1:], BODIES[0]], "by the time at which they are visible"
    shared.volley("purge", "in", "--yes")
    attributes = shared.other.attributes("in")
    assert [int(attributes[k]) for k in ("vt", "msgs", "totalsent", "totalrecv")] == [600, 0, 3, 1]
    assert shared.other.receive("in") is None and not shared.other.delete("in", taken["id"])


def test_what_we_keep_and_put_back_is_hidden_and_comes_back(shared):
    """We keep a message for longer than its vt, and put it back; it finds nothing, and then has it"""
    for file in (ROOT / "plugin_api" / "python" / "volley_handler.py", Path(__file__).parent / "handlers" / "gated.py"):
        shutil.copy(file, shared.folder)
    shared.other.create("in", vt=5)
    mine = shared.other.send("in", "1")
    volleyd = Volleyd(shared.folder, "shutdown_timeout: 1s\n" + shared.config.replace(
        "handler: forward", f'handler: {{exec: ["{sys.executable}", gated.py]}}')).wait_ready()
    wait_until((shared.folder / "working").exists, "we have it")
    began = time.monotonic()
    while time.monotonic() < began + 11:
        assert shared.other.receive("in", vt=600) is None
    assert volleyd.stop() == 75, volleyd.log
    got = shared.take_all("in", 1)[0]
    assert (got["id"], got["message"], got["rc"]) == (mine, "1", 2)
    assert shared.other.delete("in", mine) and shared.other.attributes("in")["msgs"] == 0


def test_json_that_pyrsmq_encodes_is_json_to_a_handler(redis_server, tmp_path):
    shared = Shared(PyRsmq, redis_server.port, tmp_path)
    shutil.copy(ROOT / "plugin_api" / "python" / "volley_handler.py", tmp_path)
    (tmp_path / "kind.py").write_text("from volley_handler import run\n"
                                      "run(lambda message, out: out.send('out', [type(message.body).__name__, message.body]))\n")
    # Text it leaves as it is: JSON is what it makes of everything else.
    values = [{"n": 1, "text": "Grüße \U0001f30d"}, ["a", None, 1.5], 7, True]
    shared.other.create("in", vt=20)
    for value in values:
        shared.other.client.sendMessage(qname="in", message=value, encode=True).execute()
    volleyd = Volleyd(tmp_path, shared.config.replace("handler: forward", f'handler: {{exec: ["{sys.executable}", kind.py]}}')).wait_ready()
    got = [json.loads(m["message"]) for m in shared.take_all("out", len(values))]
    assert sorted(got, key=repr) == sorted(([type(value).__name__, value] for value in values), key=repr)
    assert volleyd.stop() == 0, volleyd.log
