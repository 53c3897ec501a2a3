"""PNG, animated ones too."""

from __future__ import annotations

import struct

from darkroom.contract.limits import Limits, check_count, check_sizes
from darkroom.image.input.page import (
    SEQUENTIAL,
    Data,
    Opened,
    Page,
    exif,
    is_plain,
    orientation,
    size_of,
    source,
)
from darkroom.image.vips import vips


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    image = vips().Image.pngload_source(source(data), **SEQUENTIAL)
    frames = _apng_frames(data)
    check_count(frames, "frames", limits)
    check_sizes([size_of(image)] * frames, limits)
    page = Page(size_of(image), orientation(image), lambda _: image)
    return Opened(
        "png",
        (page,),
        frames=frames,
        exif=exif(image),
        graphic=bytes(data[25:26]) == b"\3",  # its colour type: indexed (PNG 3, 11.2.1)
        plain=is_plain(image),
    )


def _apng_frames(data: Data) -> int:
    """Return the number of frames that an acTL chunk promises (PNG 3, 11.3.4.1)."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            return max(1, int.from_bytes(data[at + 8 : at + 12], "big"))
        if kind in {b"IDAT", b"IEND"}:
            break
        at += 12 + int(length)
    return 1
