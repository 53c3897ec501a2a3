"""The point of a picture that crops are centred on: decided once, on the mezzanine, for all sizes.

Looked for in the picture, it is the same for every preset, whatever its size and shape: only
libvips's operation is used, and not its crop, which depends on both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from darkroom.contract.fields import Found
from darkroom.contract.presets import FocalPoint, Preset
from darkroom.image.geometry import Point, fit_inside

SIDE = 256
"""Longer side at which a picture is looked at, in pixels: finer detail is mostly noise."""

BACKGROUND = "#808080"
"""What a transparent picture is looked at on: black ink and white stand out from it alike. Left to
itself, libvips takes black, and floats: 250 MB and four times as long to measure entropy."""

CELLS = 32
"""libvips finds attention among so many cells each way (libvips, smartcrop.c)."""

HALVINGS = 2
"""How often the half with the most entropy is taken: once, and what lies at the edge would be
missed by a narrow crop; three times, and it is a detail of what is shown."""


def wanted(presets: tuple[Preset, ...]) -> list[str]:
    """Return the positions that have to be looked for, for any of the presets."""
    asked = {preset.position for preset in presets}
    return [each for each in get_args(Found) if each in asked]


def find(image: Any, position: str) -> Point:
    """Look for a position in an 8-bit image that lies in memory."""
    from darkroom.image.pixels import flatten, reduce

    small = reduce(image, fit_inside((image.width, image.height), SIDE))
    small = flatten(small, BACKGROUND).copy_memory()
    return _attention(small) if position == "attention" else _entropy(small)


def of(preset: Preset, found: Mapping[str, Point]) -> Point:
    """Return the focal point of a preset, given those that were found."""
    position = preset.position
    if isinstance(position, FocalPoint):
        return position.x, position.y
    if position in get_args(Found):
        return found[position]
    return _share(position, "left", "right"), _share(position, "top", "bottom")


def _share(position: str, start: str, end: str) -> float:
    return 0.0 if start in position else 1.0 if end in position else 0.5


def _attention(image: Any) -> Point:
    """Return the middle of the cell that draws most attention: edges, skin, saturated colours."""
    _, at = image.smartcrop(
        image.width, image.height, interesting="attention", attention_x=True, attention_y=True
    )
    cell = 0.5 / CELLS
    return at["attention_x"] / image.width + cell, at["attention_y"] / image.height + cell


def _entropy(image: Any) -> Point:
    """Return the middle of the part with the most entropy, a quarter as wide and high."""
    left, top, part = 0, 0, image
    for _ in range(HALVINGS):
        part = part.smartcrop(
            max(1, part.width // 2), max(1, part.height // 2), interesting="entropy"
        )
        left, top = left - part.xoffset, top - part.yoffset
    return (left + part.width / 2) / image.width, (top + part.height / 2) / image.height
