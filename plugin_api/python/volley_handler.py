"""Handlers for Volley in Python.

    from volley_handler import run
    def handle(message, out): out.send("shipments", message.body)
    run(handle)

volleyd starts the script for a component with `handler: {exec: [python3, ship.py]}`. This file stands alone: install it with pip,
or copy it beside the script. It reads one JSON line a message and answers each in turn with one JSON line.

While it runs, standard input and output belong to the protocol: what the script or its libraries print goes to standard error,
and so into Volley's log; what they read is empty. Under volleyd that begins with the import of this module.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import sys
import threading
import time
import traceback
from datetime import timedelta
from typing import Any, Callable, Iterable, Mapping, Optional, Sequence, Union

__all__ = ["Drop", "Fail", "Message", "Outputs", "Retry", "run"]

Delay = Union[int, float, timedelta]
# A header's value: bytes if it is no UTF-8, None if there is none, a list of these if its name is repeated.
Header = Union[str, bytes, None, Sequence[Union[str, bytes, None]]]
Headers = Union[Mapping[Union[str, bytes], Header], Iterable[tuple[Union[str, bytes], Header]]]


class Retry(Exception):
    """The message fails now and may succeed later; not before `after` (seconds or a timedelta) if that is given.

    A time that has passed is no wish. Raises ValueError or OverflowError for what is no time."""

    def __init__(self, why: str = "", after: Optional[Delay] = None):
        super().__init__(why)
        self.after_ms = None if after is None else max(0, round(_seconds(after) * 1000))


class Fail(Exception):
    """The message fails for good."""


class Drop(Exception):
    """The message is not wanted: acked without outputs, and counted."""


class Message:
    """What came in. `request` is the decoded line of the protocol."""

    def __init__(self, request: Mapping[str, Any], requests: Optional[_Requests] = None):
        self._requests = requests
        get = request.get
        self.id: str = request["id"]  # the engine's name for it in this conversation, not the store's
        self.attempt: int = get("attempt", 1)
        self.headers: dict[Union[str, bytes], Header] = _headers_of(get("headers"))
        self.key: Union[str, bytes, None] = get("key")
        if "key_base64" in request:
            self.key = base64.b64decode(request["key_base64"])
        self.tombstone: bool = get("tombstone", False)  # it has no body
        self.is_json: bool = "body" in request and not self.tombstone
        # The JSON value where the queue's serializer is json or msgpack; else the text, or the bytes if it is no UTF-8.
        self.body: Any = get("body")
        if not self.is_json:
            if "text" in request:
                self.body = request["text"]
            elif "base64" in request:
                self.body = base64.b64decode(request["base64"])

    @property
    def cancelled(self) -> bool:
        """Nobody waits for it any more: its lease was lost, and another consumer has it, or Volley stops.

        A handler that works long may ask now and then, and raise Retry. What it returns instead is right, too.
        """
        return self._requests is not None and self._requests.is_cancelled(self.id)

    @property
    def text(self) -> Optional[str]:
        """The body as text; JSON is written anew. None for a tombstone; UnicodeDecodeError if it is no UTF-8."""
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
    """What goes out when the handler returns; nothing of it if it raises."""

    def __init__(self, message: Message):
        self._message = message
        self.sent: list[str] = []  # as the protocol has them: JSON objects

    def send(self, queue: Optional[str], body: Any, *, key: Union[str, bytes, None] = None,
             headers: Optional[Headers] = None, delay: Optional[Delay] = None, partition: Optional[int] = None) -> None:
        """Sends to one of the component's outputs, or to every one with None.

        `body`: bytes go out as they are; a str as it came in, as a JSON string if the message is JSON, else as the text itself;
        None as a tombstone if the message is one; anything else as JSON. So `message.body` is sent on as it is.
        `key` and `headers` are the message's unless given: `{**message.headers, "seen-by": "me"}` adds one. `delay` is in
        seconds, or a timedelta.
        """
        self._send(queue, self._written(body), key, headers, delay, partition)

    def send_tombstone(self, queue: Optional[str], *, key: Union[str, bytes, None] = None,
                       headers: Optional[Headers] = None, delay: Optional[Delay] = None,
                       partition: Optional[int] = None) -> None:
        """Sends a message without a body; the options are those of `send`."""
        self._send(queue, '"tombstone":true', key, headers, delay, partition)

    def _send(self, queue: Optional[str], written: str, key: Union[str, bytes, None], headers: Optional[Headers],
              delay: Optional[Delay], partition: Optional[int]) -> None:
        if queue is not None:
            written += f',"queue":{_text(queue)}'
        if key is None and headers is None and delay is None and partition is None:
            self.sent.append(f"{{{written}}}")
            return
        members = [written]
        if key is not None:
            members.append(_text_or_base64("key", "key_base64", key))
        if headers is not None:
            members.append('"headers":' + _written_headers(headers))
        if delay is not None:
            members.append(f'"delay_ms":{_milliseconds(delay)}')
        if partition is not None:
            members.append(f'"partition":{int(partition)}')
        self.sent.append("{" + ",".join(members) + "}")

    def _written(self, body: Any) -> str:
        if isinstance(body, (bytes, bytearray, memoryview)):
            return _text_or_base64("text", "base64", bytes(body))
        if isinstance(body, str) and not self._message.is_json:
            return '"text":' + _text(body)
        if body is None and self._message.tombstone:
            return '"tombstone":true'
        return '"body":' + _json_of(body)


def run(handle: Callable[[Message, Outputs], Any]) -> None:
    """Calls `handle` for each message until Volley closes standard input; a coroutine is awaited before the next message.

    What it raises decides, as Retry, Fail and Drop say; any other exception is a Retry, with its traceback in Volley's log.
    It returns None or True. False is a Retry; anything else, such as a list of outputs or a generator, fails the message for
    good, because nothing would come of it.
    """
    requests, answers = _take_streams()
    # Volley may then send messages of one ordering group ahead; those behind a failure are skipped.
    os.write(answers, b'{"volley":1,"chains":true,"cancels":true}\n')
    failed_groups = _FailedGroups()
    incoming = _Requests(requests)
    while lines := incoming.take():
        ready = []
        until = time.monotonic() + 0.002
        for line in lines:
            ready.append(_answer(handle, line, failed_groups, incoming))
            # Together they cost less; but none waits long for the others.
            if time.monotonic() > until:
                _write(answers, ready)
                until = time.monotonic() + 0.002
        _write(answers, ready)


class _Requests:
    """The lines that come in: messages, and which of them nobody waits for any more. Any thread may ask."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._begun = b""
        self._lines: list[bytes] = []  # of messages that are not begun
        self._cancelled: set[str] = set()
        self._ended = False

    def take(self) -> list[bytes]:
        """The messages' lines that are there, as soon as there are some; none when Volley has closed its end."""
        while True:
            with self._lock:
                # One chunk, not all that is there: the first message need not wait for the last.
                if not self._lines and self._is_readable():
                    self._read()
                if self._lines or self._ended:
                    lines, self._lines = self._lines, []
                    return lines
                self._cancelled.clear()  # of messages that are answered
            select.select([self._descriptor], [], [])

    def is_cancelled(self, number: str) -> bool:
        with self._lock:
            while not self._ended and self._is_readable():
                self._read()
            return number in self._cancelled

    def _is_readable(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def _read(self) -> None:
        chunk = os.read(self._descriptor, 1 << 16)
        self._ended = not chunk
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b'{"cancelled":'):
                self._cancelled.add(_read(line.decode())[0]["cancelled"])
            else:
                self._lines.append(line)


