"""Handlers for Volley in Python.

    from volley_handler import run
    def handle(message, out): out.send("shipments", message.body)
    run(handle)

volleyd starts the script for a component with `handler: {exec: [python3, ship.py]}`. This file stands alone: install it with pip,
or copy it beside the script. It speaks the protocol of docs/handler-protocol.md: one JSON line per message on standard input, one
JSON line per answer on standard output.

While it runs, standard input and output belong to the protocol. What the script or its libraries print goes to standard error,
and so to Volley's log; what they read is empty. Under volleyd this begins with the import of this module.
"""

from __future__ import annotations

import base64
import inspect
import json
import os
import re
import select
import signal
import sys
import threading
import time
import traceback
from collections import deque
from datetime import datetime, timedelta, timezone
from queue import SimpleQueue
from typing import Any, Awaitable, Callable, Iterable, Mapping, Optional, Protocol, Sequence, Union

__all__ = ["BatchHandler", "Drop", "Fail", "Handler", "Message", "Outputs", "Retry", "Source", "run"]

Delay = Union[int, float, timedelta]
# A header's value: bytes if it is not UTF-8, None if it is absent, a list of these if its name is repeated.
Header = Union[str, bytes, None, Sequence[Union[str, bytes, None]]]
Headers = Union[Mapping[Union[str, bytes], Header], Mapping[str, Header], Iterable[tuple[Union[str, bytes], Header]]]

# The limit of pending outputs of a message, in characters; beyond it, a partial answer is written.
_PART = 256 << 10
# The limit of lines that are read but not begun, in bytes; beyond it, the rest stays in the pipe.
_BACKLOG = 4 << 20


class Retry(Exception):
    """The message fails now and may succeed later; not before `after` (seconds or a timedelta) if that is given.

    An `after` in the past is ignored. Raises ValueError or OverflowError if it is not a time."""

    after_ms: Optional[int] = None

    def __init__(self, why: str = "", after: Optional[Delay] = None):
        super().__init__(why)
        self.after_ms = None if after is None else max(0, round(_seconds(after) * 1000))


class Fail(Exception):
    """The message fails for good."""


class Drop(Exception):
    """The message is not wanted: it is acked without outputs, and counted."""


class Source:
    """Where a message comes from. What the store does not know is None."""

    __slots__ = ("queue", "id", "partition", "offset", "timestamp", "deliveries")

    def __init__(self, fields: Mapping[str, Any]):
        self.queue: Optional[str] = fields.get("queue")  # its name in the store (topic)
        self.id: Union[str, bytes, None] = fields.get("id")  # bytes if it is not UTF-8
        if "id_base64" in fields:
            self.id = base64.b64decode(fields["id_base64"])
        self.partition: Optional[int] = fields.get("partition")
        self.offset: Optional[int] = fields.get("offset")
        self.deliveries: Optional[int] = fields.get("deliveries")  # how often the store has delivered it, this time included
        self.timestamp: Optional[datetime] = None  # in UTC
        if "timestamp_ms" in fields:
            try:
                self.timestamp = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=fields["timestamp_ms"])
            except OverflowError:  # datetime ends with the year 9999
                pass

    def __repr__(self) -> str:
        return f"Source({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


class Message:
    """A message. `request` is the decoded line of the protocol."""

    def __init__(self, request: Mapping[str, Any], cancellations: Optional[_Cancellations] = None):
        self._cancellations = cancellations
        self._request = request
        get = request.get
        self.id: str = request["id"]  # the engine's id for the message in the protocol, not the store's
        self.attempt: int = get("attempt", 1)
        headers = get("headers")
        self.headers: dict[Union[str, bytes], Header] = _headers_of(headers) if headers else {}
        self.key: Union[str, bytes, None] = get("key")
        if self.key is None and "key_base64" in request:
            self.key = base64.b64decode(request["key_base64"])
        self.tombstone: bool = get("tombstone", False)  # whether there is no body
        self.is_json: bool = "body" in request and not self.tombstone
        # The JSON value if the queue's serializer is json or msgpack; otherwise the text, or bytes if it is not UTF-8.
        self.body: Any = get("body")
        if not self.is_json:
            if "text" in request:
                self.body = request["text"]
            elif "base64" in request:
                self.body = base64.b64decode(request["base64"])

    @property
    def cancelled(self) -> bool:
        """The result is no longer wanted: the lease was lost, so another consumer has the message, or Volley is stopping.

        A handler that runs for a long time may check it from time to time, and raise Retry.
        """
        return self._cancellations is not None and self._cancellations.is_cancelled(self.id)

    @property
    def source(self) -> Source:
        """Where the message comes from: queue, id, partition, offset, timestamp, deliveries."""
        return Source(self._request.get("source") or {})

    def json(self) -> Any:
        """The body as a JSON value; a text or bytes body is parsed. None for a tombstone; ValueError if it is not JSON."""
        if self.is_json or self.tombstone:
            return self.body
        return _parse(self.body.decode() if isinstance(self.body, bytes) else self.body)

    @property
    def text(self) -> Optional[str]:
        """The body as text; JSON is written anew. None for a tombstone; UnicodeDecodeError if it is not UTF-8."""
        if self.tombstone:
            return None
        if self.is_json:
            return _json(self.body)
        return self.body.decode() if isinstance(self.body, bytes) else self.body

    @property
    def bytes(self) -> Optional[bytes]:
        """The body as bytes; JSON is written anew. None for a tombstone."""
        if isinstance(self.body, bytes):
            return self.body
        text = self.text
        return None if text is None else text.encode()


