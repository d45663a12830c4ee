"""The names of py-volley's connectors for RSMQ. volleyd's own connector does their work; see volley/rsmq_config.py."""

from volley.connectors.base import BaseConsumer, BaseProducer


class RSMQConfigError(Exception):
    """The configuration names no Redis."""


class RSMQConsumer(BaseConsumer):
    connector = "rsmq"


class RSMQProducer(BaseProducer):
    connector = "rsmq"
