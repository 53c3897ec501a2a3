"""Colours told by numbers, against the formulas of ITU-T H.273, BT.2100, BT.2390 and BT.2408.

The arithmetic here is in floats, by numpy's own solving of equations, and whole: no tables.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from darkroom.image.spaces import SRGB, Space, by_number, by_numbers, power, spans, to_srgb
from darkroom.image.vips import vips
from numpy.typing import NDArray

from tests.support.differences import ciede2000, lab

Floats = NDArray[np.float64]

D65, C = (0.3127, 0.329), (0.31, 0.316)
PRIMARIES: dict[int, tuple[float, ...]] = {
    1: (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
    4: (*C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    8: (*C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    10: (1 / 3, 1 / 3, 1, 0, 0, 1, 0, 0),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def of_srgb(value: Floats) -> Floats:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


CURVES: dict[int, Callable[[Floats], Floats]] = {
    1: of_srgb,
    4: lambda v: v**2.2,
    5: lambda v: v**2.8,
    6: of_srgb,
    7: lambda v: np.where(v < 0.0912, v / 4, ((v + 0.1115) / 1.1115) ** (1 / 0.45)),
    8: lambda v: v,
    9: lambda v: np.where(v > 0, 100.0 ** (v - 1), 0),
    10: lambda v: np.where(v > 0, (100 * np.sqrt(10)) ** (v - 1), 0),
    11: of_srgb,
    12: of_srgb,
    13: of_srgb,
    14: of_srgb,
    15: of_srgb,
    17: lambda v: v**2.6 * 52.37 / 48,
}
PQ, HLG = 16, 18

CUBE = np.array(list(itertools.product(np.linspace(0, 1, 7), repeat=3)))[None]


def to_xyz(number: int) -> Floats:
    """Return the matrix of primaries to XYZ of D65 (SMPTE RP 177, Bradford)."""
    pairs = np.array(PRIMARIES[number]).reshape(4, 2)
    white, *corners = (np.array([x, y, 1 - x - y]) for x, y in pairs)
    columns = np.array(corners).T
    shares = np.linalg.solve(columns, white / white[1])
    daylight = np.array([*D65, 1 - sum(D65)]) / D65[1]
    ratio = np.diag(BRADFORD @ daylight / (BRADFORD @ (white / white[1])))
    return np.asarray(np.linalg.inv(BRADFORD) @ ratio @ BRADFORD @ (columns * shares))


def encoded(light: Floats) -> Floats:
    """Return light as unrounded 8-bit sRGB."""
    clipped = np.clip(light, 0, 1)
    curved = 1.055 * clipped ** (1 / 2.4) - 0.055
    return np.asarray(255 * np.where(clipped <= 0.0031308, 12.92 * clipped, curved))


def in_srgb(light: Floats, number: int) -> Floats:
    matrix = np.linalg.solve(to_xyz(1), to_xyz(number))
    return encoded(light @ matrix.T)


def pixels(values: Floats, deep: bool = True) -> Any:
    """Return values of 0 to 1 as an image."""
    kind = np.uint16 if deep else np.uint8
    stored = np.rint(values * (65535 if deep else 255)).astype(kind)
    height, width, bands = stored.shape
    data, name = stored.tobytes(), "ushort" if deep else "uchar"
    image = vips().Image.new_from_memory(data, width, height, bands, name)
    grey = "grey16" if deep else "b-w"
    return image.copy(interpretation=grey if bands < 3 else "rgb16" if deep else "srgb")


def shown(image: Any, space: Space, bits: int = 16) -> NDArray[np.int64]:
    made = to_srgb(image, space, bits)
    assert made.format == "uchar"
    assert made.interpretation == ("b-w" if image.bands < 3 else "srgb")
    raw = np.frombuffer(made.write_to_memory(), np.uint8)
    return raw.reshape(made.height, made.width, made.bands).astype(np.int64)


def differences(made: NDArray[np.int64], wanted: Floats) -> tuple[float, float]:
    found = ciede2000(lab(made), lab(wanted))
    return float(found.max()), float(found.mean())


@pytest.mark.parametrize("number", PRIMARIES)
@pytest.mark.parametrize("deep", [True, False], ids=["16 bits", "8 bits"])
def test_primaries(number: int, deep: bool) -> None:
    """Half a level is what is lost to rounding to 8 bits: 0.4 at most, in darkness."""
    values = np.rint(CUBE * 255) / 255
    worst, mean = differences(
        shown(pixels(values, deep), by_number(number, 13)), in_srgb(of_srgb(values), number)
    )
    assert worst < 0.5
    assert mean < 0.12


@pytest.mark.parametrize("curve", CURVES)
def test_curves(curve: int) -> None:
    made = shown(pixels(CUBE), by_number(9, curve))
    worst, mean = differences(made, in_srgb(CURVES[curve](CUBE), 9))
    assert worst < 0.5
    assert mean < 0.12
    dark = np.linspace(0, 0.12, 300)[None, :, None].repeat(3, axis=2)
    exact = encoded(CURVES[curve](dark))
    assert np.abs(shown(pixels(dark), by_number(1, curve)) - exact).max() < 0.6


@pytest.mark.parametrize("number", [0, 2, 3, 19, 23, 255])
def test_numbers_that_mean_nothing_are_srgbs(number: int) -> None:
    assert by_number(number, 13).usual
    assert by_number(9, number) == by_number(9, 13)


def test_numbers_that_mean_something() -> None:
    told = {curve for curve in range(256) if by_numbers(bytes([1, curve, 0, 1]))}
    assert told == {*CURVES, PQ, HLG}
    told = {each for each in range(256) if by_numbers(bytes([each, 1, 0, 1]))}
    assert told == set(PRIMARIES)
    assert by_numbers(bytes([9, 16, 0, 1]), 400) == by_number(9, 16, 400)
    assert by_numbers(bytes([1, 13, 0, 0])) == Space(narrow=True)
    assert by_numbers(bytes([9, 16, 0])) is by_numbers(bytes([9, 16, 9, 1])) is None
    assert [by_number(1, curve).usual for curve in (1, 6, 13, 14, 15)] == [True] * 5


# ------------------------------------------------------------ high dynamic range


def pq(value: Floats) -> Floats:
    """Return candelas per square metre (SMPTE ST 2084, 5.1)."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = value ** (1 / m2)
    return np.asarray(10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1))


