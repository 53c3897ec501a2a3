"""GIF."""

from __future__ import annotations

import struct
from typing import Any

from darkroom.contract.limits import Limits, check_count, check_sizes
from darkroom.image.input.page import SEQUENTIAL, Data, Opened, Page, frames_of, size_of, source
from darkroom.image.pixels import OPAQUE
from darkroom.image.vips import vips

_HEAD = 13
"""Signature and logical screen descriptor, in bytes."""

_HAS_TABLE = 0x80
_EXTENSION = 0x21


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    if len(data) >= 10:  # noqa: PLR2004 - the screen size, before libvips scans the frames
        check_sizes([struct.unpack_from("<HH", data, 6)], limits)
    image = vips().Image.gifload_source(source(data), **SEQUENTIAL)
    frames = frames_of(image)
    check_count(frames, "frames", limits)
    check_sizes([size_of(image)] * frames, limits)
    page = Page(size_of(image), lambda _: _on_screen(data, image))
    return Opened("gif", (page,), frames=frames, graphic=True)


def _on_screen(data: Data, image: Any) -> Any:
    """Return the first frame; where it does not fill its screen, the rest is transparent."""
    left, top, width, height = _first_frame(data)
    if (width, height) == size_of(image) or image.hasalpha():  # then libvips has it so
        return image
    frame = image.extract_area(left, top, width, height).bandjoin(OPAQUE)
    clear = [0] * frame.bands
    return frame.embed(left, top, *size_of(image), extend="background", background=clear)


def _first_frame(data: Data) -> tuple[int, ...]:
    """Return left, top, width and height, as its image descriptor says (GIF89a, 20)."""
    flags = data[10]
    at = _HEAD + (3 << (flags & 7) + 1 if flags & _HAS_TABLE else 0)
    while data[at] == _EXTENSION:
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    return struct.unpack_from("<4H", data, at + 1)
