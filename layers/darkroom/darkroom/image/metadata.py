"""What is kept of a file's metadata: who made it and whose it is. All else is left behind.

GPS positions, serial numbers and embedded thumbnails never reach an output: nothing is copied, and
a new, small EXIF block is written with the two fields below (EXIF 3.0, table 4).
"""

from __future__ import annotations

import struct
import unicodedata
import zlib

from msgspec import Struct

ARTIST = 0x013B
COPYRIGHT = 0x8298

MAX_FIELD_BYTES = 1000
"""A longer field, in UTF-8, is cut: it rides along on every rendition, however small."""

_MAX_READ = 4 * MAX_FIELD_BYTES
"""What is not to be seen is taken out before the field is cut."""

_JOINERS = "\u200c\u200d"
"""Unseen, but part of how Persian, Indic scripts and some emoji are written."""

_MAX_ENTRIES = 1000
_ENTRY = 12


class Credit(Struct, frozen=True):
    """The two EXIF fields that are kept, empty where the source has none."""

    artist: str = ""
    copyright: str = ""

    def __bool__(self) -> bool:
        return bool(self.artist or self.copyright)


def read_credit(tiff: bytes | memoryview) -> Credit:
    """Read Artist and Copyright from an EXIF block, or from the beginning of a TIFF file.

    They stand in the first directory. Damage is no error: what cannot be read is not there.
    """
    data = memoryview(tiff)
    if bytes(data[:6]) == b"Exif\0\0":
        data = data[6:]
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[bytes(data[:4])]
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        fields = {}
        for index in range(min(count, _MAX_ENTRIES)):
            entry = at + 2 + index * _ENTRY
            tag, kind, length = struct.unpack_from(f"{order}HHI", data, entry)
            if kind == 2:  # noqa: PLR2004 - ASCII
                fields[tag] = _text(data, entry + 8, length, order)
    except (KeyError, struct.error):
        return Credit()
    return Credit(fields.get(ARTIST, ""), fields.get(COPYRIGHT, ""))


def exif(credit: Credit) -> bytes:
    """Return an EXIF block (a TIFF structure, no prefix) with nothing but the credit."""
    fields = [
        (tag, text.encode() + b"\0")
        for tag, text in ((ARTIST, credit.artist), (COPYRIGHT, credit.copyright))
        if text
    ]
    values_at = 8 + 2 + len(fields) * _ENTRY + 4
    directory, values = struct.pack(">H", len(fields)), b""
    for tag, value in fields:
        inline = len(value) <= 4  # noqa: PLR2004 - values of up to 4 bytes lie in their entry
        where = value.ljust(4, b"\0") if inline else struct.pack(">I", values_at + len(values))
        directory += struct.pack(">HHI", tag, 2, len(value)) + where
        values += b"" if inline else value
    return b"MM\0*\0\0\0\x08" + directory + b"\0\0\0\0" + values


def add_exif(data: bytes, image_format: str, block: bytes) -> bytes:
    """Return an encoded image, a JPEG, PNG or WebP without EXIF, with what :func:`exif` returns."""
    return _WRITERS[image_format](data, block)


def _text(data: memoryview, at: int, length: int, order: str) -> str:
    if length > 4:  # noqa: PLR2004 - longer values lie elsewhere, at the offset given
        (at,) = struct.unpack_from(f"{order}I", data, at)
    raw = bytes(data[at : at + min(length, _MAX_READ)]).split(b"\0")[0]
    text = " ".join("".join(map(_printed, raw.decode("utf-8", errors="replace"))).split())
    # What is not UTF-8 has become longer by being read.
    text = text.encode()[:MAX_FIELD_BYTES].decode("utf-8", errors="ignore").strip()
    return "" if text == "\ufffd" else text


def _printed(char: str) -> str:
    """Return a character, a space for one that breaks a line, nothing for one that nobody sees."""
    if char.isprintable() or char in _JOINERS:
        return char
    return "" if unicodedata.category(char) == "Cf" else " "


def _jpeg_with_exif(data: bytes, block: bytes) -> bytes:
    segment = b"Exif\0\0" + block
    at = 2
    if data[2:4] == b"\xff\xe0":  # JFIF wants to come first
        at += 2 + int.from_bytes(data[4:6], "big")
    return data[:at] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[at:]


def _png_with_exif(data: bytes, block: bytes) -> bytes:
    at = 8 + 25  # after the signature and IHDR
    body = b"eXIf" + block
    chunk = struct.pack(">I", len(block)) + body + struct.pack(">I", zlib.crc32(body))
    return data[:at] + chunk + data[at:]


def _webp_with_exif(data: bytes, block: bytes) -> bytes:
    """Add an EXIF chunk, and the VP8X header it needs (WebP container specification)."""
    chunks = data[12:]
    if chunks[:4] == b"VP8X":
        flags, rest = chunks[8], chunks[18:]
        canvas = chunks[12:18]
    else:
        # The alpha flag is that of a lossless image with an alpha hint.
        flags, rest = (0x10 if chunks[:4] == b"VP8L" and chunks[12] & 0x10 else 0), chunks
        width, height = _webp_size(chunks)
        canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    header = b"VP8X" + struct.pack("<I", 10) + bytes([flags | 0x08, 0, 0, 0]) + canvas
    padding = b"\0" * (len(block) % 2)
    chunk = b"EXIF" + struct.pack("<I", len(block)) + block + padding
    body = b"WEBP" + header + rest + chunk
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_size(chunks: bytes) -> tuple[int, int]:
    if chunks[:4] == b"VP8L":
        bits = int.from_bytes(chunks[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", chunks, 14)
    return width & 0x3FFF, height & 0x3FFF


_WRITERS = {"jpeg": _jpeg_with_exif, "png": _png_with_exif, "webp": _webp_with_exif}
