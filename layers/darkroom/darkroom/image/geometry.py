"""How large a rendition is and which part of the image it shows. Whole pixels, no image needed."""

from __future__ import annotations

import math

from msgspec import Struct

from darkroom.contract.presets import Preset

Size = tuple[int, int]
"""Width and height, in pixels."""

MAX_SCALED_SIDE = 10_000_000
"""The longest that an enlarged image may be, of which ``cover`` shows the middle: libvips's."""


Point = tuple[float, float]
"""Shares of a picture's width and height, from its top left corner."""


class Placement(Struct, frozen=True):
    """Where the image, scaled to the size `whole`, lies on a rendition of the size `canvas`.

    Where the canvas is smaller, a part of the image is shown; where it is larger, the image lies in
    the middle of the background.
    """

    whole: Size
    canvas: Size

    @property
    def shown(self) -> Size:
        """The size of the visible part of the scaled image."""
        return min(self.whole[0], self.canvas[0]), min(self.whole[1], self.canvas[1])

    def corner(self, focus: Point) -> tuple[int, int]:
        """Return the left and top of the visible part, in pixels of the scaled image.

        Its middle is the focus, or as near as the edges of the image allow.
        """
        left, top = (
            min(max(0, math.ceil(share * whole - (shown + 1) / 2)), whole - shown)
            for share, whole, shown in zip(focus, self.whole, self.shown, strict=True)
        )
        return left, top


def place(source: Size, preset: Preset) -> Placement:
    """Work out the size of a rendition from the size of the upright source.

    Without ``enlarge`` no pixel is ever made larger than it was: ``inside`` and ``fill`` stop at
    the source's size, ``cover`` shrinks its frame in the frame's proportions until the source
    covers it, and ``contain`` leaves the image as it is in the middle of its canvas. Every side has
    at least one pixel. With ``enlarge``, ``cover`` stops where the image would be too long to
    compute, as a line of one pixel soon is.
    """
    width, height = source
    ratios = [
        wanted / side
        for wanted, side in ((preset.width, width), (preset.height, height))
        if wanted is not None
    ]
    inside = scaled(source, min(ratios) if preset.enlarge else min(1.0, *ratios))
    if preset.width is None or preset.height is None or preset.fit == "inside":
        return Placement(inside, inside)
    frame = preset.width, preset.height
    if preset.fit == "contain":
        return Placement(inside, frame)
    if preset.fit == "fill":
        size = frame if preset.enlarge else (min(frame[0], width), min(frame[1], height))
        return Placement(size, size)
    scale = max(ratios)
    most = MAX_SCALED_SIDE / max(source) if preset.enlarge else 1.0
    if scale > most:
        frame, scale = scaled(frame, most / scale), most
    whole = scaled(source, scale)
    return Placement((max(whole[0], frame[0]), max(whole[1], frame[1])), frame)


def fit_inside(size: Size, side: int) -> Size:
    """Return a size reduced, never enlarged, so that no side is longer than `side` pixels."""
    return scaled(size, min(1.0, side / max(size)))


def longest_side(size: Size, side: int, pixels: int) -> int:
    """Return the longer side of the largest image in the shape of `size` within two limits."""
    long, short = max(size), min(size)
    longer = min(side, int((pixels * long / short) ** 0.5))
    # Where the shorter side is rounded up, that may have been a row too many.
    return min(longer, pixels // max(1, int(short * longer / long + 0.5)))


def scaled(size: Size, scale: float) -> Size:
    """Return a size times a factor, in whole pixels, one at least."""
    return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))
