"""volleyd between Redis streams."""

import sys
from pathlib import Path

import redis
from support.ledger import Ledger
from support.servers import wait_until
from support.volleyd import Volleyd

SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parents[1]}/support/slow_forward.py"]}}'
# Answers each line with this; a file, because a program's words are part of the YAML.
ANSWERS = """import json, sys, time
for line in sys.stdin:
    time.sleep(PAUSE)
    print(json.dumps({"id": json.loads(line)["id"], **ANSWER}), flush=True)
"""
CLEAN = {"lost": [], "duplicates": 0, "phantoms": 0}
GROUP = "ledger.move"


def answering(folder, answer, pause=0.0):
    """A handler that gives this answer to each message, after so many seconds."""
    program = folder / "answers.py"
    program.write_text(ANSWERS.replace("PAUSE", repr(pause)).replace("ANSWER", repr(answer)))
    return f'{{exec: ["{sys.executable}", "{program}"]}}'


class Job:
    def __init__(self, server, folder, **config):
        self.server, self.folder = server, folder
        self.queues = {}
        for name in ("in", "out"):
            self.queue(name, **config)

    def queue(self, name, **config):
        place = {} if {"socket", "url", "host"} & set(config) else {"port": self.server.port}
        place |= {"command_timeout_ms": 2000, "claim_idle_ms": 5000, **config}
        self.queues[name] = f"{{type: redis-streams, config: {{{', '.join(f'{k}: {v}' for k, v in place.items())}}}}}"
        return self

    @property
    def redis(self):
        return redis.Redis(port=self.server.port)

    def config(self, handler="forward", **component):
        extra = "".join(f", {key}: {value}" for key, value in component.items())
        return ("app: ledger\nqueues:\n" + "".join(f"  {name}: {text}\n" for name, text in self.queues.items())
                + f"components: [{{name: move, input: in, outputs: [out], handler: {handler}{extra}}}]\n"
                'operations: {listen: "127.0.0.1:0"}\n')

    def start(self, handler="forward", **component):
        return Volleyd(self.folder, self.config(handler, **component)).wait_ready()

    def put(self, count) -> Ledger:
        """By redis-py, not by Volley."""
        ledger = Ledger(count)
        pipe = self.redis.pipeline()
        for body in ledger.bodies():
            pipe.xadd("in", {"body": body})
        pipe.execute()
        return ledger

    def stored(self, stream="out"):
        return [fields[b"body"].decode() for _, fields in self.redis.xrange(stream)]

    def count(self, stream="out") -> int:
        return self.redis.xlen(stream)

    def is_done(self) -> bool:
        """Everything was delivered and acked."""
        groups = {g["name"].decode(): g for g in self.redis.xinfo_groups("in")}
        return GROUP in groups and groups[GROUP]["pending"] == 0 and groups[GROUP]["lag"] == 0

    def wait_done(self, timeout=60):
        wait_until(self.is_done, "everything is acked", timeout)

    def verdict(self, ledger):
        verdict = ledger.judge(self.stored())
        del verdict["disordered"]  # what is claimed comes later
        return verdict
