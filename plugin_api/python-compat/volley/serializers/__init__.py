from volley.serializers.json_serializer import JsonSerialization
from volley.serializers.msgpack_serializer import MsgPackSerialization
from volley.serializers.orjson_serializer import OrJsonSerialization

# The name that the documentation uses in places.
OrJsonSerializer = OrJsonSerialization

__all__ = ["JsonSerialization", "MsgPackSerialization", "OrJsonSerialization"]
