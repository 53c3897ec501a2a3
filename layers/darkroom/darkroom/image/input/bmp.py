"""Windows bitmaps, and those of OS/2."""

from __future__ import annotations

import io
import struct
from typing import Any

import msgspec

from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.colour import with_profile
from darkroom.image.geometry import Size
from darkroom.image.input import rle
from darkroom.image.input.page import Data, Opened, Page
from darkroom.image.pixels import from_bytes
from darkroom.image.vips import vips

_FILE_HEADER = 14
_CORE_HEADER = 12
_INFO_HEADER = 40
_WITH_ALPHA = 56
_OS2_HEADER = 64
_WITH_PROFILE = 124
_EMBEDDED = b"DEBM"
"""The kind of colours that a profile within the file tells, beside linked and calibrated ones."""

_WINDOWS = frozenset({_INFO_HEADER, 52, _WITH_ALPHA})
"""Lengths of headers that are shorter than OS/2's, and yet whole."""

_BITFIELDS = 3
_OPAQUE = 255

_RUNS = frozenset({(1, 8), (2, 4)})
_OS2_RUNS = _RUNS | {(4, 24)}
"""Compressions by runs, and the bits that their pixels have."""

_TRUE_COLOUR = 24


def read(data: Data, limits: Limits) -> Opened:
    """Read the header; see :func:`darkroom.image.input.openers.open_image`."""
    opened, profile = _read(data, limits), _profile(data)
    if not profile:
        return opened
    (page,) = opened.pages
    followed = Page(page.size, lambda need: with_profile(page.draw(need), profile))
    return msgspec.structs.replace(opened, pages=(followed,))


def _profile(data: Data) -> bytes:
    """Return the profile that a header of version 5 says is in the file, or nothing."""
    header = bytes(data[_FILE_HEADER : _FILE_HEADER + _WITH_PROFILE]).ljust(_WITH_PROFILE, b"\0")
    length, kind, at, size = struct.unpack_from("<I52x4s52xII", header)
    if length != _WITH_PROFILE or kind != _EMBEDDED:
        return b""
    start = _FILE_HEADER + int(at)
    return bytes(data[start : start + size])


def _read(data: Data, limits: Limits) -> Opened:
    """Windows bitmaps, which libvips's build leaves to ImageMagick, are Pillow's.

    But for headers that OS/2 cut short, for colours in bits of any choice, and for runs.
    """
    from PIL import BmpImagePlugin

    data = _with_usual_header(bytes(data))
    in_runs = _runs(data, limits)
    if in_runs is not None:
        return in_runs
    masked = _masks(data)
    if masked is not None:
        return _by_masks(data, masked, limits)
    picture = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    check_sizes([picture.size], limits)

    def draw(_: Size) -> Any:
        mode = "L" if picture.mode in {"1", "L"} else "RGB"
        return from_bytes(picture.convert(mode).tobytes(), picture.size, len(mode))

    return Opened("bmp", (Page(picture.size, draw),), graphic=picture.mode == "P")


def _with_usual_header(data: bytes) -> bytes:
    """Return a bitmap whose header has a usual length; what OS/2 left out of it is zero."""
    (length,) = struct.unpack_from("<I", data, _FILE_HEADER)
    if length in _WINDOWS or not _CORE_HEADER < length < _OS2_HEADER:
        return data
    end = _FILE_HEADER + length
    header = data[_FILE_HEADER + 4 : end].ljust(_OS2_HEADER - 4, b"\0")
    (pixels,) = struct.unpack_from("<I", data, _FILE_HEADER - 4)
    grown = _OS2_HEADER - length
    head = data[: _FILE_HEADER - 4] + struct.pack("<II", pixels + grown, _OS2_HEADER)
    return head + header + data[end:]


