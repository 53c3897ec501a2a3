"""What a TIFF's directories say, and libvips does not tell (TIFF 6.0; BigTIFF)."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from darkroom.image.input.page import Data

BITS, COMPRESSION, PHOTOMETRIC, SAMPLES = 258, 259, 262, 277
EXTRA_SAMPLES, SAMPLE_FORMAT = 338, 339

_READ = frozenset({BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, EXTRA_SAMPLES, SAMPLE_FORMAT})
_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Types of whole numbers, and how :mod:`struct` calls them."""

_MOST = 65535
"""Entries that a directory can have; BigTIFF's have fewer, too."""

_MOST_SAMPLES = 64
"""So many samples are looked at."""

Directory = dict[int, tuple[int, ...]]


class _Layout(NamedTuple):
    """How a TIFF is written."""

    order: str  # of the bytes
    number: str  # of entries
    pointer: str
    start: int

    def size(self, kind: str) -> int:
        return struct.calcsize("=" + kind)


def directories(data: Data, count: int) -> list[Directory]:
    """Return the first directories of a TIFF: the numbers of the tags named here, those found.

    What cannot be read has nothing to say: it is empty.
    """
    layout = _layout(data)
    found: list[Directory] = []
    with contextlib.suppress(struct.error):
        for places in _places(data, count, layout):
            found += [dict(_entry(data, place, layout) for place in places)]
    return found + [{}] * (count - len(found))


def changed(data: Data, numbers: Sequence[int], tag: int, value: int) -> bytes:
    """Return a TIFF of which some directories, by their numbers, say something else."""
    layout = _layout(data)
    made = bytearray(data)
    for number, places in enumerate(_places(data, max(numbers, default=-1) + 1, layout)):
        for place in places if number in numbers else ():
            found, kind = struct.unpack_from(layout.order + "HH", data, place)
            if found == tag:
                at = place + 4 + layout.size(layout.pointer)
                struct.pack_into(layout.order + _NUMBERS[kind], made, at, value)
    return bytes(made)


def _layout(data: Data) -> _Layout:
    order = "<" if bytes(data[:2]) == b"II" else ">"
    big = bytes(data[2:4]) in {b"+\0", b"\0+"}
    return _Layout(order, "Q", "Q", 8) if big else _Layout(order, "H", "I", 4)


def _places(data: Data, count: int, layout: _Layout) -> Iterator[range]:
    """Yield, for each of the first directories, where its entries lie."""
    order, number, pointer, at = layout
    for _ in range(count):
        (at,) = struct.unpack_from(order + pointer, data, at)
        if not at:
            return
        (entries,) = struct.unpack_from(order + number, data, at)
        at += layout.size(number)
        size = 4 + 2 * layout.size(pointer)
        yield range(at, at + min(entries, _MOST) * size, size)
        at += entries * size


def _entry(data: Data, at: int, layout: _Layout) -> tuple[int, tuple[int, ...]]:
    order, _, pointer, _ = layout
    tag, kind, count = struct.unpack_from(order + "HH" + pointer, data, at)
    if tag not in _READ or kind not in _NUMBERS:
        return 0, ()
    at += 4 + layout.size(pointer)
    values = order + _NUMBERS[kind] * min(count, _MOST_SAMPLES)
    if struct.calcsize(values) > layout.size(pointer):
        (at,) = struct.unpack_from(order + pointer, data, at)
    return tag, struct.unpack_from(values, data, at)
