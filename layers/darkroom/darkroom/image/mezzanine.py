"""The mezzanine: the working copy that Prepare writes and every later step reads.

A container of plain parts after a small header. Pixels are kept as they are, 8 bits a channel in
sRGB, at exactly the size that the largest rendition needs: measured against JPEG, PNG and WebP
copies, raw pixels cost the least CPU and lose nothing (``docs/imaging.md``).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from darkroom.image.geometry import Size
from darkroom.image.metadata import Credit
from darkroom.image.pixels import Pixels, from_bytes

MAGIC = b"darkroom mezzanine 1\n"


class Page(Struct, frozen=True):
    """One page of pixels.

    Attributes
    ----------
    source
        The upright size of the page in the source, in pixels.
    size
        The size at which it is kept, in pixels.
    document
        The size at which the PDF shows it, in pixels: `size` or less.
    bands
        1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; a byte each, row by row.
    part
        Which part holds the pixels.
    jpeg, jpeg_quality
        Which part holds the page as a JPEG of size `document`, and of which quality, where both a
        rendition and the PDF need just that: encoding is most of their work, and is done once.
    """

    source: Size
    size: Size
    document: Size
    bands: int
    part: int
    jpeg: int | None = None
    jpeg_quality: int = 0


class Header(Struct, frozen=True):
    """What the parts are.

    Attributes
    ----------
    pages
        At least one; the first is the image that renditions are made of.
    lengths
        The length of each part, in bytes.
    format, bytes
        Of the source.
    graphic
        The source is drawn and not photographed.
    original
        Which part holds the source's own bytes without metadata, where a rendition has the
        source's format and pixel size: the better of the two is kept.
    credit
        What is kept of the metadata.
    marks
        The pictures that watermarks name, by ``bucket/key``.
    """

    pages: tuple[Page, ...]
    lengths: tuple[int, ...]
    format: str
    bytes: int
    graphic: bool
    original: int | None = None
    credit: Credit = Credit()
    marks: dict[str, Page] = {}


class Mezzanine(Struct, frozen=True):
    """A header and its parts, which are views: nothing is copied."""

    header: Header
    parts: tuple[memoryview, ...]

    def image(self, page: Page) -> Any:
        """Return a page, or a mark, as a pyvips image."""
        return from_bytes(self.parts[page.part], page.size, page.bands)


class Builder:
    """Writes a mezzanine, part by part."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._pages: list[Page] = []
        self._marks: dict[str, Page] = {}
        self._original: int | None = None

    def add_page(self, pixels: Pixels, source: Size, document: Size) -> None:
        """Add a page of pixels, its upright size in the source and its size in the PDF."""
        self._pages.append(self._keep(pixels, source, document))

    def add_jpeg(self, data: bytes, quality: int) -> None:
        """Add the last page as a JPEG too."""
        self._pages[-1] = msgspec.structs.replace(
            self._pages[-1], jpeg=self._add(data), jpeg_quality=quality
        )

    def add_original(self, data: bytes) -> None:
        """Add the source's own bytes, without metadata."""
        self._original = self._add(data)

    def add_mark(self, name: str, pixels: Pixels) -> None:
        """Add a picture that a watermark names."""
        self._marks[name] = self._keep(pixels, pixels.size, pixels.size)

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
        )
        encoded = msgspec.msgpack.encode(header)
        return [MAGIC, len(encoded).to_bytes(4, "big"), encoded, *self._parts]

    def _keep(self, pixels: Pixels, source: Size, document: Size) -> Page:
        return Page(source, pixels.size, document, pixels.bands, self._add(pixels.data))

    def _add(self, part: bytes) -> int:
        self._parts.append(part)
        return len(self._parts) - 1


def unpack(data: bytes) -> Mezzanine:
    """Read a mezzanine.

    Parameters
    ----------
    data
        What :class:`Builder` wrote.

    Returns
    -------
    Mezzanine
        Its parts are views of `data`; nothing is copied.

    Raises
    ------
    ValueError
        `data` is not a mezzanine of this version, or is cut off.
    """
    if not data.startswith(MAGIC):
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
