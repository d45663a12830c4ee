"""Volley beside a bare client loop doing the same work in the same run: alternating pairs, medians, and the ratios.

    ./dev bench [memory] [rsmq] [kafka]             these three if none is named: a few minutes
    ./dev bench abi | handlers | tracing | kafka-sizes | kafka-schema | kafka-latency | kafka-benthos | kafka-python
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import handlers_bench
import kafka
from measure import BIN, BUILD, Cpu, bare, head, pairs, servers
from rsmq_bench import bench_rsmq
from tracing import tracing


def bench_memory(folder):
    """The bare loop is one thread over the same connector: what is left is what the engine costs."""
    count = 10_000_000

    def run_volley(count=count, **environment):
        (folder / "volley.yml").write_text(
            f"queues:\n  in: {{type: memory, config: {{generate: {count}, body_bytes: 128}}}}\n"
            "  out: {type: memory, config: {discard: true}}\n"
            "components: [{input: in, outputs: [out], handler: forward, on_fail: requeue}]\noperations: off\n")
        begin = time.perf_counter()
        with Cpu() as cpu:
            ended = subprocess.run([BIN / "volleyd", "--config", folder / "volley.yml", "--exit-when-idle"], check=True,
                                   capture_output=True, text=True, env={**os.environ, **environment})
        return (time.perf_counter() - begin, cpu.seconds), ended.stderr

    # Start and stop of the engine are in its seconds.
    head()
    pairs("memory, forward, 128 B", count, lambda: bare("bench_memory_bare", BUILD / "plugins", count), lambda: run_volley()[0])

    # Twice as many messages: what is allocated more was allocated in the steady state.
    def allocations(count):
        log = run_volley(count, LD_PRELOAD=str(BUILD / "bench" / "libbench_count_allocations.so"))[1]
        return int(re.search(r"allocations (\d+)", log).group(1))

    print(f"  allocations per message: {(allocations(2 * count) - allocations(count)) / count:.6f}", flush=True)


def abi(_folder):
    """What the doors into a handler cost."""
    subprocess.run([BIN / "bench_abi", BUILD / "bench" / "libbench_abi_direct.so", BUILD / "bench" / "libbench_abi.so"], check=True)


def rsmq(folder):
    print(f"{'messages/s, medians of 9 pairs':32} {'bare loop':>12} {'volleyd':>12} {'ratio':>8}", flush=True)
    bench_rsmq(folder, 9)


def main():
    short = {"memory": bench_memory, "rsmq": rsmq, "kafka": kafka.forward}
    known = {**short, "abi": abi, "kafka-sizes": kafka.sizes, "kafka-schema": kafka.schema, "kafka-latency": kafka.latency,
             "kafka-benthos": kafka.benthos, "kafka-python": kafka.python, "handlers": handlers_bench.handlers,
             "tracing": tracing}
    for name in sys.argv[1:] or short:
        if name not in known:
            sys.exit(f"there is no bench \"{name}\"; there are: {', '.join(known)}")
        folder = Path(tempfile.mkdtemp(prefix="volley-bench-"))
        try:
            known[name](folder)
        finally:
            servers.remove(folder)


if __name__ == "__main__":
    main()
