"""Named profiles: which connector, serializer, model handler and data model a queue has."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Dict, Mapping, Optional

from volley.config import import_module_from_string


class ConnectionType(Enum):
    """What the application does with a queue."""

    PRODUCER = auto()
    CONSUMER = auto()


_CONNECTORS = {
    "confluent": ("volley.connectors.confluent.ConfluentKafkaConsumer", "volley.connectors.confluent.ConfluentKafkaProducer"),
    "rsmq": ("volley.connectors.rsmq.RSMQConsumer", "volley.connectors.rsmq.RSMQProducer"),
    "sqlite": ("volley.connectors.sqlite.SqliteConsumer", "volley.connectors.sqlite.SqliteProducer"),
}
_ORJSON = "volley.serializers.orjson_serializer.OrJsonSerialization"
_MSGPACK = "volley.serializers.msgpack_serializer.MsgPackSerialization"
_ANY = "volley.data_models.GenericMessage"
# By the part after the connector's name: serializer, model handler, data model.
_CODECS = {
    "": (_ORJSON, "volley.models.PydanticModelHandler", _ANY),
    "-pydantic": ("None", "volley.models.PydanticParserModelHandler", _ANY),
    "-orjson-pydantic": (_ORJSON, "volley.models.PydanticModelHandler", _ANY),
    "-msgpack-pydantic": (_MSGPACK, "volley.models.PydanticModelHandler", _ANY),
    "-dlq": ("None", "None", "None"),
}


def _named_profiles() -> Dict[str, Dict[str, str]]:
    profiles = {}
    for connector, (consumer, producer) in _CONNECTORS.items():
        for ending, (serializer, model_handler, data_model) in _CODECS.items():
            profiles[connector + ending] = {"consumer": consumer, "producer": producer, "serializer": serializer,
                                            "model_handler": model_handler, "data_model": data_model}
    batch = "volley.connectors.confluent.BatchJsonConfluentConsumer"
    profiles["confluent-batch-json"] = {**profiles["confluent"], "consumer": batch,
                                        "model_handler": "volley.models.PydanticListParser"}
    return profiles


PROFILES = _named_profiles()


@dataclass
class Profile:
    """Classes, or None for what is turned off."""

    consumer: Optional[type]
    producer: Optional[type]
    serializer: Optional[type]
    model_handler: Optional[type]
    data_model: Any


def _class_of(given: Any) -> Any:
    if given is None or (isinstance(given, str) and given.lower() in ("none", "disabled")):
        return None
    return import_module_from_string(given) if isinstance(given, str) else given


def construct_profile(name: str, queue: Mapping[str, Any], uses: ConnectionType) -> Profile:
    """Of one queue: the named profile, and over it what the queue itself says.

    Raises ValueError for a profile that does not exist, or is incomplete.
    """
    wanted = queue.get("profile")
    if wanted is None and queue.get("type") in ("kafka", "rsmq", "sqlite"):  # earlier versions
        wanted = "confluent" if queue["type"] == "kafka" else queue["type"]
    if wanted is not None and wanted not in PROFILES:
        raise ValueError(f"queue {name!r}: there is no profile {wanted!r}; there are {', '.join(PROFILES)}")
    parts: Dict[str, Any] = dict(PROFILES[wanted]) if wanted is not None else {}
    if "schema" in queue:  # earlier versions
        parts["data_model"] = queue["schema"]
    parts.update({key: value for key, value in queue.items() if key in PROFILES["rsmq"]})
    needed = "consumer" if uses is ConnectionType.CONSUMER else "producer"
    if parts.get(needed) is None:
        raise ValueError(f"queue {name!r} has no {needed}: give it a profile, or the class of one")
    profile = Profile(*(_class_of(parts.get(key)) for key in ("consumer", "producer", "serializer", "model_handler", "data_model")))
    if (profile.data_model is None) != (profile.model_handler is None):
        raise ValueError(f"queue {name!r} needs both a data_model and a model_handler, or neither")
    return profile