def to_pq(light: Floats) -> Floats:
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = (light / 10_000) ** m1
    return np.asarray(((c1 + c2 * root) / (1 + c3 * root)) ** m2)


def hlg(value: Floats, number: int) -> Floats:
    """Return what a screen of 1,000 shows (BT.2100, table 5: OETF inverse, then OOTF)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    bright = scene @ to_xyz(number)[1]
    return np.asarray(1000 * bright[..., None] ** 0.2 * scene)


def mapped(light: Floats, peak: float) -> Floats:
    """Return light for a screen of 203 (BT.2390, 5.4.1), by the brightest channel."""
    most = np.minimum(light.max(axis=-1, keepdims=True), peak)
    low = to_pq(np.array(203.0)) / to_pq(np.array(peak))
    knee = 1.5 * low - 0.5
    value = to_pq(most) / to_pq(np.array(peak))
    t = (value - knee) / (1 - knee)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee)
    bent += (-2 * t**3 + 3 * t**2) * low
    out = pq(np.where(value < knee, value, bent) * to_pq(np.array(peak)))
    return np.asarray(light * np.where(most > 0, out / np.maximum(most, 1e-9), 1) / 203)


@pytest.mark.parametrize(
    ("number", "peak"), [(1, 0), (9, 0), (12, 0), (9, 300), (9, 4000), (9, 10_000), (9, 70_000)]
)
def test_perceptual_quantiser(number: int, peak: int) -> None:
    wanted = in_srgb(mapped(pq(CUBE), min(peak or 1000, 10_000)), number)
    worst, mean = differences(shown(pixels(CUBE), by_number(number, PQ, peak)), wanted)
    assert worst < 0.5
    assert mean < 0.12


@pytest.mark.parametrize("number", [1, 9, 12])
def test_hybrid_log_gamma(number: int) -> None:
    wanted = in_srgb(mapped(hlg(CUBE, number), 1000), number)
    worst, mean = differences(shown(pixels(CUBE), by_number(number, HLG, 4000)), wanted)
    assert worst < 0.5
    assert mean < 0.12


@pytest.mark.parametrize("peak", [1, 100, 203])
def test_what_is_no_brighter_than_paper_is_not_darkened(peak: int) -> None:
    """A screenshot stored as HDR is shown as it was, whatever it says of its brightness."""
    values = np.linspace(0, to_pq(np.array(203.0)), 30)[None, :, None].repeat(3, axis=2)
    made = shown(pixels(values), by_number(9, PQ, peak))
    assert np.abs(made - encoded(pq(values) / 203)).max() <= 0.6


def test_a_picture_keeps_its_midtones_and_its_brightest_is_white() -> None:
    """Up to 95 candelas nothing changes; paper is 229, and a peak of 1,000 is 255."""
    nits = np.array([0.0, 0.1, 1, 18 / 100 * 203, 95, 203, 1000, 10_000])
    for bands in (1, 3):
        values = to_pq(nits)[None, :, None].repeat(bands, axis=2)
        made = shown(pixels(values), by_number(9, PQ))[0, :, 0].tolist()
        assert made[:5] == np.rint(encoded(nits[:5] / 203)).tolist()
        assert made[5:] == [229, 255, 255]
        paper = shown(pixels(np.full((1, 1, bands), 0.75)), by_number(9, HLG))
        assert abs(int(paper[0, 0, 0]) - 229) <= 1


def test_a_bright_colour_keeps_its_hue() -> None:
    """Light of 4 to 2 to 1 stays so: a sunset is orange and not yellow."""
    made = shown(pixels(to_pq(np.array([[[800.0, 400, 200]]]))), by_number(1, PQ))
    red, green, blue = of_srgb(made[0, 0] / 255)
    assert red / green == pytest.approx(2, rel=0.02)
    assert green / blue == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize("number", [PQ, HLG])
def test_transparency_is_left_alone(bands: int, deep: bool, number: int) -> None:
    values = np.full((1, 2, bands + 1), 0.5)
    values[0, :, -1] = 0.2, 200 / 255
    made, without = (
        shown(pixels(each, deep), by_number(9, number)) for each in (values, values[..., :-1])
    )
    assert made[0, :, -1].tolist() == [51, 200]
    assert (made[..., :-1] == without).all()


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_white_of_fewer_bits_is_white(bits: int) -> None:
    """Decoders fill up with zeros: 1023 becomes 65472, which is no darker than white."""
    span = 2**bits - 1
    levels = np.array([0, span // 2, span * 9 // 10, span])
    stored = pixels(((levels << 16 - bits) / 65535)[None, :, None].repeat(3, axis=2))
    for exponent in (1, 20):
        wanted = encoded((levels / span) ** exponent)
        made = shown(stored, Space(curve=power(exponent)), bits)[0, :, 0]
        assert np.abs(made - wanted).max() <= 0.55


@pytest.mark.parametrize("deep", [True, False])
def test_a_narrow_range_is_widened(deep: bool) -> None:
    """Black is 16 and white 235 of 255, in 16 bits 256 times as much (BT.2100, table 9)."""
    levels = np.array([0, 16, 126, 235, 255]) * (256 if deep else 1)
    stored = pixels((levels / (65535 if deep else 255))[None, :, None].repeat(3, axis=2), deep)
    for curve in (by_number(1, 13).curve, power(2.2)):  # below black is no light, by any curve
        made = shown(stored, Space(curve=curve, narrow=True))[0, :, 0]
        middle = round(float(encoded(np.asarray(curve(110 / 219)))))
        assert made.tolist() == [0, 0, middle, 255, 255]
    assert not Space(narrow=True).usual


# ------------------------------------------------------------------ coordinates


def test_coordinates_and_a_power() -> None:
    made = shown(pixels(CUBE), Space(PRIMARIES[9], power(2.6)))
    worst, mean = differences(made, in_srgb(CUBE**2.6, 9))
    assert worst < 0.5
    assert mean < 0.12


@pytest.mark.parametrize(
    ("coordinates", "whether"),
    [
        (SRGB, True),
        ((1 / 3, 1 / 3, 1, 0, 0, 1, 0, 0), True),
        ((0.0, 0.0, *SRGB[2:]), False),
        ((*D65, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3), False),
        ((*D65, 0.64, 0.33, 0.15, 0.06, 0.3, 0.06), False),
        ((*D65, 0.64, 0.33, 0.3, 0.71, 0.15, 0.06), False),
        ((0.1, 0.1, *SRGB[2:]), False),
        ((0.5, 0.5, 1, 0, 0, 1, 0, 0), False),
    ],
    ids=[
        "sRGB",
        "XYZ",
        "no white",
        "a point",
        "white outside",
        "over one",
        "white far outside",
        "white without blue",
    ],
)
def test_coordinates_that_span_no_colours(coordinates: tuple[float, ...], whether: bool) -> None:
    assert spans(coordinates) is whether
