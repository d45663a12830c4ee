import asyncio

from volley_handler import Fail, Retry, run


async def in_a_coroutine(message, out):
    await asyncio.sleep(0.001)
    if message.body == "coroutine that fails":
        raise Fail("it is bad")
    out.send("out", message.body)
    return None if message.body == "coroutine" else [("out", message.body)]


def in_a_generator(message, out):
    yield out.send("out", message.body)


def handle(message, out):
    if message.body.startswith("coroutine"):
        return in_a_coroutine(message, out)
    if message.body == "generator":
        return in_a_generator(message, out)
    if message.body == "no reason":
        raise Retry()
    out.send("out", message.body)
    return {"None": None, "True": True, "False": False, "list": [("out", message.body)], "0": 0, "empty": ()}[message.body]


run(handle)
