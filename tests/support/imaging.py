"""Short ways through the imaging core: files in, pixels out, and files of every kind."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from darkroom.contract.presets import Preset
from darkroom.contract.results import ImageInfo, Rendition
from darkroom.image.decode import decode
from darkroom.image.encode import Encoded
from darkroom.image.plan import plan
from darkroom.image.render import render
from darkroom.image.spec import Decoded, DecodeSpec
from numpy.typing import NDArray
from PIL import Image

from tests.support.images import encoded, picture

DATA = Path(__file__).resolve().parent.parent / "unit" / "data"

SMALL = Preset(name="small", width=120, height=120)


def develop(data: bytes, *presets: Preset, **spec: Any) -> Decoded:
    """Decode a file in this process."""
    image, parts = decode(data, DecodeSpec(presets=presets or (SMALL,), **spec))
    return Decoded(image, b"".join(parts))


def renditions(data: bytes, *presets: Preset, **spec: Any) -> list[tuple[Rendition, Encoded]]:
    """Return every rendition of a file, with what was planned."""
    decoded = develop(data, *presets, **spec)
    planned = plan("source", decoded.image, presets or (SMALL,))
    return [(each, render(decoded.mezzanine, each)) for each in planned]


def rendition(data: bytes, preset: Preset = SMALL, **spec: Any) -> Image.Image:
    """Return one rendition of a file, decoded."""
    ((_, made),) = renditions(data, preset, **spec)
    image = Image.open(io.BytesIO(made.data))
    image.load()
    return image


def found(data: bytes, **spec: Any) -> ImageInfo:
    """Return what a file is found to be."""
    return develop(data, **spec).image


def array(image: Image.Image, mode: str = "RGB") -> NDArray[np.float64]:
    """Return pixels as floats, 0 to 255."""
    return np.asarray(image.convert(mode), dtype=np.float64)


class Files(Mapping[str, bytes]):
    """A file of every format and of its notable varieties, all showing one picture.

    Each is made when it is asked for: names are enough to collect tests.
    """

    def __getitem__(self, name: str) -> bytes:
        return _file(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_makers())

    def __len__(self) -> int:
        return len(_makers())


def files() -> Files:
    return Files()


@cache
def _file(name: str) -> bytes:
    return _makers()[name]()


@cache
def _makers() -> Mapping[str, Callable[[], bytes]]:
    """Return how each is made, of pictures of its own: Pillow keeps what it saved them with."""
    rgb, grey, inks, bilevel = (
        partial(picture, 160, 120, mode) for mode in ("RGB", "L", "CMYK", "1")
    )
    other = partial(Image.new, "RGB", (160, 120), "blue")

    def deep() -> Image.Image:
        return Image.fromarray(np.asarray(grey()).astype(np.uint16) * 257)

    return {
        "jpeg": lambda: encoded(rgb(), quality=95),
        "jpeg-progressive": lambda: encoded(rgb(), quality=95, progressive=True),
        "jpeg-grey": lambda: encoded(grey(), quality=95),
        "jpeg-cmyk": lambda: encoded(inks(), quality=95),
        "jpeg-mpo": lambda: encoded(rgb(), "MPO", save_all=True, append_images=[other()]),
        "png": lambda: encoded(rgb(), "PNG"),
        "png-palette": lambda: encoded(rgb().convert("P"), "PNG"),
        "png-alpha": lambda: encoded(half_clear(), "PNG"),
        "png-16": lambda: encoded(deep(), "PNG"),
        "png-1": lambda: encoded(bilevel(), "PNG"),
        "png-interlaced": lambda: interlaced(grey()),
        "apng": lambda: encoded(rgb(), "PNG", save_all=True, append_images=[other()]),
        "webp": lambda: encoded(rgb(), "WEBP", quality=90),
        "webp-lossless": lambda: encoded(rgb(), "WEBP", lossless=True),
        "webp-alpha": lambda: encoded(half_clear(), "WEBP"),
        "webp-animated": lambda: encoded(rgb(), "WEBP", save_all=True, append_images=[other()]),
        "avif": lambda: encoded(rgb(), "AVIF", quality=90),
        "avif-alpha": lambda: encoded(half_clear(), "AVIF"),
        "gif": lambda: encoded(rgb(), "GIF"),
        "gif-animated": lambda: encoded(rgb(), "GIF", save_all=True, append_images=[other()]),
        "tiff": lambda: encoded(rgb(), "TIFF"),
        "tiff-lzw": lambda: encoded(rgb(), "TIFF", compression="tiff_lzw"),
        "tiff-deflate": lambda: encoded(rgb(), "TIFF", compression="tiff_deflate"),
        "tiff-jpeg": lambda: encoded(rgb(), "TIFF", compression="jpeg", quality=95),
        "tiff-fax": lambda: encoded(bilevel(), "TIFF", compression="group4"),
        "tiff-16": lambda: encoded(deep(), "TIFF"),
        "tiff-float": lambda: encoded(
            Image.fromarray(np.float32(grey()) / np.float32(255)), "TIFF"
        ),
        "tiff-cmyk": lambda: encoded(inks(), "TIFF"),
        "tiff-pages": lambda: encoded(
            rgb(), "TIFF", save_all=True, append_images=[other(), grey()]
        ),
        "bmp": lambda: encoded(rgb(), "BMP"),
        "bmp-palette": lambda: encoded(rgb().convert("P"), "BMP"),
        "heic": (DATA / "opaque.heic").read_bytes,
        "heic-alpha": (DATA / "alpha.heic").read_bytes,
        "svg": lambda: SVG,
    }


def half_clear() -> Image.Image:
    """Return a picture whose right half is see-through."""
    image = picture(160, 120, "RGBA")
    image.paste((0, 0, 0, 0), (80, 0, 160, 120))
    return image


SVG = b"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 120">
  <rect width="160" height="120" fill="#4080c0"/>
  <rect width="20" height="15" fill="red"/>
  <circle cx="80" cy="60" r="30" fill="white"/>
</svg>"""


def interlaced(image: Image.Image) -> bytes:
    """Return an 8-bit grey PNG with Adam7 interlacing, which Pillow does not write."""
    pixels = np.asarray(image.convert("L"))
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    rows = b""
    for top, left, down, across in (*starts, (1, 0, 2, 1)):
        part = pixels[top::down, left::across]
        rows += b"".join(b"\0" + row.tobytes() for row in part)
    return png(image.width, image.height, zlib.compress(rows), interlace=1)


def png(
    width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 0, interlace: int = 0
) -> bytes:
    """Return a PNG file of one's own making, with a header that may lie."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, body) for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box, as HEIF and AVIF consist of."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data: bytes) -> dict[bytes, bytes]:
    """Return the contents of the boxes that data consist of, by their kind."""
    found, at = {}, 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        found[kind] = data[at + 8 : at + length]
        at += length
    return found
