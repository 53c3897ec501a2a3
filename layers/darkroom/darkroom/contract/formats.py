"""The formats that outputs are written in: one entry each, from which all else is derived.

A new format is an entry here, and an encoder in :mod:`darkroom.image.encode`.
"""

from __future__ import annotations

from msgspec import Struct


class OutputFormat(Struct, frozen=True):
    """A format of renditions."""

    name: str  # as presets, the plan and records name it
    content_type: str
    extension: str  # of the keys of its renditions
    alpha: bool = True  # otherwise a transparent image is laid on the preset's background
    lossless: bool = False  # quality changes nothing
    max_side: int = 65_500  # longer side in pixels; by default JPEG's, and few viewers show more
    # What its encoder does within the memory and the time of Resize, however hard the picture
    # (docs/imaging.md has the measurements).
    max_pixels: int = 100_000_000
    # Other source formats that become it where a preset asks for ``original``. Those that are
    # nowhere here (TIFF and HEIC, which browsers do not show) are treated as ``auto``.
    original_of: tuple[str, ...] = ()


OUTPUT_FORMATS = {
    entry.name: entry
    for entry in (
        OutputFormat("jpeg", "image/jpeg", "jpg", alpha=False),
        OutputFormat("png", "image/png", "png", lossless=True, original_of=("gif", "bmp", "svg")),
        OutputFormat("webp", "image/webp", "webp", max_side=16_383, max_pixels=16_000_000),
        OutputFormat("avif", "image/avif", "avif", max_side=16_384, max_pixels=12_500_000),
    )
}

NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WebP",
    "avif": "AVIF",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "heic": "HEIC",
    "svg": "SVG",
}
"""What people call the formats of sources and outputs."""


def format_name(kind: str) -> str:
    """Return what people call a format; its own name where they call it nothing else."""
    return NAMES.get(kind, kind)


PDF_TYPE = "application/pdf"