class Outputs:
    """The outputs of a message. They go out when the handler returns; none of them if it raises."""

    _size = 0  # of those in `sent`, in characters
    _answered = False
    _decision: Optional[_Decision] = None

    def __init__(self, message: Message, write: Optional[Callable[[str], None]] = None):
        self._message = message
        self._write = write  # writes a line; None if the engine does not accept partial answers
        self.sent: list[str] = []  # as JSON objects of the protocol

    def send(self, queue: Optional[str], body: Any, *, key: Union[str, bytes, None] = None,
             headers: Optional[Headers] = None, delay: Optional[Delay] = None, partition: Optional[int] = None) -> None:
        """Sends to one of the component's outputs, or to every one with None.

        `body`: bytes go out as they are; a str as it came in, as a JSON string if the message is JSON, else as the text itself;
        None as a tombstone if the message is one; anything else as JSON. So `message.body` is sent on as it is.
        `key` and `headers` are the message's unless given: `{**message.headers, "seen-by": "me"}` adds one. `delay` is in
        seconds, or a timedelta. Raises RuntimeError after the message was answered.
        """
        self._send(queue, self._written(body), key, headers, delay, partition)

    def send_tombstone(self, queue: Optional[str], *, key: Union[str, bytes, None] = None,
                       headers: Optional[Headers] = None, delay: Optional[Delay] = None,
                       partition: Optional[int] = None) -> None:
        """Sends a message without a body; the options are those of `send`."""
        self._send(queue, '"tombstone":true', key, headers, delay, partition)

    def flush(self) -> None:
        """Writes what was sent so far, so that it need not be kept in memory. It is discarded if the message then fails.

        `send` does so by itself from time to time. Without effect if the engine does not accept partial answers.
        """
        with _flushing:
            self._size = 0
            count = len(self.sent)
            if count == 0 or self._write is None or self._answered:
                return
            self._write(f'{{"id":"{self._message.id}","outputs":[{",".join(self.sent[:count])}],"more":true}}')
            del self.sent[:count]

    def retry(self, why: str = "", after: Optional[Delay] = None) -> None:
        """The message fails now and may succeed later, as with `raise Retry`. For one message of a batch."""
        self._decision = _decision_of(Retry(why, after))

    def fail(self, why: str = "") -> None:
        """The message fails for good, as with `raise Fail`. For one message of a batch."""
        self._decision = _decision_of(Fail(why))

    def drop(self, why: str = "") -> None:
        """The message is not wanted, as with `raise Drop`. For one message of a batch."""
        self._decision = _decision_of(Drop(why))

    def _send(self, queue: Optional[str], written: str, key: Union[str, bytes, None], headers: Optional[Headers],
              delay: Optional[Delay], partition: Optional[int]) -> None:
        if queue is not None:
            written += _queue_members.get(queue) or _queue_member(queue)
        if key is not None:
            written += "," + _text_or_base64("key", "key_base64", key)
        if headers is not None:
            written += ',"headers":' + _written_headers(headers)
        if delay is not None:
            written += f',"delay_ms":{_milliseconds(delay)}'
        if partition is not None:
            written += f',"partition":{int(partition)}'
        if self._answered:
            raise RuntimeError("the message is already answered: outputs are sent before the handler returns")
        self.sent.append(f"{{{written}}}")
        self._size += len(written)
        if self._size > _PART:
            self.flush()

    def _written(self, body: Any) -> str:
        if isinstance(body, (dict, list)):
            return '"body":' + _json_of(body)
        if isinstance(body, (bytes, bytearray, memoryview)):
            return _text_or_base64("text", "base64", bytes(body))
        if isinstance(body, str) and not self._message.is_json:
            return '"text":' + _text(body)
        if body is None and self._message.tombstone:
            return '"tombstone":true'
        return '"body":' + _json_of(body)


