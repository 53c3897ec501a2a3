"""What every format becomes: pages whose headers are read and whose pixels are not yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from msgspec import Struct

from darkroom.contract.errors import UnsupportedImage
from darkroom.contract.formats import NAMES
from darkroom.image.colour import has_other_profile
from darkroom.image.geometry import Size
from darkroom.image.input.sniff import SourceFormat
from darkroom.image.vips import said, vips

Data = bytes | memoryview

SEQUENTIAL = {"access": "sequential", "fail_on": "error"}
"""Rows are read once from top to bottom; damage is an error and not a grey area."""

SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""


class Page(Struct, frozen=True):
    """One page, not yet decoded."""

    size: Size  # as stored, before the orientation is applied, in pixels
    # Returns lazy pixels at `size` or, where the format allows it for free, smaller: at least the
    # size that it is given.
    draw: Callable[[Size], Any]
    orientation: int = 1  # EXIF's, 1 to 8
    # Judges what libvips said while it drew, mostly warnings: raises an error of its where data are
    # lost, and returns another page to draw instead, or None where the pixels are right.
    judge: Callable[[str], Page | None] | None = None

    @property
    def upright(self) -> Size:
        """Width and height as a viewer shows the page."""
        width, height = self.size
        return (height, width) if self.orientation in SIDEWAYS else (width, height)


class Opened(Struct, frozen=True):
    """An image whose header is read and within the limits."""

    format: SourceFormat
    pages: tuple[Page, ...]  # at least one; several only for a TIFF
    frames: int = 1  # of an animation, of which the first is the page
    exif: Data = b""  # what credit is read from
    vector: bool = False  # it has no pixels of its own, as SVG
    graphic: bool = False  # drawn and not photographed, as its format says: SVG, GIF or a palette
    plain: bool = False  # shown as stored: no orientation, no profile but sRGB, RGB or grey
    # Returns whether it is decoded without a warning, once it has been decoded.
    sound: Callable[[], bool] = lambda: not said()


def refuse(complaint: str) -> NoReturn:
    """Raise what libvips only said."""
    raise vips().Error("", complaint)


def unsupported(source_format: SourceFormat, reason: str) -> UnsupportedImage:
    """Return the error for a sound file of a kind that is not read."""
    return UnsupportedImage(
        f"This variety of {NAMES[source_format]} is not supported: {reason}. "
        "Expected an ordinary one. Open it in an image editor, export it as JPEG, PNG or TIFF, and "
        "upload that."
    )


def source(data: Data) -> Any:
    """Return a source that reads the caller's bytes where they lie; the caller keeps them."""
    return vips().Source.new_from_memory(data)


def size_of(image: Any) -> Size:
    """Return width and height as stored, in pixels."""
    return image.width, image.height


def orientation(image: Any) -> int:
    """Return the EXIF orientation, 1 to 8."""
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def exif(image: Any) -> bytes:
    """Return the EXIF block; empty where there is none."""
    return bytes(image.get("exif-data")) if image.get_typeof("exif-data") else b""


def frames_of(image: Any) -> int:
    """Return how many frames or pages there are."""
    return int(image.get("n-pages")) if image.get_typeof("n-pages") else 1


def is_plain(image: Any) -> bool:
    """Return whether the pixels are shown as they are stored."""
    usual = orientation(image) == 1 and image.interpretation in {"srgb", "b-w"}
    return usual and not has_other_profile(image)
