"""The executions that have ended, all in one answer: a list of many needs no request for each.

What an execution was and cost is found out when it ends. AWS has no such thing.
"""

from __future__ import annotations

import datetime
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from darkroom_ops.engine import backends
from darkroom_ops.engine.spool import Place
from darkroom_ops.executions.listed import Bill, cost_of, listed
from darkroom_ops.executions.model import read

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, in a key or an error: who reads the ledger refuses it, so it is told as
it is shown."""


class Ledger:
    """The lines of the executions that have ended. `memory_mb` gives that of the functions."""

    def __init__(self, region: str, memory_mb: Callable[[], Mapping[str, int]]) -> None:
        self._region = region
        self._memory_mb = memory_mb
        self._lock = threading.Lock()

    def page(self) -> bytes:
        """Return every line, as JSON."""
        with self._lock:
            ended = list(backends.ended(self._region))
            for each in ended:
                if each.line is None:  # it ended in an earlier engine
                    each.line = Place(self.line(*each.told()))
            return b"[" + b",".join(each.line.read() for each in ended) + b"]"

    def line(self, said: Mapping[str, Any], events: list[dict[str, Any]]) -> bytes:
        """Return an execution's line as JSON, of its description and its events."""
        for event in events:
            event["timestamp"] = datetime.datetime.fromisoformat(event["timestamp"])
        execution = read(said, events)
        price = cost_of(execution, self._memory_mb())
        line = Bill(
            listed(execution, price),
            said["redriveCount"],
            None if price is None else price.quantities,
        )
        told = json.dumps(msgspec.to_builtins(line), ensure_ascii=False)
        return _HALF.sub(lambda half: rf"\\u{ord(half[0]):x}", told).encode()
