"""py-volley's module on top of volleyd: `Engine(...).stream_app` runs volleyd with the function as its handler."""

from volley.config import QueueConfig
from volley.engine import Engine

__version__ = "0.1.0"

__all__ = ["Engine", "QueueConfig"]
