import json

from volley_handler import run


def handle(message, out):
    order = json.loads(message.body)
    out.send("shipments", {"order": order["id"], "state": "packed"})


run(handle)
