"""Reads configurations of py-volley."""

import importlib
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

import yaml
from pydantic import BaseModel


def load_yaml(file_path: Union[str, Path]) -> Dict[str, Any]:
    """Raises FileNotFoundError."""
    with Path(file_path).open() as file:
        content: Dict[str, Any] = yaml.safe_load(file)
    return content


def import_module_from_string(module_str: str) -> Any:
    """The object with this dotted path."""
    module, _, name = module_str.rpartition(".")
    return getattr(importlib.import_module(module), name)


class QueueConfig(BaseModel):
    """One queue. `profile` names a set of classes; each of the others overrides one of them, by dotted path or as a class.

    `value` is what the store calls the queue; `config` is its connector's.
    """

    name: str
    value: str
    profile: Optional[str] = None
    consumer: Any = None
    producer: Any = None
    data_model: Any = None
    model_handler: Any = None
    serializer: Any = None
    config: Optional[Dict[Any, Any]] = None

    def to_dict(self) -> Dict[str, Any]:
        """Without what is None."""
        return {key: value for key, value in self.__dict__.items() if value is not None}

    def custom_model_dump(self) -> Dict[str, Any]:
        """Only what was given, None included."""
        given = getattr(self, "model_fields_set", None) or self.__fields_set__
        return {key: value for key, value in self.__dict__.items() if key in given}


def queues_of(given: Any, yaml_config_path: str) -> Dict[str, Dict[str, Any]]:
    """By name, whatever form the configuration has: a list of QueueConfig, a dict, or the file."""
    if isinstance(given, list):
        return {queue.name: queue.custom_model_dump() for queue in given}
    queues: Any = given if isinstance(given, Mapping) else load_yaml(yaml_config_path)["queues"]
    if isinstance(queues, list):  # earlier versions
        return {queue["name"]: dict(queue) for queue in queues}
    return {name: dict(queue) for name, queue in queues.items()}
