"""The bundled font: DejaVu Sans 2.37, free to use and redistribute (``LICENSE`` beside it).

Lambda has no fonts, and a rendition must look the same everywhere, so text never uses the system's.
"""

from __future__ import annotations

import struct
from functools import cache
from itertools import chain
from pathlib import Path

SANS = Path(__file__).with_name("DejaVuSans.ttf")
SANS_FAMILY = "DejaVu Sans"

PARAGRAPH_SEPARATOR = 0x2029
"""Has a glyph, but no line of text can be laid out with it."""


@cache
def coverage() -> frozenset[int]:
    """Return the code points that the font has a glyph for (OpenType "cmap", format 12)."""
    font = SANS.read_bytes()
    cmap = _number(font, font.index(b"cmap") + 8)
    unicode = font.index(b"\0\3\0\x0a", cmap)  # the record of the table with all of Unicode
    table = cmap + _number(font, unicode + 4)
    groups = font[table + 16 : table + 16 + 12 * _number(font, table + 12)]
    ranges = (range(first, last + 1) for first, last, _ in struct.iter_unpack(">III", groups))
    return frozenset(chain.from_iterable(ranges)) - {PARAGRAPH_SEPARATOR}


def _number(font: bytes, at: int) -> int:
    return int.from_bytes(font[at : at + 4], "big")
