"""From the configuration of py-volley's connectors for Kafka to that of volleyd's."""

from __future__ import annotations

import os
from typing import Any, Dict

from volley.logging import logger

# py-volley's own keys, and keys for which volleyd needs no setting: it commits an offset when everything before it is
# done.
_LEFT_OUT = ("poll_interval", "poll_thread_timeout", "stop_on_failure", "batch_size", "batch_time_seconds",
             "enable.auto.commit", "enable.auto.offset.store", "auto.commit.interval.ms")


def of(config: Dict[str, Any], is_input: bool) -> Dict[str, Any]:
    """Raises ValueError without brokers, and KeyError without a group; user and password are volleyd's to read."""
    kept = {}
    for key, value in config.items():
        if callable(value):
            logger.warning("Kafka's %s is a function, which volleyd cannot call: left out", key)
        elif key not in _LEFT_OUT:
            kept[key] = value
    own = "KAFKA_CONSUMER_BROKERS" if is_input else "KAFKA_PRODUCER_BROKERS"
    if "bootstrap.servers" not in kept:
        brokers = os.environ.get(own, os.environ.get("KAFKA_BROKERS"))
        if brokers is None:
            raise ValueError("bootstrap.servers is missing: give it in config, or in the variable KAFKA_BROKERS")
        kept["bootstrap.servers"] = brokers
    if not is_input:
        kept.setdefault("compression.type", "gzip")
        return kept
    if "group.id" not in kept:
        kept["group.id"] = os.environ["KAFKA_CONSUMER_GROUP"]
    kept.setdefault("auto.offset.reset", "earliest")
    return kept
