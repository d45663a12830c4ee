from typing import Any

import orjson

from volley.serializers.base import BaseSerialization


class OrJsonSerialization(BaseSerialization):
    """JSON of orjson: compact, UTF-8; a datetime without a time zone is UTC."""

    def serialize(self, message: Any) -> bytes:
        return orjson.dumps(message, default=str, option=orjson.OPT_NAIVE_UTC)

    def deserialize(self, message: bytes) -> Any:
        return orjson.loads(message)
