"""What is too much for memory, in one file without a name: it is gone when the engine is."""

from __future__ import annotations

import bisect
import functools
import json
import os
import tempfile
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Self

BLOCK = 256
"""Bytes, of which each place takes whole ones: what is smaller between two fits hardly anything,
and each who writes looks through all that is free."""


class Space:
    """What of the file is free: the end, and what was returned before it."""

    def __init__(self) -> None:
        self.returned: deque[tuple[int, int]] = deque()
        """What nobody holds any more: Python says so at any moment, also while the lock is held."""
        self._free: list[tuple[int, int]] = []  # offsets and sizes, in order; no two touch
        self._end = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> int:
        """Return where so many bytes are to lie: the first place that is large enough."""
        size = _blocks(size)
        with self._lock:
            _file()  # here, so that the first who write at once do not make one each
            while self.returned:
                offset, free = self.returned.popleft()
                self._put(offset, _blocks(free))
            for index, (offset, free) in enumerate(self._free):
                if free >= size:
                    self._free[index : index + 1] = (
                        [(offset + size, free - size)] if free > size else []
                    )
                    return offset
            offset, self._end = self._end, self._end + size
            return offset

    def _put(self, offset: int, size: int) -> None:
        """Note that a place is free, together with what is free beside it."""
        index = bisect.bisect(self._free, (offset, size))
        if index < len(self._free) and self._free[index][0] == offset + size:
            size += self._free.pop(index)[1]
        if index and sum(self._free[index - 1]) == offset:
            before, more = self._free.pop(index - 1)
            offset, size = before, size + more
        bisect.insort(self._free, (offset, size))


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


_space = Space()

SIZE_BITS = 40
LARGEST = (1 << SIZE_BITS) - 1
"""Of what is written at once, in bytes: a terabyte, which is more than a memory has."""


class Place(int):
    """Bytes in the file. Once nobody holds it, others are written there.

    It is one number, of the offset and the size: there are many, and an object with both in it is
    more than twice as large.
    """

    __slots__ = ()

    def __new__(cls, data: bytes) -> Self:
        """Write the bytes."""
        size = len(data)
        at = offset = _space.take(size)
        made = super().__new__(cls, offset << SIZE_BITS | size)
        rest = memoryview(data)
        while rest:
            written = os.pwrite(_file(), rest, at)
            rest, at = rest[written:], at + written
        return made

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes from one place to another in it, or up to its end."""
        offset, size = self >> SIZE_BITS, self & LARGEST
        parts, at = [], start
        end = size if end is None else min(end, size)
        while at < end:  # a system reads two gigabytes at a time
            parts.append(os.pread(_file(), end - at, offset + at))
            at += len(parts[-1])
        return b"".join(parts)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nothing is written there while somebody holds it

    # It has its own way there: modules are emptied while Python ends.
    def __del__(
        self,
        give: Callable[[tuple[int, int]], None] = _space.returned.append,
        bits: int = SIZE_BITS,
        largest: int = LARGEST,
    ) -> None:
        if size := self & largest:
            give((self >> bits, size))


class Spooled:
    """What somebody writes at once, and reads again: as much of a file as moto needs."""

    __slots__ = ("_at", "place")

    def __init__(self, max_size: int = 0, *, place: Place | None = None) -> None:
        """Begin with nothing, or bytes; `max_size` is what another would keep in memory."""
        del max_size
        self.place = place  # None: nothing is there
        self._at = 0

    def seek(self, at: int) -> None:
        """Read from there on."""
        self._at = at

    def truncate(self) -> None:
        """Drop what is there."""
        self.place = None

    def write(self, data: bytes) -> None:
        """Write all that it is to be."""
        self.place = Place(data)

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, or all that are left."""
        if (place := self.place) is None:  # held here, so that nobody writes there meanwhile
            return b""
        data = place.read(self._at, None if size < 0 else self._at + size)
        self._at += len(data)
        return data

    def whole(self) -> bytes:
        """Return all bytes, wherever it is read from otherwise."""
        place = self.place
        return b"" if place is None else place.read()

    def copy(self) -> Spooled:
        """Return another with the same bytes, which stay when this one lets go of them."""
        return Spooled(place=self.place)

    def close(self) -> None:
        """Let go of it."""
        self.truncate()


class Packed(Place):
    """JSON-like data, compressed."""

    __slots__ = ()

    def __new__(cls, data: Any) -> Self:
        """Write the data."""
        return super().__new__(cls, zlib.compress(json.dumps(data).encode(), 1))

    def unpacked(self) -> Any:
        """Return the data."""
        return json.loads(zlib.decompress(self.read()))


TOGETHER = 64
"""How many of a list are packed at once: they share what is alike in them."""


class PackedList:
    """JSON-like data one after another: packed, so many together, but for the last ones."""

    def __init__(self) -> None:
        self._packed: list[Packed] = []
        self._last: list[Any] = []
        self._lock = threading.Lock()

    def append(self, said: Any) -> None:
        """Add one."""
        with self._lock:
            self._last.append(said)
            if len(self._last) == TOGETHER:
                self._packed.append(Packed(self._last))
                self._last = []

    def __len__(self) -> int:
        with self._lock:
            return len(self._packed) * TOGETHER + len(self._last)

    def __iter__(self) -> Iterator[Any]:
        with self._lock:
            packed, last = self._packed.copy(), self._last.copy()
        for each in packed:
            yield from each.unpacked()
        yield from last


@functools.cache
def _file() -> int:
    """Return the file's descriptor, which the system closes when the process ends."""
    with tempfile.TemporaryFile() as made:
        return os.dup(made.fileno())
