"""A handler in Python, on volley_handler.py of plugin_api/python: `pip install` it from there, or copy it beside this file."""
from volley_handler import Fail, run


def handle(message, out):
    if not isinstance(message.body, dict):
        raise Fail("no object")
    out.send("out", {k: v.upper() if isinstance(v, str) else v for k, v in message.body.items()})


run(handle)
