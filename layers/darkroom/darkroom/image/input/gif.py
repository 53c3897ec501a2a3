"""GIF."""

from __future__ import annotations

import struct

from darkroom.contract.limits import Limits, check_count, check_sizes
from darkroom.image.input.page import SEQUENTIAL, Data, Opened, Page, frames_of, size_of, source
from darkroom.image.vips import vips


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    if len(data) >= 10:  # noqa: PLR2004 - the screen size, before libvips scans the frames
        check_sizes([struct.unpack_from("<HH", data, 6)], limits)
    image = vips().Image.gifload_source(source(data), **SEQUENTIAL)
    frames = frames_of(image)
    check_count(frames, "frames", limits)
    check_sizes([size_of(image)] * frames, limits)
    page = Page(size_of(image), 1, lambda _: image)
    return Opened("gif", (page,), frames=frames, graphic=True)
