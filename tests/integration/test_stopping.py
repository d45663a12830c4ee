"""Ends that are not clean: each in time, with its own exit code, and acking nothing that is not done."""

import signal
import sys

import pytest
from support.servers import wait_until
from support.stores import Rsmq, Sqlite
from support.volleyd import Volleyd


@pytest.fixture(params=["sqlite", "rsmq"])
def store(request, tmp_path):
    return Sqlite(tmp_path) if request.param == "sqlite" else Rsmq(request.getfixturevalue("redis_server"))


def left(store, queue):
    """What a stop has left comes back at once, or when its lease ends."""
    return wait_until(lambda: store.take(queue), f"the message is in {queue}")


def hanging(tmp_path, store, shutdown_timeout):
    (tmp_path / "hang.py").write_text("import sys, time\nfor line in sys.stdin: time.sleep(3600)\n")
    store.put("in", ['{"n": 1}'], ["a"])
    queues = "".join(f"  - {{name: {q}, type: {store.type}, config: {store.config()}}}\n" for q in ("in", "out"))
    config = (f"shutdown_timeout: {shutdown_timeout}\nqueues:\n{queues}"
              f'components: [{{input: in, outputs: [out], handler: {{exec: ["{sys.executable}", hang.py]}}, on_fail: requeue}}]\n'
              'operations: {listen: "127.0.0.1:0"}\n')
    volleyd = Volleyd(tmp_path, config).wait_ready()
    wait_until(lambda: volleyd.metric("volley_workers", state="busy") == 1, "the handler hangs")
    return volleyd


def test_a_hung_handler_ends_a_stop_at_the_deadline_with_75_and_its_message_stays(store, tmp_path):
    volleyd = hanging(tmp_path, store, "1s")
    assert volleyd.stop() == 75, volleyd.log
    assert left(store, "in") == ['{"n": 1}'] and store.take("out") == []


def test_a_tool_that_signals_more_than_once_means_one_stop(tmp_path):
    """coreutils' timeout signals volleyd, and then the process group, which volleyd is in, too"""
    store = Sqlite(tmp_path)
    store.put("in", ['{"n": 1}'], ["a"])
    (tmp_path / "gated.py").write_text(
        "import json, pathlib, sys, time\n"
        "for line in sys.stdin:\n"
        "    pathlib.Path('working').touch()\n"
        "    while not pathlib.Path('open').exists(): time.sleep(0.01)\n"
        "    print(json.dumps({'id': json.loads(line)['id']}), flush=True)\n")
    volleyd = Volleyd(tmp_path, f"queues: {{in: {{type: sqlite, config: {store.config()}}}}}\n"
                      f'components: [{{input: in, handler: {{exec: ["{sys.executable}", gated.py]}}, on_fail: requeue}}]\n'
                      "operations: off\n")
    wait_until((tmp_path / "working").exists, "the handler works")
    for _ in range(1000):  # many of them find one pending, and are one with it
        volleyd.process.send_signal(signal.SIGTERM)
    (tmp_path / "open").touch()
    assert volleyd.wait() == 0, volleyd.log
    assert store.take("in") == []


def test_a_second_signal_ends_it_at_once_with_75(store, tmp_path):
    volleyd = hanging(tmp_path, store, "1h")
    volleyd.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "draining" in volleyd.log, "it drains")
    volleyd.process.send_signal(signal.SIGINT)
    assert volleyd.wait() == 75
    assert left(store, "in") == ['{"n": 1}'] and store.take("out") == []
