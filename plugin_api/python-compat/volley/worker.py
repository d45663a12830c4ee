"""What the child process does with a message: read it, call the function, write its outputs."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, Callable, Dict

from volley_handler import Drop, Fail, Message, Outputs, Retry

from volley import metrics
from volley.bodies import reader, unwrapper
from volley.bridge import BRIDGED_FAILURES
from volley.context import context_of
from volley.logging import logger
from volley.serving import Application
from volley.sinks import Sink, sink_of


class _WrongType(TypeError):
    """An output is no instance of its queue's data model."""


class Worker:
    """Handles the messages of one application, one after the other."""

    def __init__(self, application: Application):
        engine = application.engine
        self._input = engine.input
        self._func = application.func
        self._read = reader(engine.input)
        self._unwrapped = unwrapper(engine.input)
        self._context = context_of(engine.input) if application.wants_context else None
        self._sinks: Dict[str, Sink] = {name: sink_of(queue, engine.input) for name, queue in engine.outputs.items()}
        self._dead = engine.dead_letter_queue
        self._most_attempts = int(os.environ.get("VOLLEY_MAX_ATTEMPTS", 5))
        self.handle: Callable[[Message, Outputs], Any] = self._handle_async if application.is_async else self._handle
        if engine.metrics_port is not None:
            self._count(metrics.Counts(engine.app_name, engine.input_queue, dict.fromkeys(engine.outputs, 0)), engine.metrics_port)

    def _count(self, counts: metrics.Counts, port: int) -> None:
        self._read = counts.reading(self._read)
        self._func = counts.calling(self._func)
        for sink in self._sinks.values():
            sink.send = counts.sending(sink.name, sink.send)  # type: ignore[method-assign]
            if hasattr(sink, "put"):
                sink.put = counts.sending(sink.name, sink.put)
        self.handle = counts.handling(self.handle)
        metrics.serve(port, counts)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: Any) -> None:
        for sink in self._sinks.values():
            sink.close()

    def _handle(self, message: Message, out: Outputs) -> None:
        try:
            model = self._read(message.body if self._unwrapped is None else self._unwrapped(message))
        except Exception as error:
            return self._invalid(error, message, out)
        try:
            result = self._func(model) if self._context is None else self._func(model, msg_ctx=self._context(message))
            if result is not True and result is not None:
                self._finish(result, message, out)
        except Exception as error:
            self._raised(error, message, out)

    async def _handle_async(self, message: Message, out: Outputs) -> None:
        try:
            model = self._read(message.body if self._unwrapped is None else self._unwrapped(message))
        except Exception as error:
            return self._invalid(error, message, out)
        try:
            result = await (self._func(model) if self._context is None else self._func(model, msg_ctx=self._context(message)))
            if result is not True and result is not None:
                self._finish(result, message, out)
        except Exception as error:
            self._raised(error, message, out)

    def _invalid(self, error: Exception, message: Message, out: Outputs) -> None:
        body = message.body if self._unwrapped is None else self._unwrapped(message)
        logger.error("The message is invalid: %r: %s", body, error)
        self._dead_letter(f"{type(error).__name__}: {error}", message, body, out)

    def _raised(self, error: Exception, message: Message, out: Outputs) -> None:
        if isinstance(error, (Retry, Fail, Drop)):
            raise error
        if self._dead is None or message.attempt < self._most_attempts:
            raise error  # it is retried
        logger.error("The function failed %d times", message.attempt, exc_info=error)
        body = message.body if self._unwrapped is None else self._unwrapped(message)
        self._dead_letter(f"{type(error).__name__}: {error}", message, body, out)

    def _finish(self, result: Any, message: Message, out: Outputs) -> None:
        """Of a result that is neither True nor None."""
        if result is False:
            return self._not_done("the function returned False", out)
        if isinstance(result, tuple) and len(result) in (2, 3) and isinstance(result[0], str):
            result = [result]
        later = []  # producers in Python come last, because their sends cannot be undone
        for output in result:
            model = output[1]
            sink = self._sinks.get(output[0])
            if sink is None:
                raise KeyError(f"{output[0]!r} is no output of the application")
            try:
                if type(model) is sink.plain_type and len(output) == 2:
                    sink.put(out.sent, model)
                    continue
                self._check_type(sink, model)
                options = output[2] if len(output) > 2 else None
                body = sink.write(model)
                if sink.is_outside:
                    later.append((sink, body, options))
                else:
                    sink.send(out, message, body, options)
            except _WrongType:
                raise
            except Exception:
                logger.exception("An output for %r cannot be written: %r", output[0], model)
                return self._not_done("an output cannot be written", out)
        for sink, body, options in later:
            if not sink.send(out, message, body, options):
                return self._not_done(f"an output to {sink.name!r} failed", out)

    @staticmethod
    def _check_type(sink: Sink, model: Any) -> None:
        if sink.data_model is not None and not isinstance(model, sink.data_model):
            raise _WrongType(f"{sink.name!r} takes {sink.data_model}, not {type(model)}")

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
            raise Fail(why)  # volleyd's dead letter has these bytes, and more information in its headers
        elif not sink.send(out, message, body, None):
            raise Retry(f"the dead-letter queue failed: {why}")
