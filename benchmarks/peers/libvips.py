"""Three JPEGs by libvips through pyvips, with its thumbnail operation, as its manual advises."""

from __future__ import annotations

from typing import Any

import pyvips
from measure import SIZES, Pixels, main

pyvips.concurrency_set(1)
pyvips.cache_set_max(0)


def thumbnail(data: bytes, side: int) -> Any:
    return pyvips.Image.thumbnail_buffer(data, side, height=side, size="down")


def work(data: bytes) -> int:
    return sum(len(thumbnail(data, side).jpegsave_buffer(Q=80, keep="none")) for side in SIZES)


def pixels(data: bytes) -> Pixels:
    raw: Pixels = {}
    for side in SIZES:
        image = thumbnail(data, side)
        image = image.flatten(background=255) if image.hasalpha() else image
        raw[side] = (bytes(image.write_to_memory()), image.width, image.height, image.bands)
    return raw


if __name__ == "__main__":
    main("libvips", work, pixels)
