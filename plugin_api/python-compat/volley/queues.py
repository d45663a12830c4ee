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
        return self.connector_class.__dict__.get("connector")  # not what a class derived from ours inherits


def construct_queue(name: str, given: Mapping[str, Any], uses: ConnectionType) -> Queue:
    profile = construct_profile(name, given, uses)
    if given.get("value") is None:
        raise KeyError(f"queue {name!r} has no `value`, its name in the store")
    return Queue(
        name=name,
        value=str(given["value"]),
        connector_class=profile.consumer if uses is ConnectionType.CONSUMER else profile.producer,  # type: ignore[arg-type]
        data_model=profile.data_model,
        model_handler=profile.model_handler() if profile.model_handler else None,
        serializer=profile.serializer() if profile.serializer else None,
        pass_through_config=dict(given.get("config") or {}),
    )
