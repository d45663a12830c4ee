"""orders.py's queues, with a metric of its own, and served on METRICS_PORT."""

import json
import os

from prometheus_client import Counter

from volley import Engine

SEEN = Counter("orders_seen", "Orders")
queues = {name.lower(): json.loads(os.environ[name]) for name in ("IN", "OUT", "DEAD")}
engine = Engine(app_name="counting", input_queue="in", output_queues=["out"], dead_letter_queue="dead", queue_config=queues,
                metrics_port=int(os.environ["METRICS_PORT"]), poll_interval_seconds=0.05)


@engine.stream_app
async def handle(order):
    SEEN.inc()
    return [("out", order)]


handle()
