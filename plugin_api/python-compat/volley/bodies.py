"""Bodies as the queue's serializer and model handler read and write them."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Optional

import orjson
from pydantic import BaseModel
from volley_handler import Message

from volley.bridge import original_of
from volley.connectors.confluent import BatchJsonConfluentConsumer
from volley.models import PydanticModelHandler, PydanticParserModelHandler
from volley.queues import Queue
from volley.serializers import JsonSerialization, OrJsonSerialization

# They read text like bytes. volleyd sends text if the body is UTF-8.
_TAKE_TEXT = (JsonSerialization, OrJsonSerialization, PydanticParserModelHandler)


def unwrapper(queue: Queue) -> Optional[Callable[[Message], Any]]:
    """What takes the body out of a message whose body is not just that; None for all others."""
    if queue.connector is None:
        return lambda message: original_of(message).message
    if queue.connector_class is BatchJsonConfluentConsumer:
        return lambda message: b"[" + (message.bytes or b"") + b"]"
    return None


def reader(queue: Queue) -> Callable[[Any], Any]:
    """What makes the function's message of a body. It raises what the serializer or the model handler raises."""
    takes_text = _decodes(queue) or type(queue.serializer or queue.model_handler) in _TAKE_TEXT
    if type(queue.serializer) is OrJsonSerialization:
        deserialize: Callable[[Any], Any] = orjson.loads  # what it calls
    else:
        deserialize = queue.serializer.deserialize if queue.serializer is not None else _same
    construct = _constructor(queue)

    def read(body: Any) -> Any:
        return construct(deserialize(body))

    def read_bytes(body: Any) -> Any:
        return construct(deserialize(body.encode() if type(body) is str else body))

    return read if takes_text else read_bytes


def writer(queue: Queue) -> Callable[[Any], Any]:
    """What makes a body of a message."""
    serialize = queue.serializer.serialize if queue.serializer is not None else _same
    handler = queue.model_handler
    if handler is None:
        return serialize
    deconstruct = handler.deconstruct
    return lambda value: serialize(deconstruct(value))


def text_writer(queue: Queue) -> Optional[Callable[[Any], bytes]]:
    """The same in fewer calls, for instances of the data model itself where the body is JSON; None where that is not known."""
    if type(queue.model_handler) is not PydanticModelHandler or not _is_its_own(queue.data_model, "model_dump"):
        return None
    to_python = queue.data_model.__pydantic_serializer__.to_python
    if type(queue.serializer) is OrJsonSerialization:
        dumps = partial(orjson.dumps, default=str, option=orjson.OPT_NAIVE_UTC)  # what it calls
    elif type(queue.serializer) is JsonSerialization:
        dumps = queue.serializer.serialize
    else:
        return None
    return lambda model: dumps(to_python(model))


def _constructor(queue: Queue) -> Callable[[Any], Any]:
    handler, model = queue.model_handler, queue.data_model
    if handler is None:
        return _same
    if type(handler) is PydanticModelHandler and _is_its_own(model, "model_validate"):
        return model.__pydantic_validator__.validate_python  # what model_validate calls
    return lambda value: handler.construct(message=value, schema=model)


def _is_its_own(model: Any, method: str) -> bool:
    """Whether it is pydantic 2's: some models have one of their own."""
    own = getattr(model, method, None)
    return own is not None and getattr(own, "__func__", own) is _function(getattr(BaseModel, method, None))


def _function(method: Any) -> Any:
    return getattr(method, "__func__", method)


def _same(value: Any) -> Any:
    return value


def _decodes(queue: Queue) -> bool:
    """PyRSMQ hands over text if its client is told to."""
    return bool(queue.connector == "rsmq" and (queue.pass_through_config.get("options") or {}).get("decode_responses"))
