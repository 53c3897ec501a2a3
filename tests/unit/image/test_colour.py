"""Colours of any kind become sRGB, value by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from darkroom.contract.presets import Preset
from darkroom.image.colour import (
    has_other_profile,
    profile_of,
    to_srgb,
    with_colours,
    with_profile,
)
from darkroom.image.spaces import Space, power
from darkroom.image.vips import vips
from numpy.typing import NDArray
from PIL import Image

from tests.support import profiles
from tests.support.images import encoded
from tests.support.imaging import rendition

P3 = profiles.matrix_profile(profiles.DISPLAY_P3, 2.2)


def image(values: Any, kind: str, interpretation: str, profile: bytes | None = None) -> Any:
    array = np.asarray(values, {"uchar": "u1", "ushort": "u2", "short": "i2", "uint": "u4",
                                "float": "f4", "double": "f8"}[kind])  # fmt: skip
    height, width, bands = array.shape
    made = vips().Image.new_from_memory(array.tobytes(), width, height, bands, kind)
    made = made.copy(interpretation=interpretation)
    if profile is not None:
        made.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
    return made


def values(made: Any) -> NDArray[np.int64]:
    assert made.format == "uchar"
    raw = np.frombuffer(made.write_to_memory(), np.uint8)
    return raw.reshape(made.height, made.width, made.bands).astype(np.int64)


def row(*pixels: Any) -> list[list[Any]]:
    return [[list(pixel) for pixel in pixels]]


@pytest.mark.parametrize(
    ("stored", "kind", "interpretation", "shown"),
    [
        (row([7], [200]), "uchar", "b-w", row([7], [200])),
        (row([7, 9], [200, 255]), "uchar", "b-w", row([7, 9], [200, 255])),
        (row([1, 2, 3], [4, 5, 6]), "uchar", "srgb", row([1, 2, 3], [4, 5, 6])),
        (row([1, 2, 3, 4]), "uchar", "srgb", row([1, 2, 3, 4])),
        (row([1, 2, 3, 4, 5]), "uchar", "srgb", row([1, 2, 3, 4])),
        (row([1, 2, 3, 4]), "uchar", "multiband", row([1, 2, 3])),
        (row([51528], [51529]), "ushort", "grey16", row([200], [201])),
        (row([0], [128], [129], [65535]), "ushort", "grey16", row([0], [0], [1], [255])),
        (row([0, 65535], [65535, 129]), "ushort", "grey16", row([0, 255], [255, 1])),
        (row([257, 385, 386]), "ushort", "rgb16", row([1, 1, 2])),
        (row([257, 514, 771, 385]), "ushort", "rgb16", row([1, 2, 3, 1])),
        (row([0.0], [0.5], [1.0]), "float", "b-w", row([0], [128], [255])),
        (row([0.25], [0.5]), "float", "b-w", row([64], [128])),
        (row([0.25], [0.5]), "double", "b-w", row([64], [128])),
        (row([0.0], [0.5], [2.0]), "float", "b-w", row([0], [64], [255])),
        (row([-1.0], [0.0], [1.0]), "float", "b-w", row([0], [128], [255])),
        (row([-1000], [0], [1000]), "short", "b-w", row([0], [128], [255])),
        (row([0], [1]), "short", "b-w", row([0], [255])),
        (row([10**6], [3 * 10**6]), "uint", "b-w", row([0], [255])),
        (row([5.0], [5.0]), "float", "b-w", row([0], [0])),
        (row([0.0], [0.998]), "float", "b-w", row([0], [254])),
        (row([0.5], [1.0]), "float", "b-w", row([128], [255])),
        (row([1], [1]), "short", "b-w", row([0], [0])),
        (row([-0.25], [0.25]), "float", "b-w", row([0], [255])),
        (row([-2, 0, 2]), "short", "rgb16", row([0, 128, 255])),
        (row([0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.5]), "float", "scrgb",
         row([0, 255, 0, 255], [0, 255, 0, 128])),
        (row([100.0, 0.0, 0.0, 127.4], [100.0, 0.0, 0.0, 127.6]), "float", "lab",
         row([255, 255, 255, 127], [255, 255, 255, 128])),
        (row([0.0, 0.5, 1.0]), "float", "srgb", row([0, 128, 255])),
    ],
)  # fmt: skip
def test_numbers_become_eight_bits(stored: Any, kind: str, interpretation: str, shown: Any) -> None:
    made = to_srgb(image(stored, kind, interpretation))
    assert (values(made) == np.asarray(shown)).all()
    assert made.interpretation == ("b-w" if len(shown[0][0]) < 3 else "srgb")


@pytest.mark.parametrize(
    "profile", [None, profiles.rgb_profile(profiles.SRGB, profiles.SRGB_CURVE)]
)
def test_what_is_right_already_is_not_computed_anew(profile: bytes | None) -> None:
    for stored, interpretation in ((row([7]), "b-w"), (row([1, 2, 3]), "srgb")):
        finished = image(stored, "uchar", interpretation, profile)
        assert to_srgb(finished) is finished
    for stored, kind, interpretation in (
        (row([7, 9]), "uchar", "b-w"),
        (row([7]), "ushort", "b-w"),
        (row([1, 2, 3]), "uchar", "lab"),
        (row([1, 2, 3, 4]), "uchar", "srgb"),
    ):
        other = image(stored, kind, interpretation, profile)
        assert to_srgb(other) is not other
    every = [[[level, 255 - level, level // 3, 200] for level in range(256)]]
    assert values(to_srgb(image(every, "uchar", "srgb", profile))).tolist() == every


@pytest.mark.parametrize(
    ("stored", "kind", "interpretation", "shown"),
    [
        ([100.0, 0.0, 0.0], "float", "lab", [255, 255, 255]),
        ([54.29, 80.81, 69.89], "float", "lab", [255, 0, 0]),
        ([17789, 20687, 17892], "short", "labs", [255, 0, 0]),
        ([53.24, 104.55, 40.0], "float", "lch", [255, 0, 0]),
        ([41.24, 21.26, 1.93], "float", "xyz", [255, 0, 0]),
        ([21.26, 0.64, 0.33], "float", "yxy", [255, 0, 0]),
        ([1.0, 0.0, 0.0], "float", "scrgb", [255, 0, 0]),
        ([0.2140, 0.2140, 0.2140], "float", "scrgb", [128, 128, 128]),
    ],
)
def test_other_spaces_are_converted(
    stored: list[float], kind: str, interpretation: str, shown: list[int]
) -> None:
    made = to_srgb(image([[stored]], kind, interpretation))
    assert np.abs(values(made)[0, 0] - shown).max() <= 2


def test_ink_is_read_as_a_press_prints_it() -> None:
    """Red ink is no pure red, and the deepest black is as dark as that of a profile's own."""
    inks = row([0, 0, 0, 0, 1, 9], [0, 255, 255, 0, 2, 9], [255, 255, 255, 255, 3, 9])
    made = values(to_srgb(image(inks, "uchar", "cmyk")))
    wanted = np.asarray(row([255, 255, 255], [231, 0, 17], [0, 0, 20]))
    assert np.abs(made[..., :3] - wanted).max() <= 2
    assert made[0, :, 3:].tolist() == [[1], [2], [3]]


