"""RSMQ -> forward -> RSMQ: messages a second, latency at 1,000 a second, and the CPU of an idle queue."""

import os
import shutil
import statistics
import subprocess
import time
import uuid
from pathlib import Path

import redis
from measure import py_volley
from support import servers
from support.volleyd import VOLLEY, Volleyd

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "build" / "release" / "bin"
NODE_MODULES = ROOT / "build" / "node" / "node_modules"
BODY = '{"pad":"' + "x" * 88 + '"}'
IDLE_SECONDS = 30
OPERATIONS = 'operations: {listen: "127.0.0.1:0"}\n'


class Queues:
    """An input and an output in a namespace of their own."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.ns = "b" + uuid.uuid4().hex[:8]
        queues = "".join(f"  {q}: {{type: rsmq, config: {{port: {server.port}, ns: {self.ns}, vt: 60}}}}\n" for q in ("in", "out"))
        self.config = f"queues:\n{queues}components: [{{input: in, outputs: [out], handler: forward, on_fail: requeue}}]\n"
        for queue in ("in", "out"):
            self.redis("HSET", f"{self.ns}:{queue}:Q", "vt", 60, "delay", 0, "maxsize", 65536, "created", 1, "modified", 1)

    def redis(self, *words):
        subprocess.run(["redis-cli", "-p", str(self.server.port), *map(str, words)], check=True, capture_output=True)

    def fill(self, count):
        lines = self.folder / "lines"
        lines.write_text((BODY + "\n") * count)
        (self.folder / "volley.yml").write_text(self.config)
        subprocess.run([VOLLEY, "--config", self.folder / "volley.yml", "send", "in", "--file", lines], check=True, capture_output=True)
        return self

    def words(self, count):
        return [str(self.server.port), self.ns, "in", "out", str(count)]


def node():
    return ["node", ROOT / "bench" / "rsmq_node.js"] if shutil.which("node") and NODE_MODULES.is_dir() else None


def start(queues, program, count=0):
    return subprocess.Popen([*program, *queues.words(count)], env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def seconds_of(queues, program, count):
    with start(queues, program, count) as process:
        return float(process.communicate(timeout=300)[0])


def volley_seconds(queues, count):
    """From the first message received to the last settled, as Redis shows them. Asked every 2 ms it would cost the run a tenth."""
    client = redis.Redis(port=queues.server.port)
    engine = Volleyd(queues.folder, queues.config + OPERATIONS)
    servers.wait_until(lambda: client.hexists(f"{queues.ns}:in:Q", "totalrecv"), "the first message", every=0.001)
    begin = time.perf_counter()
    servers.wait_until(lambda: client.zcard(f"{queues.ns}:in") == 0, "the last", 300, 0.02)
    seconds = time.perf_counter() - begin
    servers.wait_until(lambda: engine.address, "the operations port")
    servers.wait_until(lambda: engine.metric("volley_messages_settled_total", outcome="ok") == count, "all of it is counted")
    assert engine.stop() == 0, engine.log
    return seconds


def forget(server):
    """Everything, and the file that it was written to."""
    client = redis.Redis(port=server.port)
    client.flushall()
    client.bgrewriteaof()
    servers.wait_until(lambda: not any(client.info("persistence")[key] for key in ("aof_rewrite_in_progress", "aof_rewrite_scheduled")),
                       "the file is written anew")


def throughput(folder, server, pairs):
    count = 600_000
    bare, ours, bare_redis, our_redis = [], [], [], []

    def measure(rates, costs, seconds):
        forget(server)
        queues = Queues(folder, server).fill(count)
        before = on_cpu_us(server.process)
        rates.append(count / seconds(queues))
        costs.append((on_cpu_us(server.process) - before) / count)

    for _ in range(pairs):
        measure(bare, bare_redis, lambda queues: seconds_of(queues, [BIN / "bench_rsmq_bare"], count))
        measure(ours, our_redis, lambda queues: volley_seconds(queues, count))
    b, v = statistics.median(bare), statistics.median(ours)
    print(f"{'RSMQ, forward, 100 B':32} {b:12,.0f} {v:12,.0f} {v / b:7.2f}x", flush=True)
    b, v = statistics.median(bare_redis), statistics.median(our_redis)
    print(f"{'  CPU of Redis a message, µs':32} {b:12.2f} {v:12.2f} {b / v:7.2f}x", flush=True)
    few = 3000
    others = {"node rsmq 0.12.4": (node(), few), "py-volley 1.3.1": ([py_volley(), ROOT / "bench" / "rsmq_py_volley.py"], few)}
    for name, (program, count) in others.items():
        if program:
            rate = count / seconds_of(Queues(folder, server).fill(count + 1), program, count)
            print(f"{'  the same with ' + name:32} {rate:12,.0f}", flush=True)


def on_cpu_us(process) -> float:
    return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1000


def busy_seconds(process) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def movers(queues):
    """How to start each that moves what comes, by name; volleyd's process, too."""
    yield "bare loop, 1 ms pauses", lambda: start(queues, [BIN / "bench_rsmq_bare"])
    yield "volleyd", lambda: Volleyd(queues.folder, queues.config + OPERATIONS).wait_ready().process
    if node():
        yield "node rsmq", lambda: start(queues, node(), 1 << 40)
    program = [py_volley(), ROOT / "bench" / "rsmq_py_volley.py"]
    yield "py-volley", lambda: start(queues, program)


def latency(folder, server):
    print(f"\n{'from send to arrival, ms':32} {'messages/s':>12} {'median':>12} {'99 %':>12} {'longest':>12}")
    queues = Queues(folder, server)
    for name, begin in movers(queues):
        # node's rsmq and py-volley, one message a time, do not keep up with more.
        rate = 1000 if "loop" in name or name == "volleyd" else 100
        process = begin()
        said = subprocess.run([BIN / "bench_rsmq_latency", str(server.port), queues.ns, "in", "out", str(rate), "10"],
                              capture_output=True, text=True, check=True, timeout=300).stdout.split()
        process.kill()
        process.wait()
        print(f"{name:32} {rate:12,} {said[0]:>12} {said[1]:>12} {said[2]:>12}", flush=True)


def idle(folder, server):
    print(f"\n{'idle for ' + str(IDLE_SECONDS) + ' s':32} {'% of a core':>12} {'and of Redis':>12}")
    queues = Queues(folder, server)
    for name, begin in movers(queues):
        process = begin()
        time.sleep(2)  # what starting costs is not what idling costs
        before = busy_seconds(process), busy_seconds(server.process)
        time.sleep(IDLE_SECONDS)
        own, redis = (100 * (after - b) / IDLE_SECONDS
                      for after, b in zip((busy_seconds(process), busy_seconds(server.process)), before))
        process.kill()
        process.wait()
        print(f"{name:32} {own:12.2f} {redis:12.2f}", flush=True)


def bench_rsmq(folder, pairs):
    # With fsync at each write the disk would be what is measured; and rewriting its file, Redis would take a core at any moment.
    server = servers.Redis(folder, "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0").start()
    try:
        throughput(folder, server, pairs)
        latency(folder, server)
        idle(folder, server)
    finally:
        server.stop()
