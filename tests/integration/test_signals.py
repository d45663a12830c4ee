"""A signal at any moment: the exit code is always one of the documented."""

import os
import random
import signal
import sys
import time
from pathlib import Path

from support.servers import wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd

SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parent}/support/slow_forward.py"]}}'
DOCUMENTED = {0, 65, 69, 70, 75, 77, 78, 79}


def config(store, workers=1):
    queues = "".join(f"  {queue}: {{type: sqlite, config: {store.config()}}}\n" for queue in ("in", "out"))
    return (f"app: signals\nqueues:\n{queues}components:\n"
            f"  - {{name: move, input: in, outputs: [out], workers: {workers}, handler: {SLOW}}}\n"
            "operations: {listen: \"127.0.0.1:0\"}\nshutdown_timeout: 10s\n")


def blocks_signals(pid):
    """main has begun: what comes now is heard later."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    mask = int(status.split("SigBlk:")[1].split()[0], 16)
    return mask & (1 << (signal.SIGTERM - 1))


def test_random_signals_at_random_moments(tmp_path):
    store = Sqlite(tmp_path)
    bodies = [f'{{"n": {i}}}' for i in range(500)]
    store.put("in", bodies, ["a"] * len(bodies))
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    chance = random.Random(seed)
    for turn in range(12):
        volleyd = Volleyd(tmp_path, config(store, chance.choice((1, 2))))
        wait_until(lambda: blocks_signals(volleyd.process.pid), "main has begun", every=0.001)
        end = time.monotonic() + chance.choice((0, 0.02, 0.1, 0.4))
        while time.monotonic() < end:
            volleyd.config.write_text(config(store, chance.choice((1, 2))))
            volleyd.process.send_signal(chance.choice((signal.SIGHUP, signal.SIGHUP, signal.SIGUSR1)))
            time.sleep(chance.uniform(0, 0.03))
        for _ in range(chance.choice((1, 1, 2, 5))):
            volleyd.process.send_signal(chance.choice((signal.SIGTERM, signal.SIGINT)))
            time.sleep(chance.uniform(0, 0.02))
        code = volleyd.wait(60)
        assert code in DOCUMENTED, f"seed {seed}, turn {turn}: exit code {code}\n{volleyd.log}"
    volleyd = Volleyd(tmp_path, config(store)).wait_ready()
    wait_until(lambda: set(store.take("out")) == set(bodies), "nothing was lost")
    assert volleyd.stop() == 0, volleyd.log


def test_a_signal_during_the_start_is_heard_once_there_is_something_to_stop(tmp_path):
    volleyd = Volleyd(tmp_path, config(Sqlite(tmp_path)))
    wait_until(lambda: blocks_signals(volleyd.process.pid), "main has begun", every=0.001)
    volleyd.process.send_signal(signal.SIGTERM)
    assert volleyd.wait() == 0, volleyd.log


def test_the_signal_that_ends_the_listening_thread_is_not_a_strangers_to_send(tmp_path):
    volleyd = Volleyd(tmp_path, config(Sqlite(tmp_path))).wait_ready()
    for _ in range(3):
        volleyd.process.send_signal(signal.SIGUSR1)
        time.sleep(0.05)
    assert volleyd.stop() == 0, volleyd.log
