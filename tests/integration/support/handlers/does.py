"""Does what the body of a message says. The first argument: as a coroutine, in a thread, or in batches of either."""

import asyncio
import sys
import threading
import time
from pathlib import Path

from volley_handler import Drop, Fail, Retry, run

begun = open("begun.txt", "a", buffering=1)
lock = threading.Lock()
active = most = 0  # messages at work now, and at most so far


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")


def note(line, by):
    """Under one lock, so that who waits for others to be active finds their lines before its own end."""
    global active, most
    with lock:
        begun.write(line)
        active += by
        most = max(most, active)


def steps(message):
    """Yields while it waits. Returns what it does at last."""
    do = message.json()
    note(f"{message.id}\n", 1)
    while "until" in do and not Path(do["until"]).exists():
        yield
    while do.get("until_cancelled") and not message.cancelled:
        yield
    while most < do.get("until_active", 0):
        yield
    for _ in range(do.get("turns", 0)):
        yield
    note(f"{message.id} ends\n", -1)


def end(message, out):
    do = message.json()
    for _ in range(do.get("flushed", 0)):
        out.send("out", "flushed")
        out.flush()
    for number in range(do.get("sends", 1)):
        out.send("out", [number, "x" * do.get("size", 0)])
    then = do.get("then", "ok")
    if then == "retry":
        raise Retry("later", after=1.5)
    if then == "fail":
        raise Fail("never")
    if then == "drop":
        raise Drop("not wanted")
    if then == "throw":
        raise KeyError("it broke")
    if then == "unprintable":
        raise Unprintable
    if then == "cancelled":
        raise asyncio.CancelledError
    if then == "exit":
        sys.exit(7)
    return {"list": [1], "false": False}.get(then)


async def coroutine(message, out):
    for _ in steps(message):
        await asyncio.sleep(0.001)
    return end(message, out)


def synchronous(message, out):
    for _ in steps(message):
        time.sleep(0.001)
    return end(message, out)


def returns_a_coroutine(message, out):
    return coroutine(message, out)


def settle(messages, outs):
    for message, out in zip(messages, outs):
        try:
            end(message, out)
        except Retry as error:
            out.retry(str(error), after=1.5)
        except Fail as error:
            out.fail(str(error))
        except Drop as error:
            out.drop(str(error))
        if message.json().get("raise"):
            raise Retry("all of them")
        Path("batches.txt").open("a").write(f"{message.id} of {len(messages)}\n")


class Batches:
    def handle_batch(self, messages, outs):
        for message in messages:
            for _ in steps(message):
                time.sleep(0.001)
        settle(messages, outs)


class CoroutineBatches:
    async def handle_batch(self, messages, outs):
        for message in messages:
            for _ in steps(message):
                await asyncio.sleep(0.001)
        settle(messages, outs)


run({"coroutine": coroutine, "threads": synchronous, "wrapped": returns_a_coroutine, "batches": Batches,
     "coroutine-batches": CoroutineBatches}[sys.argv[1]])
