"""What nobody can do without who makes three JPEGs from one decode: bare libvips, in one process.

No PDF, no check, no colours, nothing handed over. It decodes as far reduced as leaves twice the
largest size, as the pipeline does, and halves from there, a pixel off where that does not divide.
"""

from __future__ import annotations

from typing import Any

import pyvips
from measure import SIZES, Pixels, main

pyvips.concurrency_set(1)
pyvips.cache_set_max(0)

JPEG = b"\xff\xd8\xff"


def images(data: bytes) -> list[Any]:
    """Return the pictures, largest first."""
    image = pyvips.Image.new_from_buffer(data, "", access="sequential")
    times = max(image.width, image.height) // (2 * max(SIZES))
    if data.startswith(JPEG) and times > 1:
        shrink = max(each for each in (2, 4, 8) if each <= times)
        image = pyvips.Image.jpegload_buffer(data, shrink=shrink, access="sequential")
    made = []
    for side in sorted(SIZES, reverse=True):
        image = image.resize(min(1, side / max(image.width, image.height))).copy_memory()
        made.append(image)
    return made


def work(data: bytes) -> int:
    return sum(len(each.jpegsave_buffer(Q=80, keep="none")) for each in images(data))


def pixels(data: bytes) -> Pixels:
    raw: Pixels = {}
    for side, image in zip(sorted(SIZES, reverse=True), images(data), strict=True):
        flat = image.flatten(background=255) if image.hasalpha() else image
        raw[side] = (bytes(flat.write_to_memory()), flat.width, flat.height, flat.bands)
    return raw


if __name__ == "__main__":
    main("floor", work, pixels)