def _runs(data: bytes, limits: Limits) -> Opened | None:
    """Read a bitmap whose pixels are in runs; None of any other."""
    length, _, _, _, bits, compression = struct.unpack_from("<IiiHHI", data, _FILE_HEADER)
    kinds = _OS2_RUNS if length == _OS2_HEADER else _RUNS
    if length == _CORE_HEADER or (compression, bits) not in kinds:
        return None
    size, upwards = _size(data)
    check_sizes([size], limits)

    def draw(_: Size) -> Any:
        (start,) = struct.unpack_from("<I", data, _FILE_HEADER - 4)
        runs = rle.decode(data, start, size, bits)
        if bits == _TRUE_COLOUR:
            image = _reversed(from_bytes(runs.pixels, size, 3))
        else:
            image = from_bytes(runs.pixels, size, 1).maplut(_palette(data, length, bits))
        if runs.drawn is not None:
            image = image.bandjoin(from_bytes(runs.drawn, size, 1))
        return image.flip("vertical") if upwards else image

    return Opened("bmp", (Page(size, draw),), graphic=True)


def _palette(data: bytes, length: int, bits: int) -> Any:
    """Return a palette of 256 colours; what a file does not have of them is black."""
    (count,) = struct.unpack_from("<I", data, _FILE_HEADER + 32)
    (pixels,) = struct.unpack_from("<I", data, _FILE_HEADER - 4)
    start, count = _FILE_HEADER + length, min(count or 1 << bits, 1 << bits)
    stored = data[start : min(start + 4 * count, pixels)].ljust(4 * 256, b"\0")
    return _reversed(from_bytes(stored, (256, 1), 4))


def _reversed(image: Any) -> Any:
    """Return blue, green and red as red, green and blue."""
    return image[2].bandjoin([image[1], image[0]]).copy(interpretation="srgb")


def _size(data: bytes) -> tuple[Size, bool]:
    """Return the size, and whether the last row comes first."""
    width, height = struct.unpack_from("<ii", data, _FILE_HEADER + 4)
    if width <= 0 or height == 0:
        raise ValueError("its width or height is none")
    return (width, abs(height)), height > 0


def _masks(data: bytes) -> tuple[int, ...] | None:
    """Return the bits of red, green, blue and alpha, where a bitmap says which they are."""
    length, _, _, _, bits, compression = struct.unpack_from("<IiiHHI", data, _FILE_HEADER)
    if length in {_CORE_HEADER, _OS2_HEADER} or compression != _BITFIELDS or bits not in {16, 32}:
        return None
    count = 4 if length >= _WITH_ALPHA else 3
    masks = struct.unpack_from(f"<{count}I", data, _FILE_HEADER + _INFO_HEADER)
    return masks if any(masks) else None


def _by_masks(data: bytes, masks: tuple[int, ...], limits: Limits) -> Opened:
    (bits,) = struct.unpack_from("<H", data, _FILE_HEADER + 14)
    size, upwards = _size(data)
    check_sizes([size], limits)

    def draw(_: Size) -> Any:
        number, across = ("ushort", (size[0] + 1) // 2 * 2) if bits == 16 else ("uint", size[0])  # noqa: PLR2004
        (start,) = struct.unpack_from("<I", data, _FILE_HEADER - 4)
        pixels = data[start : start + across * size[1] * bits // 8]
        stored = vips().Image.new_from_memory(pixels, across, size[1], 1, number)
        bands = [_channel(stored, mask) for mask in masks[:3]]
        if masks[3:] and masks[3]:
            bands.append(_channel(stored, masks[3]))
        image = bands[0].bandjoin(bands[1:]).copy(interpretation="srgb").crop(0, 0, *size)
        return image.flip("vertical") if upwards else image

    return Opened("bmp", (Page(size, draw),))


def _channel(stored: Any, mask: int) -> Any:
    """Return the values in some bits, from none to 255."""
    if not mask:
        return (stored * 0).cast("uchar")
    signed = mask - (1 << 32) if mask >> 31 else mask  # as libvips takes its numbers
    return ((stored & signed).cast("uint") * (_OPAQUE / mask)).rint().cast("uchar")
