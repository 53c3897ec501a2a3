"""Pixels in, a file out: the encoders and their settings."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from darkroom.contract.fields import Effort, FormatName
from darkroom.image.metadata import Credit, add_exif, exif

WEBP_EFFORTS = {"normal": 2, "high": 6}
"""0 to 6. At 4, the usual, an image takes twice as long for 2 to 5 % fewer bytes; at 6 five times
as long for 6 % fewer."""

AVIF_SCALE = 0.75
"""AVIF reaches the same looks at a lower number: quality is given on JPEG's scale."""

AVIF_EFFORTS = ((2_000_000, 4), (8_000_000, 3))
"""0 to 9, for as many pixels at most; 1 for more. At 3 a photo took a fifth of the time for 4 to
15 % more bytes, at 1 a twelfth for up to 15 % more again. Beyond 4, a photo of 600 pixels takes 4 s
instead of 1 for 3 % fewer: a high effort is no other."""

FULL_CHROMA_QUALITY = 90
"""From here on, JPEG keeps colour at full resolution: who asks for this much wants to see it."""


PROGRESSIVE_PIXELS = 2_000_000
"""From here on, JPEGs are progressive. That doubles the work of encoding, and made files of default
renditions between 6 % smaller and 3 % larger; only a large file shows early for it."""


STREAMED_PIXELS = 25_000_000
"""From here on, JPEGs are written row by row: progressive ones, and tables of a picture's own, need
all of it first, up to 13 bytes a pixel."""


QUANT_TABLE = 3
"""N. Robidoux's quantisation table, by libvips's number. Of 204 pictures the same SSIMULACRA2 score
took 4 to 7 % fewer bytes than with the tables of ITU-T T.81, annex K, and the same time."""

_QUANT_TABLE = (
    *(16, 16, 16, 18, 25, 37, 56, 85),
    *(16, 17, 20, 27, 34, 40, 53, 75),
    *(16, 20, 24, 31, 43, 62, 91, 135),
    *(18, 27, 31, 40, 53, 74, 106, 156),
    *(25, 34, 43, 53, 69, 94, 131, 189),
    *(37, 40, 62, 74, 94, 124, 169, 238),
    *(56, 53, 91, 106, 131, 169, 226, 311),
    *(85, 75, 135, 156, 189, 238, 311, 418),
)
"""The same in numbers, for encoders that have it by no number: at quality 50."""


THOROUGH_PIXELS = 10_000_000
"""From here on, a high effort is no other: of noise a megapixel takes a second and a half."""


class Encoded(Struct, frozen=True):
    """A finished file, its size in pixels; that of a PDF's first page is in points.

    The quality is that of :class:`darkroom.contract.results.Output`.
    """

    data: bytes
    content_type: str
    width: int
    height: int
    pages: int | None = None
    quality: int | None = None


def encode(
    image: Any,
    image_format: FormatName,
    quality: int,
    *,
    graphic: bool = False,
    credit: Credit | None = None,
    effort: Effort = "normal",
) -> bytes:
    """Write an 8-bit sRGB or grey image; the same bytes for the same pixels, always.

    Quality is 1 to 100, on JPEG's scale; a lossless format ignores it. Coloured edges of a graphic,
    which is drawn and not photographed, must not be blurred. The credit is the only metadata.
    """
    return ENCODERS[image_format](image, quality, graphic=graphic, credit=credit, effort=effort)


def jpeg(image: Any, quality: int, *, graphic: bool, effort: Effort = "normal") -> bytes:
    """Write a JPEG with optimised Huffman tables, progressive unless small, without metadata.

    A high effort makes it progressive, with the best of several orders of its scans, and chooses
    coefficients by what they cost in bytes (trellis quantisation).
    """
    full_chroma = graphic or quality >= FULL_CHROMA_QUALITY
    pixels = image.width * image.height
    if pixels < PROGRESSIVE_PIXELS and effort == "normal" and not full_chroma:
        return _small_photo(image, quality)
    whole = pixels < STREAMED_PIXELS
    thorough = pixels < THOROUGH_PIXELS and effort == "high"
    return bytes(
        image.jpegsave_buffer(
            Q=quality,
            optimize_coding=whole,
            interlace=thorough or (whole and pixels >= PROGRESSIVE_PIXELS),
            trellis_quant=thorough,
            overshoot_deringing=thorough,
            optimize_scans=thorough,
            subsample_mode="off" if full_chroma else "on",
            quant_table=QUANT_TABLE,
            keep="none",
        )
    )


def quant_table(quality: int) -> list[int]:
    """Return the quantisation table of a quality, row by row (libjpeg, jpeg_quality_scaling)."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality  # noqa: PLR2004
    return [min(255, max(1, (each * percent + 50) // 100)) for each in _QUANT_TABLE]


def _small_photo(image: Any, quality: int) -> bytes:
    """Write the same pixels as libvips would, by Pillow: its libjpeg-turbo takes 60 % of the time.

    It needs all pixels at once, and has room for 2 bytes a pixel: noise with full chroma is more.
    """
    from PIL import Image

    size, mode = (image.width, image.height), "L" if image.bands == 1 else "RGB"
    picture = Image.frombuffer(mode, size, image.write_to_memory(), "raw", mode, 0, 1)
    file, subsampling = io.BytesIO(), "4:4:4" if mode == "L" else "4:2:0"
    tables = [quant_table(quality)]
    picture.save(file, "JPEG", qtables=tables, subsampling=subsampling, optimize=True)
    return file.getvalue()


def _jpeg(
    image: Any, quality: int, *, graphic: bool, credit: Credit | None, effort: Effort
) -> bytes:
    return _credited(jpeg(image, quality, graphic=graphic, effort=effort), "jpeg", credit)


def _png(image: Any, *_: Any, credit: Credit | None, **__: Any) -> bytes:
    return _credited(image.pngsave_buffer(filter="all", keep="none"), "png", credit)


def _webp(
    image: Any, quality: int, *, graphic: bool, credit: Credit | None, effort: Effort
) -> bytes:
    data = image.webpsave_buffer(
        Q=quality, effort=WEBP_EFFORTS[effort], smart_subsample=graphic, keep="none"
    )
    return _credited(data, "webp", credit)


def _credited(data: Any, image_format: str, credit: Credit | None) -> bytes:
    return add_exif(bytes(data), image_format, exif(credit)) if credit else bytes(data)


def _avif(image: Any, quality: int, *, credit: Credit | None, **_: Any) -> bytes:
    from darkroom.image.vips import vips

    keep = "none"
    if credit:
        image = image.copy()
        image.set_type(vips().GValue.blob_type, "exif-data", exif(credit))
        keep = "exif"
    pixels = image.width * image.height
    effort = next((effort for most, effort in AVIF_EFFORTS if pixels <= most), 1)
    data = image.heifsave_buffer(
        Q=round(quality * AVIF_SCALE), compression="av1", effort=effort, keep=keep
    )
    return bytes(data)


ENCODERS: dict[str, Callable[..., bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "avif": _avif,
}
"""By the name of each of :data:`darkroom.contract.formats.OUTPUT_FORMATS`."""
