"""Queues in a file, which py-volley did not have: the profile `sqlite`."""

from volley.connectors.base import BaseConsumer, BaseProducer


class SqliteConsumer(BaseConsumer):
    connector = "sqlite"


class SqliteProducer(BaseProducer):
    connector = "sqlite"