class Handler(Protocol):
    """An object for `run`. It may have `open()` and `close()`, too. Each method may be `async`."""

    def handle(self, message: Message, out: Outputs) -> Any: ...


class BatchHandler(Protocol):
    """An object for `run` that handles many messages in one call: `outs[i]` has the outputs of `messages[i]`.

    It may have `open()` and `close()`, too. Each method may be `async`.
    """

    def handle_batch(self, messages: list[Message], outs: list[Outputs]) -> Any: ...


AnyHandler = Union[Callable[[Message, Outputs], Any], Handler, BatchHandler, Callable[[], Union[Handler, BatchHandler]]]


def run(handler: AnyHandler) -> None:
    """Calls the handler for each message until Volley closes standard input and every message is answered.

    `handler` is a function `handle(message, out)`, or an object with a method `handle(message, out)` or
    `handle_batch(messages, outs)`, or a class, which is instantiated. Its `open()` runs before the first message, and `close()`
    after the last one. If `open()` raises, the process prints the traceback and exits with status 1.

    What the handler raises decides, as Retry, Fail and Drop say; any other exception is a Retry, with its traceback in Volley's
    log. It returns None or True. False is a Retry. Anything else, such as a list of outputs or a generator, fails the message
    for good, because its outputs would be lost.

    Messages are handled one at a time, unless the component's concurrency is higher: then that many coroutines run on one event
    loop, or that many threads call a synchronous handler. Messages of one ordering group are always handled one after another.
    """
    requests, descriptor = _take_streams()
    restore_signals = _ignore_signals(requests)
    try:
        work = _Work(handler)
        work.open()
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
    try:
        concurrency = max(1, int(os.environ.get("VOLLEY_CONCURRENCY") or 1))
        answers = _Answers(descriptor)
        # Volley may then send messages of one ordering group ahead; those behind a failure are skipped.
        answers.write(['{"volley":2,"chains":true,"cancels":true,"source":true' + (',"batches":true}' if work.batch else "}")])
        if work.is_async:
            _run(_Coroutines(work, requests, answers, concurrency).serve())
        elif concurrency > 1:
            _Threads(work, requests, answers, concurrency).serve()
        else:
            _serve_in_turn(work, _Requests(requests), answers)
    finally:
        work.close()
    _close_loop()
    restore_signals()


class _Work:
    """What was given to `run`."""

    def __init__(self, given: Any) -> None:
        self.given = given() if isinstance(given, type) else given
        self.batch: Any = getattr(self.given, "handle_batch", None)
        self.one: Any = getattr(self.given, "handle", None)
        if self.one is None and self.batch is None:
            self.one = self.given
        self.is_async = any(inspect.iscoroutinefunction(one) or inspect.iscoroutinefunction(getattr(one, "__call__", None))
                            for one in (self.batch, self.one))

    def open(self) -> None:
        self._call("open")

    def close(self) -> None:
        self._call("close")

    def _call(self, name: str) -> None:
        method = getattr(self.given, name, None)
        result: Any = method() if callable(method) else None
        if hasattr(result, "__await__"):
            _run(result)

    def handle(self, outs: list[Outputs], is_batch: bool) -> Any:
        """Returns what the handler returns."""
        if self.one is not None and not (is_batch and self.batch is not None):
            return self.one(outs[0]._message, outs[0])
        return self.batch([out._message for out in outs], outs)


def _serve_in_turn(work: _Work, incoming: _Requests, answers: _Answers) -> None:
    """One message, or batch, after the other."""
    failed_groups = _FailedGroups()
    handle, part, has_batches = work.one, answers.part, work.batch is not None
    while lines := incoming.take():
        ready = []
        until = time.monotonic() + 0.002
        for line in lines:
            if has_batches:
                ready += _answers_to(work, line, failed_groups, incoming, part)
            else:
                ready.append(_answer(handle, line, failed_groups, incoming, part))
            # One write for all is cheaper, but none waits long for the others, and no batch waits for the next.
            if has_batches or time.monotonic() > until:
                answers.write(ready)
                until = time.monotonic() + 0.002
        answers.write(ready)


def _answer(handle: Callable[[Message, Outputs], Any], line: bytes, failed_groups: _FailedGroups, incoming: _Requests,
            part: Optional[Callable[[str], None]]) -> str:
    try:
        request = _read(line.decode())[0]
    except (ValueError, RecursionError) as error:
        return "\n".join(_unreadable(line, error, failed_groups)[1])
    message = Message(request, incoming)
    number = message.id
    if failed_groups.calls and failed_groups.has_failed(request):
        return _skipped(number)
    out = Outputs(message, part)
    try:
        result = handle(message, out)
        if result is not None and result is not True:
            _judge(result)
        decision = out._decision
    except Exception as error:
        decision = _decision_of(error)
    out._answered = True
    if decision is None:
        return f'{{"id":"{number}","outputs":[{",".join(out.sent)}]}}'
    return _refusal(request, decision, failed_groups)


