"""Faults for tests: what a state's integration gives, instead of what it would have given."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NOTHING = object()


@dataclass
class Fault:
    """What happens to the next calls of a Task state's integration: an error, or a result."""

    state: str
    error: str = ""
    cause: str = ""
    result: Any = NOTHING
    times: int | None = None  # how many calls it takes; None for every call
    when: Callable[[Any], bool] | None = None  # what the state's input satisfies, as of a Map item
    taken: int = 0  # how many calls it took so far


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def inject(self, fault: Fault) -> Fault:
        """Put a fault in force and return it; it must say how the call ends or what it returns."""
        if not fault.error and fault.result is NOTHING:
            raise ValueError(f"Expected an error or a result for state {fault.state}.")
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()

    def take(self, state: str, state_input: Any) -> Fault | None:
        """Return the fault for a call of a state, and count it as taken."""
        with self._lock:
            candidates = [fault for fault in self._faults if fault.state == state]
        for fault in candidates:
            # Asked without the lock: a test's condition may wait for something.
            if fault.when is not None and not fault.when(state_input):
                continue
            with self._lock:
                if fault.taken != fault.times:
                    fault.taken += 1
                    return fault
        return None
