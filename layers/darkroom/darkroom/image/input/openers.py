"""From bytes to lazy pixels: headers first, pixels only when they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from darkroom.contract.errors import CorruptImage
from darkroom.contract.formats import NAMES
from darkroom.contract.limits import Limits
from darkroom.image.input import avif, bmp, gif, heic, jpeg, png, svg, tiff, webp
from darkroom.image.input.page import Data, Opened
from darkroom.image.input.sniff import SourceFormat


def open_image(data: Data, source_format: SourceFormat, limits: Limits) -> Opened:
    """Read an image's header and hold it against the limits; no pixel is decoded yet.

    Raises ImageTooLarge, CorruptImage or UnsupportedImage, or an error of libvips's.
    """
    return _OPENERS[source_format](data, limits)


_OPENERS: dict[SourceFormat, Callable[[Data, Limits], Opened]] = {
    "jpeg": jpeg.read,
    "png": png.read,
    "webp": webp.read,
    "gif": gif.read,
    "tiff": tiff.read,
    "avif": avif.read,
    "heic": heic.read,
    "bmp": bmp.read,
    "svg": partial(svg.read, opener=open_image),
}


def cannot_decode(source_format: SourceFormat, reason: str) -> CorruptImage:
    """Return the error for a file that begins well and then fails."""
    return CorruptImage(
        f"This begins as {NAMES[source_format]} but cannot be decoded: {reason}. Expected a "
        "complete, undamaged file. If it shows on your computer, save it anew and upload that; "
        "otherwise upload the original again."
    )
