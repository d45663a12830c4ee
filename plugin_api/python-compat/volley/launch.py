"""Starts volleyd for an application and waits for it."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

from volley import bridge, engine_config
from volley.logging import logger
from volley.serving import Application

_PR_SET_PDEATHSIG = 1


def run(application: Application) -> int:
    """Returns volleyd's exit code, or 128 and the signal that ended it. SIGTERM and SIGINT are passed on to it."""
    program = _volleyd()
    folder = Path(tempfile.mkdtemp(prefix="volley-"))
    try:
        consumer = bridge.consumer_of(application, folder)
        path = folder / "volley.yml"
        # JSON is YAML; only this user can access the folder, because it may contain passwords.
        path.write_text(json.dumps(engine_config.of(application, folder), indent=1))
        command = [program, "--config", str(path)]
        with _starting(command, application) as process:
            code = consumer.wait(process)
            return code if code >= 0 else 128 - code  # killed by a signal, as in a shell
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def python_command() -> List[str]:
    """The child's."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # like multiprocessing
    return [sys.executable, *flags, "-m", "volley.child"]


def _volleyd() -> str:
    program = os.environ.get("VOLLEYD") or shutil.which("volleyd")
    if program is None:
        raise FileNotFoundError("volleyd is not in PATH: install it, or name it with the variable VOLLEYD")
    return program


def _environment(application: Application) -> Dict[str, str]:
    package = str(Path(__file__).resolve().parents[1])
    python_path = os.environ.get("PYTHONPATH")
    started = {
        "application": application.name(),
        "main": _main_script(),
        "folder": os.getcwd(),
        "path": sys.path,
        "arguments": sys.argv,
        "python_path": python_path,
    }
    where = [package, *(entry for entry in sys.path if entry)]
    return {**os.environ, "VOLLEY_PY": json.dumps(started), "PYTHONPATH": os.pathsep.join(where)}


def _main_script() -> Dict[str, Any]:
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    file = getattr(main, "__file__", None)
    if spec is None and file is None:
        raise RuntimeError("an application needs a script: it cannot be started from an interactive Python")
    # A multiprocessing process imports the script that started it; there it only defines the application.
    name = "__main__" if multiprocessing.parent_process() is None else "__mp_main__"
    return {"name": name, "module": spec.name if spec else None, "file": os.path.abspath(file) if file else None}


@contextmanager
def _starting(command: List[str], application: Application) -> Iterator[subprocess.Popen]:
    here = os.getpid()
    libc = ctypes.CDLL(None)

    def in_the_new_process() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != here:
            os._exit(1)

    process = None
    asked = []  # to stop, before there is a process

    def pass_on(number: int, _: Any) -> None:
        logger.warning("Received kill: %s", number)
        if process is None:
            asked.append(number)
        else:
            process.send_signal(number)

    previous = {}
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    sys.stdout.flush()
    # A separate session, so that Ctrl-C reaches it once, from this process, and not twice.
    process = subprocess.Popen(command, env=_environment(application), start_new_session=True, stdin=subprocess.DEVNULL,
                               preexec_fn=in_the_new_process)
    for number in asked:
        process.send_signal(number)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        for number, handler in previous.items():
            signal.signal(number, handler)
