from typing import Any

import msgpack

from volley.serializers.base import BaseSerialization


class MsgPackSerialization(BaseSerialization):
    """MessagePack."""

    def serialize(self, message: Any) -> bytes:
        return msgpack.packb(message)

    def deserialize(self, message: bytes) -> Any:
        return msgpack.unpackb(message)
