"""The queues of an application."""

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional

from volley.profiles import ConnectionType, construct_profile


class DLQNotConfiguredError(Exception):
    """A message is invalid, and there is no dead-letter queue for it."""


@dataclass
class Queue:
    """A queue and how its bodies are read or written."""

    name: str  # the application's name for it
    value: str  # the store's
    connector_class: type
    data_model: Any = None
    model_handler: Optional[Any] = None
    serializer: Optional[Any] = None
    pass_through_config: Dict[str, Any] = field(default_factory=dict)

    @property
    def connector(self) -> Optional[str]:
        """The type of volleyd's connector, or None if the class is one for the bridge."""
        return getattr(self.connector_class, "connector", None)


def construct_queue(name: str, given: Mapping[str, Any], uses: ConnectionType) -> Queue:
    profile = construct_profile(name, given, uses)
    if given.get("value") is None:
        raise KeyError(f"queue {name!r} has no `value`, its name in the store")
    connector_class: Any = profile.consumer if uses is ConnectionType.CONSUMER else profile.producer
    if hasattr(connector_class, "connector") and "connector" not in connector_class.__dict__:
        raise TypeError(f"queue {name!r}: {connector_class.__name__} is derived from a connector whose work volleyd does itself")
    return Queue(
        name=name,
        value=str(given["value"]),
        connector_class=connector_class,
        data_model=profile.data_model,
        model_handler=profile.model_handler() if profile.model_handler else None,
        serializer=profile.serializer() if profile.serializer else None,
        pass_through_config=dict(given.get("config") or {}),
    )
