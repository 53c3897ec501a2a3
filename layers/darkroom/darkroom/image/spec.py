"""Untrusted bytes in, a mezzanine out. Nothing else opens what a person uploaded.

The bytes are told apart and weighed here; they are decoded in a process of its own
(:mod:`darkroom.image.sandbox.parent`), so that whatever a file does to a decoder ends as a named
error.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from darkroom.contract.limits import Limits, check_bytes
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.contract.results import ImageInfo
from darkroom.image.input.sniff import sniff


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


def decode(data: bytes, spec: DecodeSpec) -> Decoded:
    """Decode an upload into a mezzanine: upright, 8-bit sRGB, as large as its uses need.

    Parameters
    ----------
    data
        The source object.
    spec
        What the mezzanine must serve, and what the source may be.

    Returns
    -------
    Decoded
        What was found, and the mezzanine.

    Raises
    ------
    InvalidRequest
        A watermark cannot be drawn: its font lacks a character, its picture is not a PNG.
    UnsupportedImage
        The bytes are not an image of a supported format.
    CorruptImage
        The bytes begin as an image but cannot be decoded.
    ImageTooLarge
        A limit is exceeded, in bytes, pixels, frames, pages, time or memory; the message names it.
    """
    from darkroom.image.sandbox import parent
    from darkroom.image.watermark import check

    check_bytes(len(data), spec.limits)
    sniff(data)
    check(spec.presets, spec.watermark_images)
    return parent.decode(data, spec)
