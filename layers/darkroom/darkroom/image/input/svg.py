"""SVG: drawings, and the pictures within them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.geometry import Size
from darkroom.image.input.page import Data, Opened, Page
from darkroom.image.vips import vips


def read(data: Data, limits: Limits, sizes: Callable[[bytes, Limits], list[Size]]) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    from darkroom.image.input import drawing

    svg = drawing.read(bytes(data))
    check_sizes([svg.size], limits)
    check_sizes([size for file in svg.embedded for size in sizes(file, limits)], limits)

    def draw(wanted: Size) -> Any:
        check_sizes([wanted], limits)
        return vips().Image.pngload_buffer(svg.rasterise(wanted))

    page = Page(svg.size, 1, draw)
    return Opened("svg", (page,), vector=True, graphic=True)
