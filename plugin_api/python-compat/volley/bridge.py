"""Consumers in Python: the application's first process consumes, and hands each message to volleyd in a queue of SQLite.

One message at a time, as py-volley does it. volleyd deletes it from the queue when its outputs are stored; then the consumer's
on_success is called. The queue lives as long as the process: after a crash the consumer's own store delivers again.
"""

from __future__ import annotations

import base64
import pickle
import sqlite3
import subprocess
import threading
from pathlib import Path
from typing import Any, Optional, Union

from volley_handler import Message

from volley.data_models import QueueMessage
from volley.logging import logger
from volley.serving import Application

BRIDGED_FAILURES = "volley-bridge-failures"
_INPUT = "bridge"
_FAILURES = "bridge-failures"


def original_of(message: Message) -> QueueMessage:
    """What the consumer returned. The queue is a file of our own, so what is pickled in it is ours."""
    return pickle.loads(base64.b64decode(message.bytes or b""))


class NoConsumer:
    """Of an application whose input volleyd reads itself."""

    def wait(self, process: subprocess.Popen) -> int:
        return process.wait()


class Consumer:
    """Runs the class on a thread of its own, which makes it, uses it and shuts it down."""

    def __init__(self, application: Application, folder: Path):
        self._queue = application.engine.input
        self._pause = application.engine.poll_interval_seconds
        self._path = folder / "bridge.db"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="consumer")
        self._process: Optional[subprocess.Popen] = None
        self._failed = False

    def wait(self, process: subprocess.Popen) -> int:
        """Consumes until volleyd ends, and returns its exit code; 70 if the consumer failed."""
        self._process = process
        self._thread.start()
        code = process.wait()
        self._stopping.set()
        self._thread.join(30)  # a call of consume() may wait for a long time
        return 70 if self._failed and code == 0 else code

    def _run(self) -> None:
        assert self._process is not None
        try:
            consumer = self._queue.connector_class(queue_name=self._queue.value, config=self._queue.pass_through_config)
            database = self._open()
            while not self._stopping.is_set():
                taken = consumer.consume()
                if taken is None:
                    self._stopping.wait(self._pause)
                else:
                    self._process_one(consumer, database, taken)
            consumer.shutdown()
        except Exception:
            logger.exception("The consumer of %r failed", self._queue.name)
            self._failed = True
            self._process.terminate()

    def _open(self) -> sqlite3.Connection:
        """Waits until volleyd has made the tables."""
        database = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        while not self._stopping.is_set():
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'volley_messages'").fetchone():
                break
            self._stopping.wait(0.02)
        return database

    def _process_one(self, consumer: Any, database: sqlite3.Connection, taken: QueueMessage) -> None:
        database.execute("INSERT INTO volley_messages (queue, body) VALUES (?, ?)", (_INPUT, _written(taken)))
        pause = 0.0005
        while self._is_there(database, _INPUT):
            if self._stopping.is_set():
                if self._is_there(database, _INPUT):
                    return  # it is not processed: the consumer's store redelivers it
                break
            self._stopping.wait(pause)
            pause = min(pause * 1.5, 0.02)
        if self._is_there(database, _FAILURES):
            database.execute("DELETE FROM volley_messages WHERE queue = ?", (_FAILURES,))
            consumer.on_fail(taken.message_context)
        else:
            consumer.on_success(taken.message_context)

    @staticmethod
    def _is_there(database: sqlite3.Connection, queue: str) -> bool:
        return database.execute("SELECT 1 FROM volley_messages WHERE queue = ? LIMIT 1", (queue,)).fetchone() is not None


def _written(taken: QueueMessage) -> str:
    try:
        pickled = pickle.dumps(taken)
    except Exception:  # such as a connection's
        pickled = pickle.dumps(QueueMessage(message=taken.message))
    return base64.b64encode(pickled).decode()


def consumer_of(application: Application, folder: Path) -> Union[Consumer, NoConsumer]:
    return NoConsumer() if application.engine.input.connector else Consumer(application, folder)


def queues_of(folder: Path) -> Any:
    """volleyd's side of it: the input's configuration, and the queue of failures."""
    config = {"path": str(folder / "bridge.db")}
    return ({"value": _INPUT, "type": "sqlite", "serializer": "none", "config": config},
            {"name": BRIDGED_FAILURES, "value": _FAILURES, "type": "sqlite", "serializer": "none", "config": config})
