"""py_volley.py BROKERS GROUP FROM TO: py-volley from one topic to another, with the function of bench/python_handler.py."""

import sys

from volley import Engine, QueueConfig
from volley.data_models import GenericMessage

brokers, group, source, target = sys.argv[1:]
engine = Engine(
    input_queue="in",
    output_queues=["out"],
    metrics_port=None,
    queue_config=[
        QueueConfig(name="in", value=source, profile="confluent",
                    config={"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest"}),
        QueueConfig(name="out", value=target, profile="confluent", config={"bootstrap.servers": brokers}),
    ],
)


@engine.stream_app
def handle(message):
    seen = message.model_dump()
    seen["size"] = len(seen["pad"])
    return [("out", GenericMessage(**seen))]


handle()
