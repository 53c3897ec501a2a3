"""Colour spaces that a file tells by numbers in place of a profile, and how they become sRGB.

The numbers are those of ITU-T H.273 (a PNG's cICP, nclx of HEIF and AVIF), or coordinates and a
power (a PNG's cHRM and gAMA). Pixels are converted by tables and one matrix in floats, row by row,
before they are cut to 8 bits. High dynamic range is mapped to what a screen without it shows.
"""

from __future__ import annotations

import functools
import math
from array import array
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from darkroom.image.vips import vips

Coordinates = tuple[float, ...]
"""x and y of white, red, green and blue (CIE 1931)."""

Curve = Callable[[float], float]
"""The light of a value: from 0 to 1, or more in high dynamic range."""

Matrix = list[list[float]]

DEEP = 65535
"""White in 16 bits."""

WHITE = 203
"""Candelas per square metre of white paper in high dynamic range (ITU-R BT.2408, table 1)."""

PEAK = 1000
"""The brightest of a picture that does not tell its own, as browsers have it; and HLG's, always."""

_BRIGHTEST = 10_000
"""What PQ ends at."""

_D65, _C = (0.3127, 0.329), (0.310, 0.316)
_P3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
SRGB = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_NTSC = (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07)

_PRIMARIES: dict[int, Coordinates] = {
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: _NTSC,
    7: _NTSC,
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    10: (1 / 3, 1 / 3, 1, 0, 0, 1, 0, 0),
    11: (0.314, 0.351, *_P3),
    12: (*_D65, *_P3),
    22: (*_D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
"""ITU-T H.273, table 2; what is not here is read as sRGB's, 1."""

_BRADFORD: Matrix = [
    [0.8951, 0.2664, -0.1614],
    [-0.7502, 1.7135, 0.0367],
    [0.0389, -0.0685, 1.0296],
]
"""How eyes adapt to another white (ICC.1:2022, annex E)."""

_STEPS = 4096
"""Of the brightness that tone mapping depends on."""


def srgb(value: float) -> float:
    """Return the light of a value of sRGB (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004


def power(exponent: float) -> Curve:
    """Return a plain power."""
    return lambda value: value**exponent


class Space(Struct, frozen=True):
    """What the numbers of a picture mean."""

    primaries: Coordinates = SRGB
    curve: Curve = srgb
    peak: float = 1.0  # the brightest, where white is 1
    of_scene: bool = False  # light as before the camera, as HLG has it
    narrow: bool = False  # values of films: black is 16 and white 235 of 255

    @property
    def usual(self) -> bool:
        """Whether it is sRGB."""
        return self == Space()


def by_numbers(numbers: bytes, brightest: float = 0) -> Space | None:
    """Return the space of four numbers: primaries, curve, matrix, and whether the range is full.

    None where one of the first two is reserved or "unspecified", or where there is a matrix: these
    are colours that RGB has not.
    """
    if len(numbers) < 4 or numbers[2]:  # noqa: PLR2004
        return None
    primaries, curve = numbers[:2]
    if primaries not in {1, *_PRIMARIES} or curve not in {*_FILMS, _PQ, _HLG, *_CURVES}:
        return None
    return msgspec.structs.replace(by_number(primaries, curve, brightest), narrow=not numbers[3])


def spans(primaries: Coordinates) -> bool:
    """Return whether coordinates are of colours, and other than on one line."""
    pairs = [primaries[at : at + 2] for at in range(0, 8, 2)]
    try:
        _to_xyz(primaries)
    except ZeroDivisionError:
        return False
    return all(x + y <= 1 for x, y in pairs)


def by_number(primaries: int, curve: int, brightest: float = 0) -> Space:
    """Return the space of two numbers (ITU-T H.273, 8.1 and 8.2), as browsers read them.

    Those that mean nothing are read as sRGB's, and so are the curves of films (1, 6, 11, 12, 14,
    15): stills that tell them have sRGB's in truth. Brightest is the picture's, 0 if not told.
    """
    found = _PRIMARIES.get(primaries, SRGB)
    if curve == _PQ:
        return Space(found, _pq, min(brightest or PEAK, _BRIGHTEST) / WHITE)
    if curve == _HLG:
        return Space(found, _hlg, PEAK / WHITE, of_scene=True)
    return Space(found, _CURVES.get(curve, srgb))


def to_srgb(image: Any, space: Space, bits: int = 16) -> Any:
    """Return pixels of 8 or 16 bits in a space as 8-bit sRGB, their transparency kept.

    Of 16 bits only the upper ones may be used.
    """
    deep = image.format == "ushort"
    largest = DEEP if deep else 255
    black, white = 0, largest & -1 << 16 - bits if deep else largest
    if space.narrow:
        black, white = (end << 8 if deep else end for end in (16, 235))
    alpha = image.extract_band(image.bands - 1) if image.hasalpha() else None
    grey = image.bands < 3  # noqa: PLR2004
    colours = image.extract_band(0, n=1 if grey else 3)
    light = colours.maplut(_light(space.curve, largest, black, white))
    to_xyz = _to_xyz(space.primaries)
    if space.of_scene:
        light *= _shown_at(light if grey else light.recomb([to_xyz[1]]))
    if space.peak > 1:
        light *= _gain(light, space.peak)
    if not grey and space.primaries != SRGB:
        light = light.recomb(_times(_inverse(_to_xyz(SRGB)), to_xyz))
    made = (light * DEEP + 0.5).cast("ushort").maplut(_encoded())
    made = made.copy(interpretation="b-w" if grey else "srgb")
    return made if alpha is None else made.bandjoin(alpha.linear(255 / largest, 0.5, uchar=True))


@functools.lru_cache(maxsize=4)
def _light(curve: Curve, largest: int, black: int, white: int) -> Any:
    """Return the table of a curve, 40 ms of work for 16 bits."""
    shares = ((code - black) / (white - black) for code in range(largest + 1))
    return _table(curve(min(max(0, share), 1)) for share in shares)


def _shown_at(light: Any) -> Any:
    """Return by how much a screen makes light brighter (ITU-R BT.2100, table 5, HLG OOTF)."""
    return light**0.2 * (PEAK / WHITE)


def _gain(light: Any, peak: float) -> Any:
    """Return by how much each pixel is darkened, that its brightest channel fits; hues remain."""
    most = light.extract_band(0)
    for band in range(1, light.bands):
        most = most.maxpair(light.extract_band(band))
    levels = (peak * step / (_STEPS - 1) for step in range(_STEPS))
    gains = _table(_rolled_off(level, peak) / level if level else 1 for level in levels)
    return (most * ((_STEPS - 1) / peak) + 0.5).cast("ushort").maplut(gains)


def _rolled_off(light: float, peak: float) -> float:
    """Return light of up to a peak as light of up to 1: what is darker than a knee is left alone.

    ITU-R BT.2390-11, 5.4.1, without its lift of blacks.
    """
    whole = _to_pq(peak)
    most = _to_pq(1) / whole
    knee = 1.5 * most - 0.5
    value = _to_pq(light) / whole
    if value <= knee:
        return light
    t = (value - knee) / (1 - knee)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee)
    return _pq((bent + (3 * t**2 - 2 * t**3) * most) * whole)


# ITU-R BT.2100, table 4.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq(value: float) -> float:
    root = value ** (1 / _M2)
    return float((max(0, root - _C1) / (_C2 - _C3 * root)) ** (1 / _M1)) * _BRIGHTEST / WHITE


def _to_pq(light: float) -> float:
    root = (light * WHITE / _BRIGHTEST) ** _M1
    return float(((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2)


def _hlg(value: float) -> float:
    """ITU-R BT.2100, table 5: the inverse of its OETF."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    if value <= 0.5:  # noqa: PLR2004
        return value**2 / 3
    return (math.exp((value - c) / a) + b) / 12


_PQ, _HLG = 16, 18
_FILMS = {1, 6, *range(11, 16)}
"""The curves that are read as sRGB's, which is one of them."""

_CURVES: dict[int, Curve] = {
    4: power(2.2),
    5: power(2.8),
    7: lambda v: v / 4 if v < 0.0912 else ((v + 0.1115) / 1.1115) ** (1 / 0.45),  # noqa: PLR2004
    8: power(1),
    9: lambda v: 10 ** (2 * (v - 1)) if v else 0,
    10: lambda v: 10 ** (2.5 * (v - 1)) if v else 0,
    17: lambda v: 52.37 / 48 * v**2.6,
}
"""ITU-T H.273, table 3."""


def _table(values: Iterable[float]) -> Any:
    """Return an image of one row, by which values of pixels are looked up."""
    stored = array("f", values)
    return vips().Image.new_from_memory(stored.tobytes(), len(stored), 1, 1, "float")


def _encoded() -> Any:
    """Return the table of sRGB's values for light in 16 bits."""
    linear = vips().Image.identity(ushort=True) / DEEP
    curved = linear ** (1 / 2.4) * 1.055 - 0.055
    made = (linear <= 0.0031308).ifthenelse(linear * 12.92, curved)  # noqa: PLR2004
    return made.linear(255, 0.5, uchar=True).copy_memory()


def _to_xyz(primaries: Coordinates) -> Matrix:
    """Return the matrix from light of primaries to CIE XYZ, by the white of daylight (D65).

    Raises ZeroDivisionError where the coordinates span no colours.
    """
    columns = [_xyz(*primaries[at : at + 2]) for at in (2, 4, 6)]
    x, y, z = _xyz(*primaries[:2])
    white = [[x / y], [1.0], [z / y]]
    whole = [list(row) for row in zip(*columns, strict=True)]
    shares = [row[0] for row in _times(_inverse(whole), white)]
    if min(shares) <= 0:
        raise ZeroDivisionError("a primary without light")
    scaled = [[value * share for value, share in zip(row, shares, strict=True)] for row in whole]
    x, y, z = _xyz(*_D65)
    wanted = _times(_BRADFORD, [[x / y], [1.0], [z / y]])
    given = _times(_BRADFORD, white)
    ratio = [[0.0] * 3 for _ in range(3)]
    for at in range(3):
        ratio[at][at] = wanted[at][0] / given[at][0]
    return _times(_inverse(_BRADFORD), _times(ratio, _times(_BRADFORD, scaled)))


def _xyz(x: float, y: float) -> tuple[float, float, float]:
    return x, y, 1 - x - y


def _times(first: Matrix, second: Matrix) -> Matrix:
    columns = list(zip(*second, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns]
        for row in first
    ]


def _inverse(matrix: Matrix) -> Matrix:
    """By Cramer's rule."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    adjugate = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    return [[value / whole for value in row] for row in adjugate]
