from pathlib import Path
from time import sleep

from volley_handler import Retry, run


def handle(message, out):
    if message.text != "taken away":
        return out.send("out", message.body)
    Path("working").touch()
    while not message.cancelled:
        sleep(0.01)
    Path("gave-up").touch()
    raise Retry("another has it")


run(handle)