def _answers_to(work: _Work, line: bytes, failed_groups: _FailedGroups, incoming: _Requests,
                part: Optional[Callable[[str], None]]) -> list[str]:
    requests, answers, is_batch = _requests_of(line, failed_groups)
    outs = _begin(requests, failed_groups, incoming, part, answers)
    if not outs:
        return answers
    decision = None
    try:
        _judge(work.handle(outs, is_batch))
    except Exception as error:
        decision = _decision_of(error)
    return answers + _finish(outs, decision, failed_groups)


def _requests_of(line: bytes, failed_groups: _FailedGroups) -> tuple[list[dict[str, Any]], list[str], bool]:
    """Returns the requests of a line, answers to those that cannot be read, and whether it is a batch."""
    try:
        request = _read(line.decode())[0]
    except (ValueError, RecursionError) as error:
        requests, answers = _unreadable(line, error, failed_groups)
        return requests, answers, line.startswith(b'{"batch":')
    batch = request.get("batch")
    return ([request], [], False) if batch is None else (batch, [], True)


def _begin(requests: list[dict[str, Any]], failed_groups: _FailedGroups, cancellations: _Cancellations,
           part: Optional[Callable[[str], None]], answers: list[str]) -> list[Outputs]:
    """Returns the messages to handle, by their outputs. Answers to skipped ones are added to `answers`."""
    outs = []
    for request in requests:
        if failed_groups.has_failed(request):
            answers.append(_skipped(request["id"]))
        else:
            outs.append(Outputs(Message(request, cancellations), part))
    return outs


def _finish(outs: list[Outputs], decision: Optional[_Decision], failed_groups: _FailedGroups) -> list[str]:
    """The answers to messages that were handled. `decision` applies to all of them if there is one."""
    answers = []
    for out in outs:
        out._answered = True
        own = out._decision if decision is None else decision
        request = out._message._request
        if own is not None:
            answers.append(_refusal(request, own, failed_groups))
        elif failed_groups.has_failed(request):  # with an earlier message of the same batch
            answers.append(_skipped(out._message.id))
        else:
            answers.append(f'{{"id":"{out._message.id}","outputs":[{",".join(out.sent)}]}}')
    return answers


# The members of an answer with retry, fail or drop.
_Decision = dict[str, Union[str, int, bool]]


def _decision_of(error: BaseException) -> _Decision:
    if isinstance(error, Retry):
        decision: _Decision = {"retry": str(error) or True}
        if error.after_ms is not None:
            decision["after_ms"] = error.after_ms
        return decision
    if isinstance(error, Fail):
        return {"fail": str(error) or True}
    if isinstance(error, Drop):
        return {"drop": str(error) or True}
    traceback.print_exception(type(error), error, error.__traceback__)
    try:
        return {"retry": f"{type(error).__name__}: {error}"}
    except Exception:  # of its __str__
        return {"retry": type(error).__name__}


def _refusal(request: Mapping[str, Any], decision: _Decision, failed_groups: _FailedGroups) -> str:
    if "drop" not in decision:
        failed_groups.fail(request)
    return _json({"id": request["id"], **decision})


def _skipped(number: str) -> str:
    return f'{{"id":"{number}","skipped":true}}'


def _unreadable(line: bytes, error: Exception, failed_groups: _FailedGroups) -> tuple[list[dict[str, Any]], list[str]]:
    """Python has limits for numbers and nesting. Returns the readable requests of a line, and answers to the others."""
    too_long = object()

    def is_unreadable(value: Any) -> bool:
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return value is too_long or any(map(is_unreadable, values))

    def number(digits: str) -> Any:
        try:
            return int(digits)
        except ValueError:
            return too_long

    try:
        request = json.JSONDecoder(parse_int=number).decode(line.decode())
    except RecursionError:
        found = re.match(rb'\{"id":"(\d+)"', line)
        if not found:
            raise
        return [], [_json({"id": found.group(1).decode(), "fail": f"Python cannot read it: {error}"})]
    readable, answers = [], []
    for one in request.get("batch") or [request]:
        if is_unreadable(one):
            answers.append(_refusal(one, {"fail": f"Python cannot read it: {error}"}, failed_groups))
        else:
            readable.append(one)
    return readable, answers


