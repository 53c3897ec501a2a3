"""JPEGs whose data begin anew now and then: what is left over at the end of restart intervals."""

from __future__ import annotations

import re

from darkroom.image.input import scans
from darkroom.image.input.page import Data
from darkroom.image.strip import strip

_MOST = 2000
"""So many intervals are looked at, for 1.2 ms each."""

_MANY = 4096
"""Bytes: more than are left over before any marker of a sound picture."""

_LONGEST = 65_500
"""Side of a JPEG that libjpeg reads, in pixels."""

_BLOCK = 8
_INTERVAL = 0xDD
_MARKER = re.compile(rb"(\xff[\xd0-\xd7])")


def without_spare(data: Data) -> bytes | None:
    """Return a JPEG of one scan without what is left over before its restart markers.

    None where much is, or where there are none. libjpeg counts it, but tells only of the first; so
    each interval is made a picture of its own.
    """
    whole = strip(bytes(data) + scans.END, "jpeg") or b""
    frame = scans.read_frame(whole)
    if frame is None or not frame.single:
        return None
    head = _head(whole[: frame.data])
    if head is None:
        return None
    made = _MARKER.split(whole[frame.data : scans.end_of_scan(whole, frame.data)])
    places = range(0, len(made) - 1, 2)  # the last interval ends where the scan does
    if len(places) > _MOST:
        return None
    for place in places:
        part = made[place]
        used = len(part) - _count(head, part)
        made[place], spare = part[:used], part[used:]
        if scans.is_much(spare):
            return None
    return whole[: frame.data] + b"".join(made) + scans.END


def _count(head: bytes, part: bytes) -> int:
    """Return how many bytes of an interval are left over.

    What libjpeg has read ahead, it counts at the next marker that it has to look for: so many bytes
    follow the same interval, the second time, that it has to.
    """
    again = part + bytes(_MANY)
    count = scans.left_over(head + part + b"\xff\xd0" + again + b"\xff\xd1" + part + scans.END)
    return count if count < _MANY else (count - _MANY) // 2


def _head(head: bytes) -> bytes | None:
    """Return the head of a picture of three restart intervals, one below the other."""
    made, wide, place, factors = bytearray(head), 0, 0, b"\x11"
    for kind, at, segment in scans.segments(head):
        if kind == _INTERVAL:
            wide = int.from_bytes(segment[2:4], "big")
        elif kind in scans.FRAMES:
            place, factors = at + 3, segment[9::3]
    alone = len(factors) == 1  # then its own factors mean nothing (ITU-T T.81, A.2.2)
    across, down = (1 if alone else max(each >> shift & 15 for each in factors) for shift in (4, 0))
    wide *= _BLOCK * across
    if not 0 < wide <= _LONGEST:
        return None
    high = 3 * _BLOCK * down
    made[place : place + 4] = high.to_bytes(2, "big") + wide.to_bytes(2, "big")
    return bytes(made)