def test_ink_in_floats_is_the_same_ink() -> None:
    whole, floats = (to_srgb(image(row([0, 90, 50, 20]), k, "cmyk")) for k in ("uchar", "float"))
    assert (values(whole) == values(floats)).all()


def test_the_deepest_ink_of_an_embedded_press_profile_is_black() -> None:
    """By black point compensation; the intent would show in red, which the perceptual purifies."""
    press = bytes(vips().Operation.call("profile_load", "cmyk"))
    inks = row([0, 0, 0, 0], [0, 255, 255, 0], [255, 255, 255, 255])
    made = values(to_srgb(image(inks, "uchar", "cmyk", press)))
    assert np.abs(made - np.asarray(row([255, 255, 255], [231, 0, 17], [0, 0, 20]))).max() <= 2


def test_an_embedded_profile_is_followed_and_then_gone() -> None:
    wanted = profiles.to_srgb((60, 180, 90), profiles.DISPLAY_P3, 2.2)
    for pixel in ((60, 180, 90), (60, 180, 90, 200)):
        stored = image(row(pixel), "uchar", "srgb", P3)
        made = to_srgb(stored)
        assert profiles.delta_e(values(made)[0, 0, :3], wanted) < 1
        assert profile_of(made) is None
        assert profile_of(stored) == P3


