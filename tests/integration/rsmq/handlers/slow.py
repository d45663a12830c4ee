import time

from volley_handler import run


def handle(message, out):
    time.sleep(0.001)
    out.send(None, message.body)


run(handle)
