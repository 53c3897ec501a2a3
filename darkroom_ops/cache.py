"""The one cache: values that were used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """The values last used. Threads may share it.

    The limit is that of the values' sizes together; by default, each counts as one.
    """

    def __init__(self, limit: int, size: Callable[[V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._size = size
        self._held = 0
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """Return a value, if it is still there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: V) -> V:
        """Keep a value, and return it."""
        with self._lock:
            if (old := self._values.pop(key, None)) is not None:
                self._held -= self._size(old)
            self._values[key] = value
            self._held += self._size(value)
            while self._held > self._limit:
                _, oldest = self._values.popitem(last=False)
                self._held -= self._size(oldest)
        return value