def test_black_stays_black_and_white_white() -> None:
    made = values(to_srgb(image(row([0, 0, 0], [255, 255, 255]), "uchar", "srgb", P3)))
    assert made.tolist() == row([0, 0, 0], [255, 255, 255])


@pytest.mark.parametrize(
    ("stored", "interpretation"), [([90, 120, 30], "srgb"), ([90], "b-w"), ([90, 40], "b-w")]
)
def test_a_profile_that_is_rubbish_is_as_good_as_none(
    stored: list[int], interpretation: str
) -> None:
    for rubbish in (b"rubbish" * 40, P3[:20] + b"\0\0\0\0" + P3[24:]):
        given = image([[stored]], "uchar", interpretation, rubbish)
        made = to_srgb(given)
        assert np.abs(values(made)[0, 0] - stored).max() <= 1
        assert profile_of(made) is None
        assert profile_of(given) == rubbish


def test_a_torn_profile_of_inks_is_as_good_as_none() -> None:
    press = bytes(vips().Operation.call("profile_load", "cmyk"))
    torn = press[:400] + b"\xff" * 1600 + press[2000:]
    inks = row([0, 0, 0, 0], [0, 255, 255, 0])
    made, wanted = (to_srgb(image(inks, "uchar", "cmyk", each)) for each in (torn, None))
    assert (values(made) == values(wanted)).all()


@pytest.mark.parametrize("kind", ["uchar", "ushort"])
@pytest.mark.parametrize("alpha", [[], [128]])
def test_a_grey_image_follows_the_curve_of_a_profile_of_colours(
    kind: str, alpha: list[int]
) -> None:
    """As browsers have it; and stays grey."""
    wide = profiles.matrix_profile(profiles.DISPLAY_P3, 2.6)
    scale, name = (1, "b-w") if kind == "uchar" else (257, "grey16")
    stored = [[[value * scale for value in (90, *alpha)]]]
    made = to_srgb(image(stored, kind, name, wide))
    wanted = profiles.to_srgb((90, 90, 90), profiles.DISPLAY_P3, 2.6)[1]
    assert made.interpretation == "b-w"
    assert values(made)[0, 0].tolist() == [round(wanted), *alpha]


def test_whether_there_is_a_profile() -> None:
    assert profile_of(image([[[1]]], "uchar", "b-w")) is None
    assert not has_other_profile(image([[[1]]], "uchar", "b-w"))
    assert has_other_profile(image([[[1, 2, 3]]], "uchar", "srgb", P3))
    plain = image([[[1, 2, 3]]], "uchar", "srgb")
    assert profile_of(with_profile(plain, P3)) == P3
    assert profile_of(plain) is None


def test_colours_of_a_space_have_as_many_bits_as_are_told() -> None:
    brightest = image([[[65280]]], "ushort", "grey16")
    steep = Space(curve=power(20))
    shades = [values(with_colours(brightest, None, steep, bits)).item() for bits in (8, 16)]
    assert shades == [255, 246]
    assert with_colours(brightest, None, Space(), 8) is brightest


@pytest.mark.parametrize("name", [b"sRGB IEC61966-2.1", b"Display P3 Gamut with sRGB Transfer"])
def test_a_profiles_name_says_nothing(name: bytes) -> None:
    """The second is what Android phones write."""
    wide = profiles.rgb_profile(profiles.DISPLAY_P3, profiles.SRGB_CURVE, name=name)
    named = image([[[200, 100, 50]]], "uchar", "srgb", wide)
    assert has_other_profile(named)
    assert np.abs(values(to_srgb(named)) - [[[215, 93, 31]]]).max() <= 1
    same = profiles.rgb_profile(profiles.SRGB, profiles.SRGB_CURVE, name=b"Display P3")
    assert not has_other_profile(image([[[200, 100, 50]]], "uchar", "srgb", same))


