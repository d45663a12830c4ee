"""What a service manager (systemd) hears from volleyd: datagrams to $NOTIFY_SOCKET, as sd_notify(3) has them."""

import os
import signal
import socket
import sys

import pytest
from support.servers import wait_until
from support.volleyd import Volleyd

CONFIG = """
app: served
queues:
  - {name: in, type: sqlite}
  - {name: out, type: sqlite}
components:
  - {name: move, input: in, outputs: [out], handler: HANDLER}
operations: {listen: "127.0.0.1:0"}
startup_timeout: 50s
shutdown_timeout: 20s
"""


class Manager:
    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(30)
        self.heard = []

    def hear(self, line):
        """Waits for a datagram that has the line; returns its variables."""
        while True:
            message = self.socket.recv(4096).decode()
            self.heard.append(message)
            if line in message.split("\n"):
                return dict(pair.split("=", 1) for pair in message.split("\n"))

    def environment(self, **variables):
        return {**os.environ, "NOTIFY_SOCKET": str(self.path), **variables}


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path)
    yield made
    made.socket.close()


def test_ready_reload_stop_and_the_time_that_each_may_take(manager, tmp_path):
    volleyd = Volleyd(tmp_path, CONFIG.replace("HANDLER", "forward"), env=manager.environment())
    manager.hear("READY=1")
    assert volleyd.get("/readyz")[0] == 200
    assert not any("STOPPING" in message or "WATCHDOG" in message for message in manager.heard)
    manager.hear("STATUS=running: 1 component, 0 messages per second, 0 messages in flight")
    for text in (CONFIG.replace("HANDLER", "forward, workers: 2"), "queues: ["):  # a good file and a bad one
        volleyd.config.write_text(text)
        volleyd.process.send_signal(signal.SIGHUP)
        reloading = manager.hear("RELOADING=1")
        assert int(reloading["MONOTONIC_USEC"]) > 0
        manager.hear("READY=1")
    volleyd.process.send_signal(signal.SIGTERM)
    assert int(manager.hear("STOPPING=1")["EXTEND_TIMEOUT_USEC"]) >= 20_000_000
    assert volleyd.wait() == 0, volleyd.log


def test_before_it_is_ready_it_says_how_long_that_may_take(manager, tmp_path):
    text = CONFIG.replace("HANDLER", "forward").replace("{name: in, type: sqlite}", "{name: in, type: rsmq, config: {port: 1}}")
    volleyd = Volleyd(tmp_path, text, env=manager.environment())
    starting = manager.hear("STATUS=starting")
    assert int(starting["EXTEND_TIMEOUT_USEC"]) >= 50_000_000
    wait_until(lambda: "connect" in volleyd.log.lower() or "refused" in volleyd.log.lower(), "it tries")
    volleyd.stop()
    assert not any("READY=1" in message for message in manager.heard)


def test_the_watchdog_is_fed_while_the_engine_looks_at_its_components(manager, tmp_path):
    volleyd = Volleyd(tmp_path, CONFIG.replace("HANDLER", "forward"), env=manager.environment(WATCHDOG_USEC="600000"))
    for _ in range(3):
        manager.hear("WATCHDOG=1")
    volleyd.process.send_signal(signal.SIGSTOP)
    volleyd.process.send_signal(signal.SIGCONT)
    manager.hear("WATCHDOG=1")
    assert volleyd.stop() == 0, volleyd.log


def test_handlers_do_not_inherit_the_socket(manager, tmp_path):
    child = "import json, os, sys\n" \
            "open('seen', 'w').write(str([os.environ.get(n) for n in ('NOTIFY_SOCKET', 'WATCHDOG_USEC')]))\n" \
            "for line in sys.stdin: print(json.dumps({'id': json.loads(line)['id']}), flush=True)\n"
    (tmp_path / "child.py").write_text(child)
    handler = f'{{exec: ["{sys.executable}", child.py]}}'
    volleyd = Volleyd(tmp_path, CONFIG.replace("HANDLER", handler), env=manager.environment(WATCHDOG_USEC="600000"))
    manager.hear("READY=1")
    wait_until(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text(), "the child has started")
    assert (tmp_path / "seen").read_text() == "[None, None]"
    assert volleyd.stop() == 0, volleyd.log
