"""How a bench measures: alternating pairs of a bare loop and Volley, medians, and their ratio."""

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from support import servers  # noqa: E402
from support.environments import py_volley  # noqa: E402, F401
from support.volleyd import Volleyd  # noqa: E402

BUILD = ROOT / "build" / "release"
BIN = BUILD / "bin"
PAIRS = 5


class Cpu:
    """The seconds of CPU of the children that end inside of it."""

    def __enter__(self):
        self.before = self._now()
        return self

    def __exit__(self, *_):
        self.seconds = self._now() - self.before

    @staticmethod
    def _now() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime


def bare(program, *arguments):
    """Seconds, as the program prints them, and seconds of CPU."""
    with Cpu() as cpu:
        output = subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, text=True, check=True).stdout
    return float(output), cpu.seconds


def volley(folder, config, count):
    """Seconds from the first message received to the last done, as /metrics shows them, and seconds of CPU from start to stop."""
    with Cpu() as cpu:
        engine = Volleyd(folder, config + 'operations: {listen: "127.0.0.1:0"}\n')
        servers.wait_until(lambda: engine.address, "the operations port", every=0.001)
        servers.wait_until(lambda: engine.metric("volley_messages_received_total") > 0, "the first message", every=0.002)
        begin = time.perf_counter()
        servers.wait_until(lambda: engine.metric("volley_messages_settled_total", outcome="ok") >= count, "the last", 600, 0.03)
        seconds = time.perf_counter() - begin
        assert engine.stop() == 0, engine.log
    return seconds, cpu.seconds


def head(other="bare loop"):
    print(f"{'medians of ' + str(PAIRS) + ' pairs':34} {other + '/s':>12} {'volleyd/s':>12} {'ratio':>7} {'CPU us':>7} {'volleyd':>7} {'ratio':>7}",
          flush=True)


def pairs(name, count, run_other, run_volley, other_count=None):
    """Prints messages a second and microseconds of CPU a message of both."""
    rates, cpus = ([], []), ([], [])
    for _ in range(PAIRS):
        for side, (run, n) in enumerate(((run_other, other_count or count), (run_volley, count))):
            seconds, cpu = run()
            rates[side].append(n / seconds)
            cpus[side].append(cpu / n * 1e6)
    (a, b), (x, y) = map(statistics.median, rates), map(statistics.median, cpus)
    print(f"{name:34} {a:12,.0f} {b:12,.0f} {b / a:6.2f}x {x:7.2f} {y:7.2f} {y / x:6.2f}x", flush=True)
