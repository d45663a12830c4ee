"""Prometheus' metrics of a child, with the names that py-volley gives them."""

from __future__ import annotations

import inspect
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, Optional, Sequence, Tuple

from volley.logging import logger


@dataclass(eq=False)  # a registry must be able to hash it
class Counts:
    """What the child counts. It is made into metrics when somebody reads them."""

    app_name: str
    input_name: str
    produced: Dict[str, int]  # by output
    valid: int = 0
    invalid: int = 0
    successes: int = 0  # of the function
    failures: int = 0
    function_seconds: float = 0
    cycles: int = 0
    cycle_seconds: float = 0

    def reading(self, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def counted(body: Any) -> Any:
            try:
                model = read(body)
            except Exception:
                self.invalid += 1
                raise
            self.valid += 1
            return model

        return counted

    def calling(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self._timed(function, self._called)

    def handling(self, handle: Callable[..., Any]) -> Callable[..., Any]:
        return self._timed(handle, self._handled)

    def sending(self, name: str, send: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.produced[name] += 1
            return send(*arguments)

        return counted

    def _called(self, seconds: Optional[float]) -> None:
        if seconds is None:
            self.failures += 1
        else:
            self.successes += 1
            self.function_seconds += seconds

    def _handled(self, seconds: Optional[float]) -> None:
        if seconds is not None:
            self.cycles += 1
            self.cycle_seconds += seconds

    @staticmethod
    def _timed(function: Callable[..., Any], done: Callable[[Optional[float]], None]) -> Callable[..., Any]:
        """Tells `done` how long each call took, or None if it raised."""

        def timed(*arguments: Any, **more: Any) -> Any:
            begun = time.perf_counter()
            try:
                result = function(*arguments, **more)
            except BaseException:
                done(None)
                raise
            done(time.perf_counter() - begun)
            return result

        async def timed_async(*arguments: Any, **more: Any) -> Any:
            begun = time.perf_counter()
            try:
                result = await function(*arguments, **more)
            except BaseException:
                done(None)
                raise
            done(time.perf_counter() - begun)
            return result

        return timed_async if inspect.iscoroutinefunction(function) else timed

    def collect(self) -> Iterator[Any]:
        """A collector of prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

        yield CounterMetricFamily("heartbeats", "Messages that were begun", value=self.valid + self.invalid)
        yield _counter("messages_consumed_count", "Messages of the input", ("volley_app", "status"),
                       {(self.app_name, "success"): self.valid, (self.app_name, "fail"): self.invalid})
        yield _counter("messages_produced_count", "Messages to outputs", ("volley_app", "source", "destination"),
                       {(self.app_name, self.input_name, name): count for name, count in self.produced.items()})
        yield _counter("volley_app_completions", "Calls of the function", ("app_name", "status"),
                       {(self.app_name, "success"): self.successes, (self.app_name, "failure"): self.failures})
        seconds = SummaryMetricFamily("process_time_seconds", "Time of the function, and of the whole message",
                                      labels=["volley_app", "process_name"])
        seconds.add_metric([self.app_name, "component"], self.successes, self.function_seconds)
        seconds.add_metric([self.app_name, "cycle"], self.cycles, self.cycle_seconds)
        yield seconds


def _counter(name: str, text: str, labels: Sequence[str], values: Dict[Tuple[str, ...], int]) -> Any:
    """A label that counts nothing is not there, as in py-volley."""
    from prometheus_client.core import CounterMetricFamily

    counter = CounterMetricFamily(name, text, labels=labels)
    for of, value in values.items():
        if value > 0:
            counter.add_metric(of, value)
    return counter


def serve(port: int, counts: Counts) -> None:
    """Beside the application's own metrics. Without prometheus_client there are none, and a warning."""
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
