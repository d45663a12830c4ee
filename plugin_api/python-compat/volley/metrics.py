"""Prometheus' metrics of a child, with the names that py-volley gives them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, Optional

from volley.logging import logger


@dataclass
class Counts:
    """What the child counts. It is made into metrics when somebody reads them."""

    app_name: str
    input_name: str
    valid: int = 0
    invalid: int = 0
    successes: int = 0  # of the function
    failures: int = 0
    function_seconds: float = 0
    cycles: int = 0
    cycle_seconds: float = 0
    produced: Dict[str, int] = field(default_factory=dict)  # by output

    def collect(self) -> Iterator[Any]:
        """A collector of prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

        yield CounterMetricFamily("heartbeats", "Messages that were begun", value=self.valid + self.invalid)
        consumed = CounterMetricFamily("messages_consumed_count", "Messages of the input", labels=["volley_app", "status"])
        consumed.add_metric([self.app_name, "success"], self.valid)
        consumed.add_metric([self.app_name, "fail"], self.invalid)
        yield consumed
        produced = CounterMetricFamily("messages_produced_count", "Messages to outputs",
                                       labels=["volley_app", "source", "destination"])
        for name, count in list(self.produced.items()):
            produced.add_metric([self.app_name, self.input_name, name], count)
        yield produced
        completions = CounterMetricFamily("volley_app_completions", "Calls of the function", labels=["app_name", "status"])
        completions.add_metric([self.app_name, "success"], self.successes)
        completions.add_metric([self.app_name, "failure"], self.failures)
        yield completions
        seconds = SummaryMetricFamily("process_time_seconds", "Time of the function, and of the whole message",
                                      labels=["volley_app", "process_name"])
        seconds.add_metric([self.app_name, "component"], self.successes, self.function_seconds)
        seconds.add_metric([self.app_name, "cycle"], self.cycles, self.cycle_seconds)
        yield seconds


def serve(port: Optional[int], counts: Counts) -> None:
    """Beside the application's own metrics. Without prometheus_client there are none, and a warning."""
    if port is None:
        return
    try:
        from prometheus_client import REGISTRY
    except ImportError:
        logger.warning("No metrics on port %d: prometheus_client is not installed", port)
        return
    REGISTRY.register(counts)  # type: ignore[arg-type]
    threading.Thread(target=_serve_when_free, args=(port,), daemon=True).start()


def _serve_when_free(port: int) -> None:
    """Another child may have the port, and be about to end."""
    from prometheus_client import start_http_server

    warned = False
    while True:
        try:
            start_http_server(port)
            return
        except OSError as error:
            if not warned:
                logger.warning("No metrics on port %d as yet: %s", port, error)
            warned = True
            time.sleep(1)
