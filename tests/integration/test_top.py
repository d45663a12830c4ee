"""`volley top`: the terminal is as before however it ends, foreign text is harmless, and without a terminal it is one snapshot."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest
from support.api import Api
from support.servers import free_port, wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEY, Volleyd, volley

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
EVIL = "in\x1b]0;owned\x07\x9b31m"


def config(store, port):
    queues = "".join(f"  - {{name: {json.dumps(name)}, type: sqlite, config: {store.config()}}}\n" for name in (EVIL, "out"))
    return (f"app: shop\nqueues:\n{queues}components:\n"
            f"  - {{name: move, input: {json.dumps(EVIL)}, outputs: [out], handler: forward}}\n"
            f"  - {{name: second, input: out, outputs: [], handler: forward}}\n"
            f"operations: {{listen: \"127.0.0.1:{port}\"}}\nshutdown_timeout: 2s\n")


@pytest.fixture
def shop(tmp_path):
    store = Sqlite(tmp_path)
    running = Volleyd(tmp_path, config(store, free_port()))
    wait_until(lambda: running.address and running.get("/healthz")[0] == 200, "it answers")
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0, running.log


class Terminal:
    """A terminal with `volley top` in it."""

    def __init__(self, folder, columns=100, rows=30, **environment):
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        env = {**os.environ, "TERM": "xterm", **environment}
        self.process = subprocess.Popen([str(VOLLEY), "--config", str(folder / "volley.yml"), "top"], stdin=self.slave, cwd=folder,
                                        stdout=self.slave, stderr=subprocess.PIPE, env=env, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0.05)[0]:
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:
                return

    def wait_for(self, text, what=None):
        wanted = text if isinstance(text, bytes) else text.encode()

        def seen():
            self.read()
            return wanted in self.seen

        wait_until(seen, what or f"{text!r} is shown")

    def press(self, keys):
        self.seen = b""
        os.write(self.master, keys.encode())

    def frames(self):
        """What was shown, without the styles."""
        self.read()
        return [re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", frame) for frame in self.seen.split(b"\x1b[H")]

    def end(self, code):
        assert self.process.wait(20) == code, self.process.stderr.read()
        self.read()
        assert self.seen.rindex(LEAVE) > self.seen.rfind(ENTER)
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is as it was"
        os.close(self.master)
        os.close(self.slave)


def test_it_shows_the_engine_and_leaves_the_terminal_as_it_was(shop, tmp_path):
    terminal = Terminal(tmp_path)
    terminal.wait_for("COMPONENT")
    terminal.wait_for("move")
    assert ENTER in terminal.seen
    for frame in terminal.frames():
        assert b"\x9b" not in frame and b"\x07" not in frame and not re.search(rb"\x1b", frame), "a name must not drive the terminal"
    terminal.press("\x1b[B")
    terminal.wait_for("second")
    terminal.press("p")
    terminal.wait_for("volley pause second?")
    terminal.press("n")
    terminal.press("p")
    terminal.wait_for("volley pause second?")
    terminal.press("y")
    wait_until(lambda: Api(shop).component("second")["paused"], "it is paused")
    terminal.wait_for("why second: paused by an operator")
    assert not Api(shop).component("move")["paused"]
    terminal.press("q")
    terminal.end(0)


@pytest.mark.parametrize("ending", ["INT", "TERM", "HUP", "QUIT", "SEGV"])
def test_a_signal_brings_the_terminal_back(shop, tmp_path, ending):
    terminal = Terminal(tmp_path)
    terminal.wait_for("COMPONENT")
    number = getattr(signal, f"SIG{ending}")
    terminal.process.send_signal(number)
    terminal.end(-number)


def test_it_follows_the_size_and_never_writes_wider(shop, tmp_path):
    terminal = Terminal(tmp_path, columns=120, rows=40)
    terminal.wait_for("COMPONENT")
    for columns, rows in ((20, 5), (7, 2), (1, 1), (150, 50)):
        terminal.read()
        terminal.seen = b""
        terminal.resize(columns, rows)
        terminal.process.send_signal(signal.SIGWINCH)
        wait_until(lambda: len(terminal.frames()) > 3, "it is drawn again")
        for frame in terminal.frames()[2:-1]:  # the first ones may be of the old size, the last one cut
            lines = frame.decode().replace("\r", "").split("\n")  # the terminal adds a return of its own
            assert len(lines) <= rows and max(map(len, lines)) <= columns, (columns, rows, lines)
    terminal.press("q")
    terminal.end(0)


def test_ctrl_z_gives_the_terminal_to_the_shell_and_the_screen_comes_back(shop, tmp_path):
    terminal = Terminal(tmp_path)
    terminal.wait_for("COMPONENT")
    terminal.seen = b""
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.wait_for(LEAVE)
    # The group of a terminal's session leader is not stopped by its default action; it goes on at once, or here.
    terminal.process.send_signal(signal.SIGCONT)
    terminal.wait_for(ENTER)
    terminal.press("q")
    terminal.end(0)


def test_an_engine_that_goes_away_is_said_and_found_again(shop, tmp_path):
    terminal = Terminal(tmp_path)
    terminal.wait_for("COMPONENT")
    assert shop.stop() == 0
    terminal.wait_for("no engine answers")
    again = Volleyd(tmp_path, shop.config.read_text())
    wait_until(lambda: again.address and again.get("/healthz")[0] == 200, "it answers")
    terminal.seen = b""
    terminal.wait_for("shop: running", "the new engine is shown")
    terminal.press("q")
    terminal.end(0)
    assert again.stop() == 0


def test_without_a_terminal_it_is_one_snapshot(shop, tmp_path):
    shown = volley(tmp_path, "top")
    assert shown.returncode == 0 and shown.stdout.startswith("shop: ") and "\x1b" not in shown.stdout and "\x9b" not in shown.stdout
    assert "move" in shown.stdout and "second" in shown.stdout
    whole = json.loads(volley(tmp_path, "top", "--json").stdout)
    assert {"status", "components", "queues", "lines", "in_flight"} == set(whole)
    assert [one["name"] for one in whole["in_flight"]] == ["move", "second"]
    assert shop.stop() == 0
    gone = volley(tmp_path, "top")
    assert gone.returncode == 69 and "no engine answers" in gone.stderr


def test_no_color_is_obeyed(shop, tmp_path):
    Api(shop).post("components/second/pause")
    terminal = Terminal(tmp_path, NO_COLOR="1")
    terminal.wait_for("why second")
    assert not re.search(rb"\x1b\[3[0-9]", terminal.seen)
    terminal.press("q")
    terminal.end(0)