def with_numbers(*numbers: int, primaries: Any = profiles.DISPLAY_P3) -> bytes:
    """Return a profile of Display P3 that tells other colours by numbers."""
    xyz = {b"rXYZ": 0, b"gXYZ": 1, b"bXYZ": 2}
    tags = {tag: profiles.xyz(primaries[:, at]) for tag, at in xyz.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), profiles.SRGB_CURVE)
    tags[b"cicp"] = b"cicp".ljust(8, b"\0") + bytes(numbers)
    return profiles.profile(b"RGB ", tags)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "JPEG", "AVIF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ((9, 13, 0, 1), [241, 76, 29]),
        ((1, 13, 0, 1), [200, 100, 50]),
        ((1, 16, 0, 1), [255, 48, 8]),
        ((9, 2, 0, 1), [215, 93, 31]),
        ((9, 16, 9, 1), [215, 93, 31]),
        ((9, 13, 0, 0), [215, 93, 31]),
        ((), [215, 93, 31]),
    ],
    ids=["BT.2020", "sRGB", "PQ", "unspecified", "of films", "narrow", "none"],
)
def test_numbers_within_a_profile_go_before_all_else_in_it(
    numbers: tuple[int, ...], wanted: list[int], mode: str, image_format: str
) -> None:
    """As Chromium shows them: so HDR is told beside what older readers take."""
    colour = (200, 100, 50, 255)[: len(mode)]
    stored = Image.new(mode, (16, 16), colour)
    exact: dict[str, dict[str, Any]] = {
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "JPEG": {"quality": 100, "subsampling": 0},
    }
    if image_format == "JPEG":
        stored = stored.convert("RGB")
    options = exact.get(image_format, {})
    data = encoded(stored, image_format, icc_profile=with_numbers(*numbers), **options)
    made = rendition(data, Preset(name="p", width=16, height=16, format="png"))
    near = 1 if image_format in {"PNG", "WEBP", "TIFF"} else 4
    assert np.abs(np.subtract(made.getpixel((8, 8))[:3], wanted)).max() <= near  # type: ignore[index]


def test_numbers_within_a_profile_of_greys_and_of_16_bits() -> None:
    profile = with_numbers(9, 16, 0, 1)
    for stored, kind, name in (
        ([148], "uchar", "b-w"),
        ([148, 148, 148], "uchar", "srgb"),
        ([148 * 257], "ushort", "grey16"),
        ([148 * 257] * 3, "ushort", "rgb16"),
    ):
        given = image([[stored]], kind, name, profile)
        assert has_other_profile(given)
        assert set(values(to_srgb(given))[0, 0].tolist()) == {229}
    assert not has_other_profile(image([[[9]]], "uchar", "b-w", with_numbers(1, 1, 0, 1)))


@pytest.mark.parametrize("profile", [with_numbers(9, 16, 0, 1), P3])
@pytest.mark.parametrize(
    ("stored", "kind", "name"),
    [
        ([0, 90, 50, 20], "uchar", "cmyk"),
        ([50.0, 9, 9], "float", "lab"),
        ([16000, 2300, 2300], "short", "labs"),
        ([20.0, 20, 20], "float", "xyz"),
    ],
)
def test_a_profile_of_colours_says_nothing_of_inks_and_of_measured_ones(
    stored: list[float], kind: str, name: str, profile: bytes
) -> None:
    made, wanted = (to_srgb(image([[stored]], kind, name, each)) for each in (profile, None))
    assert np.abs(values(made) - values(wanted)).max() <= 1


@pytest.mark.parametrize("alpha", [255, 200], ids=["opaque", "clear"])
@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_colours_with_alpha_are_converted_once(image_format: str, alpha: int) -> None:
    """Display P3 (200, 100, 50), twice converted, would be (232, 83, 0)."""
    wide = profiles.rgb_profile(profiles.DISPLAY_P3, profiles.SRGB_CURVE)
    exact = {"WEBP": {"lossless": True, "exact": True}, "AVIF": {"quality": 100}}
    stored = Image.new("RGBA", (8, 8), (200, 100, 50, alpha))
    data = encoded(stored, image_format, icc_profile=wide, **exact.get(image_format, {}))
    made = rendition(data, Preset(name="p", width=8, height=8, format="png"))
    assert made.mode == ("RGB" if alpha == 255 else "RGBA")
    near = 3 if image_format == "AVIF" else 1
    assert np.abs(np.subtract(made.getpixel((4, 4))[:3], (215, 93, 31))).max() <= near  # type: ignore[index]
