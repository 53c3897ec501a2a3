"""PNG, animated ones too."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections import defaultdict
from typing import Any

from darkroom.contract.limits import MIB, Limits, check_count, check_sizes
from darkroom.image.colour import profile_of, with_profile
from darkroom.image.geometry import Size
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
from darkroom.image.spaces import (
    SRGB,
    Coordinates,
    Space,
    by_numbers,
    power,
    spans,
    to_srgb,
)
from darkroom.image.vips import vips

Chunks = defaultdict[bytes, bytes]
"""What chunks hold, by their kinds; nothing where there is none."""

_READ = frozenset({b"acTL", b"cICP", b"cLLI", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})

MAX_PROFILE = 4 * MIB
"""A profile's length, when it is unpacked; a press's may have 3 MB."""


USUAL_GAMMA = 45455
"""In 100,000ths: what is written for sRGB, whose curve is none of one power."""

_ONE = 100_000
_NEAR, _FAR = 0.05, 10
"""libpng's threshold, below which it takes two powers for the same; and what no picture has."""

_CHRM = struct.Struct(">8I")
_SAME = 0.0005
"""So far may coordinates be off that are sRGB's: no colour differs by a CIEDE2000 of 0.5."""


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    image = vips().Image.pngload_source(source(data), **SEQUENTIAL)
    chunks = _chunks(data)
    frames = _apng_frames(chunks)
    check_count(frames, "frames", limits)
    check_sizes([size_of(image)] * frames, limits)
    numbered = _numbered(chunks)
    told = numbered or Space()
    if numbered:
        image = image.copy()
        image.remove("icc-profile-data")
    elif not profile_of(image):
        profile = _profile(chunks)
        told = Space() if profile else _measured(chunks)
        image = with_profile(image, profile) if profile else image

    def draw(_: Size) -> Any:
        return image if told.usual else to_srgb(image, told)

    page = Page(size_of(image), draw, orientation(image))
    return Opened(
        "png",
        (page,),
        frames=frames,
        exif=exif(image),
        graphic=bytes(data[25:26]) == b"\3",  # its colour type: indexed (PNG 3, 11.2.1)
        plain=told.usual and is_plain(image),
    )


def _apng_frames(chunks: Chunks) -> int:
    """Return the number of frames that an acTL chunk promises (PNG 3, 11.3.4.1)."""
    return max(1, int.from_bytes(chunks[b"acTL"][:4], "big"))


def _numbered(chunks: Chunks) -> Space | None:
    """Return the space that a cICP chunk means, if any; it goes before all else (PNG 3, 4.3)."""
    brightest = int.from_bytes(chunks[b"cLLI"][:4], "big") / 10_000
    return by_numbers(chunks[b"cICP"], brightest)


def _profile(chunks: Chunks) -> bytes:
    """Return the profile that an iCCP chunk holds (PNG 3, 11.3.2.3), whatever libpng says of it.

    It drops those whose length is off by some bytes or whose name is none; browsers follow them.
    """
    _, _, packed = chunks[b"iCCP"].partition(b"\0")
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj().decompress(packed[1:], MAX_PROFILE)
    return b""


def _measured(chunks: Chunks) -> Space:
    """Return the space that gAMA and cHRM mean (PNG 3, 11.3.2.1 and 11.3.2.2), where not sRGB.

    As in browsers, coordinates count only beside a power.
    """
    value = int.from_bytes(chunks[b"gAMA"][:4], "big")
    possible = USUAL_GAMMA / _FAR <= value <= USUAL_GAMMA * _FAR
    if not possible or chunks[b"sRGB"]:
        return Space()
    primaries = _coordinates(chunks[b"cHRM"])
    if primaries == SRGB and abs(value - USUAL_GAMMA) <= USUAL_GAMMA * _NEAR:
        return Space()
    return Space(primaries, power(_ONE / value))


def _coordinates(chunk: bytes) -> Coordinates:
    """Return those of a cHRM chunk; sRGB's where it has these, or no colours'."""
    if len(chunk) < _CHRM.size:
        return SRGB
    found = tuple(value / _ONE for value in _CHRM.unpack_from(chunk))
    same = all(abs(a - b) <= _SAME for a, b in zip(found, SRGB, strict=True))
    return SRGB if same or not spans(found) else found


def _chunks(data: Data) -> Chunks:
    """Return what the first chunk of each kind before the pixels holds."""
    found: Chunks = defaultdict(bytes)
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in {b"IDAT", b"IEND"}:
            break
        if kind in _READ and kind not in found:
            found[kind] = bytes(data[at + 8 : at + 8 + length])
        at += 12 + int(length)
    return found
