"""What the child process does with a message: read it, call the function, write its outputs."""

from __future__ import annotations

import os
import signal
import time
import traceback
from typing import Any, Callable, Dict, List, Optional, Tuple

from volley_handler import Drop, Fail, Message, Outputs, Retry

from volley import metrics
from volley.bodies import reader
from volley.bridge import BRIDGED_FAILURES, original_of
from volley.connectors.confluent import BatchJsonConfluentConsumer
from volley.context import context_of
from volley.logging import logger
from volley.serving import Application
from volley.sinks import Sink, sink_of

Output = Tuple[Any, ...]  # the queue's name, the message, and perhaps the producer's arguments


class Worker:
    """Handles the messages of one application, one after the other."""

    def __init__(self, application: Application):
        self._application = application
        engine = application.engine
        self._input = engine.input
        self._read = reader(engine.input)
        self._context = context_of(engine.input) if application.wants_context else None
        self._counts = metrics.Counts(engine.app_name, engine.input_queue)
        self._sinks: Dict[str, Sink] = {name: sink_of(queue, engine.input) for name, queue in engine.outputs.items()}
        self._dead = engine.dead_letter_queue
        self._most_attempts = int(os.environ.get("VOLLEY_MAX_ATTEMPTS", 5))
        self.handle: Callable[[Message, Outputs], Any] = self._handle_async if application.is_async else self._handle

    def __enter__(self) -> "Worker":
        metrics.serve(self._application.engine.metrics_port, self._counts)
        return self

    def __exit__(self, *_: Any) -> None:
        for sink in self._sinks.values():
            sink.close()

    def _handle(self, message: Message, out: Outputs) -> None:
        begun = time.perf_counter()
        arguments = self._arguments(message, out)
        if arguments is None:
            return
        called = time.perf_counter()
        try:
            result = self._application.func(arguments[0], **arguments[1])
            self._returned(called)
            self._finish(result, message, out)
        except Exception as error:
            self._raised(error, message, out)
        self._counts.cycles += 1
        self._counts.cycle_seconds += time.perf_counter() - begun

    async def _handle_async(self, message: Message, out: Outputs) -> None:
        begun = time.perf_counter()
        arguments = self._arguments(message, out)
        if arguments is None:
            return
        called = time.perf_counter()
        try:
            result = await self._application.func(arguments[0], **arguments[1])
            self._returned(called)
            self._finish(result, message, out)
        except Exception as error:
            self._raised(error, message, out)
        self._counts.cycles += 1
        self._counts.cycle_seconds += time.perf_counter() - begun

    def _arguments(self, message: Message, out: Outputs) -> Optional[Tuple[Any, Dict[str, Any]]]:
        """The function's; None if the message is invalid, and is dealt with."""
        original = original_of(message) if self._input.connector is None else None
        body = message.body if original is None else original.message
        if self._input.connector_class is BatchJsonConfluentConsumer:
            body = b"[" + (message.bytes or b"") + b"]"
        try:
            model = self._read(body)
        except Exception as error:
            logger.error("The message is invalid: %r: %s", body, error)
            self._counts.invalid += 1
            self._dead_letter(f"{type(error).__name__}: {error}", message, body, out)
            return None
        self._counts.valid += 1
        if self._context is None:
            return model, _NOTHING
        return model, {"msg_ctx": self._context(message) if original is None else original.message_context}

    def _returned(self, called: float) -> None:
        self._counts.successes += 1
        self._counts.function_seconds += time.perf_counter() - called

    def _raised(self, error: Exception, message: Message, out: Outputs) -> None:
        if isinstance(error, (Retry, Fail, Drop)):
            raise error
        self._counts.failures += 1
        if self._dead is None or message.attempt < self._most_attempts:
            raise error  # it is tried again
        traceback.print_exc()
        self._dead_letter(f"{type(error).__name__}: {error}", message, message.body, out)

    def _finish(self, result: Any, message: Message, out: Outputs) -> None:
        if result is True or result is None:
            return
        if result is False:
            self._not_done("the function returned False", out)
            return
        if isinstance(result, tuple) and len(result) in (2, 3) and isinstance(result[0], str):
            result = [result]
        written: List[Tuple[Sink, Any, Dict[str, Any]]] = []
        for name, model, *options in result:
            sink = self._sinks.get(name)
            if sink is None:
                raise KeyError(f"{name!r} is no output of the application")
            if sink.data_model is not None and not isinstance(model, sink.data_model):
                raise TypeError(f"{name!r} takes {sink.data_model}, not {type(model)}")
            try:
                written.append((sink, sink.write(model), options[0] if options else _NOTHING))
            except Exception:
                logger.exception("An output for %r cannot be written: %r", name, model)
                self._not_done("an output cannot be written", out)
                return
            self._counts.produced[name] = self._counts.produced.get(name, 0) + 1
        # Sinks outside of volleyd come last: what they have cannot be taken back.
        for sink, body, options in sorted(written, key=_is_outside) if len(written) > 1 else written:
            if not sink.send(out, message, body, options):
                self._not_done(f"an output to {sink.name!r} failed", out)
                return

    def _not_done(self, why: str, out: Outputs) -> None:
        """What py-volley's consumers do in on_fail."""
        out.sent.clear()
        connector = self._input.connector
        if connector is None:
            out.send(BRIDGED_FAILURES, b"")
        elif connector == "rsmq":
            raise Retry(why, after=float(self._input.pass_through_config.get("vt", 60)))
        elif connector == "kafka" and self._input.pass_through_config.get("stop_on_failure", True):
            logger.critical("%s: stopping, without a commit of the message", why)
            os.kill(os.getppid(), signal.SIGTERM)
            raise Retry(why, after=3600)
        elif connector == "kafka":
            raise Drop(why)
        else:
            raise Retry(why)

    def _dead_letter(self, why: str, message: Message, body: Any, out: Outputs) -> None:
        out.sent.clear()
        sink = None if self._dead is None else self._sinks[self._dead]
        if sink is None:
            if self._input.connector == "kafka":
                raise Fail(f"there is no dead-letter queue: {why}")  # it stops volleyd
            self._not_done(f"there is no dead-letter queue: {why}", out)
        elif sink.keeps_reasons:
            raise Fail(why)  # volleyd's dead letter has these bytes, and says more in its headers
        elif not sink.send(out, message, body, _NOTHING):
            raise Retry(f"the dead-letter queue failed: {why}")


_NOTHING: Dict[str, Any] = {}


def _is_outside(written: Tuple[Sink, Any, Dict[str, Any]]) -> bool:
    return written[0].is_outside
