"""WebP."""

from __future__ import annotations

import struct
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
from darkroom.image.vips import vips

WEBP_MEMORY = 260 * MIB
"""What decoding a WebP may take, in bytes: enough for 34 megapixels at full size."""


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
    return Opened("webp", (page,), frames=frames, exif=exif(image), plain=is_plain(image))


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
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"VP8 ":
            return False
        at += 8 + length + length % 2
    return True
