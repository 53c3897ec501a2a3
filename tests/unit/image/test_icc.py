"""Which profiles are sRGB, by what they do to colours."""

from __future__ import annotations

import numpy as np
import pytest
from darkroom.image.icc import _curve, is_srgb
from darkroom.image.vips import vips
from PIL import ImageCms

from tests.support.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    SRGB_CURVE,
    gamma_curve,
    grey_profile,
    parametric_curve,
    profile,
    rgb_profile,
    table_curve,
)

RAMP = np.linspace(0, 1, 1024)
LIGHT = np.where(RAMP <= 0.04045, RAMP / 12.92, ((RAMP + 0.055) / 1.055) ** 2.4)
SAME = rgb_profile(SRGB, SRGB_CURVE)
MOVED = SRGB + np.diag([0.0009, 0, -0.0009])
MOVED[1, 1] = 47046 / 65536  # the next, in steps of a profile, is more than 0.001 off
FAR = SRGB.copy()
FAR[1, 1] = 47047 / 65536


@pytest.mark.parametrize(
    "data",
    [
        SAME,
        rgb_profile(SRGB, table_curve(LIGHT)),
        rgb_profile(SRGB, table_curve(LIGHT[::33])),  # of 32 values, as the smallest profiles have
        rgb_profile(SRGB, table_curve(LIGHT), SRGB_CURVE, SRGB_CURVE),
        rgb_profile(SRGB, parametric_curve(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0,
                                           0)),
        rgb_profile(MOVED, SRGB_CURVE),
        grey_profile(SRGB_CURVE),
        grey_profile(table_curve(LIGHT)),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        bytes(vips().Operation.call("profile_load", "srgb")),
    ],
)  # fmt: skip
def test_what_changes_no_colour_is_srgb(data: bytes) -> None:
    assert is_srgb(data)


@pytest.mark.parametrize(
    "data",
    [
        rgb_profile(DISPLAY_P3, SRGB_CURVE),
        rgb_profile(ADOBE_RGB, gamma_curve(2.2)),
        rgb_profile(FAR, SRGB_CURVE),
        rgb_profile(SRGB, gamma_curve(2.2)),  # 9 levels off in the dark
        rgb_profile(SRGB, gamma_curve(1)),
        rgb_profile(SRGB, b"curv" + bytes(8)),  # no number: light itself
        rgb_profile(SRGB, parametric_curve(0, 2.4)),
        rgb_profile(SRGB, parametric_curve(1, 2.4, 1 / 1.055, 0.055 / 1.055)),
        rgb_profile(SRGB, parametric_curve(2, 2.4, 1 / 1.055, 0.055 / 1.055, 0.1)),
        rgb_profile(SRGB, parametric_curve(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045,
                                           0.05, 0)),
        rgb_profile(SRGB, parametric_curve(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045,
                                           0, 0.01)),
        rgb_profile(SRGB, parametric_curve(3, 0.5, 1, -0.5, 1, 0)),  # of less than nothing
        rgb_profile(SRGB, parametric_curve(3, -1, 0, 0, 1, 0)),
        rgb_profile(SRGB, parametric_curve(3, 30_000, 30_000, 1, 1, 0)),
        rgb_profile(SRGB, SRGB_CURVE, SRGB_CURVE, gamma_curve(2.2)),
        rgb_profile(SRGB, SRGB_CURVE, gamma_curve(1.8), SRGB_CURVE),
        rgb_profile(SRGB, gamma_curve(2.2), SRGB_CURVE, SRGB_CURVE),
        rgb_profile(SRGB, table_curve(np.sqrt(LIGHT))),
        grey_profile(gamma_curve(2.2)),
        bytes(vips().Operation.call("profile_load", "p3")),
        bytes(vips().Operation.call("profile_load", "cmyk")),
    ],
)  # fmt: skip
def test_what_changes_colours_is_not(data: bytes) -> None:
    assert not is_srgb(data)


def test_a_curve_may_be_off_by_less_than_a_level() -> None:
    """Everywhere, in the dark as in the light; white itself is never lighter."""

    def off_by(levels: float, level: int) -> bytes:
        encoded = np.arange(256) / 255
        encoded[level] += levels / 255
        dark = encoded / 12.92
        light = np.where(encoded <= 0.04045, dark, ((encoded + 0.055) / 1.055) ** 2.4)
        return rgb_profile(SRGB, table_curve(light))

    for level in range(5, 256, 5):
        for sign in (-1, 1) if level < 255 else (-1,):
            assert is_srgb(off_by(0.6 * sign, level)), level
            assert not is_srgb(off_by(1.4 * sign, level)), level


@pytest.mark.parametrize("lost", [b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ"])
def test_each_primary_and_each_curve_is_looked_at(lost: bytes) -> None:
    assert is_srgb(SAME)
    assert not is_srgb(SAME.replace(lost, b"none", 1))


def test_other_spaces_are_not_srgb_though_their_tags_say_so() -> None:
    assert not is_srgb(SAME.replace(b"RGB ", b"Lab ", 1))


def test_which_curves_are_read() -> None:
    for kind in (0, 1, 2, 5, 0x103):
        assert _curve(parametric_curve(kind, 1, 1, 0, 1, 0, 0, 0)) is None
    assert _curve(gamma_curve(1)) is None
    two = _curve(table_curve(np.array([0.25, 0.75])))
    assert two is not None
    assert [two(0), two(0.5), two(1)] == pytest.approx([0.25, 0.5, 0.75], abs=1e-4)


def test_what_a_formula_means() -> None:
    numbers = (2.0, 0.5, 0.25, 0.125, 0.5)
    curve, longer = (
        _curve(parametric_curve(kind, *numbers, *more))
        for kind, more in ((3, ()), (4, (0.0625, 0.03125)))
    )
    assert curve is not None
    assert longer is not None
    places = (0, 0.25, 0.4375, 0.5, 1)
    assert [curve(place) for place in places] == [0, 0.03125, 0.0546875, 0.25, 0.5625]
    root = _curve(parametric_curve(3, 0.5, 1, -0.5, 1, 0))
    assert root is not None
    assert [root(place) for place in (0.25, 0.75)] == [0, 0.5]
    assert [longer(place) - curve(place) for place in places] == [0.03125] * 3 + [0.0625] * 2


def test_what_a_table_means() -> None:
    curve = _curve(table_curve(np.array([0, 0.2, 1])))
    assert curve is not None
    made = [curve(place) for place in (0, 0.25, 0.5, 0.75, 1)]
    assert made == pytest.approx([0, 0.1, 0.2, 0.6, 1], abs=1e-9)


def test_tables_come_before_primaries() -> None:
    own = {b"kTRC": SRGB_CURVE}
    assert is_srgb(profile(b"GRAY", own))
    assert not is_srgb(profile(b"GRAY", {**own, b"A2B0": b"mft1"}))
    assert not is_srgb(profile(b"GRAY", {**own, b"D2B0": b"mpet"}))


@pytest.mark.parametrize(
    "data", [b"", b"rubbish" * 40, profile(b"CMYK", {b"kTRC": SRGB_CURVE}), profile(b"RGB ", {})]
)
def test_what_cannot_be_read_is_not(data: bytes) -> None:
    assert not is_srgb(data)


def test_damage_is_no_failure() -> None:
    for at in range(128, len(SAME), 4):
        assert is_srgb(SAME[:at] + b"\xff\xff\xff\xff" + SAME[at + 4 :]) in {True, False}
        assert is_srgb(SAME[:at]) in {True, False}
