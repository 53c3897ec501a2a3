"""Windows bitmaps."""

from __future__ import annotations

import io
from typing import Any

from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.geometry import Size
from darkroom.image.input.page import Data, Opened, Page
from darkroom.image.pixels import from_bytes


def read(data: Data, limits: Limits) -> Opened:
    """Windows bitmaps, which libvips's build leaves to ImageMagick, are Pillow's."""
    from PIL import BmpImagePlugin

    picture = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    check_sizes([picture.size], limits)

    def draw(_: Size) -> Any:
        mode = {"1": "L", "L": "L", "RGBA": "RGBA"}.get(picture.mode, "RGB")
        return from_bytes(picture.convert(mode).tobytes(), picture.size, len(mode))

    return Opened("bmp", (Page(picture.size, 1, draw),), graphic=picture.mode == "P")
