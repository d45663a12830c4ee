"""volleyd between RSMQ queues that stand in for the network's faults: each queue may be reached through a proxy."""

import shutil
import subprocess
import sys
from pathlib import Path

import redis
from support.ledger import Ledger
from support.servers import ROOT, wait_until
from support.stores import Rsmq
from support.volleyd import VOLLEY, Volleyd

HANDLERS = Path(__file__).parent / "handlers"
CLEAN = {"lost": [], "duplicates": 0, "phantoms": 0}


class Job:
    def __init__(self, server, folder, vt=5):
        self.server, self.folder, self.vt = server, folder, vt
        self.store = Rsmq(server)
        self.queues, self.outputs = {}, []

    def queue(self, name, port=None, output=True, **config):
        """A queue of the server, reached through `port` (of a proxy)."""
        place = {"port": port or self.server.port, "ns": self.store.ns, "vt": self.vt, "command_timeout_ms": 500, **config}
        self.queues[name] = f"{{type: rsmq, config: {{{', '.join(f'{k}: {v}' for k, v in place.items())}}}}}"
        if output:
            self.outputs.append(name)
        return self

    def config(self, handler="forward", **component):
        if handler != "forward":
            shutil.copy(ROOT / "plugin_api" / "python" / "volley_handler.py", self.folder)
            shutil.copy(HANDLERS / handler, self.folder)
            handler = f'{{exec: ["{sys.executable}", {handler}]}}'
        extra = "".join(f", {key}: {value}" for key, value in component.items())
        return ("queues:\n" + "".join(f"  {name}: {text}\n" for name, text in self.queues.items())
                + f"components: [{{name: move, input: in, outputs: {self.outputs}, handler: {handler}{extra}}}]\n"
                'operations: {listen: "127.0.0.1:0"}\n')

    def start(self, handler="forward", env=None, **component):
        return Volleyd(self.folder, self.config(handler, **component), env=env).wait_ready()

    def put(self, count) -> Ledger:
        ledger = Ledger(count)
        self.store.put("in", ledger.bodies(), [None] * count)
        return ledger

    def put_many(self, bodies):
        """By Volley: PyRSMQ takes a millisecond for each."""
        config = self.folder / "put.yml"
        config.write_text(self.config())
        subprocess.run([VOLLEY, "--config", config, "send", "in", "--file", "-"], input="\n".join(bodies), text=True, check=True,
                       capture_output=True)

    def stored(self, queue):
        """The bodies in a queue, in the order in which they will be received; they stay there."""
        client = redis.Redis(port=self.server.port, decode_responses=True)
        key = f"{self.store.ns}:{queue}"
        ids = client.zrange(key, 0, -1)
        return client.hmget(f"{key}:Q", ids) if ids else []

    def cli(self, *words) -> str:
        return subprocess.run(["redis-cli", "-p", str(self.server.port), *map(str, words)], capture_output=True, text=True,
                              check=True).stdout.strip()

    def count(self, queue) -> int:
        """Of messages, hidden ones included."""
        return int(self.cli("ZCARD", f"{self.store.ns}:{queue}"))

    def wait_done(self, timeout=60):
        wait_until(lambda: self.count("in") == 0, "everything is settled", timeout)

    def verdict(self, ledger, queue="out", dead=()):
        """RSMQ has no keys, so order is not judged."""
        verdict = ledger.judge(self.store.take(queue), dead)
        del verdict["disordered"]
        return verdict


def settled(volleyd, outcome="ok"):
    return volleyd.metric("volley_messages_settled_total", outcome=outcome)
