"""Sends on what comes. Of ten messages one fails at first, and of a hundred one for good."""

import random

from volley_handler import Fail, Retry, run


def handle(message, out):
    if message.attempt == 1 and random.random() < 0.09:
        raise Retry("not at once")
    if random.random() < 0.01:
        raise Fail("never")
    out.send("out", message.body)


run(handle)
