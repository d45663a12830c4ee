import json
from typing import Any

from volley.serializers.base import BaseSerialization


class JsonSerialization(BaseSerialization):
    """JSON of the standard library: with spaces, and ASCII only."""

    def serialize(self, message: Any) -> bytes:
        return json.dumps(message, default=str).encode()

    def deserialize(self, message: bytes) -> Any:
        return json.loads(message)
