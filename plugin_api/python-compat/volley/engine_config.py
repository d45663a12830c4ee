"""volleyd's configuration of an application."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict

from volley import bridge, kafka_config, rsmq_config
from volley.queues import Queue
from volley.serving import Application

# An exception counts as an attempt, and so does False; the child distinguishes them and counts by itself.
_WITHOUT_END = 1_000_000


def of(application: Application, folder: Path) -> Dict[str, Any]:
    """`folder` has the file, and the queues of a bridge."""
    from volley import launch

    engine = application.engine
    bridged, failures = bridge.queues_of(folder)
    is_bridged = engine.input.connector is None
    queues = [{"name": engine.input_queue, **(bridged if is_bridged else _queue(engine.input, True))}]
    component: Dict[str, Any] = {
        "name": engine.app_name,
        "input": engine.input_queue,
        "outputs": [],
        "handler": {"exec": launch.python_command()},
        "workers": int(os.environ.get("VOLLEY_WORKERS", 1)),
        # py-volley has no limit.
        "handler_timeout": os.environ.get("VOLLEY_HANDLER_TIMEOUT", "24h"),
        "retry": {"max_attempts": _WITHOUT_END},
    }
    if engine.input.connector != "kafka":
        component["order"] = "none"  # a message that waits for its next attempt blocks no other
    for name, queue in engine.outputs.items():
        if queue.connector is None or name == engine.input_queue:
            continue  # the child produces; the name of the input is taken
        queues.append({"name": name, **_queue(queue, False)})
        component["outputs"].append(name)
    if engine.input_queue in engine.outputs:
        component["outputs"].append(engine.input_queue)
    dead = engine.dead_letter_queue
    if dead is not None and engine.outputs[dead].connector is not None:
        component["dead_letter_queue"] = dead
    if is_bridged:
        queues.append(failures)
        component["outputs"].append(failures["name"])
    listen = os.environ.get("VOLLEY_OPERATIONS")
    return {
        "app": engine.app_name,
        "queues": _escaped(queues),
        "components": [_escaped(component)],
        "operations": {"listen": listen} if listen else False,
        "max_message_bytes": "16 MiB",
        "startup_timeout": "5m",  # in which the script loads
    }


def _queue(queue: Queue, is_input: bool) -> Dict[str, Any]:
    written: Dict[str, Any] = {"value": queue.value, "type": queue.connector, "serializer": "none"}
    if queue.connector == "kafka":
        written["config"] = kafka_config.of(queue.pass_through_config, is_input)
    elif queue.connector == "rsmq":
        written["config"] = rsmq_config.of(queue.pass_through_config, is_input)
    elif queue.connector == "sqlite":
        config = dict(queue.pass_through_config)
        config["path"] = os.path.abspath(config.get("path", "volley.db"))
        written["config"] = config
    return written


def _escaped(value: Any) -> Any:
    """What looks like a variable is none."""
    if isinstance(value, dict):
        return {key: _escaped(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_escaped(one) for one in value]
    return value.replace("${", "$${") if isinstance(value, str) else value
