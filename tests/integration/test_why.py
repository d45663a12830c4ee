"""Each way of standing still, made for real: /readyz, the API and `volley why` give the same sentence, with queue, cause and time."""

import json
import re
import shutil
import sys

import pytest
from support.api import Api
from support.servers import Redis, wait_until
from support.stores import Sqlite
from support.volleyd import BUILD, Volleyd, volley

# Answers as the file "mood" says: ok, retry or fail.
MOODY = """
import json, pathlib, sys
for line in sys.stdin:
    m = json.loads(line)
    mood = pathlib.Path("mood").read_text()
    answer = {"outputs": [{"body": m["body"]}]} if mood == "ok" else {mood: "it is in no mood"}
    print(json.dumps({"id": m["id"], **answer}), flush=True)
"""
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
REFUSED = r"(rsmq\.so\S*: )?.*(refused|closed|reach).*"


class Stall:
    def __init__(self, folder):
        self.folder = folder
        self.store = Sqlite(folder)
        self.redis = None
        self.volleyd = None
        self.mood("ok")
        (folder / "moody.py").write_text(MOODY)

    def mood(self, mood):
        (self.folder / "mood").write_text(mood)

    def start(self, on_redis=(), handler=None, more="", dead=False, ready=True):
        if on_redis:
            self.redis = Redis(self.folder).start()
        handler = handler or f'{{exec: ["{sys.executable}", moody.py]}}'
        queues = ""
        for queue in ("in", "out", "dead"):
            own = (f"{{type: rsmq, serializer: json, config: {{port: {self.redis.port}, ns: why}}}}" if queue in on_redis else
                   f"{{type: sqlite, serializer: json, config: {self.store.config()}}}")
            queues += f"  {queue}: {own}\n"
        letters = ", dead_letter_queue: dead" if dead else ""
        self.volleyd = Volleyd(
            self.folder, f"app: why\nqueues:\n{queues}components:\n  - {{name: move, input: in, outputs: [out], handler: {handler}"
                         f"{letters}{more}}}\noperations: {{listen: \"127.0.0.1:0\"}}\nshutdown_timeout: 1s\n")
        if ready:
            self.volleyd.wait_ready()
        else:
            wait_until(lambda: self.volleyd.address, "it listens")

    def put(self, count=1):
        self.store.put("in", [json.dumps({"n": n}) for n in range(count)], ["a"] * count)


def output_down(stall):
    stall.start(on_redis=["out"])
    stall.redis.stop()
    stall.put()


def input_down(stall):
    stall.start(on_redis=["in"])
    stall.redis.stop()


def cannot_be_opened(stall):
    stall.redis = Redis(stall.folder)  # has a port, and does not run
    port = stall.redis.port
    stall.volleyd = Volleyd(
        stall.folder, f"app: why\nqueues:\n  in: {{type: sqlite, config: {stall.store.config()}}}\n"
                      f"  out: {{type: rsmq, config: {{port: {port}}}}}\n"
                      "components: [{name: move, input: in, outputs: [out], handler: forward}]\n"
                      'operations: {listen: "127.0.0.1:0"}\n')
    wait_until(lambda: stall.volleyd.address, "it listens")


def handler_cannot_start(stall):
    (stall.folder / "broken.py").write_text("import sys\nsys.exit('the model is missing')\n")
    stall.start(handler=f'{{exec: ["{sys.executable}", broken.py]}}', ready=False)
    stall.put()


def handler_overdue(stall):
    shutil.copy(BUILD / "tests" / "integration" / "misbehaving.so", stall.folder)
    stall.start(handler="misbehaving.so", more=", handler_timeout: 200ms")
    stall.store.put("in", ['{"n": "hang"}'], ["a"])


def dead_letter_queue_down(stall):
    stall.start(on_redis=["dead"], dead=True)
    stall.mood("fail")
    stall.redis.stop()
    stall.put()


def breaker_open(stall):
    stall.mood("retry")
    stall.start(dead=True, more=", order: none, retry: {max_attempts: 2, initial_delay: 1ms, max_delay: 20s}")
    stall.put(30)


def paused(stall):
    stall.start()
    Api(stall.volleyd).post("components/move/pause")


def attempts_exhausted(stall):
    stall.mood("retry")
    stall.start(more=", retry: {max_attempts: 2, initial_delay: 1ms, max_delay: 5s}")
    stall.put()


TABLE = [
    (output_down, "output", rf'the output "out" does not take messages: {REFUSED}'),
    (input_down, "input", rf'the input "in" cannot be read: {REFUSED}'),
    (cannot_be_opened, "starting", rf'the queue "out" cannot be opened: {REFUSED}'),
    (handler_cannot_start, "handler", r"the handler's process cannot start: .*the model is missing.*"),
    (handler_overdue, "overdue", rf"a handler has been running since {TIME}, for longer than handler_timeout"),
    (dead_letter_queue_down, "dead_letters", rf'the dead-letter queue "dead" does not take messages: {REFUSED}'),
    (breaker_open, "breaker", rf"every message fails; the input is held back, and one message at a time is tried; "
                              rf"message \S+ is tried again at {TIME} \(attempt \d+\): it is in no mood"),
    (paused, "paused", r"paused by an operator; `volley resume` lets it go on"),
    (attempts_exhausted, "exhausted", rf"1 message has failed max_attempts times and is tried on; "
                                      rf"message \S+ is tried again at {TIME} \(attempt \d+\): it is in no mood"),
]


@pytest.mark.parametrize("stall, cause, sentence", TABLE, ids=[row[0].__name__ for row in TABLE])
def test_a_stall_has_its_sentence(stall, cause, sentence, tmp_path):
    at = Stall(tmp_path)
    try:
        stall(at)
        api = Api(at.volleyd)
        whole = re.compile(f"(?s)^{sentence} \\(since {TIME}\\)$")
        seen = []

        def told():
            component = api.get("status")["components"][0]
            seen.append(component["why"])
            return component["cause"] == cause and whole.match(component["why"] or "") and component

        try:
            component = wait_until(told, "the API has the sentence", timeout=30)
        except AssertionError:
            raise AssertionError(f"wanted {sentence}\nlast seen: {seen[-1]}\n{at.volleyd.log}") from None
        assert component["since"] > 0 and not component["ready"]
        steady = re.compile(r"attempt \d+|\d\d:\d\d:\d\dZ")  # what differs from one try to the next
        wait_until(lambda: steady.sub("", api.get("status")["components"][0]["why"] or "") in steady.sub("", at.volleyd.get("/readyz")[1]),
                   "/readyz has the same")
        said = volley(tmp_path, "why", "--address", at.volleyd.address)
        assert said.returncode == 1, said.stderr
        assert whole.match(said.stdout.removeprefix("move: ").rstrip("\n")), said.stdout
    finally:
        if at.volleyd:
            at.volleyd.kill()
        if at.redis:
            at.redis.stop()
