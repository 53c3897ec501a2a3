"""What HEIF and AVIF files consist of: boxes (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from darkroom.image.input.page import Data, unsupported
from darkroom.image.input.sniff import SourceFormat
from darkroom.image.spaces import Space, by_number

_ITEM = re.compile(rb"infe(?:\x02.{7}|\x03.{9})(.{4})", re.DOTALL)
"""An entry of the list of items: its version, two numbers and its type (8.11.6)."""

_NCLX = struct.Struct(">8x3H")
"""Primaries, curve and matrix (ISO/IEC 23008-12, 6.5.5)."""

_USE = {1: 0x7F, 2: 0x7FFF}
"""What is left of a property's number without its mark, that decoders must know it."""

_SAMPLES = re.compile(rb"stsz\0{4}.{4}(.{4})", re.DOTALL)
"""How many samples a track of a film has (ISO/IEC 14496-12, 8.7.3)."""

_UNREAD = {
    10: "constant luminance",
    11: "Y'D'zD'x",
    13: "constant luminance",
    14: "ICtCp",
    15: "IPT-PQ-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
"""Ways to code colours that no decoder of ours undoes, nor do browsers' (ITU-T H.273, table 4)."""


def described(data: Data, source_format: SourceFormat) -> bytes:
    """Return what a file says of its still pictures; UnsupportedImage where it has none but films.

    It is empty where the file is damaged.
    """
    found = _boxes(data)
    if b"moov" in found and b"meta" not in found:
        raise unsupported(source_format, "it is a film without a still picture")
    return bytes(data[found.get(b"meta", slice(0))])


def space(meta: bytes, source_format: SourceFormat) -> Space:
    """Return the space of the primary picture's colours, as its numbers tell it (nclx, clli).

    Others', such as those of a gain map's picture, count only where it has none.

    Raises
    ------
    UnsupportedImage
        They are coded in a way that no decoder undoes.
    """
    own, all_told = _properties(meta)
    told = next((each for each in (*own, *all_told) if each[:8] == b"colrnclx"), b"")
    if len(told) < _NCLX.size:
        return Space()
    primaries, curve, matrix = _NCLX.unpack_from(told)
    if matrix in _UNREAD:
        reason = f"its colours are coded as {_UNREAD[matrix]} (matrix {matrix})"
        raise unsupported(source_format, reason)
    light = next((each[4:6] for each in own if each[:4] == b"clli"), b"")
    return by_number(primaries, curve, _number(light))


def _properties(meta: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the properties of the primary picture, and those of all, each after its length.

    ISO/IEC 23008-12, 9.3, and ISO/IEC 14496-12, 8.11.4 and 8.11.14.
    """
    found = {kind: meta[place] for kind, place in _each(meta, 12)}
    stored = found.get(b"iprp", b"")
    parts = [(kind, stored[place]) for kind, place in _each(stored, 8)]
    listed = next((part for kind, part in parts if kind == b"ipco"), b"")
    properties = [listed[place][4:] for _, place in _each(listed, 8)]
    wanted = _number(found.get(b"pitm", b"")[12:])
    uses = [use for kind, part in parts if kind == b"ipma" for use in _uses(part, wanted)]
    return [properties[use - 1] for use in uses if 0 < use <= len(properties)], properties


def _uses(part: bytes, wanted: int) -> list[int]:
    """Return the numbers of an item's properties, as an ipma box has them."""
    version, flags, count = part[8:9], part[11:12], _number(part[12:16])
    name = 2 if version == b"\0" else 4
    width = 2 if _number(flags) & 1 else 1
    at, found = 16, list[int]()
    for _ in range(count):
        if at >= len(part):
            break
        item, uses = _number(part[at : at + name]), _number(part[at + name : at + name + 1])
        at += name + 1
        if item == wanted:
            places = range(at, at + uses * width, width)
            found += [_number(part[place : place + width]) & _USE[width] for place in places]
        at += uses * width
    return found


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def items(meta: bytes) -> set[bytes]:
    """Return the types of what a file describes: pictures by their coding, and how to join them."""
    return set(_ITEM.findall(meta))


def frames(data: Data) -> int:
    """Return how many pictures the longest track of a film has; 1 where there is no film."""
    film = bytes(data[_boxes(data).get(b"moov", slice(0))])
    return max((_number(found[1]) for found in _SAMPLES.finditer(film)), default=1)


def _boxes(data: Data) -> dict[bytes, slice]:
    """Return where the outermost boxes lie, of each kind the last."""
    return dict(_each(data, 0))


def _each(data: Data, at: int) -> Iterator[tuple[bytes, slice]]:
    """Return the kind of each box from a place on, and where it lies."""
    while at + 8 <= len(data):
        head = bytes(data[at : at + 16])
        length, kind = _number(head[:4]), head[4:8]
        if length == 1:
            length = _number(head[8:])
        end = at + max(8, length or len(data))
        yield kind, slice(at, end)
        at = end
