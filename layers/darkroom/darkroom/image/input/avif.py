"""AVIF."""

from __future__ import annotations

import io
import re
from typing import Any

from darkroom.contract.limits import Limits, check_count, check_memory, check_sizes
from darkroom.image.colour import profile_of, with_colours
from darkroom.image.geometry import Size
from darkroom.image.input.boxes import described, frames, space
from darkroom.image.input.page import SEQUENTIAL, Data, Opened, Page, exif, size_of, source
from darkroom.image.pixels import from_bytes
from darkroom.image.spaces import Space
from darkroom.image.vips import vips

_CONFIGURATION = re.compile(rb"av1C\x81.(.)", re.DOTALL)
_ONE_PLANE = 0x10
"""A bit of a plane's configuration: it is grey, or transparency (AV1-ISOBMFF, 2.3.3)."""

_HALVED = 0x08
"""Another bit: colours have half the width."""

_GREY, _USUAL, _FULL = 5, 16, 19
"""What decoding takes for a pixel, in bytes (measured): without colours, with those of half the
width, and of the full one. Transparency, depth and tiles make no difference."""

_TOLD = 3
"""What colours told by numbers take besides, on their way to sRGB (measured)."""


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    told = space(described(data, "avif"), "avif")
    image = vips().Image.heifload_source(source(data), **SEQUENTIAL)
    size, count = size_of(image), frames(data)
    check_count(count, "frames", limits)
    check_sizes([size] * count, limits)
    planes = [ord(found[1]) for found in _CONFIGURATION.finditer(data)]
    _check_memory(size, planes, told, limits)
    image = with_colours(image, profile_of(image), told, int(image.get("bits-per-sample")))
    # The container turns the image itself (irot, imir); EXIF orientation is only a note in it.
    page = Page(size, lambda _: image)
    if any(plane & _ONE_PLANE for plane in planes):
        page = _by_pillow(data, page, told)
    return Opened("avif", (page,), frames=count, exif=exif(image))


def _check_memory(size: Size, planes: list[int], told: Space, limits: Limits) -> None:
    """Refuse what cannot be decoded in the memory that there is: all of it is, at its full size.

    What there is of planes is what the configurations say.
    """
    coloured = [plane for plane in planes if not plane & _ONE_PLANE]
    full = not all(plane & _HALVED for plane in coloured)
    each = _FULL if full else _USUAL if coloured else _GREY
    each += 0 if told.usual else _TOLD
    check_memory(size, each, "such an AVIF", limits)


def _by_pillow(data: Data, page: Page, told: Space) -> Page:
    """Return a page that Pillow decodes: libheif leaves a plane of limited range as it is.

    Unless only libheif knows how the container cuts the picture (clap).
    """
    from PIL import AvifImagePlugin, ExifTags

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    picture = AvifImagePlugin.AvifImageFile(io.BytesIO(bytes(data)))

    def draw(_: Size) -> Any:
        image = from_bytes(picture.tobytes(), picture.size, len(picture.mode))
        return with_colours(image, picture.info.get("icc_profile"), told)

    # Pillow keeps irot and imir as an orientation.
    turned = Page(picture.size, draw, picture.getexif().get(ExifTags.Base.Orientation, 1))
    return turned if turned.upright == page.size else page
