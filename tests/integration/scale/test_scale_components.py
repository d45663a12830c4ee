"""Many components in one process: what each costs when it is idle, and what a hundred busy ones do together."""

import os
import resource
import time

import pytest
from support import measured
from support.volleyd import Volleyd, check

pytestmark = pytest.mark.scale

COUNTS = [int(count) for count in os.environ.get("VOLLEY_SCALE_COMPONENTS", "100,300,1000").split(",")]


def idle(count):
    queues = "".join(f"  - {{name: in{i}, type: memory}}\n  - {{name: out{i}, type: memory}}\n" for i in range(count))
    components = "".join(f"  - {{name: c{i}, input: in{i}, outputs: [out{i}], handler: forward, dead_letter_queue: out{i}}}\n"
                         for i in range(count))
    return f'app: many\nqueues:\n{queues}components:\n{components}operations: {{listen: "127.0.0.1:0"}}\n'


def test_what_an_idle_component_costs(tmp_path):
    table = "Idle components in one process"
    measured.row(table, "components", "start, s", "of it processor, s", "idle, % of a core", "threads", "memory, MiB", "stop, s", "processor to start one, ms",
                 "threads a component", "memory a component, KiB")
    (tmp_path / "none").mkdir()
    none = Volleyd(tmp_path / "none", idle(1)).wait_ready()
    base_memory, base_threads = measured.resident_mib(none.process.pid), measured.threads(none.process.pid)
    none.stop()
    for count in COUNTS:
        folder = tmp_path / str(count)
        folder.mkdir()
        began = time.monotonic()
        volleyd = Volleyd(folder, idle(count)).wait_ready(300)
        start = time.monotonic() - began
        pid = volleyd.process.pid
        started = measured.processor_seconds(pid)
        before, at = measured.processor_seconds(pid), time.monotonic()
        time.sleep(5)
        cpu = (measured.processor_seconds(pid) - before) / (time.monotonic() - at) * 100
        threads, memory = measured.threads(pid), measured.resident_mib(pid)
        began = time.monotonic()
        assert volleyd.stop(300) == 0, volleyd.log[-3000:]
        measured.row(table, count, start, started, cpu, threads, memory, time.monotonic() - began, started * 1000 / count,
                     (threads - base_threads) / max(1, count - 1), (memory - base_memory) * 1024 / max(1, count - 1))


def busy(count, messages):
    queues = "".join(f"  - {{name: in{i}, type: memory, config: {{generate: {messages // count}}}}}\n"
                     f"  - {{name: out{i}, type: memory, config: {{discard: true}}}}\n" for i in range(count))
    # A small window, whose memory is soon used again, as in a process that runs for long.
    components = "".join(f"  - {{name: c{i}, input: in{i}, outputs: [out{i}], handler: forward, max_in_flight: 2000}}\n"
                         for i in range(count))
    return f"app: many\nqueues:\n{queues}components:\n{components}operations: false\n"


def test_a_hundred_busy_components_beside_one(tmp_path):
    messages = int(os.environ.get("VOLLEY_SCALE_BUSY", "6000000"))
    table = f"{messages:,} messages in memory"
    measured.row(table, "components", "messages/s", "ratio to one", "processor, µs a message", "ratio to one")
    rates, costs = {}, {}
    for count in (1, 100):
        # The start and the stop are in both, and are taken off by a run without messages.
        seconds, used = [], []
        for of in (messages, count):
            began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            code, log = check(tmp_path, busy(count, of), "--exit-when-idle")
            assert code == 0, log[-3000:]
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(time.monotonic() - began)
            used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        rates[count] = messages / max(0.001, seconds[0] - seconds[1])
        costs[count] = (used[0] - used[1]) * 1e6 / messages
        measured.row(table, count, int(rates[count]), rates[count] / rates[1], costs[count], costs[count] / costs[1])
