"""The child process of volleyd: runs the application's script again, as `__main__`, and serves when it calls the application.

So whatever the script prepares before that call is there, guarded by `if __name__ == "__main__"` or not.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import types
from typing import Any, Dict, Optional

import volley_handler  # noqa: F401  takes standard input and output before the script can

from volley import serving


def main() -> None:
    started = json.loads(os.environ.pop("VOLLEY_PY"))
    _set_variable("PYTHONPATH", started["python_path"])
    os.chdir(started["folder"])
    sys.path[:] = started["path"]
    sys.argv[:] = started["arguments"]
    serving.become_child(started["application"])
    _run_script(started["main"])
    # The script ended without a call, as in a multiprocessing process.
    found = serving.find_wanted()
    if found is None and started["application"]["module"] != "__main__":
        importlib.import_module(started["application"]["module"])
        found = serving.find_wanted()
    if found is None:
        raise SystemExit(f"{started['main']} has no application {started['application']['function']}")
    serving.serve(found)


def _set_variable(name: str, value: Optional[str]) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _run_script(main: Dict[str, Any]) -> None:
    name = main["name"]
    if main["module"] is not None:
        runpy.run_module(main["module"], run_name=name, alter_sys=True)
        return
    if main["file"] is None:
        return
    module = types.ModuleType(name)
    module.__file__ = main["file"]
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules[name] = sys.modules["__main__"] = module
    with open(main["file"], "rb") as file:
        code = compile(file.read(), main["file"], "exec")
    exec(code, module.__dict__)


if __name__ == "__main__":
    # Under its own name, so that there is one copy of its state.
    from volley.child import main as run_main

    run_main()
