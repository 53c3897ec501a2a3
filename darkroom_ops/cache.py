"""Values that were used last, and room that several caches share."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """The values last used. Threads may share it.

    The limit is that of the values' sizes together; by default, each counts as one. A value that is
    larger than it is not kept, and drives out no other.
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
            if (size := self._size(value)) > self._limit:
                return value
            self._values[key] = value
            self._held += size
            while self._held > self._limit:
                _, oldest = self._values.popitem(last=False)
                self._held -= self._size(oldest)
        return value


class Room:
    """Bytes that caches have together: what was used longest ago goes first, whosever it is."""

    def __init__(self, limit: int) -> None:
        self._kept: Recent[tuple[int, Any]] = Recent(limit, lambda kept: kept[0])
        self._numbers = itertools.count()

    def cache(self, size: Callable[[V], int]) -> Shared[V]:
        """Return a cache of its own keys, whose values have so many bytes each."""
        return Shared(self._kept, next(self._numbers), size)


class Shared(Generic[V]):
    """One of the caches that share a room."""

    def __init__(
        self, kept: Recent[tuple[int, Any]], number: int, size: Callable[[V], int]
    ) -> None:
        self._kept = kept
        self._number = number
        self._size = size

    def get(self, key: Hashable) -> V | None:
        """Return a value, if it is still there."""
        kept = self._kept.get((self._number, key))
        return None if kept is None else kept[1]

    def put(self, key: Hashable, value: V) -> V:
        """Keep a value, unless the whole room has no place for it, and return it."""
        self._kept.put((self._number, key), (self._size(value), value))
        return value
