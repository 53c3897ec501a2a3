"""What a TIFF's directories say, and libvips does not tell (TIFF 6.0; BigTIFF)."""

from __future__ import annotations

import contextlib
import struct

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


def directories(data: Data, count: int) -> list[Directory]:
    """Return the first directories of a TIFF: the numbers of the tags named here, those found."""
    order = "<" if bytes(data[:2]) == b"II" else ">"
    big = bytes(data[2:4]) in {b"+\0", b"\0+"}
    number, pointer, start = ("Q", "Q", 8) if big else ("H", "I", 4)
    found: list[Directory] = []
    with contextlib.suppress(struct.error):  # what cannot be read has nothing to say
        (at,) = struct.unpack_from(order + pointer, data, start)
        while len(found) < count:
            (entries,) = struct.unpack_from(order + number, data, at)
            at += struct.calcsize("=" + number)
            size = 4 + 2 * struct.calcsize("=" + pointer)
            places = range(at, at + min(entries, _MOST) * size, size)
            found.append(dict(_entry(data, place, order, pointer) for place in places))
            (at,) = struct.unpack_from(order + pointer, data, at + entries * size)
    return found + [{}] * (count - len(found))


def _entry(data: Data, at: int, order: str, pointer: str) -> tuple[int, tuple[int, ...]]:
    tag, kind, count = struct.unpack_from(order + "HH" + pointer, data, at)
    if tag not in _READ or kind not in _NUMBERS:
        return 0, ()
    at += 4 + struct.calcsize("=" + pointer)
    values = order + _NUMBERS[kind] * min(count, _MOST_SAMPLES)
    if struct.calcsize(values) > struct.calcsize("=" + pointer):
        (at,) = struct.unpack_from(order + pointer, data, at)
    return tag, struct.unpack_from(values, data, at)
