"""AVIF."""

from __future__ import annotations

from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.input.page import SEQUENTIAL, Data, Opened, Page, exif, size_of, source
from darkroom.image.vips import vips


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    image = vips().Image.heifload_source(source(data), **SEQUENTIAL)
    check_sizes([size_of(image)], limits)
    # The container turns the image itself (irot, imir); EXIF orientation is only a note in it.
    page = Page(size_of(image), 1, lambda _: image)
    return Opened("avif", (page,), exif=exif(image))
