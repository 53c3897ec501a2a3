"""HEIC."""

from __future__ import annotations

from typing import Any

from darkroom.contract.errors import CorruptImage
from darkroom.contract.limits import Limits, check_memory, check_sizes
from darkroom.image.colour import with_colours
from darkroom.image.geometry import Size
from darkroom.image.input.boxes import described, items, space
from darkroom.image.input.page import Data, Opened, Page, unsupported
from darkroom.image.vips import vips

_OTHER_CODINGS = {
    b"av01": "coded in AV1, but not called AVIF",
    b"avc1": "coded in AVC",
    b"vvc1": "coded in VVC",
    b"evc1": "coded in EVC",
    b"jpeg": "coded in JPEG",
    b"j2k1": "coded in JPEG 2000",
    b"unci": "not compressed",
}
"""Types of items other than HEVC's, hvc1 (ISO/IEC 23008-12, annexes)."""

_HALVED, _FULL = 7, 11
_DEEP_HALVED, _DEEP_FULL = 11, 20
_ALPHA = 4
"""What decoding takes for a pixel, in bytes (measured): with colours of half the width, or none,
and of the full one, in 8 bits and in more; and for transparency, for each of its bytes."""


def read(data: Data, limits: Limits) -> Opened:
    """HEVC is left out of libvips's build for its patents; libheif with a decoder has it."""
    import pi_heif

    meta = described(data, "heic")
    found = items(meta)
    coded = [name for kind, name in _OTHER_CODINGS.items() if kind in found]
    if coded and b"hvc1" not in found:
        raise unsupported("heic", f"its picture is {coded[0]}")
    told = space(meta, "heic")
    container = pi_heif.open_heif(bytes(data), convert_hdr_to_8bit=False)
    picture = container[container.primary_index]
    check_sizes([picture.size], limits)
    check_memory(picture.size, _bytes(picture), "such a HEIC", limits)

    def draw(_: Size) -> Any:
        try:
            pixels = picture.data
        except RuntimeError as error:
            if b"clap" in meta and "maximum image size" in str(error):
                raise unsupported("heic", "it shows only a part of its picture") from None
            raise
        bands, deep = len(picture.mode.partition(";")[0]), ";" in picture.mode
        kind, interpretation, width = ("ushort", "rgb16", 2) if deep else ("uchar", "srgb", 1)
        if picture.stride != picture.size[0] * bands * width:
            raise CorruptImage("HEIC rows are padded in a way that was not expected.")
        image = vips().Image.new_from_memory(pixels, *picture.size, bands, kind)
        image = image.copy(interpretation=interpretation)
        if "a" in picture.mode:
            image = image.unpremultiply().linear(1, 0.5).cast(kind)
        profile, bits = picture.info.get("icc_profile"), picture.info["bit_depth"]
        return with_colours(image, profile, told, bits)

    exif = picture.info.get("exif") or b""
    return Opened("heic", (Page(picture.size, draw),), exif=exif)


def _bytes(picture: Any) -> int:
    """Return what decoding a picture takes for a pixel: all of it is, at its full size."""
    deep, full = ";" in picture.mode, picture.info.get("chroma") == 444  # noqa: PLR2004 - 4:4:4
    colours = (_DEEP_FULL if full else _DEEP_HALVED) if deep else _FULL if full else _HALVED
    return colours + _ALPHA * (1 + deep) * ("a" in picture.mode.lower())
