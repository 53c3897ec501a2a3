"""The bytes of objects, in one file without a name: it is gone when the engine is."""

from __future__ import annotations

import functools
import os
import tempfile
import threading


class Spooled:
    """What somebody writes at once, and reads again: as much of a file as moto needs.

    What is written in its place lies elsewhere in the file, which only grows.
    """

    def __init__(self, max_size: int = 0) -> None:
        """Begin with nothing; `max_size` is what another would keep in memory."""
        del max_size
        self._offset = self._length = self._at = 0

    def seek(self, at: int) -> None:
        """Read from there on."""
        self._at = at

    def truncate(self) -> None:
        """Drop what is there."""
        self._length = 0

    def write(self, data: bytes) -> None:
        """Write all that it is to be."""
        self._offset, self._length = _append(data), len(data)

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, or all that are left."""
        left = max(0, self._length - self._at)
        wanted = left if size < 0 else min(size, left)
        parts, end = [], self._at + wanted
        while self._at < end:  # a system reads two gigabytes at a time
            parts.append(os.pread(_file(), end - self._at, self._offset + self._at))
            self._at += len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        """Let go of it."""
        self.truncate()


@functools.cache
def _file() -> int:
    """Return the file's descriptor, which the system closes when the process ends."""
    with tempfile.TemporaryFile(prefix="darkroom-") as made:
        return os.dup(made.fileno())


_lock = threading.Lock()
_end = 0


def _append(data: bytes) -> int:
    """Write bytes at the end of the file; return where that is."""
    global _end
    with _lock:
        file = _file()  # here, so that the first who write at once do not make one each
        offset, _end = _end, _end + len(data)
    rest, at = memoryview(data), offset
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
    return offset
