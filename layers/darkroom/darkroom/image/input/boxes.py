"""What HEIF and AVIF files consist of: boxes (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import re

from darkroom.image.input.page import Data, unsupported
from darkroom.image.input.sniff import SourceFormat

_ITEM = re.compile(rb"infe(?:\x02.{7}|\x03.{9})(.{4})", re.DOTALL)
"""An entry of the list of items: its version, two numbers and its type (8.11.6)."""


def described(data: Data, source_format: SourceFormat) -> bytes:
    """Return what a file says of its still pictures; UnsupportedImage where it has none but films.

    It is empty where the file is damaged.
    """
    found, at = dict[bytes, bytes](), 0
    while at + 8 <= len(data):
        head = bytes(data[at : at + 16])
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        end = at + max(8, length or len(data))
        found[kind] = bytes(data[at:end]) if kind == b"meta" else b""
        at = end
    if b"moov" in found and b"meta" not in found:
        raise unsupported(source_format, "it is a film without a still picture")
    return found.get(b"meta", b"")


def items(meta: bytes) -> set[bytes]:
    """Return the types of what a file describes: pictures by their coding, and how to join them."""
    return set(_ITEM.findall(meta))
