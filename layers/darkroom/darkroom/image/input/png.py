"""PNG, animated ones too."""

from __future__ import annotations

import contextlib
import struct
import zlib

from darkroom.contract.limits import MIB, Limits, check_count, check_sizes
from darkroom.image.colour import profile_by_number, profile_of, with_profile
from darkroom.image.icc import power
from darkroom.image.input.page import (
    SEQUENTIAL,
    Data,
    Opened,
    Page,
    exif,
    is_plain,
    orientation,
    size_of,
    source,
)
from darkroom.image.vips import vips

MAX_PROFILE = 4 * MIB
"""A profile's length, when it is unpacked; a press's may have 3 MB."""


USUAL_GAMMA = 45455
"""In 100,000ths: what is written for sRGB, whose curve is none of one power."""

_ONE = 100_000
_NEAR, _FAR = 0.05, 10
"""libpng's threshold, below which it takes two for the same; and what no picture has."""


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    image = vips().Image.pngload_source(source(data), **SEQUENTIAL)
    frames = _apng_frames(data)
    check_count(frames, "frames", limits)
    check_sizes([size_of(image)] * frames, limits)
    profile = _numbered(data)
    if not profile and not profile_of(image):
        profile = _profile(data) or _power(data)
    if profile:
        image = with_profile(image, profile)
    page = Page(size_of(image), lambda _: image, orientation(image))
    return Opened(
        "png",
        (page,),
        frames=frames,
        exif=exif(image),
        graphic=bytes(data[25:26]) == b"\3",  # its colour type: indexed (PNG 3, 11.2.1)
        plain=is_plain(image),
    )


def _apng_frames(data: Data) -> int:
    """Return the number of frames that an acTL chunk promises (PNG 3, 11.3.4.1)."""
    return max(1, int.from_bytes(_chunk(data, b"acTL")[:4], "big"))


def _numbered(data: Data) -> bytes | None:
    """Return the profile that a cICP chunk means, which goes before others (PNG 3, 4.3)."""
    return profile_by_number(_chunk(data, b"cICP")[:2])


def _profile(data: Data) -> bytes:
    """Return the profile that an iCCP chunk holds (PNG 3, 11.3.2.3), whatever libpng says of it.

    It drops those whose length is off by some bytes or whose name is none; browsers follow them.
    """
    _, _, packed = _chunk(data, b"iCCP").partition(b"\0")
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj().decompress(packed[1:], MAX_PROFILE)
    return b""


def _power(data: Data) -> bytes | None:
    """Return the profile that a gAMA chunk means (PNG 3, 11.3.2.2); None where near sRGB."""
    value = int.from_bytes(_chunk(data, b"gAMA")[:4], "big")
    if _chunk(data, b"sRGB"):
        return None
    usual = abs(value - USUAL_GAMMA) <= USUAL_GAMMA * _NEAR
    possible = USUAL_GAMMA / _FAR <= value <= USUAL_GAMMA * _FAR
    return power(_ONE / value) if possible and not usual else None


def _chunk(data: Data, wanted: bytes) -> bytes:
    """Return what the first chunk of a kind before the pixels holds, or nothing."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in {b"IDAT", b"IEND"}:
            break
        if kind == wanted:
            return bytes(data[at + 8 : at + 8 + length])
        at += 12 + int(length)
    return b""