def _judge(result: Any) -> None:
    """Raises the outcome that follows from what a handler returned."""
    if hasattr(result, "__await__"):
        result = _run(result)
    if result is False:
        raise Retry("the handler returned False")
    if result is not None and result is not True:
        raise Fail(f"the handler returned {type(result).__name__}: outputs are sent with out.send()")


class _FailedGroups:
    """The ordering groups in which a message has failed, of the latest calls with failures."""

    def __init__(self) -> None:
        self.calls: dict[Optional[int], set[int]] = {}

    def has_failed(self, request: Mapping[str, Any]) -> bool:
        return request.get("chain") in self.calls.get(request.get("call"), ())

    def fail(self, request: Mapping[str, Any]) -> None:
        if "chain" in request:
            self.calls.setdefault(request.get("call"), set()).add(request["chain"])
            if len(self.calls) > 1000:
                del self.calls[next(iter(self.calls))]


# ---- lines in and out


class _Cancellations(Protocol):
    def is_cancelled(self, number: str) -> bool: ...


class _Lines:
    """The lines that come in."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.ended = False
        self._begun = b""

    def is_readable(self) -> bool:
        return bool(select.select([self.descriptor], [], [], 0)[0])

    def read(self) -> list[bytes]:
        """Waits for bytes. Returns the lines that they complete."""
        chunk = os.read(self.descriptor, 1 << 16)
        self.ended = not chunk
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        return lines


def _is_cancellation(line: bytes) -> bool:
    return line.startswith(b'{"cancelled":')


class _Requests:
    """The messages that come in, and which of them are cancelled, where one is handled at a time. Any thread may ask."""

    def __init__(self, descriptor: int) -> None:
        self._lock = threading.Lock()
        self._incoming = _Lines(descriptor)
        self._lines: list[bytes] = []  # of messages that have not begun
        self._cancelled: set[str] = set()

    def take(self) -> list[bytes]:
        """Waits for messages. Returns those that are there; none when Volley has closed its end."""
        while True:
            with self._lock:
                # One chunk, not all available data: the first message need not wait for the last.
                if not self._lines:
                    self._cancelled.clear()  # of messages that are answered
                    if self._incoming.is_readable():
                        self._read()
                if self._lines or self._incoming.ended:
                    lines, self._lines = self._lines, []
                    return lines
            select.select([self._incoming.descriptor], [], [])

    def is_cancelled(self, number: str) -> bool:
        with self._lock:
            while not self._incoming.ended and self._incoming.is_readable():
                self._read()
            return number in self._cancelled

    def _read(self) -> None:
        for line in self._incoming.read():
            if _is_cancellation(line):
                self._cancelled.add(_read(line.decode())[0]["cancelled"])
            else:
                self._lines.append(line)


class _Answers:
    """The lines that go out. Any thread may write."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        # Writes a partial answer. Only engines that set the variable accept them.
        self.part: Optional[Callable[[str], None]] = None
        if "VOLLEY_CONCURRENCY" in os.environ:
            self.part = lambda line: self.write([line])

    def write(self, lines: list[str]) -> None:
        """Writes the lines, and empties the list."""
        if not lines:
            return
        lines.append("")
        data = "\n".join(lines).encode(errors="replace")
        lines.clear()
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data):]


# ---- many messages at a time


class _Task:
    """What a line asks for: a message, or a batch."""

    def __init__(self, requests: list[dict[str, Any]], is_batch: bool, size: int) -> None:
        self.requests = requests
        self.is_batch = is_batch
        self.size = size
        self.groups = {(request.get("call"), request["chain"]) for request in requests if "chain" in request}
        self.blocked = 0  # groups in which it is not the first
        self.outs: list[Outputs] = []


