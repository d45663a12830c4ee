"""From one queue to two others, as the variables say: STORE (the configuration of all), IN, OUT, OTHER and DEAD (queues)."""

import json
import os
from datetime import datetime
from decimal import Decimal
from typing import Any, Dict, List, Optional
from uuid import UUID

from pydantic import BaseModel

from volley import Engine, QueueConfig


class Order(BaseModel):
    id: int
    do: str = "send"
    name: str = "Grüße, 世界"
    at: Optional[datetime] = None
    price: Optional[Decimal] = None
    uuid: Optional[UUID] = None
    tags: List[str] = []
    options: Dict[str, Any] = {}


def queue(name, model):
    given = json.loads(os.environ[name])
    if given["profile"].endswith("-dlq"):
        return QueueConfig(name=name.lower(), **given)
    return QueueConfig(name=name.lower(), data_model=model, **given)


engine = Engine(
    app_name="orders",
    input_queue="in",
    output_queues=["out", "other"],
    dead_letter_queue="dead" if "DEAD" in os.environ else None,
    metrics_port=None,
    poll_interval_seconds=0.05,
    queue_config=[queue(name, Order) for name in ("IN", "OUT", "OTHER", "DEAD") if name in os.environ],
)
seen = set()


@engine.stream_app
def handle(order: Order):
    print(f"handling {order.id} {order.do}", flush=True)
    first = order.id not in seen
    seen.add(order.id)
    if order.do == "true":
        return True
    if order.do == "empty":
        return []
    if order.do == "both":
        return [("out", order), ("other", order), ("out", Order(id=order.id + 1000))]
    if order.do == "false once" and first:
        return False
    if order.do == "never":
        return False
    if order.do == "options":
        return [("out", order, order.options)]
    return [("out", order)]


if __name__ == "__main__":
    handle()
    print("the end", flush=True)
