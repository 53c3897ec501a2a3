"""JPEG."""

from __future__ import annotations

from typing import Any

from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.geometry import Size
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
    image = vips().Image.jpegload_source(source(data), **SEQUENTIAL)
    check_sizes([size_of(image)], limits)

    def draw(wanted: Size) -> Any:
        shrink = _jpeg_shrink(size_of(image), wanted)
        return vips().Image.jpegload_source(source(data), shrink=shrink, **SEQUENTIAL)

    page = Page(size_of(image), orientation(image), draw)
    return Opened("jpeg", (page,), exif=exif(image), plain=is_plain(image))


def _jpeg_shrink(size: Size, wanted: Size) -> int:
    """Return the scale, in the DCT domain, at which a JPEG is decoded: 1, 2, 4 or 8.

    What remains is still twice the size wanted, which keeps the result above 50 dB of a full
    decode, and the scale divides both sides, as libjpeg rounds the size up otherwise and the image
    would shift by part of a pixel.
    """
    for shrink in (8, 4, 2):
        enough = all(side >= 2 * shrink * want for side, want in zip(size, wanted, strict=True))
        if enough and all(side % shrink == 0 for side in size):
            return shrink
    return 1
