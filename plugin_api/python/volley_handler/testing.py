"""Calls handlers in tests, without an engine.

    from volley_handler import testing
    from ship import handle

    def test_an_order_is_shipped():
        result = testing.call(handle, {"order": 1}, key="k")
        assert result.verdict == "ok"
        assert result.outputs[0].body == {"order": 1}

The module under test runs its handler only as a script: `if __name__ == "__main__": run(handle)`.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Mapping, Optional, Sequence, Union

from . import (AnyHandler, Header, Headers, Message, _begin, _decision_of, _FailedGroups, _finish, _headers_of, _json_of, _judge,
               _text_or_base64, _Work, _written_headers)

__all__ = ["Input", "Output", "Result", "call", "call_batch"]

Bytes = (bytes, bytearray, memoryview)


@dataclass
class Input:
    """A message for a handler.

    `body`: a str is a text, bytes are bytes, None is a tombstone, anything else is a JSON value; with `json=True`, a str and None
    are JSON values, too. `source` has members of `volley_handler.Source`, such as `{"queue": "orders", "offset": 12}`.
    """

    body: Any
    key: Union[str, bytes, None] = None
    headers: Optional[Headers] = None
    attempt: int = 1
    source: Mapping[str, Any] = field(default_factory=dict)
    json: bool = False
    cancelled: bool = False  # message.cancelled

    def _request(self, number: int) -> dict[str, Any]:
        body: Any = self.body
        if isinstance(body, Bytes):
            members = _text_or_base64("text", "base64", bytes(body))
        elif isinstance(body, str) and not self.json:
            members = _text_or_base64("text", "base64", body)
        elif body is None and not self.json:
            members = '"tombstone":true,"body":null'
        else:
            members = '"body":' + _json_of(body)
        if self.key is not None:
            members += "," + _text_or_base64("key", "key_base64", self.key)
        if self.headers is not None:
            members += ',"headers":' + _written_headers(self.headers)
        request: dict[str, Any] = json.loads("{" + members + "}")
        return {**request, "id": str(number), "attempt": self.attempt, "source": self._source(), "call": 1, "chain": number}

    def _source(self) -> dict[str, Any]:
        source = dict(self.source)
        timestamp = source.pop("timestamp", None)
        if timestamp is not None:
            if not isinstance(timestamp, datetime):
                raise TypeError("a source's timestamp is a datetime")
            source["timestamp_ms"] = round(timestamp.timestamp() * 1000)
        if isinstance(source.get("id"), Bytes):
            source["id_base64"] = base64.b64encode(source.pop("id")).decode()
        return source


@dataclass
class Output:
    """An output as it would be sent. `queue` is None for every output of the component."""

    queue: Optional[str]
    body: Any  # the JSON value, text as str, or bytes if it is not UTF-8; None for a tombstone
    key: Union[str, bytes, None]  # defaults to that of the message
    headers: dict[Union[str, bytes], Header]  # likewise
    delay: Optional[float]  # in seconds
    partition: Optional[int]
    tombstone: bool


@dataclass
class Result:
    """What becomes of a message."""

    verdict: str  # "ok", "retry", "fail" or "drop"
    why: str = ""
    after: Optional[float] = None  # of a retry, in seconds
    outputs: list[Output] = field(default_factory=list)  # of "ok"; otherwise they are discarded


class _Cancelled:
    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs

    def is_cancelled(self, number: str) -> bool:
        return self._inputs[int(number)].cancelled


def call(handler: AnyHandler, body: Any, *, key: Union[str, bytes, None] = None, headers: Optional[Headers] = None,
         attempt: int = 1, source: Optional[Mapping[str, Any]] = None, json: bool = False, cancelled: bool = False) -> Result:
    """Calls the handler with one message; see Input for the arguments.

    A class is instantiated, opened and closed. An object is called as it is. A batch handler gets a list of one. A coroutine runs
    to its end; a test that runs in an event loop itself must call this in a thread. The traceback of an unexpected exception is
    on standard error.
    """
    return _call(handler, [Input(body, key, headers, attempt, source or {}, json, cancelled)], False)[0]


def call_batch(handler: AnyHandler, bodies: Sequence[Any]) -> list[Result]:
    """Calls the handler with a batch of bodies, or of Inputs. Returns a result for each."""
    return _call(handler, [body if isinstance(body, Input) else Input(body) for body in bodies], True)


def _call(handler: AnyHandler, inputs: Sequence[Input], is_batch: bool) -> list[Result]:
    work = _Work(handler)
    if is_batch and work.batch is None:
        raise TypeError("the handler has no handle_batch")
    is_class = isinstance(handler, type)
    if is_class:
        work.open()
    try:
        return _handle(work, inputs, is_batch)
    finally:
        if is_class:
            work.close()


def _handle(work: _Work, inputs: Sequence[Input], is_batch: bool) -> list[Result]:
    parts: list[str] = []
    failed_groups = _FailedGroups()
    requests = [one._request(number) for number, one in enumerate(inputs)]
    outs = _begin(requests, failed_groups, _Cancelled(inputs), parts.append, [])
    decision = None
    try:
        _judge(work.handle(outs, is_batch))
    except Exception as error:
        decision = _decision_of(error)
    answers = [json.loads(line) for line in _finish(outs, decision, failed_groups)]
    for part in map(json.loads, reversed(parts)):
        answer = answers[int(part["id"])]
        if "outputs" in answer:
            answer["outputs"] = part["outputs"] + answer["outputs"]
    return [_result(answer, out._message) for answer, out in zip(answers, outs)]


def _result(answer: Mapping[str, Any], message: Message) -> Result:
    for verdict in ("retry", "fail", "drop"):
        if verdict in answer:
            why = answer[verdict]
            after = answer.get("after_ms")
            return Result(verdict, "" if why is True else why, None if after is None else after / 1000)
    return Result("ok", outputs=[_output(output, message) for output in answer["outputs"]])


def _output(output: Mapping[str, Any], message: Message) -> Output:
    def binary(name: str, encoded: str) -> Any:
        return base64.b64decode(output[encoded]) if encoded in output else output.get(name)

    has_key = "key" in output or "key_base64" in output
    headers = output.get("headers")
    delay = output.get("delay_ms")
    return Output(queue=output.get("queue"), body=output["body"] if "body" in output else binary("text", "base64"),
                  key=binary("key", "key_base64") if has_key else message.key,
                  headers=message.headers if headers is None else _headers_of(headers),
                  delay=None if delay is None else delay / 1000, partition=output.get("partition"),
                  tombstone=output.get("tombstone", False))
