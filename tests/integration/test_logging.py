"""Standard error that takes nothing: a pipe that nobody reads, a disk that is full. Work goes on, signals are heard, and
what was dropped is counted."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from support.servers import accepts, free_port, wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEYD

F_SETPIPE_SZ = 1031
CHATTY = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    for _ in range(200):
        print("x" * 500, file=sys.stderr)
    print(json.dumps({"id": message["id"], "outputs": [{"text": message["text"]}]}), flush=True)
"""


class Blocked:
    """volleyd whose standard error is a small pipe that is full from the start."""

    def __init__(self, folder, config, *arguments):
        (folder / "volley.yml").write_text(config)
        self.read_end, self.write_end = os.pipe()
        fcntl.fcntl(self.write_end, F_SETPIPE_SZ, 4096)
        os.set_blocking(self.write_end, False)
        try:
            while True:
                os.write(self.write_end, b"." * 4096)
        except BlockingIOError:
            pass
        os.set_blocking(self.write_end, True)
        self.process = subprocess.Popen([str(VOLLEYD), *arguments], stderr=self.write_end, cwd=folder)
        os.close(self.write_end)

    def drain(self):
        """Reads from now on. Returns what comes, as it comes."""
        self.text = b""

        def read():
            while block := os.read(self.read_end, 65536):
                self.text += block

        threading.Thread(target=read, daemon=True).start()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)


@pytest.fixture
def blocked(tmp_path):
    started = []

    def start(config, *arguments):
        started.append(Blocked(tmp_path, config, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.end()


def config(store, folder, port, more=""):
    (folder / "chatty.py").write_text(CHATTY)
    queues = "".join(f"  {queue}: {{type: sqlite, config: {store.config()}}}\n" for queue in ("in", "out"))
    return (f"app: logging\nqueues:\n{queues}components:\n"
            f"  - {{name: chat, input: in, outputs: [out], handler: {{exec: [\"{sys.executable}\", chatty.py]}}}}\n"
            f"operations: {{listen: \"127.0.0.1:{port}\"}}\nshutdown_timeout: 5s\n{more}")


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        return response.read().decode()


def dropped(port):
    return float(re.search(r"^volley_log_lines_dropped_total\{.*\} (\S+)", metrics(port), re.MULTILINE).group(1))


def test_nobody_reads_the_log_and_everything_goes_on(blocked, tmp_path):
    store, port = Sqlite(tmp_path), free_port()
    bodies = [f'{{"n": {i}}}' for i in range(30)]
    volleyd = blocked(config(store, tmp_path, port))
    wait_until(lambda: accepts(port), "it serves")
    store.put("in", bodies, ["a"] * len(bodies))
    wait_until(lambda: len(store.take("out")) == len(bodies), "all is delivered")
    wait_until(lambda: dropped(port) > 0, "dropped lines are counted")
    volleyd.process.send_signal(signal.SIGTERM)
    assert volleyd.process.wait(30) == 0


def test_a_line_says_how_many_were_dropped_once_the_log_flows(blocked, tmp_path):
    store, port = Sqlite(tmp_path), free_port()
    bodies = [f'{{"n": {i}}}' for i in range(30)]
    volleyd = blocked(config(store, tmp_path, port, "log: {format: json}\n"))
    wait_until(lambda: accepts(port), "it serves")
    store.put("in", bodies, ["a"] * len(bodies))
    wait_until(lambda: len(store.take("out")) == len(bodies), "all is delivered")
    volleyd.drain()

    def told():
        lines = [json.loads(line) for line in volleyd.text.lstrip(b".").split(b"\n")[:-1]]
        return sum(int(line["count"]) for line in lines if line["message"].startswith("log lines were dropped"))

    # The last lines of the handler may be dropped after its last answer, while the pipe is still full.
    wait_until(lambda: told() == dropped(port) > 0, "the log says how many")
    volleyd.process.send_signal(signal.SIGTERM)
    assert volleyd.process.wait(30) == 0
    wait_until(lambda: b'"stopped"' in volleyd.text, "the last line is there")


def test_the_second_signal_is_heard_too(blocked, tmp_path):
    port = free_port()
    handler = "import time\ntime.sleep(60)\n"
    text = config(Sqlite(tmp_path), tmp_path, port).replace("shutdown_timeout: 5s", "shutdown_timeout: 60s")
    (tmp_path / "chatty.py").write_text(handler)
    volleyd = blocked(text)
    wait_until(lambda: accepts(port), "it serves")
    Sqlite(tmp_path).put("in", ['{"n": 1}'], ["a"])
    wait_until(lambda: "volley_in_flight_messages{" in metrics(port) and
               re.search(r"^volley_in_flight_messages\{.*\} 1", metrics(port), re.MULTILINE), "it is at work")
    volleyd.process.send_signal(signal.SIGTERM)
    wait_until(lambda: b"draining" in urllib_error_body(port), "it drains")
    volleyd.process.send_signal(signal.SIGINT)
    assert volleyd.process.wait(20) == 75


def urllib_error_body(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        return error.read()


def test_a_start_that_fails_ends_with_its_code_although_nobody_reads_why(blocked, tmp_path):
    volleyd = blocked("queues: [", "--config", "volley.yml")
    assert volleyd.process.wait(30) == 78


def test_a_start_that_fails_says_why_where_it_can(blocked, tmp_path):
    volleyd = blocked("queues: [", "--config", "volley.yml")
    volleyd.drain()
    assert volleyd.process.wait(30) == 78
    wait_until(lambda: b"Nothing was started." in volleyd.text, "it says so")


def test_a_full_disk_costs_lines_only(tmp_path):
    store, port = Sqlite(tmp_path), free_port()
    bodies = [f'{{"n": {i}}}' for i in range(5)]
    (tmp_path / "volley.yml").write_text(config(store, tmp_path, port))
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen([str(VOLLEYD)], stderr=full, cwd=tmp_path)
    try:
        wait_until(lambda: accepts(port), "it serves")
        store.put("in", bodies, ["a"] * len(bodies))
        wait_until(lambda: len(store.take("out")) == len(bodies), "all is delivered")
        assert dropped(port) > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(30)
