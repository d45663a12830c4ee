"""The function of bench/py_volley.py as a handler of Volley."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugin_api" / "python"))

from volley_handler import run  # noqa: E402


def handle(message, out):
    seen = dict(message.body)
    seen["size"] = len(seen["pad"])
    out.send("out", seen)


run(handle)
