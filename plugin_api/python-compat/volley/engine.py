"""The decorator of applications."""

from __future__ import annotations

import functools
import inspect
import sys
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Union

from volley import serving
from volley.config import QueueConfig, queues_of
from volley.logging import logger
from volley.profiles import ConnectionType
from volley.queues import Queue, construct_queue


@dataclass
class Engine:
    """An application: one input, a function, and outputs. Raises KeyError for a queue that the configuration does not have.

    `queue_config`, or else the file `yaml_config_path`, has the queues. `dead_letter_queue` takes messages that are
    invalid, as they came. `metrics_port` serves Prometheus' metrics of the process that runs the function; None: no.
    `poll_interval_seconds` has no effect, except on consumers in Python.
    """

    input_queue: str
    output_queues: List[str] = field(default_factory=list)
    app_name: str = "volley"
    dead_letter_queue: Optional[str] = None
    queue_config: Union[List[QueueConfig], Dict[str, Any], None] = None
    yaml_config_path: str = "./volley_config.yml"
    metrics_port: Optional[int] = 3000
    poll_interval_seconds: float = 1.0

    queue_map: Dict[str, Queue] = field(default_factory=dict, init=False)  # of the outputs, and of the input

    def __post_init__(self) -> None:
        given = queues_of(self.queue_config, self.yaml_config_path)
        if not self.output_queues:
            logger.warning("No output queues provided")
        if self.dead_letter_queue is None:
            logger.warning("No dead-letter queue: an invalid message comes back, or on Kafka stops the application")
        elif self.dead_letter_queue not in self.output_queues:
            self.output_queues.append(self.dead_letter_queue)
        for name in [self.input_queue, *self.output_queues]:
            if name not in given:
                raise KeyError(f"Queue '{name}' not found in configuration")
        self.input = construct_queue(self.input_queue, given[self.input_queue], ConnectionType.CONSUMER)
        self.outputs = {name: construct_queue(name, given[name], ConnectionType.PRODUCER) for name in self.output_queues}
        self.queue_map = {**self.outputs, self.input_queue: self.input}

    def stream_app(self, func: Callable[..., Any]) -> Callable[[], None]:
        """Returns a function that runs the application until SIGTERM or SIGINT; its `__wrapped__` is `func`.

        `func` takes the message, and what is known of its origin if it has a parameter `msg_ctx`. Raises TypeError if it
        takes anything else.
        """
        _check_parameters(func)
        application = serving.Application(self, func)

        @functools.wraps(func)
        def run() -> None:
            if serving.is_child():
                return application.serve_if_wanted()
            from volley import launch

            code = launch.run(application)
            if code != 0:
                sys.stdout.flush()
                raise SystemExit(code)

        serving.applications.append(application)
        return run


def _check_parameters(func: Callable[..., Any]) -> None:
    names = [name for name in inspect.signature(func).parameters if name != serving.CONTEXT]
    if len(names) != 1:
        raise TypeError(f"{func.__name__} must take one message, and {serving.CONTEXT} if it likes; it takes {names}")
