"""`msg_ctx`: what a function may ask of a message's origin."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple, Union

from volley_handler import Message

from volley.bridge import original_of
from volley.queues import Queue


class KafkaContext:
    """As confluent_kafka's Message, of what a child of volleyd knows: it is not told partition, offset and timestamp."""

    def __init__(self, topic: Optional[str], message: Message):
        self._topic = topic
        self._message = message

    def topic(self) -> Optional[str]:
        """None if the input has several topics."""
        return self._topic

    def partition(self) -> None:
        return None

    def offset(self) -> None:
        return None

    def error(self) -> None:
        return None

    def key(self) -> Optional[bytes]:
        key = self._message.key
        return key.encode() if isinstance(key, str) else key

    def value(self) -> Optional[bytes]:
        return self._message.bytes

    def headers(self) -> Optional[List[Tuple[str, Optional[bytes]]]]:
        pairs: List[Tuple[str, Optional[bytes]]] = []
        for name, values in self._message.headers.items():
            for value in values if isinstance(values, list) else [values]:
                pairs.append((_text(name), value.encode() if isinstance(value, str) else value))  # type: ignore[union-attr,arg-type]
        return pairs or None


def _text(name: Union[str, bytes]) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name


def context_of(queue: Queue) -> Callable[[Message], Any]:
    if queue.connector is None:
        return lambda message: original_of(message).message_context
    if queue.connector != "kafka":
        return lambda message: message.id
    topic = None if "," in queue.value or queue.value.startswith("^") else queue.value
    return lambda message: KafkaContext(topic, message)
