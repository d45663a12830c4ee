"""The names of py-volley's connectors for Kafka. volleyd's own connector does their work; see volley/kafka_config.py."""

from volley.connectors.base import BaseConsumer, BaseProducer


class ConfluentKafkaConsumer(BaseConsumer):
    connector = "kafka"


class BatchJsonConfluentConsumer(ConfluentKafkaConsumer):
    """The function gets a list. volleyd hands it one message a time, so the list has one element."""

    connector = "kafka"


class ConfluentKafkaProducer(BaseProducer):
    connector = "kafka"
