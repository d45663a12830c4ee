"""volleyd on a terminal: a banner, log lines as everywhere, and one line at the bottom that follows how it goes."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading

import pytest
from support.servers import wait_until
from support.stores import Sqlite, declared
from support.volleyd import VOLLEYD, Volleyd

COLUMNS = 60
ERASE = "\r\x1b[K"


class Terminal:
    """volleyd with a terminal as standard error."""

    def __init__(self, folder, config, **environment):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        (folder / "volley.yml").write_text(config)
        self.process = subprocess.Popen([str(VOLLEYD)], stderr=slave, stdout=slave, cwd=folder,
                                        env={**os.environ, "TERM": "xterm", **environment})
        Volleyd.running.append(self)
        os.close(slave)
        self.master = master
        self.bytes = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            while chunk := os.read(self.master, 65536):
                self.bytes += chunk
        except OSError:
            pass  # the other end is closed

    @property
    def text(self):
        return self.bytes.decode().replace("\r\n", "\n")

    def screen(self):
        """The lines as they stand; the last one is the one with the cursor."""
        return [line.rsplit(ERASE, 1)[-1] for line in self.text.split("\n")]

    def kill(self):
        self.process.kill()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.reader.join(timeout=60)
        return code


@pytest.fixture
def store(tmp_path):
    return Sqlite(tmp_path)


def config(store, handler="forward", log=""):
    return (f"app: terminal\nqueues:\n{declared(store, 'in', reads=True)}{declared(store, 'out')}"
            f"components: [{{name: move, input: in, outputs: [out], handler: {handler}}}]\n"
            f'operations: {{listen: "127.0.0.1:0"}}\n{log}')


def test_a_line_at_the_bottom_follows_how_it_goes(store, tmp_path):
    terminal = Terminal(tmp_path, config(store))
    wait_until(lambda: terminal.screen()[-1].startswith("ready | "), "it is ready")
    banner = terminal.text.split("\n")
    assert any(line.startswith("volleyd ") and line.endswith("volley.yml") for line in banner)
    assert "  move  in -> forward -> out" in banner
    assert any(line.startswith("  dashboard: http://127.0.0.1:") for line in banner)
    store.put("in", ["{}"] * 3, ["k"] * 3)
    wait_until(lambda: "finished 3" in terminal.screen()[-1], "it counts")
    assert terminal.stop() == 0
    lines = terminal.screen()
    assert lines[-1] == "" and "stopped  exit_code=0" in lines[-2], lines
    # No part of the status line is left in a line of the log.
    assert not [line for line in lines if "finished" in line and not line.startswith("20")]


def test_a_long_reason_fits_into_the_line_and_cannot_control_the_terminal(store, tmp_path):
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\nprintf '\\033[2J\\033]0;owned\\007 %0200d\\n' 1 >&2\nexit 1\n")
    program.chmod(0o755)
    terminal = Terminal(tmp_path, config(store, handler="{exec: [./broken]}"))
    wait_until(lambda: terminal.screen()[-1].startswith("not ready | "), "it says so")
    store.put("in", ["{}"], ["k"])
    wait_until(lambda: "move: " in terminal.screen()[-1], "it says which component")
    assert all(len(line) < COLUMNS for line in terminal.text.split(ERASE) if line.startswith("not ready"))
    assert "\x1b[2J" not in terminal.text and "\x07" not in terminal.text
    terminal.stop()


@pytest.mark.parametrize("log, environment", [("log: {format: json}\n", {}), ("", {"TERM": "dumb"})])
def test_a_log_for_programs_and_a_dumb_terminal_get_lines_only(store, tmp_path, log, environment):
    terminal = Terminal(tmp_path, config(store, log=log), **environment)
    wait_until(lambda: "component is ready" in terminal.text, "it is ready")
    assert terminal.stop() == 0
    assert "\x1b" not in terminal.text and "Ctrl-C" not in terminal.text


def test_a_second_signal_leaves_a_clean_line(store, tmp_path):
    terminal = Terminal(tmp_path, config(store, handler="{exec: [sleep, '60']}"))
    wait_until(lambda: "ready | " in terminal.screen()[-1], "it runs")
    store.put("in", ["{}"], ["k"])
    wait_until(lambda: "in flight 1" in terminal.screen()[-1], "the handler has a message")
    terminal.process.send_signal(signal.SIGINT)
    wait_until(lambda: "draining" in terminal.text, "it drains")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(timeout=60) == 75
    terminal.reader.join(timeout=60)
    assert terminal.screen()[-1] == "", terminal.screen()[-3:]