def _write(descriptor: int, lines: list[str]) -> None:
    """Writes the lines, and empties the list."""
    if not lines:
        return
    lines.append("")
    data = "\n".join(lines).encode(errors="replace")
    lines.clear()
    while data:
        data = data[os.write(descriptor, data):]


class _FailedGroups:
    """The ordering groups of the current call in which a message has failed."""

    def __init__(self) -> None:
        self._call: Optional[int] = None
        self._failed: set[int] = set()

    def has_failed(self, request: dict[str, Any]) -> bool:
        return bool(self._failed) and request.get("call") == self._call and request.get("chain") in self._failed

    def fail(self, request: dict[str, Any]) -> None:
        if request.get("call") != self._call:
            self._call = request.get("call")
            self._failed.clear()
        if "chain" in request:
            self._failed.add(request["chain"])


def _answer(handle: Callable[[Message, Outputs], None], line: bytes, failed_groups: _FailedGroups, incoming: _Requests) -> str:
    try:
        request = _read(line.decode())[0]
    except (ValueError, RecursionError) as error:  # Python has limits for numbers and nesting
        found = re.match(rb'\{"id":"(\d+)"', line)
        if not found:
            raise
        return _json({"id": found.group(1).decode(), "fail": f"Python cannot read it: {error}"})
    message = Message(request, incoming)
    number = message.id
    if failed_groups.has_failed(request):
        return _json({"id": number, "skipped": True})
    out = Outputs(message)
    answer: dict[str, Any] = {"id": number}
    try:
        result = handle(message, out)
        if result is not None and result is not True:
            _judge(result)
    except Retry as retry:
        answer["retry"] = str(retry) or True
        if retry.after_ms is not None:
            answer["after_ms"] = retry.after_ms
    except Fail as fail:
        answer["fail"] = str(fail) or True
    except Drop as drop:
        answer["drop"] = str(drop) or True
    except Exception as error:
        traceback.print_exc()
        answer["retry"] = f"{type(error).__name__}: {error}"
    else:
        return f'{{"id":"{number}","outputs":[{",".join(out.sent)}]}}'
    if "retry" in answer or "fail" in answer:
        failed_groups.fail(request)
    return _json(answer)


