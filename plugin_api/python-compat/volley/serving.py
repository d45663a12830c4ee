"""Which application a child process serves. volleyd starts the child with the same script; see volley/child.py."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

if TYPE_CHECKING:
    from volley.engine import Engine

CONTEXT = "msg_ctx"  # the parameter of a function that gets the origin of its message


@dataclass(eq=False)
class Application:
    """A function with `stream_app`."""

    engine: Engine
    func: Callable[..., Any]

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.func)

    @property
    def wants_context(self) -> bool:
        return CONTEXT in inspect.signature(self.func).parameters

    def name(self) -> Dict[str, Any]:
        """What it is found by in another process that runs the same script."""
        mine = self._names()
        same = [one for one in applications if one._names() == mine]
        return {"module": mine[0], "function": mine[1], "number": same.index(self)}

    def _names(self) -> Tuple[str, str]:
        module = self.func.__module__
        return ("__main__" if module == "__mp_main__" else module), self.func.__qualname__

    def serve_if_wanted(self) -> None:
        """In a child: serves if this is the application that was started, and ends the process; else does nothing."""
        if self.name() == _wanted:
            serve(self)


applications: List[Application] = []  # in the order of their creation
_wanted: Optional[Dict[str, Any]] = None


def is_child() -> bool:
    return _wanted is not None


def become_child(wanted: Dict[str, Any]) -> None:
    """From now on a call of an application serves it, instead of starting an engine."""
    global _wanted
    _wanted = wanted


def find_wanted() -> Optional[Application]:
    return next((one for one in applications if one.name() == _wanted), None)


def serve(application: Application) -> None:
    """Answers volleyd until it closes standard input, and ends the process."""
    from volley_handler import run

    from volley import worker

    with worker.Worker(application) as ready:
        run(ready.handle)
    raise SystemExit(0)
