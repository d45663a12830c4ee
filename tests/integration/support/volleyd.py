"""volleyd from outside: a process with a configuration, its log, its probes and its exit code."""

import os
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

from .servers import ROOT, wait_until

# VOLLEY_PRESET=dev: the same tests under AddressSanitizer and UndefinedBehaviorSanitizer; tsan: under ThreadSanitizer.
BUILD = ROOT / "build" / os.environ.get("VOLLEY_PRESET", "release")
VOLLEYD = BUILD / "bin" / "volleyd"
VOLLEY = BUILD / "bin" / "volley"


class Volleyd:
    running = []  # killed after each test, whatever became of it: see conftest.py

    def __init__(self, folder: Path, config: str, *arguments: str, env=None):
        self.config = folder / "volley.yml"
        self.config.write_text(config)
        self.lines = []
        self.process = subprocess.Popen([str(VOLLEYD), "--config", str(self.config), *arguments], stderr=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, errors="replace", env=env, cwd=folder)
        Volleyd.running.append(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    @property
    def address(self):
        for line in self.lines:
            found = re.search(r"operations\s+listen=(\S+)", line)
            if found:
                return found.group(1)
        return None

    def get(self, path: str, headers=None):
        """Returns status and body."""
        request = urllib.request.Request(f"http://{self.address}{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_ready(self, timeout: float = 60):
        def ready():
            assert self.process.poll() is None, f"volleyd ended with {self.process.returncode}:\n{self.log}"
            return self.address and self.get("/readyz")[0] == 200

        wait_until(ready, "volleyd is ready", timeout)
        return self

    def metric(self, name: str, **labels) -> float:
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def stop(self, timeout: float = 60) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float = 60) -> int:
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"volleyd does not end:\n{self.log}") from None
        self.reader.join(5)
        return code

    def kill(self):
        self.process.kill()
        self.process.wait(30)


def check(folder: Path, config: str, *arguments: str, env=None):
    """Runs volleyd to its end. Returns exit code and standard error."""
    (folder / "volley.yml").write_text(config)
    result = subprocess.run([str(VOLLEYD), "--config", str(folder / "volley.yml"), *arguments], capture_output=True, text=True,
                            errors="replace", env=env, timeout=90, cwd=folder)
    return result.returncode, result.stderr


def volley(folder: Path, *arguments: str, stdin=None):
    return subprocess.run([str(VOLLEY), "--config", str(folder / "volley.yml"), *arguments], capture_output=True, text=True,
                          input=stdin, timeout=90, cwd=folder)
