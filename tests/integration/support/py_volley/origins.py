"""What a function is told of a message's origin; a list of messages where the profile is one for batches."""

import json
import os
from typing import Any

from volley import Engine
from volley.data_models import GenericMessage

queues = {name.lower(): json.loads(os.environ[name]) for name in ("IN", "OUT")}
engine = Engine(input_queue="in", output_queues=["out"], metrics_port=None, poll_interval_seconds=0.05, queue_config=queues)


@engine.stream_app
def handle(message: Any, msg_ctx: Any):
    if isinstance(message, list):
        return [("out", one) for one in message]
    if isinstance(msg_ctx, str):
        return [("out", GenericMessage(a=message.a, known=len(msg_ctx) > 0))]
    of = {"topic": msg_ctx.topic(), "key": msg_ctx.key(), "value": msg_ctx.value(), "headers": msg_ctx.headers(), "error": msg_ctx.error()}
    return [("out", GenericMessage(a=message.a, **{name: repr(value) for name, value in of.items()}))]


if __name__ == "__main__":
    handle()
