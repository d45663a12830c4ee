from typing import TypeVar

from volley.models.pydantic_model import ComponentMessage, GenericMessage, QueueMessage

GenericMessageType = TypeVar("GenericMessageType", bound=GenericMessage)

__all__ = ["ComponentMessage", "GenericMessage", "GenericMessageType", "QueueMessage"]
