from datetime import timedelta

from volley_handler import run


def handle(message, out):
    out.send("out", "keyed", key="own ü")
    out.send("out", "binary key", key=b"\xff\x00")
    out.send("out", "headed", headers={"from": "handler"})
    out.send("out", "delayed", delay=timedelta(hours=1))
    out.send(None, "all")
    out.send_tombstone("out")


run(handle)