_loop: Any = None


def _judge(result: Any) -> None:
    """Of what a handler returned, if it is neither None nor True. Raises what becomes of the message."""
    if hasattr(result, "__await__"):
        result = _run(result)
    if result is False:
        raise Retry("the handler returned False")
    if result is not None and result is not True:
        raise Fail(f"the handler returned {type(result).__name__}: outputs are sent with out.send()")


def _run(awaitable: Any) -> Any:
    """Waits for it, always in the same event loop, so that what a handler keeps there lives on."""
    global _loop
    import asyncio  # here, because it takes longer to load than all the rest

    async def wait() -> Any:
        return await awaitable

    if _loop is None:
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop.run_until_complete(wait())


# One reader and one writer for all messages: json.loads and json.dumps look at their arguments each time.
_read = json.JSONDecoder().raw_decode
_writer = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _make_json() -> Callable[[Any], str]:
    """The writer's own encode() makes its inner part anew for each value. That part is no documented name: if it is not as
    expected, encode() it is."""
    make, join = json.encoder.c_make_encoder, "".join
    try:
        encode = make(None, _writer.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
        if join(encode({"a": [1.5, None, "\u00e9"]}, 0)) != '{"a":[1.5,null,"\u00e9"]}':
            return _writer.encode
    except TypeError:
        return _writer.encode
    return lambda value: join(encode(value, 0))


_json = _make_json()
_string = json.encoder.encode_basestring


def _text(text: str) -> str:
    """A JSON string."""
    if not text.isascii():
        text.encode()  # raises for half a surrogate pair, which no JSON line can carry
    return _string(text)


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
        written.encode()  # raises for half a surrogate pair
    return written


def _headers_of(headers: Any) -> dict[Union[str, bytes], Header]:
    """From the protocol's: an object, or a list of pairs where a name is no UTF-8."""
    if not headers:
        return {}
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
        return "{" + ",".join(f"{_text(name)}:{_text(value)}" for name, value in headers.items()) + "}"
    pairs = []
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
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
        sys.stdout.reconfigure(line_buffering=True)  # what is printed is in the log at once
    return _streams


if "VOLLEY_COMPONENT" in os.environ:
    _take_streams()