class _Schedule:
    """Which tasks may begin: those that share an ordering group one after another, and at most `limit` at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._active = 0
        self._ready: deque[_Task] = deque()
        self._groups: dict[tuple[Optional[int], int], deque[_Task]] = {}
        self._unfinished = 0

    def add(self, task: _Task) -> None:
        self._unfinished += 1
        for group in task.groups:
            tasks = self._groups.setdefault(group, deque())
            task.blocked += bool(tasks)
            tasks.append(task)
        if not task.blocked:
            self._ready.append(task)

    def next(self) -> Optional[_Task]:
        if self._active == self._limit or not self._ready:
            return None
        self._active += 1
        return self._ready.popleft()

    def end(self, task: _Task) -> None:
        self._active -= 1
        self._unfinished -= 1
        for group in task.groups:
            tasks = self._groups[group]
            tasks.popleft()
            if not tasks:
                del self._groups[group]
                continue
            tasks[0].blocked -= 1
            if not tasks[0].blocked:
                self._ready.append(tasks[0])

    def is_empty(self) -> bool:
        return not self._unfinished


class _Conversation:
    """The messages that are read and not answered, where many are handled at a time. Not thread-safe, but for is_cancelled."""

    def __init__(self, work: _Work, concurrency: int, part: Optional[Callable[[str], None]],
                 cancellations: Optional[_Cancellations] = None) -> None:
        self.work = work
        self.answers: list[str] = []  # that are not written
        self.backlog = 0  # bytes of lines that have not begun
        self._part = part
        self._cancellations = cancellations or self
        self._failed_groups = _FailedGroups()
        self._schedule = _Schedule(concurrency)
        self._cancelled: dict[str, bool] = {}  # of the messages that are not answered

    def take(self, line: bytes) -> None:
        if _is_cancellation(line):
            number = _read(line.decode())[0]["cancelled"]
            if number in self._cancelled:
                self._cancelled[number] = True
            return
        requests, refusals, is_batch = _requests_of(line, self._failed_groups)
        self.answers += refusals
        if requests:
            self.backlog += len(line)
            self._cancelled.update((request["id"], False) for request in requests)
            self._schedule.add(_Task(requests, is_batch, len(line)))

    def begin(self) -> Optional[_Task]:
        """Returns the next task that may begin, with the outputs of those of its messages that are to be handled."""
        while task := self._schedule.next():
            self.backlog -= task.size
            task.outs = _begin(task.requests, self._failed_groups, self._cancellations, self._part, self.answers)
            if task.outs:
                return task
            self._end(task)
        return None

    def finish(self, task: _Task, decision: Optional[_Decision]) -> None:
        self.answers += _finish(task.outs, decision, self._failed_groups)
        self._end(task)

    def _end(self, task: _Task) -> None:
        for request in task.requests:
            self._cancelled.pop(request["id"], None)
        self._schedule.end(task)

    def is_over(self) -> bool:
        return self._schedule.is_empty() and not self.answers

    def is_cancelled(self, number: str) -> bool:
        return self._cancelled.get(number, False)


class _Coroutines:
    """Handles messages in coroutines on the event loop that it is awaited in."""

    def __init__(self, work: _Work, requests: int, answers: _Answers, concurrency: int) -> None:
        self._incoming = _Lines(requests)
        self._answers = answers
        self._conversation = _Conversation(work, concurrency, answers.part, self)
        self._running: set[Any] = set()  # the loop itself does not keep tasks alive
        self._is_scheduled = False  # _go_on
        self._is_paused = False

    async def serve(self) -> None:
        import asyncio

        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()
        self._resume()
        await self._over

    def _resume(self) -> None:
        self._is_paused = False
        try:
            self._loop.add_reader(self._incoming.descriptor, self._arrive)
        except PermissionError:  # a file, which epoll does not accept; it is always readable
            self._loop.call_soon(self._arrive_from_file)

    def _arrive_from_file(self) -> None:
        self._is_paused = True
        self._arrive()  # which resumes

    def _arrive(self) -> None:
        try:
            if not self._incoming.is_readable():  # is_cancelled has read it
                return
            self._receive()
            self._go_on()
        except BaseException as error:  # a callback's exception would only be logged
            self._end(error)

    def _end(self, error: Optional[BaseException] = None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)

    def _receive(self) -> None:
        for line in self._incoming.read():
            self._conversation.take(line)
        if not self._is_paused and (self._incoming.ended or self._conversation.backlog > _BACKLOG):
            self._is_paused = True
            self._loop.remove_reader(self._incoming.descriptor)

    def _go_on_soon(self) -> None:
        # Everything that ends in this round of the loop is written together.
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_scheduled = False
        try:
            # Here and not when a message ends: messages that begin together often end together, and are then written
            # together.
            while task := self._conversation.begin():
                running = self._loop.create_task(self._handle(task))
                self._running.add(running)
                running.add_done_callback(self._running.discard)
            self._answers.write(self._conversation.answers)
        except BaseException as error:
            return self._end(error)
        if self._incoming.ended:
            if self._conversation.is_over():
                self._end()
        elif self._is_paused and self._conversation.backlog <= _BACKLOG:
            self._resume()

    async def _handle(self, task: _Task) -> None:
        import asyncio

        decision = None
        try:
            result = self._conversation.work.handle(task.outs, task.is_batch)
            _judge(await result if hasattr(result, "__await__") else result)
        except (Exception, asyncio.CancelledError) as error:
            decision = _decision_of(error)
        try:
            self._conversation.finish(task, decision)
        except Exception as error:  # otherwise it would go unnoticed
            return self._end(error)
        self._go_on_soon()

    def is_cancelled(self, number: str) -> bool:
        # A handler that polls without yielding to the loop waits for a line that only this call reads.
        if threading.get_ident() == self._thread:
            while not self._incoming.ended and self._incoming.is_readable():
                self._receive()
                self._go_on_soon()
        return self._conversation.is_cancelled(number)


class _Threads:
    """Handles messages in a pool of threads."""

    def __init__(self, work: _Work, requests: int, answers: _Answers, concurrency: int) -> None:
        self._incoming = _Lines(requests)
        self._answers = answers
        self._concurrency = concurrency
        self._conversation = _Conversation(work, concurrency, answers.part)
        self._changed = threading.Condition()  # guards the conversation and the following members
        self._is_writing = False
        self._error: Optional[BaseException] = None
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._woken, self._wake = os.pipe()  # wakes the reader after an error

    def serve(self) -> None:
        for _ in range(self._concurrency):
            threading.Thread(target=self._work, name="volley-handler", daemon=True).start()
        while not self._incoming.ended:
            readable = select.select([self._incoming.descriptor, self._woken], [], [])[0]
            if self._woken in readable:
                break
            lines = self._incoming.read()
            with self._changed:
                for line in lines:
                    self._conversation.take(line)
                self._begin()
            self._write()
            if self._conversation.backlog > _BACKLOG:
                self._wait(lambda: self._conversation.backlog <= _BACKLOG)
        self._wait(lambda: self._conversation.is_over() and not self._is_writing)
        if self._error is not None:
            raise self._error

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or condition())

    def _begin(self) -> None:
        while task := self._conversation.begin():
            self._tasks.put(task)

    def _work(self) -> None:
        try:
            while True:
                self._handle(self._tasks.get())
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()
            os.write(self._wake, b"x")

    def _handle(self, task: _Task) -> None:
        decision = None
        try:
            _judge(self._conversation.work.handle(task.outs, task.is_batch))
        except Exception as error:
            decision = _decision_of(error)
        with self._changed:
            self._conversation.finish(task, decision)
            self._begin()
        self._write()

    def _write(self) -> None:
        """Writes the answers that are there, unless another thread does so already: it will write these, too."""
        while True:
            with self._changed:
                lines, self._conversation.answers = self._conversation.answers, []
                self._changed.notify_all()
                if self._is_writing or not lines:
                    self._conversation.answers = lines
                    return
                self._is_writing = True
            self._answers.write(lines)
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()


_loop: Any = None
_loop_thread: Optional[threading.Thread] = None
_loop_lock = threading.Lock()
_flushing = threading.Lock()


def _run(awaitable: Awaitable[Any]) -> Any:
    """Waits for it, always in the same event loop, so that what a handler keeps there lives on."""
    global _loop, _loop_thread
    import asyncio  # here, because it takes longer to load than everything else

    async def wait() -> tuple[Any, Optional[BaseException]]:
        try:
            return await awaitable, None
        except (SystemExit, KeyboardInterrupt) as error:  # these end the process, not the thread of the loop
            return None, error

    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
        if _loop_thread is None and threading.current_thread() is not threading.main_thread():
            _loop_thread = threading.Thread(target=_loop.run_forever, name="volley-handler-loop", daemon=True)
            _loop_thread.start()
    try:
        if _loop_thread is not None:
            result, error = asyncio.run_coroutine_threadsafe(wait(), _loop).result()
        else:
            asyncio.set_event_loop(_loop)
            result, error = _loop.run_until_complete(wait())
    except asyncio.CancelledError as cancelled:
        raise RuntimeError("a coroutine was cancelled") from cancelled
    if error is not None:
        raise error
    return result


def _close_loop() -> None:
    """Ends what is left in the event loop."""
    global _loop, _loop_thread
    if _loop is None:
        return
    import asyncio

    async def end() -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await _loop.shutdown_asyncgens()

    _run(end())
    if _loop_thread is not None:
        _loop.call_soon_threadsafe(_loop.stop)
        _loop_thread.join()
    _loop.close()
    _loop = _loop_thread = None


# ---- JSON


# One reader and one writer for all messages: json.loads and json.dumps check their arguments each time.
_read = json.JSONDecoder().raw_decode
_writer = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _make_json() -> Callable[[Any], str]:
    """The writer's own encode() makes its inner part anew for each value. That part is no documented name: if it is not as
    expected, encode() it is."""
    make, join = getattr(json.encoder, "c_make_encoder"), "".join
    try:
        encode = make(None, _writer.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
        if join(encode({"a": [1.5, None, "\u00e9"]}, 0)) != '{"a":[1.5,null,"\u00e9"]}':
            return _writer.encode
    except TypeError:
        return _writer.encode
    return lambda value: join(encode(value, 0))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_parse = json.JSONDecoder(parse_constant=_refuse).decode
_json = _make_json()
_string = json.encoder.encode_basestring


def _text(text: str) -> str:
    """A JSON string."""
    if not text.isascii():
        text.encode()  # raises for half of a surrogate pair, which a JSON line cannot contain
    return _string(text)


_queue_members: dict[str, str] = {}


def _queue_member(queue: str) -> str:
    written = f',"queue":{_text(queue)}'
    if len(_queue_members) < 1000:  # there are few; this is for a handler that invents names
        _queue_members[queue] = written
    return written


def _text_or_base64(text: str, other: str, value: Union[str, bytes]) -> str:
    if isinstance(value, str):
        return f'"{text}":{_text(value)}'
    try:
        return f'"{text}":{_text(value.decode())}'
    except UnicodeDecodeError:
        return f'"{other}":"{base64.b64encode(value).decode()}"'


def _json_of(body: Any) -> str:
    """JSON for a line of UTF-8."""
    written = _json(body)
    if not written.isascii():
        written.encode()  # raises for half of a surrogate pair
    return written


def _headers_of(headers: Any) -> dict[Union[str, bytes], Header]:
    """From the protocol's: an object, or a list of pairs where a name is no UTF-8."""
    if isinstance(headers, dict):
        if all(type(value) is str for value in headers.values()):
            return headers
        return {name: [_header(one) for one in value] if isinstance(value, list) else _header(value)
                for name, value in headers.items()}
    values: dict[Union[str, bytes], list[Union[str, bytes, None]]] = {}
    for name, value in headers:
        values.setdefault(_header(name), []).append(_header(value))
    return {name: all_of[0] if len(all_of) == 1 else all_of for name, all_of in values.items()}


