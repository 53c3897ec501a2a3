"""The executions that have ended, all in one answer: a list of many needs no request for each.

What an execution was and cost is found out once. AWS has no such thing.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from darkroom_ops.engine import backends
from darkroom_ops.executions.listed import Line, cost_of, listed
from darkroom_ops.executions.model import read


class Ledger:
    """The lines of the executions that have ended. `memory_mb` gives that of the functions."""

    def __init__(self, region: str, memory_mb: Callable[[], Mapping[str, int]]) -> None:
        self._region = region
        self._memory_mb = memory_mb
        self._lines: dict[tuple[object, ...], Any] = {}
        self._lock = threading.Lock()

    def page(self) -> list[Any]:
        """Return every line, as JSON-like data."""
        with self._lock:
            before, self._lines = self._lines, {}
            memory = self._memory_mb()
            for key, read_now in backends.ended(self._region):
                self._lines[key] = before.get(key) or _line(*read_now(), memory)
            return list(self._lines.values())


def _line(said: Mapping[str, Any], events: list[dict[str, Any]], memory: Mapping[str, int]) -> Any:
    for event in events:
        event["timestamp"] = datetime.datetime.fromisoformat(event["timestamp"])
    execution = read(said, events)
    price = cost_of(execution, memory)
    return msgspec.to_builtins(Line(listed(execution, price), said["redriveCount"], price))
