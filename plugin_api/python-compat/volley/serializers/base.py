"""What a serializer is."""

from abc import ABC, abstractmethod
from typing import Any


class BaseSerialization(ABC):
    """Between the bytes of a queue and Python values."""

    @abstractmethod
    def serialize(self, message: Any) -> bytes: ...

    @abstractmethod
    def deserialize(self, message: bytes) -> Any: ...
