"""ICC profiles made by code, and the colours they mean by textbook arithmetic."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

WHITE_D50 = np.array([0.9642, 1.0, 0.8249])

# Primaries adapted to D50, as the profiles of these spaces carry them.
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.1571], [0.2412, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
ADOBE_RGB = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.7141]]
)


def matrix_profile(primaries: Matrix, gamma: float) -> bytes:
    """Return a display profile (ICC.1:2010) with three primaries and one gamma."""
    return rgb_profile(primaries, gamma_curve(gamma))


def rgb_profile(primaries: Matrix, *curves: bytes, name: bytes = b"made by a test") -> bytes:
    """Return a display profile with three primaries, and one curve for all or one for each."""
    channels = dict(zip((b"rTRC", b"gTRC", b"bTRC"), (curves * 3)[:3], strict=True))
    axes = {b"rXYZ": primaries[:, 0], b"gXYZ": primaries[:, 1], b"bXYZ": primaries[:, 2]}
    return profile(b"RGB ", {tag: xyz(value) for tag, value in axes.items()} | channels, name)


def grey_profile(curve: bytes) -> bytes:
    """Return a profile of greys."""
    return profile(b"GRAY", {b"kTRC": curve})


def gamma_curve(gamma: float) -> bytes:
    """Return a plain power."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def table_curve(values: NDArray[np.float64]) -> bytes:
    """Return a curve of evenly spaced values, 0 to 1."""
    numbers = (np.asarray(values) * 65535).round().astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(numbers)) + numbers.tobytes()


def parametric_curve(kind: int, *numbers: float) -> bytes:
    """Return a curve of a formula (ICC.1:2010, 10.15)."""
    return b"para\0\0\0\0" + struct.pack(
        f">HH{len(numbers)}i", kind, 0, *(round(number * 65536) for number in numbers)
    )


SRGB_CURVE = parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(
    space: bytes, own: dict[bytes, bytes], name: bytes = b"made by a test", kind: bytes = b"mntr"
) -> bytes:
    """Return a profile of a colour space, with tags of its own."""
    tags = {b"desc": _description(name), b"wtpt": xyz(WHITE_D50)} | own
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        padded = data + b"\0" * (-len(data) % 4)
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += padded
    size = at + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, kind, space, b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += struct.pack(">3i", *(round(value * 65536) for value in WHITE_D50))
    return header.ljust(128, b"\0") + table + body


def to_srgb(colour: tuple[int, int, int], primaries: Matrix, gamma: float) -> Matrix:
    """Return a colour of such a profile as 8-bit sRGB, unrounded and clipped."""
    linear = (np.array(colour) / 255) ** gamma
    found = np.clip(np.linalg.solve(SRGB, primaries @ linear), 0, 1)
    encoded = np.where(found <= 0.0031308, found * 12.92, 1.055 * found ** (1 / 2.4) - 0.055)
    return np.asarray(encoded * 255, dtype=np.float64)


def delta_e(a: Matrix, b: Matrix) -> float:
    """Return the CIE 1976 colour difference of two 8-bit sRGB colours; 2.3 is just noticeable."""
    return float(np.linalg.norm(_lab(a) - _lab(b)))


def _lab(rgb: Matrix) -> Matrix:
    value = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = (SRGB @ linear) / WHITE_D50
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def xyz(values: Matrix) -> bytes:
    """Return a tag of one colour."""
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _description(text: bytes) -> bytes:
    return (
        b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" * (1 + 4 + 4 + 2 + 1 + 67)
    )
