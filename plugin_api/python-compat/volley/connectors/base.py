"""What a connector in Python is. volleyd runs one through a bridge: see volley/bridge.py."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional

from volley.data_models import QueueMessage


@dataclass
class BaseConsumer(ABC):
    """Takes messages off a queue, one at a time."""

    queue_name: str
    host: Optional[str] = None
    config: Dict[str, Any] = field(default_factory=dict)

    @abstractmethod
    def consume(self) -> Optional[QueueMessage]:
        """Returns the next message, or None if there is none."""

    @abstractmethod
    def on_success(self, message_context: Any) -> None:
        """The message is processed, and its outputs are stored."""

    @abstractmethod
    def on_fail(self, message_context: Any) -> None:
        """The message could not be processed."""

    @abstractmethod
    def shutdown(self) -> None: ...


@dataclass
class BaseProducer(ABC):
    """Puts messages on a queue."""

    queue_name: str
    host: Optional[str] = None
    config: Dict[str, Any] = field(default_factory=dict)

    # True: `produce` returns before the message is stored, and calls on_success or on_fail later, on any thread.
    callback_delivery: bool = False
    on_success: Optional[Callable[[Any], None]] = None
    on_fail: Optional[Callable[[Any], None]] = None

    @abstractmethod
    def produce(self, queue_name: str, message: Any, message_context: Optional[Any], **kwargs: Any) -> bool:
        """Returns whether the message is stored or, with callback_delivery, accepted."""

    @abstractmethod
    def shutdown(self) -> None: ...