def _header(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def _written_headers(headers: Headers) -> str:
    """An object where the names are text and each stands once, else pairs."""
    if isinstance(headers, Mapping) and all(type(value) is str and type(name) is str for name, value in headers.items()):
        texts: Any = headers.items()
        return "{" + ",".join(f"{_text(name)}:{_text(value)}" for name, value in texts) + "}"
    pairs = []
    given: Iterable[tuple[Any, Any]] = headers.items() if isinstance(headers, Mapping) else headers
    for name, value in given:
        for one in value if isinstance(value, (list, tuple)) else [value]:
            pairs.append(f"[{_header_text(name)},{_header_text(one)}]")
    return "[" + ",".join(pairs) + "]"


def _header_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            value = bytes(value).decode()
        except UnicodeDecodeError:
            return f'{{"base64":"{base64.b64encode(value).decode()}"}}'
    if not isinstance(value, str):
        raise TypeError(f"a header must be str, bytes or None, not {type(value).__name__}")
    return _text(value)


def _seconds(delay: Delay) -> float:
    return delay.total_seconds() if isinstance(delay, timedelta) else delay


def _milliseconds(delay: Delay) -> int:
    seconds = _seconds(delay)
    if seconds < 0:
        raise ValueError(f"a delay of {seconds} seconds is in the past")
    return round(seconds * 1000)


# ---- the process


def _ignore_signals(descriptor: int) -> Callable[[], None]:
    """While standard input is open, SIGTERM and SIGINT do nothing: they reach the whole process group or service when somebody
    stops Volley, which then closes standard input. Returns a function that restores what was before.

    A function and not SIG_IGN, which processes that the handler starts would inherit."""
    previous: dict[int, Any] = {}

    def on_signal(number: int, _frame: Any) -> None:
        watched = select.poll()
        watched.register(descriptor, select.POLLHUP | getattr(select, "POLLRDHUP", 0))
        if watched.poll(0):
            signal.signal(number, previous[number])
            signal.raise_signal(number)

    def restore() -> None:
        for number, handler in previous.items():
            if signal.getsignal(number) is on_signal:
                signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread() and not os.isatty(descriptor):
        for number in (signal.SIGTERM, signal.SIGINT):
            # A script's own handler stays in place.
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                previous[number] = signal.signal(number, on_signal)
    return restore


_streams: Optional[tuple[int, int]] = None


def _take_streams() -> tuple[int, int]:
    """The protocol's ends; from now on descriptor 0 is empty and 1 is standard error, also for libraries in C and for children."""
    global _streams
    if _streams is None:
        _streams = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        getattr(sys.stdout, "reconfigure")(line_buffering=True)  # printed text appears in the log immediately
    return _streams


if "VOLLEY_COMPONENT" in os.environ:
    _take_streams()
