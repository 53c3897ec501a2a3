"""A file without its metadata, its picture untouched, for renditions that no encoder can better."""

from __future__ import annotations

import struct
import zlib
from typing import Any

JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
"""A JFIF header without density and without a thumbnail."""

_ANNEX_K_SUM = 3688
"""The sum of the luminance table of ITU-T T.81, annex K."""

_ROBIDOUX_SUM = 1076
"""The sum of the first half of N. Robidoux's table, which mozjpeg and Darkroom encode with: above
it, numbers meet their limit of 255 from quality 55 down."""

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length (ITU-T T.81, table B.1)."""

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9

_JPEG_KEPT = frozenset({*range(0xC0, 0xD0), 0xDB, 0xDD, _START_OF_SCAN} - {0xC8})
"""What a picture needs: its frame, its tables, its restart interval and its scans. Decoders skip
all other segments, whatever they hold, or refuse them."""

_ADOBE = b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0"
"""Adobe's segment but for its last byte, which tells how colours are stored."""

_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_PNG_COLOURS: dict[bytes, dict[int, int]] = {b"PLTE": {3: 768}, b"tRNS": {0: 2, 2: 6, 3: 256}}
"""Chunks that pixels are looked up in: the most bytes they have, by colour type (PNG 3, 11.2.2 and
11.3.1.1)."""

_AT_ONCE = 1 << 20

_WEBP_ALPHA = 0x10


def strip(data: bytes, image_format: str) -> bytes | None:
    """Return a file without metadata, profiles, thumbnails and whatever follows its end.

    The picture is the same. None where the structure is not understood, or the format is none of
    ``jpeg``, ``png`` and ``webp``.
    """
    function = {"jpeg": _jpeg, "png": _png, "webp": _webp}.get(image_format)
    if function is None:
        return None
    try:
        return function(data)
    except (struct.error, IndexError, ValueError, zlib.error):
        return None


def jpeg_quality(data: bytes) -> int:
    """Estimate the quality at which a JPEG was encoded, 1 to 100; 100 where there is no table.

    By the sum of its first quantisation table, beside that of the table which libjpeg has scaled by
    ``200 - 2 * quality`` percent, or below 50 by ``5000 / quality``: the one in ITU-T T.81, annex
    K, or N. Robidoux's, which begins without falling and ends with its largest number.
    """
    rest = data.partition(b"\xff\xdb")[2]
    table = rest[3:67]
    if len(table) < 64 or rest[2] != 0:  # noqa: PLR2004 - 8 by 8, of a byte each
        return 100
    percent = 100 * sum(table) / _ANNEX_K_SUM
    if table[0] <= min(table[1:3]) and table[63] == max(table):
        percent = 100 * sum(table[:32]) / _ROBIDOUX_SUM
    quality = (200 - percent) / 2 if percent <= 100 else 5000 / percent  # noqa: PLR2004
    return round(quality)


def _jpeg(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    while True:
        at = data.index(b"\xff", at)
        while data[at + 1] == 0xFF:  # noqa: PLR2004 - fill bytes
            at += 1
        marker = data[at + 1]
        if marker == _END_OF_IMAGE:
            return b"".join([*kept, data[at : at + 2]])
        end = at + 2
        if marker not in _STANDALONE:
            end += struct.unpack_from(">H", data, at + 2)[0]
        if marker == _START_OF_SCAN:
            end = _end_of_scan(data, end)
        if marker == 0xE0 and data[at + 4 : at + 9] == b"JFIF\0":  # noqa: PLR2004
            kept.append(JFIF)
        elif marker == 0xEE and data[at + 4 : at + 9] == b"Adobe" and end >= at + 16:  # noqa: PLR2004
            kept.append(_ADOBE + data[at + 15 : at + 16])
        elif marker in _JPEG_KEPT:
            kept.append(data[at:end])
        at = end


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the next marker other than a restart begins."""
    while True:
        at = data.index(b"\xff", at)
        following = data[at + 1]
        if following == 0 or 0xD0 <= following <= 0xD7:  # noqa: PLR2004 - stuffing, restarts
            at += 2
        elif following == 0xFF:  # noqa: PLR2004 - fill
            at += 1
        else:
            return at


def _png(data: bytes) -> bytes:
    colour, stream, seen = data[25], zlib.decompressobj(), set[bytes]()
    kept, at, kind = [data[:8]], 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind == b"IDAT" and not _follow(stream, data[at + 8 : end - 4]):
            raise ValueError("Expected the pixels to end with their stream.")
        needed = kind in {b"IHDR", b"IDAT"} or length <= _PNG_COLOURS.get(kind, {}).get(colour, -1)
        if needed and (kind == b"IDAT" or not seen & {kind, b"IDAT"}):
            kept.append(data[at:end])
        seen.add(kind)
        at = end
    if not stream.eof:
        raise ValueError("Expected the stream of pixels to end.")
    return b"".join([*kept, _PNG_END])


def _follow(stream: Any, part: bytes) -> bool:
    """Feed a part of a compressed stream; return whether all of it belongs to the stream.

    No decoder looks at what follows the end, and so it is nothing of the picture.
    """
    while part and not stream.eof:
        stream.decompress(part, _AT_ONCE)
        part = stream.unconsumed_tail
    return not part and not stream.unused_data


def _webp(data: bytes) -> bytes:
    kept, at, clear, kind = b"", 12, False, b""
    while kind not in {b"VP8 ", b"VP8L"}:  # decoders stop at the picture
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) < length:
            raise ValueError("Expected the whole chunk.")
        if kind == b"VP8X":
            clear = bool(body[0] & _WEBP_ALPHA)
            body = bytes([body[0] & _WEBP_ALPHA, 0, 0, 0]) + body[4:10]
        if kind in {b"VP8X", b"VP8 ", b"VP8L"} or (kind == b"ALPH" and clear):
            kept += kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        at += 8 + length + length % 2
    return b"RIFF" + struct.pack("<I", 4 + len(kept)) + b"WEBP" + kept
