"""A file without its metadata, its picture untouched, for renditions that no encoder can better."""

from __future__ import annotations

import struct

JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
"""A JFIF header without density and without a thumbnail."""

_ANNEX_K_SUM = 3688
"""The sum of the luminance table of ITU-T T.81, annex K."""

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length (ITU-T T.81, table B.1)."""

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_ADOBE = 0xEE
_COMMENT = 0xFE
_APPLICATION = range(0xE0, 0xF0)

_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_WEBP_KEPT = frozenset({b"VP8X", b"ALPH", b"VP8 ", b"VP8L"})
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
    except (struct.error, IndexError, ValueError):
        return None


def jpeg_quality(data: bytes) -> int:
    """Estimate the quality at which a JPEG was encoded, 1 to 100; 100 where there is no table.

    By the mean of its first quantisation table, beside the one in ITU-T T.81, annex K, which
    libjpeg scales by ``200 - 2 * quality`` percent, and below 50 by ``5000 / quality``.
    """
    rest = data.partition(b"\xff\xdb")[2]
    table = rest[3:67]
    if len(table) < 64 or rest[2] != 0:  # noqa: PLR2004 - 8 by 8, of a byte each
        return 100
    percent = 100 * sum(table) / _ANNEX_K_SUM
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
        elif marker == _ADOBE or marker not in {*_APPLICATION, _COMMENT}:
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
    kept, at, kind = [data[:8]], 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    kept, at = [], 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        chunk = bytearray(data[at:end])
        if kind == b"VP8X":
            chunk[8] &= _WEBP_ALPHA
        if kind in _WEBP_KEPT:
            kept.append(bytes(chunk))
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
