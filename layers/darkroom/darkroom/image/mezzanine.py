"""The mezzanine: the working copy that Prepare writes and every later step reads.

A container of plain parts after a small header. Pixels are kept as they are, 8 bits a channel in
sRGB, at exactly the size that the largest rendition needs: measured against JPEG, PNG and WebP
copies, raw pixels cost the least CPU and lose nothing (``docs/imaging.md``).
"""

from __future__ import annotations

from mmap import mmap
from typing import Any

import msgspec
from msgspec import Struct

from darkroom.contract.fields import Effort, Quality
from darkroom.image.geometry import Point, Size
from darkroom.image.metadata import Credit
from darkroom.image.pixels import Pixels, view

MAGIC = b"darkroom mezzanine 1\n"


class StoredJpeg(Struct, frozen=True):
    """A page as a JPEG of size `document`, and how it was made."""

    asked: Quality
    effort: Effort = "normal"
    quality: int | None = None  # that it was encoded at; none of the source's own bytes
    part: int = -1  # which part holds it


class StoredPage(Struct, frozen=True):
    """One page of pixels, or a watermark's picture; sizes are in pixels."""

    source: Size  # upright, in the source
    size: Size  # at which it is kept
    document: Size  # at which the PDF shows it: `size` or less
    bands: int  # 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; a byte each, row by row
    part: int  # which part holds the pixels
    # Where both a rendition and the PDF need just that: encoding is most of their work, and is done
    # once.
    jpeg: StoredJpeg | None = None


class Header(Struct, frozen=True):
    """What the parts are."""

    pages: tuple[
        StoredPage, ...
    ]  # at least one; the first is the image that renditions are made of
    lengths: tuple[int, ...]  # of the parts, in bytes
    format: str  # of the source, as the next two
    bytes: int
    graphic: bool  # drawn and not photographed
    # Which part holds the source's own bytes without metadata, where a rendition has the source's
    # format and pixel size: the better of the two is kept.
    original: int | None = None
    credit: Credit = Credit()
    marks: dict[str, StoredPage] = {}  # the pictures that watermarks name, by bucket/key
    focus: dict[str, Point] = {}  # of the first page, by the position that presets ask for


class Mezzanine(Struct, frozen=True):
    """A header and its parts, which are views: nothing is copied."""

    header: Header
    parts: tuple[memoryview, ...]

    def image(self, page: StoredPage) -> Any:
        """Return a page, or a mark, as a pyvips image, which reads it where it lies."""
        return view(self.parts[page.part], page.size, page.bands)


class Builder:
    """Writes a mezzanine, part by part."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._pages: list[StoredPage] = []
        self._marks: dict[str, StoredPage] = {}
        self._original: int | None = None
        self._focus: dict[str, Point] = {}

    def add_page(self, pixels: Pixels, source: Size, document: Size) -> None:
        """Add a page of pixels, its upright size in the source and its size in the PDF."""
        self._pages.append(self._keep(pixels, source, document))

    def add_jpeg(self, data: bytes, made: StoredJpeg) -> None:
        """Add the last page as a JPEG too."""
        jpeg = msgspec.structs.replace(made, part=self._add(data))
        self._pages[-1] = msgspec.structs.replace(self._pages[-1], jpeg=jpeg)

    def add_original(self, data: bytes) -> None:
        """Add the source's own bytes, without metadata."""
        self._original = self._add(data)

    def add_mark(self, name: str, pixels: Pixels) -> None:
        """Add a picture that a watermark names."""
        self._marks[name] = self._keep(pixels, pixels.size, pixels.size)

    def add_focus(self, position: str, focus: Point) -> None:
        """Add the focal point that was found for a position."""
        self._focus[position] = focus

    def finish(
        self, source_format: str, length: int, credit: Credit, *, graphic: bool
    ) -> list[bytes]:
        """Return the mezzanine in pieces, to be written one after the other."""
        header = Header(
            pages=tuple(self._pages),
            lengths=tuple(len(part) for part in self._parts),
            format=source_format,
            bytes=length,
            graphic=graphic,
            original=self._original,
            credit=credit,
            marks=self._marks,
            focus=self._focus,
        )
        encoded = msgspec.msgpack.encode(header)
        return [MAGIC, len(encoded).to_bytes(4, "big"), encoded, *self._parts]

    def _keep(self, pixels: Pixels, source: Size, document: Size) -> StoredPage:
        return StoredPage(source, pixels.size, document, pixels.bands, self._add(pixels.data))

    def _add(self, part: bytes) -> int:
        self._parts.append(part)
        return len(self._parts) - 1


def unpack(data: bytes | mmap) -> Mezzanine:
    """Read a mezzanine; its parts are views of `data`, and nothing is copied.

    A ValueError says that it is of another version, or cut off.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError(
            f"Expected a mezzanine of this version, {MAGIC!r}, but received {data[:32]!r}. Run the "
            "execution anew: its mezzanine was written by another version of Darkroom."
        )
    view = memoryview(data)
    start = len(MAGIC) + 4
    end = start + int.from_bytes(view[len(MAGIC) : start], "big")
    header = msgspec.msgpack.decode(view[start:end], type=Header)
    parts = []
    for length in header.lengths:
        parts.append(view[end : end + length])
        end += length
    if end != len(data):
        raise ValueError(f"Expected a mezzanine of {end} bytes, but received {len(data)}.")
    return Mezzanine(header, tuple(parts))
