"""What a decoder is asked for, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from darkroom.contract.limits import Limits
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.contract.results import ImageInfo


class DecodeSpec(Struct, frozen=True):
    """What the mezzanine must serve, and what the source may be."""

    presets: tuple[Preset, ...]  # the renditions to come
    limits: Limits = Limits()
    pdf: PdfOptions = PdfOptions()  # the document to come
    # What the object claims to be: a contradiction is recorded, and nothing else depends on it.
    name: str = ""
    content_type: str = ""
    watermark_images: Mapping[str, bytes] = field(default_factory=dict)  # PNGs, by bucket/key


class Decoded(Struct, frozen=True):
    """What was found, and the working copy of it."""

    image: ImageInfo
    mezzanine: bytes
