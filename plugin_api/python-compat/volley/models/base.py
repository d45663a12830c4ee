"""What a model handler is."""

from abc import ABC, abstractmethod
from typing import Any


class BaseModelHandler(ABC):
    """Between what a serializer reads or writes and instances of the data model."""

    @abstractmethod
    def construct(self, message: Any, schema: Any) -> Any:
        """Returns an instance of `schema`. An exception means that the message is invalid."""

    @abstractmethod
    def deconstruct(self, model: Any) -> Any:
        """Returns what the serializer writes, or bytes if there is none."""
