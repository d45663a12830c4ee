"""The echo program of the protocol for handlers on the package for Python: see ../README.md.

    volley handler-check --echo -- python3 echo.py
"""

import base64
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))

from volley_handler import Drop, Fail, Retry, run  # noqa: E402

meeting = threading.Condition()
arrived = 0


def forward(message, out):
    out.send("out", message.body, key=message.key, headers=message.headers or None)


def meet(count, seconds):
    global arrived
    with meeting:
        arrived += 1
        meeting.notify_all()
        if not meeting.wait_for(lambda: arrived >= count, seconds):
            raise Fail("alone")


def source_of(message):
    """As the protocol has it."""
    source = message.source
    fields = {name: getattr(source, name) for name in ("queue", "id", "partition", "offset", "deliveries")}
    if isinstance(source.id, bytes):
        fields["id"], fields["id_base64"] = None, base64.b64encode(source.id).decode()
    if source.timestamp is not None:
        fields["timestamp_ms"] = round(source.timestamp.timestamp() * 1000)
    return {name: value for name, value in fields.items() if value is not None}


def wait(message, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if message.cancelled:
            raise Retry("cancelled")
        time.sleep(0.005)


def handle(message, out):
    body = message.body if message.is_json and isinstance(message.body, dict) else {}
    do = body.get("do")
    if do == "fail":
        raise Fail(body["why"])
    if do == "retry":
        raise Retry(body["why"], after=body["after_ms"] / 1000 if "after_ms" in body else None)
    if do == "drop":
        raise Drop(body["why"])
    if do == "throw":
        raise RuntimeError("thrown")
    if do == "none":
        return
    if do in ("copy", "parts"):
        for n in range(body["count"]):
            out.send("out", n)
            if do == "parts" and hasattr(out, "flush"):
                out.flush()
        if body.get("then") == "fail":
            raise Fail("behind its parts")
        return
    if do == "source":
        return out.send("out", source_of(message))
    if do == "print":
        print("noise", end="", flush=True)
    if do == "sleep":
        time.sleep(body["ms"] / 1000)
    if do == "meet":
        meet(body["count"], body["within_ms"] / 1000)
    if do == "wait":
        wait(message, body["within_ms"] / 1000)
    forward(message, out)


run(handle)
