"""How far colours are apart, as eyes see it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.support.profiles import SRGB, WHITE_D50

Floats = NDArray[np.float64]


def lab(rgb: ArrayLike) -> Floats:
    """Return 8-bit sRGB as CIELab of the profiles' white; the last axis has the channels."""
    value = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = linear @ SRGB.T / WHITE_D50
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first: Floats, second: Floats) -> Floats:
    """Return the differences of CIELab colours; 1 is about what eyes can tell.

    By the formulas 1 to 22 of Sharma, Wu and Dalal, The CIEDE2000 Color-Difference Formula (2005).
    """
    (light1, a1, b1), (light2, a2, b2) = (np.moveaxis(each, -1, 0) for each in (first, second))
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean7 / (mean7 + 25.0**7))
    chroma1, chroma2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    hue1, hue2 = (_degrees(b1, stretch * a1), _degrees(b2, stretch * a2))
    grey = chroma1 * chroma2 == 0

    turn = np.where(grey, 0, (hue2 - hue1 + 180) % 360 - 180)
    d_hue = 2 * np.sqrt(chroma1 * chroma2) * _sin(turn / 2)
    light, chroma = (light1 + light2) / 2, (chroma1 + chroma2) / 2
    hue = np.where(grey, hue1 + hue2, hue1 + turn / 2) % 360

    tone = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue)
    tone += 0.32 * _cos(3 * hue + 6) - 0.20 * _cos(4 * hue - 63)
    chroma7 = chroma**7
    rotation = -2 * np.sqrt(chroma7 / (chroma7 + 25.0**7))
    rotation *= _sin(60 * np.exp(-(((hue - 275) / 25) ** 2)))
    by_light = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    lightness = (light2 - light1) / by_light
    chromas = (chroma2 - chroma1) / (1 + 0.045 * chroma)
    hues = d_hue / (1 + 0.015 * chroma * tone)
    squares = lightness**2 + chromas**2 + hues**2 + rotation * chromas * hues
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _degrees(y: Floats, x: Floats) -> Floats:
    return np.asarray(np.degrees(np.arctan2(y, x)) % 360)


def _sin(degrees: Any) -> Any:
    return np.sin(np.radians(degrees))


def _cos(degrees: Any) -> Any:
    return np.cos(np.radians(degrees))
