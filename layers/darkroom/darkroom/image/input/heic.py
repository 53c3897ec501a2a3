"""HEIC."""

from __future__ import annotations

from typing import Any

from darkroom.contract.errors import CorruptImage
from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.colour import with_profile
from darkroom.image.geometry import Size
from darkroom.image.input.page import Data, Opened, Page, unsupported
from darkroom.image.vips import vips


def read(data: Data, limits: Limits) -> Opened:
    """HEVC is left out of libvips's build for its patents; libheif with a decoder has it."""
    import pi_heif

    if b"meta" not in _boxes(data) and b"moov" in _boxes(data):
        raise unsupported("heic", "it is a film without a still picture")
    container = pi_heif.open_heif(bytes(data), convert_hdr_to_8bit=False)
    picture = container[container.primary_index]
    check_sizes([picture.size], limits)

    def draw(_: Size) -> Any:
        bands, deep = len(picture.mode.partition(";")[0]), ";" in picture.mode
        kind, interpretation, width = ("ushort", "rgb16", 2) if deep else ("uchar", "srgb", 1)
        if picture.stride != picture.size[0] * bands * width:
            raise CorruptImage("HEIC rows are padded in a way that was not expected.")
        image = vips().Image.new_from_memory(picture.data, *picture.size, bands, kind)
        image = image.copy(interpretation=interpretation)
        if "a" in picture.mode:
            image = image.unpremultiply().linear(1, 0.5).cast(kind)
        if picture.info.get("icc_profile"):
            image = with_profile(image, picture.info["icc_profile"])
        return image

    exif = picture.info.get("exif") or b""
    return Opened("heic", (Page(picture.size, 1, draw),), exif=exif)


def _boxes(data: Data) -> set[bytes]:
    """Return the kinds of boxes that a container consists of (ISO/IEC 14496-12, 4.2)."""
    found, at = set(), 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.add(bytes(data[at + 4 : at + 8]))
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        at += max(8, length or len(data))
    return found
