"""py_volley.py BROKERS GROUP FROM TO: py-volley from one topic to another, with the function of bench/python_handler.py."""

import sys

from volley import Engine, QueueConfig

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
    seen = dict(message if isinstance(message, dict) else message.model_dump())
    seen["size"] = len(seen["pad"])
    return [("out", seen)]


handle()
