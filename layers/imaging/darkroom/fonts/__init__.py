"""The bundled font: DejaVu Sans 2.37, free to use and redistribute (``LICENSE`` beside it).

Lambda has no fonts, and a rendition must look the same everywhere, so text never uses the system's.
"""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

SANS = Path(__file__).with_name("DejaVuSans.ttf")
SANS_FAMILY = "DejaVu Sans"


@cache
def coverage() -> frozenset[int]:
    """Return the code points that the font has a glyph for (OpenType "cmap", formats 4 and 12)."""
    font = SANS.read_bytes()
    (tables,) = struct.unpack_from(">H", font, 4)
    for index in range(tables):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + index * 16)
        if tag == b"cmap":
            return frozenset(_code_points(font, offset))
    return frozenset()


def _code_points(font: bytes, cmap: int) -> set[int]:
    (count,) = struct.unpack_from(">H", font, cmap + 2)
    found: set[int] = set()
    for index in range(count):
        (offset,) = struct.unpack_from(">I", font, cmap + 4 + index * 8 + 4)
        (kind,) = struct.unpack_from(">H", font, cmap + offset)
        if kind == 4:  # noqa: PLR2004
            found |= _segments(font, cmap + offset)
        elif kind == 12:  # noqa: PLR2004
            (groups,) = struct.unpack_from(">I", font, cmap + offset + 12)
            for group in range(groups):
                first, last = struct.unpack_from(">II", font, cmap + offset + 16 + group * 12)
                found.update(range(first, last + 1))
    return found


def _segments(font: bytes, at: int) -> set[int]:
    (double,) = struct.unpack_from(">H", font, at + 6)
    lasts = struct.unpack_from(f">{double // 2}H", font, at + 14)
    firsts = struct.unpack_from(f">{double // 2}H", font, at + 16 + double)
    return {
        code for first, last in zip(firsts, lasts, strict=True) for code in range(first, last + 1)
    }
