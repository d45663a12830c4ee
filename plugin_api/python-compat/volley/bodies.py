"""Bodies as the queue's serializer and model handler read and write them."""

from __future__ import annotations

from typing import Any, Callable

from volley.models import PydanticParserModelHandler
from volley.queues import Queue
from volley.serializers import JsonSerialization, OrJsonSerialization

# They read text as they read bytes. Text is what comes from volleyd if the body is UTF-8.
_TAKE_TEXT = (JsonSerialization, OrJsonSerialization, PydanticParserModelHandler)


def reader(queue: Queue) -> Callable[[Any], Any]:
    """What makes the function's message of a body. It raises what the serializer or the model handler raises."""
    serializer, handler, model = queue.serializer, queue.model_handler, queue.data_model
    first = serializer if serializer is not None else handler
    takes_text = type(first) in _TAKE_TEXT or _decodes(queue)
    deserialize = serializer.deserialize if serializer is not None else None
    validate = _plain_validation(queue)

    def read(body: Any) -> Any:
        if not takes_text and type(body) is str:
            body = body.encode()
        if deserialize is not None:
            body = deserialize(body)
        if validate is not None:
            return validate(body)
        return body if handler is None else handler.construct(message=body, schema=model)

    return read


def _plain_validation(queue: Queue) -> Any:
    from volley.models import PydanticModelHandler

    return getattr(queue.data_model, "model_validate", None) if type(queue.model_handler) is PydanticModelHandler else None


def _decodes(queue: Queue) -> bool:
    """PyRSMQ hands over text if its client is told to."""
    return bool(queue.connector == "rsmq" and (queue.pass_through_config.get("options") or {}).get("decode_responses"))


def writer(queue: Queue) -> Callable[[Any], Any]:
    """What makes a body of a message."""
    serializer, handler = queue.serializer, queue.model_handler
    if handler is None:
        return serializer.serialize if serializer is not None else lambda model: model
    if serializer is None:
        return handler.deconstruct
    deconstruct, serialize = handler.deconstruct, serializer.serialize
    return lambda model: serialize(deconstruct(model))
