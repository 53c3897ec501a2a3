"""Bitmaps in runs: RLE4 and RLE8 of Windows, RLE24 of OS/2.

Pixels that no run names are transparent, as browsers have them: rows may end early, whole rows be
left out, and the picture end anywhere.
"""

from __future__ import annotations

from msgspec import Struct

from darkroom.image.geometry import Size

_END_OF_ROW, _MOVE = 0, 2
"""What follows a count of none. 1 ends the picture, and more is a count of pixels that follow
(Windows, "Bitmap Compression")."""

_HALF = 4
_DIGITS = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))


class Runs(Struct, frozen=True):
    """Rows of pixels, the lowest first in most files."""

    pixels: bytes  # of one byte each, or of three: blue, green, red
    drawn: bytes | None  # 255 for each that a run names; None where all are named


def decode(data: bytes, at: int, size: Size, bits: int) -> Runs:
    """Decode the runs that begin somewhere in a file; ValueError says that they are damaged."""
    width, height = size
    unit = max(1, bits // 8)
    pixels, skipped = bytearray(), []
    x = y = 0

    def skip() -> None:
        """Leave out what lies between the pixels so far and here."""
        start, end = len(pixels), (y * width + x) * unit
        if start < end:
            skipped.append(slice(start // unit, end // unit))
            pixels.extend(bytes(end - start))

    while y < height and at + 2 <= len(data):
        count, code = data[at : at + 2]
        at += 2
        if count or code > _MOVE:
            skip()
            found, at = _run(data, at - 1, count, bits) if count else _list(data, at, code, bits)
            left = (width - x) * unit
            if len(found) > left and not count:
                raise ValueError("a run does not fit its row")
            pixels += found[:left]
            x += min(len(found), left) // unit
        elif code == _MOVE:
            right, up = data[at : at + 2]
            x, y, at = x + right, y + up, at + 2
            if x > width or y >= height:
                raise ValueError("a move leads out of the picture")
        else:
            x, y = 0, y + 1 if code == _END_OF_ROW else height
    if y < height and len(pixels) < width * height * unit:
        raise ValueError("end of file")
    skip()
    return Runs(bytes(pixels), _drawn(width * height, skipped) if skipped else None)


def _run(data: bytes, at: int, count: int, bits: int) -> tuple[bytes, int]:
    """Return one pixel so many times, or two in turn; and where the next run begins."""
    if bits == _HALF:
        two = bytes([data[at] >> 4, data[at] & 15])
        return (two * (count // 2 + 1))[:count], at + 1
    unit = bits // 8
    return data[at : at + unit] * count, at + unit


def _list(data: bytes, at: int, count: int, bits: int) -> tuple[bytes, int]:
    """Return pixels one by one; and where the next run begins, at an even place."""
    length = (count * bits + 7) // 8
    found = data[at : at + length]
    if len(found) < length:
        raise ValueError("end of file")
    if bits == _HALF:
        found = found.hex().encode().translate(_DIGITS)[:count]
    return found, at + length + length % 2


def _drawn(count: int, skipped: list[slice]) -> bytes:
    drawn = bytearray(b"\xff") * count
    for place in skipped:
        drawn[place] = bytes(place.stop - place.start)
    return bytes(drawn)
