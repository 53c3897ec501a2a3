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
    # Other source formats that become it where a preset asks for ``original``. Those that are
    # nowhere here (TIFF and HEIC, which browsers do not show) are treated as ``auto``.
    original_of: tuple[str, ...] = ()


OUTPUT_FORMATS = {
    entry.name: entry
    for entry in (
        OutputFormat("jpeg", "image/jpeg", "jpg", alpha=False),
        OutputFormat("png", "image/png", "png", lossless=True, original_of=("gif", "bmp", "svg")),
        OutputFormat("webp", "image/webp", "webp"),
        OutputFormat("avif", "image/avif", "avif"),
    )
}

PDF_TYPE = "application/pdf"
