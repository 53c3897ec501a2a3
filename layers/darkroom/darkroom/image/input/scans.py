"""Whether a JPEG's picture is all there: what its decoder does not tell, or tells as a warning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from darkroom.contract.errors import CorruptImage
from darkroom.contract.limits import MIB
from darkroom.image.input.page import Data
from darkroom.image.strip import strip
from darkroom.image.vips import forget_errors, said, vips

STRICT = {"access": "sequential", "fail_on": "warning"}
"""How a JPEG is read. Lost data are a warning to libjpeg, which shows grey in their place. What is
harmless is dealt with before and after, where it is read."""

END = b"\xff\xd9"
"""The marker at the end of an image (ITU-T T.81, B.1.1.3)."""

SPARE = 16
"""So many bytes may be left over when the last block is decoded: some encoders write a few more.
Blocks that are decoded out of step leave more, nine times in ten."""

SMALL = 256 * 1024
"""Files of up to so many bytes are always looked at twice, for 2 ms at most. Of larger ones that
would take a sixth of the whole: they are where their data are suspicious."""

_ZEROS = bytes(32)
"""What a lost sector, or a transfer that was broken off, leaves in a file. Few pictures have it."""

_SECTOR = 4096
"""So many bytes of a picture hold 16 of value 255 on average. Text, or most else that some program
wrote over a picture, holds none."""

_TEXT = 224
"""A sector without 255 is suspicious where it has so many values at most: UTF-8 has 213 without
control characters. Of 36 sound photos four have sectors without 255, all of 250 values and more."""

_AT_ONCE = MIB
"""So many bytes are looked at without a copy of the whole file."""

_AND_MORE = b"\xff\xfe\0\2" + END + bytes(8192)
"""A comment, before which libjpeg counts what is left over, but for what it has read ahead; and so
many bytes that it reads as it does in the middle of a file."""

_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x")

_EIGHTH = 8

_STRIP = 8
"""Lines that libvips' jpegload reads at once (jpegload, tile_height)."""

FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Markers of frames that decoders know: baseline to progressive, Huffman or arithmetic."""

_PROGRESSIVE = frozenset({0xC2, 0xCA})
_SCAN = 0xDA
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_MARKER = re.compile(rb"\xff\xff*[^\0\xff]")
_AFTER_SCAN = re.compile(rb"\xff\xff*[^\0\xd0-\xd7\xff]")
"""With a byte that can be looked for. ``\\xff+`` is tried at every place: 8 ms of a photo's 80."""

_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_SCAN_MARKER = re.compile(rb"\xff\xda")
_COEFFICIENTS = range(64)

_MOST_COMPONENTS = 4
_HEAD = 14
"""Of a scan of so many components, in bytes: behind its length (ITU-T T.81, B.2.3)."""


class Frame(NamedTuple):
    """What is told before the first scan, and by its head."""

    progressive: bool
    components: bytes  # their identifiers
    scan: int  # where the first scan's marker lies
    data: int  # where its data begin
    single: bool  # it holds the whole picture


def check(data: Data) -> None:
    """Refuse (CorruptImage) a picture of which a part is missing without the decoder's noticing.

    It stops at the last block of a scan that holds the whole picture, whatever follows; and where
    whole scans are missing, it shows what the others have.
    """
    frame = read_frame(data)
    if frame is None:
        return  # the decoder tells
    if not frame.single:
        _check_scans(data, frame)
    elif len(data) <= SMALL or _is_suspicious(data, frame.data):
        _check_end(data, frame.data)


def sound(data: Data) -> bool:
    """Return whether a JPEG that was decoded gave no warning, and needed its very last byte."""
    frame = read_frame(data)
    if frame is None:
        return False
    if not frame.single:
        return not _warns(bytes(data))
    end = _AFTER_SCAN.search(data, frame.data)
    if end is None or (_RESTART.search(data, frame.data, end.start()) and _warns(bytes(data))):
        return False
    return _warns(bytes(data[: end.start() - 1]) + END)


def without_spare(data: Data) -> bytes | None:
    """Return a JPEG of several scans without what is left over at the end of each; None if much is.

    libjpeg counts it, but tells only of the first; so each scan is made the last one.
    """
    whole = strip(bytes(data) + END, "jpeg")
    if whole is None:
        return None
    scan = _SCAN_MARKER.search(whole)
    while scan is not None:
        at = end_of_scan(whole, scan.end() + 2)
        spare = whole[at - left_over(whole[:at] + _AND_MORE) : at]
        whole = whole[: at - len(spare)] + whole[at:]
        if is_much(spare):
            return None
        scan = _SCAN_MARKER.search(whole, at - len(spare))
    return whole


def is_much(spare: bytes) -> bool:
    """Return whether what is left over is more than encoders leave, or than one fills up with."""
    return len(spare) > SPARE and bool(spare.strip(spare[:1]))


