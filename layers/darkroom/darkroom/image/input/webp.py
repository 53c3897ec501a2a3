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


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    image = vips().Image.webpload_source(source(data), **SEQUENTIAL)
    frames = frames_of(image)
    check_count(frames, "frames", limits)
    check_sizes([size_of(image)] * frames, limits)

    def draw(wanted: Size) -> Any:
        scale = _webp_scale(size_of(image), wanted, lossless=_is_lossless(data))
        return vips().Image.webpload_source(source(data), scale=scale, **SEQUENTIAL)

    page = Page(size_of(image), orientation(image), draw)
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

    What anybody put behind it, within a chunk, cannot be told otherwise from the picture.
    """
    return not said() and not any(map(_is_decoded, _shortened(bytes(data))))


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
