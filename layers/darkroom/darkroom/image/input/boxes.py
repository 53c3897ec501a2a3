"""What HEIF and AVIF files consist of: boxes (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import re

from darkroom.image.input.page import Data, unsupported
from darkroom.image.input.sniff import SourceFormat

_ITEM = re.compile(rb"infe(?:\x02.{7}|\x03.{9})(.{4})", re.DOTALL)
"""An entry of the list of items: its version, two numbers and its type (8.11.6)."""

_SAMPLES = re.compile(rb"stsz\0{4}.{4}(.{4})", re.DOTALL)
"""How many samples a track of a film has (ISO/IEC 14496-12, 8.7.3)."""

_NUMBERED = re.compile(rb"colrnclx\0(.)\0(.)", re.DOTALL)
"""Primaries and curve of a picture's colours, in numbers (ISO/IEC 23008-12, 6.5.5)."""


def described(data: Data, source_format: SourceFormat) -> bytes:
    """Return what a file says of its still pictures; UnsupportedImage where it has none but films.

    It is empty where the file is damaged.
    """
    found = _boxes(data)
    if b"moov" in found and b"meta" not in found:
        raise unsupported(source_format, "it is a film without a still picture")
    return bytes(data[found.get(b"meta", slice(0))])


def colours(meta: bytes) -> bytes:
    """Return the numbers of the first primaries and curve; nothing where none are told."""
    found = _NUMBERED.search(meta)
    return b"".join(found.groups()) if found else b""


def items(meta: bytes) -> set[bytes]:
    """Return the types of what a file describes: pictures by their coding, and how to join them."""
    return set(_ITEM.findall(meta))


def frames(data: Data) -> int:
    """Return how many pictures the longest track of a film has; 1 where there is no film."""
    film = bytes(data[_boxes(data).get(b"moov", slice(0))])
    return max((int.from_bytes(found[1], "big") for found in _SAMPLES.finditer(film)), default=1)


def _boxes(data: Data) -> dict[bytes, slice]:
    """Return where the outermost boxes lie, of each kind the last."""
    found, at = dict[bytes, slice](), 0
    while at + 8 <= len(data):
        head = bytes(data[at : at + 16])
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        end = at + max(8, length or len(data))
        found[kind] = slice(at, end)
        at = end
    return found
