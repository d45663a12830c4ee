import asyncio

from volley_handler import run


async def handle(message, out):
    await asyncio.sleep(0.05)
    out.send("out", message.body)


run(handle)
