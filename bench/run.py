"""Volley beside a bare client loop doing the same work in the same run: alternating pairs, medians, and the ratio.

    ./dev bench [memory] [rsmq] [kafka]
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from rsmq_bench import BIN, BODY, bench_rsmq, volley_seconds  # noqa: E402
from support import servers  # noqa: E402

PAIRS = 3


def bare(program, *arguments) -> float:
    return float(subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, text=True, check=True).stdout)


def pairs(name, count, run_bare, run_volley):
    bare_rates, volley_rates = [], []
    for _ in range(PAIRS):
        bare_rates.append(count / run_bare())
        volley_rates.append(count / run_volley())
    b, v = statistics.median(bare_rates), statistics.median(volley_rates)
    print(f"{name:32} {b:12,.0f} {v:12,.0f} {v / b:7.2f}x", flush=True)


def bench_kafka(folder):
    from confluent_kafka import Producer

    server = servers.Kafka(folder).start()
    count = 300_000
    try:
        source, target = server.topic("in"), server.topic("out")
        producer = Producer({"bootstrap.servers": server.bootstrap, "queue.buffering.max.messages": 1_000_000, "linger.ms": 20})
        for _ in range(count):
            producer.produce(source, BODY.encode())
        assert producer.flush(120) == 0

        def config():
            place = f'{{bootstrap.servers: "{server.bootstrap}"}}'
            return (f"app: b{uuid.uuid4().hex[:8]}\nqueues:\n  in: {{value: {source}, type: kafka, config: {place}}}\n"
                    f"  out: {{value: {target}, type: kafka, config: {place}}}\n"
                    "components: [{input: in, outputs: [out], handler: forward, on_fail: stop}]\n")

        pairs("Kafka, forward, 100 B", count,
              lambda: bare("bench_kafka_bare", server.bootstrap, uuid.uuid4().hex, source, target, count),
              lambda: volley_seconds(folder, config(), count))
    finally:
        server.stop()


def bench_memory(folder):
    """The bare loop is one thread over the same connector: what is left is what the engine costs."""
    count = 10_000_000
    plugins = BIN.parent / "plugins"

    def run_volley(count=count, **environment):
        (folder / "volley.yml").write_text(
            f"queues:\n  in: {{type: memory, config: {{generate: {count}, body_bytes: 128}}}}\n"
            "  out: {type: memory, config: {discard: true}}\n"
            "components: [{input: in, outputs: [out], handler: forward, on_fail: requeue}]\noperations: off\n")
        begin = time.perf_counter()
        ended = subprocess.run([BIN / "volleyd", "--config", folder / "volley.yml", "--exit-when-idle"], check=True,
                               capture_output=True, text=True, env={**os.environ, **environment})
        return time.perf_counter() - begin, ended.stderr

    # Start and stop of the engine are in its seconds.
    pairs("memory, forward, 128 B", count, lambda: bare("bench_memory_bare", plugins, count), lambda: run_volley()[0])

    # Twice as many messages: what is allocated more was allocated in the steady state.
    def allocations(count):
        log = run_volley(count, LD_PRELOAD=str(BIN.parent / "bench" / "libbench_count_allocations.so"))[1]
        return int(re.search(r"allocations (\d+)", log).group(1))

    more = allocations(2 * count) - allocations(count)
    print(f"{'  allocations per message':32} {'':12} {more / count:12.6f}", flush=True)


def main():
    known = {"memory": bench_memory, "rsmq": lambda folder: bench_rsmq(folder, 3 * PAIRS), "kafka": bench_kafka}
    print(f"{'messages/s, medians of pairs':32} {'bare loop':>12} {'volleyd':>12} {'ratio':>8}")
    for name in sys.argv[1:] or known:
        folder = Path(tempfile.mkdtemp(prefix="volley-bench-"))
        try:
            known[name](folder)
        finally:
            servers.remove(folder)


if __name__ == "__main__":
    main()
