"""Windows bitmaps, and those of OS/2."""

from __future__ import annotations

import io
import struct
from typing import Any

from darkroom.contract.limits import Limits, check_sizes
from darkroom.image.geometry import Size
from darkroom.image.input import reasons
from darkroom.image.input.page import Data, Opened, Page, unsupported
from darkroom.image.pixels import from_bytes
from darkroom.image.vips import vips

_FILE_HEADER = 14
_CORE_HEADER = 12
_INFO_HEADER = 40
_WITH_MASKS = 52
_WITH_ALPHA = 56
_OS2_HEADER = 64
_PILLOWS = frozenset({_CORE_HEADER, _INFO_HEADER, _WITH_MASKS, _WITH_ALPHA, 64, 108, 124})
"""Lengths of headers that Pillow knows."""

_BITFIELDS = 3
_OPAQUE = 255


def read(data: Data, limits: Limits) -> Opened:
    """Windows bitmaps, which libvips's build leaves to ImageMagick, are Pillow's.

    But for headers that OS/2 cut short, and for colours in bits of any choice.
    """
    from PIL import BmpImagePlugin

    data = _with_usual_header(bytes(data))
    masked = _masks(data)
    if masked is not None:
        return _by_masks(data, masked, limits)
    try:
        picture = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    except OSError as error:
        if "Unsupported" in str(error):
            raise unsupported("bmp", reasons.kind(str(error))) from None
        raise
    check_sizes([picture.size], limits)

    def draw(_: Size) -> Any:
        mode = {"1": "L", "L": "L", "RGBA": "RGBA"}.get(picture.mode, "RGB")
        return from_bytes(picture.convert(mode).tobytes(), picture.size, len(mode))

    return Opened("bmp", (Page(picture.size, 1, draw),), graphic=picture.mode == "P")


def _with_usual_header(data: bytes) -> bytes:
    """Return a bitmap whose header has a usual length; what OS/2 left out of it is zero."""
    (length,) = struct.unpack_from("<I", data, _FILE_HEADER)
    if length in _PILLOWS or not _CORE_HEADER < length < _OS2_HEADER:
        return data
    end = _FILE_HEADER + length
    header = data[_FILE_HEADER + 4 : end].ljust(_OS2_HEADER - 4, b"\0")
    (pixels,) = struct.unpack_from("<I", data, _FILE_HEADER - 4)
    grown = _OS2_HEADER - length
    head = data[: _FILE_HEADER - 4] + struct.pack("<II", pixels + grown, _OS2_HEADER)
    return head + header + data[end:]


def _masks(data: bytes) -> tuple[int, ...] | None:
    """Return the bits of red, green, blue and alpha, where a bitmap says which they are."""
    length, _, _, _, bits, compression = struct.unpack_from("<IiiHHI", data, _FILE_HEADER)
    if length in {_CORE_HEADER, _OS2_HEADER} or compression != _BITFIELDS or bits not in {16, 32}:
        return None
    count = 4 if length >= _WITH_ALPHA else 3
    masks = struct.unpack_from(f"<{count}I", data, _FILE_HEADER + _INFO_HEADER)
    return masks if any(masks) else None


def _by_masks(data: bytes, masks: tuple[int, ...], limits: Limits) -> Opened:
    _, width, height, _, bits = struct.unpack_from("<IiiHH", data, _FILE_HEADER)
    size = (width, abs(height))
    if width <= 0 or height == 0:
        raise ValueError("its width or height is none")
    check_sizes([size], limits)

    def draw(_: Size) -> Any:
        number, across = ("ushort", (width + 1) // 2 * 2) if bits == 16 else ("uint", width)  # noqa: PLR2004
        (start,) = struct.unpack_from("<I", data, _FILE_HEADER - 4)
        pixels = data[start : start + across * size[1] * bits // 8]
        stored = vips().Image.new_from_memory(pixels, across, size[1], 1, number)
        bands = [_channel(stored, mask) for mask in masks[:3]]
        if masks[3:] and masks[3]:
            bands.append(_channel(stored, masks[3]))
        image = bands[0].bandjoin(bands[1:]).copy(interpretation="srgb").crop(0, 0, *size)
        return image.flip("vertical") if height > 0 else image

    return Opened("bmp", (Page(size, 1, draw),))


def _channel(stored: Any, mask: int) -> Any:
    """Return the values in some bits, from none to 255."""
    if not mask:
        return (stored * 0).cast("uchar")
    low = mask & -mask
    top = mask // low
    signed = mask - (1 << 32) if mask >> 31 else mask  # as libvips takes its numbers
    found = (stored & signed).cast("uint") / low
    return (found * (_OPAQUE / top)).rint().cast("uchar")
