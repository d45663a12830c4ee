"""Applications written for py-volley, and how they run: on py-volley itself, and on volleyd."""

import os
import re
import signal
import subprocess
import threading
from pathlib import Path

from ..environments import COMPAT, compat, py_volley
from ..servers import wait_until
from ..volleyd import BUILD, VOLLEYD

APPS = Path(__file__).parent


class Run:
    """A script in a process. `lines` is what it prints."""

    running = []  # killed after each test: see the fixture in test_py_volley_apps.py

    def __init__(self, folder, command, environment):
        folder.mkdir(exist_ok=True)
        self.lines = []
        # VOLLEY_COMPONENT is of a volleyd that this test may run under.
        self.process = subprocess.Popen([str(word) for word in command], cwd=folder, env={**os.environ, **environment},
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                        start_new_session=True)
        Run.running.append(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def log(self):
        return "\n".join(self.lines)

    @property
    def said(self):
        """Without what volleyd's log puts around it."""
        return [re.sub(r"^\d{4}-\d\d-\d\dT\S+ info    (.*)  component=.* from=handler$", r"\1", line) for line in list(self.lines)]

    def wait_for(self, what, condition, timeout=60):
        def there():
            value = condition()
            assert value or self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log}"
            return value

        try:
            return wait_until(there, what, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.wait()

    def wait(self, timeout=60):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.log}") from None
        self.reader.join(10)
        return code

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)


def on_volleyd(folder, *words, packages=COMPAT, **environment):
    own = {"VOLLEYD": str(VOLLEYD), "VOLLEY_PLUGIN_PATH": str(BUILD / "plugins")}
    return Run(folder, [compat(packages), *words], {**own, **environment})


def on_py_volley(folder, *words, **environment):
    return Run(folder, [py_volley(), *words], environment)


BOTH = {"py-volley": on_py_volley, "volleyd": on_volleyd}
