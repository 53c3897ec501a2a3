"""JPEG."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Any

from msgspec.structs import replace

from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.colour import profile_of, with_profile
from darkroom.image.geometry import Size
from darkroom.image.input import restarts, scans
from darkroom.image.input.page import (
    Data,
    Opened,
    Page,
    exif,
    is_plain,
    orientation,
    refuse,
    size_of,
    source,
)
from darkroom.image.strip import strip
from darkroom.image.vips import forget_errors, said, vips

_LEFT_OVER = re.compile(r"\d+ extraneous bytes before marker 0x")
_NO_END = "premature end of JPEG image"


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`.

    Whatever is odd before the picture's data loses nothing of it: bytes between segments, a version
    of JFIF that does not exist. Such a file is read without it, so that warnings mean lost data.
    """
    forget_errors()
    image = vips().Image.jpegload_source(source(data), **scans.STRICT)
    check_sizes([size_of(image)], limits)
    odd = said()
    forget_errors()
    picture = (strip(bytes(data) + scans.END, "jpeg") if odd else None) or data
    scans.check(picture)
    page = _page(picture, image, same=picture is data)
    return Opened(
        "jpeg",
        (replace(page, judge=partial(_judge, picture, image)),),
        exif=exif(image),
        plain=is_plain(image) and not odd,
        sound=cache(partial(scans.sound, data)),
    )


def _page(data: Data, header: Any, *, same: bool = False) -> Page:
    """Return the page of a file whose header was read, of the same bytes or of odder ones."""
    profile = profile_of(header)

    def draw(wanted: Size) -> Any:
        shrink = _jpeg_shrink(size_of(header), wanted)
        if same and shrink == 1:
            return header  # no pixel of it was read yet, and to open a file takes 0.3 ms
        image = vips().Image.jpegload_source(source(data), shrink=shrink, **scans.STRICT)
        return image if profile is None else with_profile(image, profile)

    return Page(size_of(header), draw, orientation(header), refuse)


def _judge(data: Data, header: Any, complaint: str) -> Page:
    """Return the page without what is harmless.

    That is a missing mark at the end, where nothing is missing before it, and bytes between its
    scans: any number between segments, a few at the end of a scan's data or of a restart interval.
    """
    if _NO_END in complaint:
        return _page(bytes(data) + scans.END, header)
    picture = None
    if _LEFT_OVER.search(complaint):
        picture = restarts.without_spare(data) or scans.without_spare(data)
    if picture is None:
        refuse(complaint)
    scans.check(picture)
    return _page(picture, header)


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
