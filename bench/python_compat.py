"""One application of py-volley on py-volley and on volleyd, with one child, on the same server: alternating pairs, medians, the ratio.

    build/venv/bin/python bench/python_compat.py [rsmq] [kafka]
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from measure import BIN, BUILD, ROOT, servers
from support.environments import compat, py_volley

PAIRS = 3
SLOW, FAST = 10_000, 200_000  # messages
BODY = b'{"id": 12345, "pad": "' + b"x" * 76 + b'"}'
VOLLEYD = {"VOLLEYD": str(BIN / "volleyd"), "VOLLEY_PLUGIN_PATH": str(BUILD / "plugins")}


class Rsmq:
    def __init__(self, folder):
        import redis

        self.server = servers.Redis(folder, "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0").start()
        self.redis = redis.Redis(port=self.server.port)

    def fill(self, count):
        """In a namespace of its own, made by hand: PyRSMQ would take minutes."""
        self.redis.flushall()
        self.ns = "b" + uuid.uuid4().hex[:8]
        for queue in ("in", "out"):
            self.redis.hset(f"{self.ns}:{queue}:Q", mapping={"vt": 60, "delay": 0, "maxsize": 65536, "created": 1, "modified": 1})
        self.redis.sadd(f"{self.ns}:QUEUES", "in", "out")
        for begin in range(0, count, 10_000):
            ids = {f"{begin + i:032d}": begin + i for i in range(min(10_000, count - begin))}
            self.redis.zadd(f"{self.ns}:in", ids)
            self.redis.hset(f"{self.ns}:in:Q", mapping={name: BODY for name in ids})

    def words(self):
        return [ROOT / "bench" / "rsmq_py_volley.py", self.server.port, self.ns, "in", "out", 0]

    def stored(self):
        return self.redis.zcard(f"{self.ns}:out")


class Kafka:
    def __init__(self, folder):
        from confluent_kafka import Consumer

        self.server = servers.Kafka(folder).start()
        self.watch = Consumer({"bootstrap.servers": self.server.bootstrap, "group.id": "watch"})

    def fill(self, count):
        from confluent_kafka import Producer

        self.source, self.target = self.server.topic("in"), self.server.topic("out")
        producer = Producer({"bootstrap.servers": self.server.bootstrap, "queue.buffering.max.messages": 1_000_000, "linger.ms": 20})
        for _ in range(count):
            producer.produce(self.source, BODY)
        assert producer.flush(300) == 0

    def words(self):
        return [ROOT / "bench" / "py_volley.py", self.server.bootstrap, uuid.uuid4().hex, self.source, self.target]

    def stored(self):
        from confluent_kafka import TopicPartition

        return self.watch.get_watermark_offsets(TopicPartition(self.target, 0), timeout=5)[1]


def rate(store, interpreter, count, log):
    """Messages a second, from the first that is seen in the output to the last."""
    store.fill(count)
    with open(log, "wb") as out:
        worker = subprocess.Popen([str(word) for word in [interpreter, *store.words()]], stdout=out, stderr=out,
                                  env={**os.environ, **VOLLEYD}, start_new_session=True)

        def seen():
            assert worker.poll() is None, log.read_text()[-2000:]
            return store.stored()

        servers.wait_until(lambda: seen() > 0, "its first message", every=0.001)
        begin, first = time.perf_counter(), seen()
        servers.wait_until(lambda: seen() >= count, "its last", 300, 0.01)
        seconds = time.perf_counter() - begin
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    return (count - first) / seconds


def measure(name, kind, folder):
    store = kind(folder)
    try:
        theirs, ours = [], []
        for _ in range(PAIRS):
            theirs.append(rate(store, py_volley(), SLOW, folder / "worker.log"))
            ours.append(rate(store, compat(), FAST, folder / "worker.log"))
        a, b = statistics.median(theirs), statistics.median(ours)
        print(f"{name:34} {a:12,.0f} {b:12,.0f} {b / a:6.2f}x", flush=True)
    finally:
        store.server.stop()


def main():
    known = {"rsmq": Rsmq, "kafka": Kafka}
    print(f"{f'messages/s, medians of {PAIRS} pairs':34} {'py-volley':>12} {'volleyd':>12} {'ratio':>7}", flush=True)
    for name in sys.argv[1:] or known:
        folder = Path(tempfile.mkdtemp(prefix="volley-bench-"))
        try:
            measure(name, known[name], folder)
        finally:
            servers.remove(folder)


main()
