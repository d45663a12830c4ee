"""From the configuration of py-volley's connectors for RSMQ, which is PyRSMQ's, to that of volleyd's."""

from __future__ import annotations

import os
from typing import Any, Dict

from volley.connectors.rsmq import RSMQConfigError
from volley.logging import logger

_KEPT = ("host", "port", "ns", "vt", "delay", "maxsize", "realtime", "db", "username", "password")
_OF_THE_CLIENT = {"host": "host", "port": "port", "db": "db", "username": "username", "password": "password",
                  "unix_socket_path": "socket", "ssl": "tls", "ssl_ca_certs": "tls_ca", "ssl_certfile": "tls_cert",
                  "ssl_keyfile": "tls_key"}
# They configure PyRSMQ's interface to Python.
_LEFT_OUT = ("qname", "quiet", "exceptions", "options", "client", "decode_responses", "encoding")


def of(config: Dict[str, Any], is_input: bool) -> Dict[str, Any]:
    """Raises RSMQConfigError if there is no host."""
    kept = {key: value for key, value in config.items() if key in _KEPT and value is not None}
    client = config.get("client")
    if client is not None:
        kept.update(_of_client(client.connection_pool.connection_kwargs))
    kept.update(_of_client(config.get("options") or {}))
    for key in config:
        if key not in _KEPT and key not in _LEFT_OUT:
            logger.warning("RSMQ's %s has no counterpart: left out", key)
    if "host" not in kept and "socket" not in kept:
        if not os.environ.get("REDIS_HOST"):
            raise RSMQConfigError("the host of Redis is missing: give it in config, or in the variable REDIS_HOST")
        kept["host"] = os.environ["REDIS_HOST"]
    if is_input:
        kept.setdefault("vt", 60)
    kept.setdefault("maxsize", -1)  # PyRSMQ's senders ignore the limit
    return kept


def _of_client(options: Dict[str, Any]) -> Dict[str, Any]:
    kept = {}
    for key, value in options.items():
        if key in _OF_THE_CLIENT and value is not None:
            kept[_OF_THE_CLIENT[key]] = value
        elif key not in ("decode_responses", "encoding", "encoding_errors"):
            logger.debug("%s of the client of Redis is left out", key)
    return kept
