"""JPEGs whose data begin anew now and then: what is left over at the end of restart intervals."""

from __future__ import annotations

import re

from darkroom.image.input import scans
from darkroom.image.input.page import Data
from darkroom.image.strip import strip

_MOST = 2000
"""So many intervals are looked at, for 1.5 ms each."""

_MANY = 4096
"""Bytes: more than are left over before any marker of a sound picture."""

_ROOM = b"\xff\xdc\x08\0"
"""Height and width of a picture that has room for three intervals of any length: 65,500, the most
that libjpeg reads, by 2,048."""

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
    made = _MARKER.split(whole[frame.data : scans.end_of_scan(whole, frame.data)])
    places = range(0, len(made) - 1, 2)  # the last interval ends where the scan does
    if not 0 < len(places) <= _MOST:
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


def _head(head: bytes) -> bytes:
    """Return the head of a picture that has room for intervals which are looked at."""
    at = next(at for kind, at, _ in scans.segments(head) if kind in scans.FRAMES)
    return head[: at + 3] + _ROOM + head[at + 7 :]
