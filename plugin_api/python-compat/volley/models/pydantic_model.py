"""Model handlers for pydantic 2, and for pydantic 1 where that is installed."""

from typing import Any, List

import pydantic
from pydantic import BaseModel

from volley.models.base import BaseModelHandler

_is_v2 = pydantic.VERSION.split(".")[0] != "1"

if _is_v2:

    class GenericMessage(BaseModel):
        """Any JSON object."""

        model_config = pydantic.ConfigDict(extra="allow")

else:

    class GenericMessage(BaseModel):  # type: ignore[no-redef]
        """Any JSON object."""

        class Config:
            extra = "allow"


class ComponentMessage(GenericMessage):
    """The name that earlier versions gave to GenericMessage."""


class QueueMessage(BaseModel):
    """What a consumer's `consume` returns: the body, and what settles it."""

    message_context: Any = None
    message: Any = None


class PydanticModelHandler(BaseModelHandler):
    """For models whose serializer reads and writes dicts."""

    def construct(self, message: Any, schema: Any) -> Any:
        return schema.model_validate(message) if _is_v2 else schema.parse_obj(message)

    def deconstruct(self, model: Any) -> Any:
        return model.model_dump() if _is_v2 else model.dict()


class PydanticParserModelHandler(BaseModelHandler):
    """For models that read and write JSON themselves, without a serializer."""

    def construct(self, message: Any, schema: Any) -> Any:
        return schema.model_validate_json(message) if _is_v2 else schema.parse_raw(message)

    def deconstruct(self, model: Any) -> bytes:
        return (model.model_dump_json() if _is_v2 else model.json()).encode()


class PydanticListParser(BaseModelHandler):
    """For a message that is a list of models."""

    def construct(self, message: Any, schema: Any) -> Any:
        if _is_v2:
            return pydantic.TypeAdapter(List[schema]).validate_python(message)
        return pydantic.parse_obj_as(List[schema], message)

    def deconstruct(self, model: Any) -> Any:
        return [one.model_dump() if _is_v2 else one.dict() for one in model]
