import json

from volley_handler import run


def handle(message, out):
    try:
        text = message.text
    except UnicodeDecodeError:
        text = "no text"
    out.send("out", json.dumps({"text": text, "hex": message.bytes and message.bytes.hex(), "json": message.is_json,
                                "tombstone": message.tombstone}))


run(handle)
