"""Where a function's outputs go: a queue of volleyd's, or a producer in Python."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Optional

from volley_handler import Message, Outputs

from volley.bodies import text_writer, writer
from volley.bridge import original_of
from volley.logging import logger
from volley.queues import Queue


_quoted = json.encoder.encode_basestring


def _writes_as_expected() -> bool:
    """Whether Outputs.send makes of bytes what is made here in less time."""
    message = Message({"id": "1", "text": ""})
    out = Outputs(message)
    out.send("a", "b\u00e9\"\n".encode())
    return out.sent == ['{"text":"b\u00e9\\"\\n","queue":"a"}']


_may_write = _writes_as_expected()


class _Nothing:
    """The type of no message."""


def sink_of(queue: Queue, source: Queue) -> "Sink":
    if queue.connector is None:
        return ProducerSink(queue, source)
    return RsmqSink(queue) if queue.connector == "rsmq" else Sink(queue)


class Sink:
    """One of volleyd's outputs."""

    is_outside = False
    keeps_reasons = True  # in headers

    def __init__(self, queue: Queue):
        self.name = queue.name
        self.data_model = queue.data_model
        self.write = writer(queue)
        self._end = ',"queue":' + _quoted(queue.name) + "}"
        # `put` accepts only values of exactly this type, and has no options.
        self.plain_type: Any = _Nothing
        text = text_writer(queue)
        if text is not None and _may_write and queue.connector is not None:
            self.plain_type = queue.data_model
            self.put = self._putter(text)

    def _putter(self, text: Callable[[Any], bytes]) -> Callable[[List[str], Any], None]:
        begin, end, quoted = '{"text":', self._end, _quoted

        def put(sent: List[str], model: Any) -> None:
            sent.append(begin + quoted(text(model).decode()) + end)

        return put

    def send(self, out: Outputs, message: Message, body: Any, options: Optional[Dict[str, Any]]) -> bool:
        """Returns whether it is, or will be, stored. `options` are the third element of a function's tuple."""
        if options is None and type(body) is bytes and _may_write:
            try:
                out.sent.append('{"text":' + _quoted(body.decode()) + self._end)
                return True
            except UnicodeDecodeError:
                pass
        if body is None:
            out.send_tombstone(self.name, **_known(options, "key", "headers"))
        elif options:
            out.send(self.name, body, **_known(options, "key", "headers"))
        else:
            out.send(self.name, body)
        return True

    def close(self) -> None:
        pass


class RsmqSink(Sink):
    keeps_reasons = False  # volleyd's dead letters are JSON around the body, which readers of the queue do not expect

    def send(self, out: Outputs, message: Message, body: Any, options: Optional[Dict[str, Any]]) -> bool:
        if not isinstance(body, (str, bytes)) or (options and options.get("encode")):
            body = body if isinstance(body, str) else json.dumps(body)
        if options is None:
            return super().send(out, message, body, None)
        out.send(self.name, body, **_known(options, "delay"))
        return True


def _known(options: Optional[Dict[str, Any]], *names: str) -> Dict[str, Any]:
    return {name: options[name] for name in names if options.get(name) is not None} if options else {}


class ProducerSink(Sink):
    """A class of the application's, called in this process."""

    is_outside = True
    keeps_reasons = False

    def __init__(self, queue: Queue, source: Queue):
        super().__init__(queue)
        self._value = queue.value
        self._from_bridge = source.connector is None
        self._producer = queue.connector_class(queue_name=queue.value, config=queue.pass_through_config)
        self._report = _Report()
        if self._producer.callback_delivery:
            self._producer.init_callbacks(
                consumer=SimpleNamespace(on_success=self._report.succeed, on_fail=self._report.fail))

    def send(self, out: Outputs, message: Message, body: Any, options: Optional[Dict[str, Any]]) -> bool:
        if isinstance(body, str):
            body = body.encode()
        self._report.begin()
        context = original_of(message).message_context if self._from_bridge else message.id
        try:
            accepted = self._producer.produce(queue_name=self._value, message=body, message_context=context, **(options or {}))
        except Exception:
            logger.exception("The producer of %r failed", self.name)
            return False
        return bool(accepted) and (not self._producer.callback_delivery or self._report.wait())

    def close(self) -> None:
        self._producer.shutdown()


class _Report:
    """Of a producer that says later, on any thread, what became of a message."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._succeeded: Optional[bool] = None

    def begin(self) -> None:
        self._told.clear()
        self._succeeded = None

    def succeed(self, _: Any) -> None:
        self._succeeded = True
        self._told.set()

    def fail(self, _: Any) -> None:
        self._succeeded = False
        self._told.set()

    def wait(self) -> bool:
        self._told.wait()
        return bool(self._succeeded)


