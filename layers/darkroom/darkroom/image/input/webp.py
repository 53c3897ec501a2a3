"""WebP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

from darkroom.contract.limits import MIB, Limits, check_count, check_sizes
from darkroom.image.geometry import Size
from darkroom.image.input.page import (
    SEQUENTIAL,
    Data,
    Opened,
    Page,
    exif,
    frames_of,
    is_plain,
    orientation,
    size_of,
    source,
)
from darkroom.image.vips import said, vips

WEBP_MEMORY = 260 * MIB
"""What decoding a WebP may take, in bytes: enough for 34 megapixels at full size."""

_SPARE = 16
"""So many bytes may follow what a decoder needs; libwebp's encoder leaves up to 9."""

_FRAME_HEADER = 10
"""Of VP8, in bytes (RFC 6386, 9.1)."""

_SEGMENTS, _DELTAS = 4, 8
"""How many segments have values of their own, and how many deltas the loop filter has."""

_HEADER_BYTES = 40
"""So many are looked at: up to the number of partitions are 179 bits at most."""


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    image = vips().Image.webpload_source(source(data), **SEQUENTIAL)
    frames = frames_of(image)
    check_count(frames, "frames", limits)
    check_sizes([size_of(image)] * frames, limits)

    def draw(wanted: Size) -> Any:
        scale = _webp_scale(size_of(image), wanted, lossless=_is_lossless(data))
        return vips().Image.webpload_source(source(data), scale=scale, **SEQUENTIAL)

    page = Page(size_of(image), draw, orientation(image))
    return Opened(
        "webp",
        (page,),
        frames=frames,
        exif=exif(image),
        plain=is_plain(image),
        sound=cache(partial(_is_sound, data)),
    )


def _webp_scale(size: Size, wanted: Size, *, lossless: bool) -> float:
    """Return the scale, at most 1, at which a WebP is decoded so that it fits its memory.

    libvips holds two copies of the decoded picture, and libwebp one more of a lossless one, all
    of 4 bytes a pixel. What remains is at least twice the size wanted, as with a JPEG.
    """
    pixels = size[0] * size[1]
    room = WEBP_MEMORY - 4 * pixels * lossless
    fitting = (max(0, room) / (8 * pixels)) ** 0.5
    enough = max(2 * want / side for side, want in zip(size, wanted, strict=True))
    return float(min(1.0, max(fitting, enough)))


def _is_lossless(data: Data) -> bool:
    """Return whether a WebP has no VP8 chunk but VP8L, which decodes in memory of its own."""
    return all(kind != b"VP8 " for kind, _, _ in _chunks(data))


def _chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, place and length of each chunk (RFC 9649, 2.3)."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + 8, length
        at += 8 + length + length % 2


def _is_sound(data: Data) -> bool:
    """Return whether a WebP gave no warning, and every part of its picture is needed to its end.

    What anybody put behind it, within a chunk, cannot be told otherwise from the picture. Of a
    lossy picture in several partitions it cannot be told at all but of the last one.
    """
    file = bytes(data)
    whole = all(
        _partitions(file[at : at + length]) == 1
        for kind, at, length in _chunks(file)
        if kind == b"VP8 "
    )
    return whole and not said() and not any(map(_is_decoded, _shortened(file)))


def _partitions(frame: bytes) -> int:
    """Return in how many partitions the coefficients of a lossy picture lie (RFC 6386, 19.2)."""
    header = _Header(frame[_FRAME_HEADER:])
    header.read(2)  # colour space, clamping
    if header.read(1):
        changes_map, changes_data = header.read(1), header.read(1)
        if changes_data:
            header.read(1)
            header.skip_optional(_SEGMENTS, 7 + 1)
            header.skip_optional(_SEGMENTS, 6 + 1)
        if changes_map:
            header.skip_optional(_SEGMENTS - 1, 8)
    header.read(1 + 6 + 3)  # the loop filter's kind, level and sharpness
    if header.read(1) and header.read(1):
        header.skip_optional(_DELTAS, 6 + 1)
    return 1 << header.read(2)


class _Header:
    """Numbers of a frame's header, whose bits are all as likely 0 as 1 (RFC 6386, 7.3)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:_HEADER_BYTES].ljust(_HEADER_BYTES, b"\0"), "big")
        self._unit = 1 << 8 * (_HEADER_BYTES - 1)  # what 1 of the range is worth
        self._range = 255

    def read(self, bits: int) -> int:
        """Return a number of so many bits, the highest one first."""
        number = 0
        for _ in range(bits):
            split = (self._range + 1) // 2
            bit = self._value >= split * self._unit
            self._value -= bit * split * self._unit
            self._range = self._range - split if bit else split
            while self._range < 128:  # noqa: PLR2004 - it has 8 bits at least
                self._range *= 2
                self._unit //= 2
            number = 2 * number + bit
        return number

    def skip_optional(self, count: int, bits: int) -> None:
        """Pass over numbers that are there where a bit before each says so."""
        for _ in range(count):
            self.read(bits * self.read(1))


def _shortened(data: bytes) -> Iterator[bytes]:
    """Yield the file without the end of each part of its picture."""
    for kind, at, length in _chunks(data):
        if kind in {b"ALPH", b"VP8L", b"VP8 "}:
            yield _without(data, at, length, slice(max(0, length - _SPARE - 1), length))
        if kind == b"VP8 ":
            tag = int.from_bytes(data[at : at + 3], "little")
            first = tag >> 5  # the length of its first part
            cut = min(_SPARE + 1, first)
            end = _FRAME_HEADER + first
            shorter = data[:at] + (tag - (cut << 5)).to_bytes(3, "little") + data[at + 3 :]
            yield _without(shorter, at, length, slice(end - cut, end))


def _without(data: bytes, at: int, length: int, left_out: slice) -> bytes:
    """Return a WebP without some bytes of a chunk."""
    body = bytearray(data[at : at + length])
    del body[left_out]
    chunk = struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    file = data[8 : at - 4] + chunk + data[at + length + length % 2 :]
    return data[:4] + struct.pack("<I", len(file)) + file


def _is_decoded(data: bytes) -> bool:
    try:
        vips().Image.webpload_buffer(data, **SEQUENTIAL).avg()
    except vips().Error:
        return False
    return True
