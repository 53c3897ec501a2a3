"""What a decoder is asked for, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from darkroom.contract.limits import Limits
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.contract.results import ImageInfo


class DecodeSpec(Struct, frozen=True):
    """What the mezzanine must serve, and what the source may be.

    Attributes
    ----------
    presets
        The renditions to come.
    limits
        What is refused.
    pdf
        The document to come.
    name, content_type
        What the object claims to be; a contradiction is recorded, and nothing else depends on it.
    watermark_images
        The PNG files that presets' watermarks name, by ``bucket/key``.
    """

    presets: tuple[Preset, ...]
    limits: Limits = Limits()
    pdf: PdfOptions = PdfOptions()
    name: str = ""
    content_type: str = ""
    watermark_images: Mapping[str, bytes] = field(default_factory=dict)


class Decoded(Struct, frozen=True):
    """What was found, and the working copy of it."""

    image: ImageInfo
    mezzanine: bytes
