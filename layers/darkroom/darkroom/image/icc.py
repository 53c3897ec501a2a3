"""Whether an ICC profile is sRGB: told from its primaries and curves, never from its name."""

from __future__ import annotations

import struct
from collections.abc import Callable

from darkroom.image.spaces import Space, by_numbers

_PRIMARIES = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
"""sRGB's, adapted to D50 as profiles have them (IEC 61966-2-1, ICC.1:2022 annex E)."""

_NEAR = 0.001
"""So far may primaries be off: profiles differ by 0.0003 in how they adapt, and no colour by one
level of 255."""

_LEVEL = 1 / 255
_LEVELS = [level / 255 for level in range(5, 256, 5)]
"""Where curves are compared."""


def is_srgb(profile: bytes) -> bool:
    """Return whether a profile changes no 8-bit colour by more than about a level."""
    try:
        return _is_srgb(profile)
    except (struct.error, ArithmeticError):
        return False  # damaged, as will be found by whoever follows it


def told(profile: bytes) -> Space | None:
    """Return the space that a profile tells by numbers, which go before all else in it.

    So high dynamic range is told beside tables for who does not know it (ICC.1:2022, 9.2.17).
    """
    try:
        return _told(_tags(profile))
    except struct.error:
        return None


def _told(tags: dict[bytes, bytes]) -> Space | None:
    space = by_numbers(tags.get(b"cicp", b"")[8:12])
    return None if space is None or space.narrow else space  # its own curves are of the full range


def _is_srgb(profile: bytes) -> bool:
    tags = _tags(profile)
    space = _told(tags)
    if space:
        return space.usual
    if any(tag.startswith((b"A2B", b"D2B")) for tag in tags):
        return False  # tables, which are followed instead of primaries
    if profile[16:20] == b"GRAY":
        return _is_srgb_curve(tags.get(b"kTRC", b""))
    curves = {tags.get(channel + b"TRC", b"") for channel in (b"r", b"g", b"b")}
    near = all(_is_near(tags.get(tag, b""), wanted) for tag, wanted in _PRIMARIES.items())
    return profile[16:20] == b"RGB " and near and all(map(_is_srgb_curve, curves))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    return {tag: profile[at : at + length] for tag, at, length in entries}


def _is_near(tag: bytes, wanted: tuple[float, ...]) -> bool:
    found = struct.unpack_from(">3i", tag, 8)
    return all(abs(a / 65536 - b) <= _NEAR for a, b in zip(found, wanted, strict=True))


def _is_srgb_curve(tag: bytes) -> bool:
    curve = _curve(tag)
    return curve is not None and all(
        abs(_encoded(curve(level)) - level) <= _LEVEL for level in _LEVELS
    )


def _encoded(light: float) -> float:
    """Return the value that sRGB has for an amount of light."""
    if light <= 0.0031308:  # noqa: PLR2004
        return 12.92 * light
    return float(1.055 * light ** (1 / 2.4) - 0.055)


def _curve(tag: bytes) -> Callable[[float], float] | None:
    """Return what a tag means that may be sRGB's: one with a straight part, or a table.

    A plain power is not, nor is one of types 0 to 2 (ICC.1:2022, 10.6 and 10.18).
    """
    if tag[:4] == b"para":
        kind = int.from_bytes(tag[8:10], "big")
        return _parametric(tag, kind) if kind in {3, 4} else None
    (count,) = struct.unpack_from(">I", tag, 8)
    return _table(struct.unpack_from(f">{count}H", tag, 12)) if count > 1 else None


def _parametric(tag: bytes, kind: int) -> Callable[[float], float]:
    numbers = struct.unpack_from(">7i" if kind == 4 else ">5i", tag, 12)  # noqa: PLR2004
    g, a, b, c, d, *more = (number / 65536 for number in numbers)
    e, f = more or (0.0, 0.0)

    def curve(value: float) -> float:
        return float(max(0, a * value + b) ** g) + e if value >= d else c * value + f

    return curve


def _table(values: tuple[int, ...]) -> Callable[[float], float]:
    def curve(value: float) -> float:
        place = value * (len(values) - 1)
        left = min(int(place), len(values) - 2)
        share = place - left
        return float(values[left] * (1 - share) + values[left + 1] * share) / 65535

    return curve