def left_over(data: bytes) -> int:
    """Return how many bytes libjpeg first says to be too many; 0 where it says something else."""
    found = _LEFT_OVER.search(_complaint(data))
    return int(found[1]) if found else 0


def _check_scans(data: Data, frame: Frame) -> None:
    """Hold the scans of several against what they must hold together (ITU-T T.81, G.1)."""
    left = {(each, place) for each in frame.components for place in _COEFFICIENTS}
    for found in _SCAN_MARKER.finditer(data, frame.scan):
        scan = bytes(data[found.end() : found.end() + _HEAD]).ljust(_HEAD, b"\0")
        count = min(scan[2], _MOST_COMPONENTS)
        first, last, refined = scan[3 + 2 * count : 6 + 2 * count]
        if frame.progressive and refined & 15:  # bits that a later scan must bring
            continue
        components = scan[3 : 3 + 2 * count : 2]
        places = range(first, last + 1) if frame.progressive else _COEFFICIENTS
        left -= {(each, place) for each in components for place in places}
    if left:
        raise _incomplete("scans are missing at its end")


def _is_suspicious(data: Data, at: int) -> bool:
    """Return whether a scan holds what pictures seldom do, and what is written over files does."""
    for start in range(at, len(data), _AT_ONCE):
        part = bytes(data[start : start + _AT_ONCE + len(_ZEROS)])
        sectors = range(0, len(part) - _SECTOR + 1, _SECTOR)
        odd = [i for i in sectors if part.find(255, i, i + _SECTOR) < 0]
        for tried in (_SECTOR // 4, _SECTOR):  # a quarter nearly always tells
            odd = [i for i in odd if len(set(part[i : i + tried])) <= _TEXT]
        odd += [i for i in [part.find(_ZEROS)] if i >= 0]
        if odd:
            return start + min(odd) < end_of_scan(data, at)  # behind it lies what phones add
    return False


def _check_end(data: Data, at: int) -> None:
    """Refuse a scan of which much is left when the last block is decoded."""
    head, scan = bytes(data[:at]), bytes(data[at : end_of_scan(data, at)])
    if _ends(head, scan):
        return
    used = scan.rstrip(scan[-1:])
    used += b"\0" * used.endswith(b"\xff")  # which stands after each of these in a scan
    if len(scan) - len(used) > SPARE and not _warns(head + used + END) and _ends(head, used):
        return  # filled up with one value
    raise _incomplete("its data do not end where the picture does")


def end_of_scan(data: Data, at: int) -> int:
    """Return where the data of a scan end that begin somewhere."""
    found = _AFTER_SCAN.search(data, at)
    return found.start() if found else len(data)


def _ends(head: bytes, scan: bytes) -> bool:
    """Return whether a scan's picture needs its data up to the last few bytes."""
    return _warns(head + scan[: -min(SPARE + 1, (len(scan) + 1) // 2)] + END)


def _warns(data: bytes) -> bool:
    return bool(_complaint(data))


def _complaint(data: bytes) -> str:
    """Return what a JPEG's decoder says first; at an eighth it does little but read."""
    forget_errors()
    try:
        image = vips().Image.jpegload_buffer(data, **STRICT)
        if min(image.width, image.height) >= _EIGHTH:
            shrink = _shrink(image.height)
            image = vips().Image.jpegload_buffer(data, shrink=shrink, **STRICT)
        image.avg()
    except vips().Error as error:
        return str(error)
    return said()


def _shrink(height: int) -> int:
    """Return the largest shrink at which all of a picture is read.

    libvips leaves out what is less than a line; where that lies in a strip of its own, it is not
    even read.
    """
    return next(
        shrink for shrink in (_EIGHTH, 4, 2, 1) if height % shrink == 0 or height // shrink % _STRIP
    )


def read_frame(data: Data) -> Frame | None:
    """Return what is told before the first scan; None where there is no scan."""
    progressive, components = False, b""
    for kind, at, segment in segments(data):
        if kind in FRAMES:
            progressive, components = kind in _PROGRESSIVE, segment[8::3]
        elif kind == _SCAN:
            single = not progressive and segment[2:3] == bytes([len(components)])
            return Frame(progressive, components, at - 2, at + len(segment), single)
    return None


def segments(data: Data) -> Iterator[tuple[int, int, bytes]]:
    """Yield kind, place and contents, from their length on, of all segments to the first scan's."""
    at, kind = 2, 0
    while kind != _SCAN and (marker := _MARKER.search(data, at)) is not None:
        kind, at = marker[0][-1], marker.end()
        if kind not in _STANDALONE:
            segment = bytes(data[at : at + int.from_bytes(data[at : at + 2], "big")])
            yield kind, at, segment
            at += len(segment)


def _incomplete(reason: str) -> CorruptImage:
    return CorruptImage(
        f"A part of this JPEG's picture is missing or damaged: {reason}. Expected a complete file. "
        "Upload the original again, or save what is left of it anew, and upload that."
    )
