"""TIFF, the one format with several pages."""

from __future__ import annotations

from darkroom.contract.limits import Limits, check_count, check_sizes
from darkroom.image.input.page import (
    SEQUENTIAL,
    Data,
    Opened,
    Page,
    frames_of,
    orientation,
    size_of,
    source,
)
from darkroom.image.vips import vips


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    first = vips().Image.tiffload_source(source(data), **SEQUENTIAL)
    count = frames_of(first)
    check_count(count, "pages", limits)
    pages = [_tiff_page(data, index) for index in range(count)]
    check_sizes([page.size for page in pages], limits)
    return Opened("tiff", tuple(pages), exif=data)  # a TIFF file is built as an EXIF block is


def _tiff_page(data: Data, index: int) -> Page:
    image = vips().Image.tiffload_source(source(data), page=index, **SEQUENTIAL)
    return Page(size_of(image), orientation(image), lambda _: image)
