"""Sizes of renditions, for any source and any preset."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from darkroom.contract.errors import ImageTooLarge, InvalidRequest
from darkroom.contract.formats import OUTPUT_FORMATS
from darkroom.contract.limits import Limits
from darkroom.contract.presets import Preset
from darkroom.contract.results import ImageInfo
from darkroom.image.geometry import fit_inside, longest_side, place
from darkroom.image.plan import output_formats, plan
from hypothesis import strategies as st

from tests.support.images import encoded, opened, picture
from tests.support.imaging import SVG, array, develop, found, renditions
from tests.support.properties import given

SIDES = st.integers(1, 30_000)
FRAMES = st.integers(1, 16_383)
FITS = st.sampled_from(["inside", "cover", "contain", "fill"])


@given(SIDES, SIDES, FRAMES, FRAMES, FITS, st.booleans())
def test_any_source_and_any_preset(
    width: int,
    height: int,
    frame_width: int,
    frame_height: int,
    fit: str,
    enlarge: bool,
) -> None:
    preset = msgspec.convert(
        {"name": "p", "width": frame_width, "height": frame_height, "fit": fit, "enlarge": enlarge},
        Preset,
    )
    placed = place((width, height), preset)
    frame = (frame_width, frame_height)
    assert min(*placed.whole, *placed.canvas) >= 1
    assert all(side <= limit for side, limit in zip(placed.canvas, frame, strict=True))
    if not enlarge:
        assert placed.whole[0] <= width
        assert placed.whole[1] <= height
    if fit == "inside":
        assert placed.whole == placed.canvas
        stops = placed.whole == (width, height) and not enlarge
        touches = any(side == limit for side, limit in zip(placed.whole, frame, strict=True))
        assert stops or touches
    if fit == "contain":
        assert placed.canvas == frame
        assert placed.whole[0] <= frame[0]
        assert placed.whole[1] <= frame[1]
    if fit == "cover":
        assert placed.whole[0] >= placed.canvas[0]
        assert placed.whole[1] >= placed.canvas[1]
        too_long = max(frame_width / width, frame_height / height) * max(width, height) > 10_000_000
        if (width >= frame_width and height >= frame_height) or (enlarge and not too_long):
            assert placed.canvas == frame
        else:
            _same_shape(placed.canvas, frame)
    if fit == "fill":
        assert placed.whole == placed.canvas
        assert placed.canvas == (
            frame if enlarge else (min(width, frame_width), min(height, frame_height))
        )
    elif fit != "cover" or enlarge:
        _same_shape(placed.whole, (width, height))


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> None:
    """Check that two sizes have the same proportions, within the rounding to whole pixels."""
    width, height = other
    scales = [
        ((size[0] - 0.5001) / width, (size[0] + 0.5001) / width),
        ((size[1] - 0.5001) / height, (size[1] + 0.5001) / height),
    ]
    low = max(0.0 if size[0] == 1 else scales[0][0], 0.0 if size[1] == 1 else scales[1][0])
    high = min(scales[0][1], scales[1][1])
    assert low <= high, (size, other)


@given(SIDES, SIDES, st.one_of(st.tuples(FRAMES, st.none()), st.tuples(st.none(), FRAMES)))
def test_one_side_is_enough_for_inside(
    width: int, height: int, frame: tuple[int | None, int | None]
) -> None:
    placed = place((width, height), Preset(name="p", width=frame[0], height=frame[1]))
    for side, limit in zip(placed.canvas, frame, strict=True):
        assert limit is None or side <= limit
    _same_shape(placed.canvas, (width, height))


@pytest.mark.parametrize(
    ("preset", "size"),
    [
        (Preset(name="p", width=90, height=90), (90, 68)),
        (Preset(name="p", width=90, height=90, fit="cover"), (90, 90)),
        (Preset(name="p", width=90, height=90, fit="contain"), (90, 90)),
        (Preset(name="p", width=90, height=30, fit="fill"), (90, 30)),
        (Preset(name="p", width=900, height=900), (160, 120)),
        (Preset(name="p", width=900, height=900, fit="cover"), (120, 120)),
        (Preset(name="p", width=900, height=900, fit="contain"), (900, 900)),
        (Preset(name="p", width=900, height=30, fit="fill"), (160, 30)),
        (Preset(name="p", width=320, height=320, enlarge=True), (320, 240)),
        (Preset(name="p", width=320, height=320, fit="cover", enlarge=True), (320, 320)),
        (Preset(name="p", width=320, height=320, fit="contain", enlarge=True), (320, 320)),
        (Preset(name="p", width=320, height=320, fit="fill", enlarge=True), (320, 320)),
        (Preset(name="p", height=60), (80, 60)),
    ],
)
def test_renditions_have_exactly_the_planned_size(preset: Preset, size: tuple[int, int]) -> None:
    ((planned, made),) = renditions(encoded(picture(160, 120)), preset)
    assert (planned.width, planned.height) == size
    assert (made.width, made.height) == size
    assert opened(made.data).size == size


def test_all_presets_are_served_by_one_mezzanine() -> None:
    presets = (
        Preset(name="a", width=64, height=64),
        Preset(name="b", width=200, height=20, fit="fill"),
        Preset(name="c", width=100, height=150, fit="cover"),
        Preset(name="d", width=500, height=50, fit="contain"),
    )
    for planned, made in renditions(encoded(picture(640, 480)), *presets):
        assert opened(made.data).size == (planned.width, planned.height)


def test_sizes_are_those_of_the_source_and_not_of_the_mezzanine() -> None:
    """Which is 1201 by 76 here, of which 640 by 40 would be made."""
    large, small = Preset(name="l", width=1201), Preset(name="s", width=640)
    _, (planned, made) = renditions(encoded(picture(1900, 121)), large, small)
    assert (planned.width, planned.height) == opened(made.data).size == (640, 41)


@pytest.mark.parametrize(
    ("source", "wanted", "transparent", "made"),
    [
        ("jpeg", "auto", False, "jpeg"),
        ("png", "auto", True, "webp"),
        ("png", "original", False, "png"),
        ("gif", "original", False, "png"),
        ("heic", "original", False, "jpeg"),
        ("tiff", "original", True, "webp"),
        ("jpeg", "avif", False, "avif"),
    ],
)
def test_formats_are_resolved_in_the_plan(
    source: str,
    wanted: str,
    transparent: bool,
    made: str,
) -> None:
    image = ImageInfo(source, "image/x", 100, 50, 1, transparent=transparent)
    preset = msgspec.convert({"name": "p", "width": 10, "format": wanted}, Preset)
    (planned,) = plan("a.b", image, (preset,))
    assert planned.format == made
    assert planned.key.startswith("a.b/p.")


def _preset(**fields: object) -> Preset:
    return msgspec.convert({"name": "p", **fields}, Preset)


@pytest.mark.parametrize(
    ("source", "preset", "whole", "canvas"),
    [
        ((100, 34), _preset(width=10), (10, 3), (10, 3)),  # 3.4
        ((100, 35), _preset(width=10), (10, 4), (10, 4)),  # 3.5
        ((1000, 1), _preset(width=10), (10, 1), (10, 1)),
        ((1, 1000), _preset(height=10), (1, 10), (1, 10)),
        ((100, 50), _preset(width=100, height=50), (100, 50), (100, 50)),
        ((100, 50), _preset(width=200), (100, 50), (100, 50)),
        ((100, 50), _preset(width=200, enlarge=True), (200, 100), (200, 100)),
        ((100, 50), _preset(width=40, height=10), (20, 10), (20, 10)),
        ((100, 50), _preset(width=40, height=30, fit="cover"), (60, 30), (40, 30)),
        ((100, 50), _preset(width=40, height=10, fit="cover"), (40, 20), (40, 10)),
        ((100, 50), _preset(width=100, height=20, fit="cover"), (100, 50), (100, 20)),
        ((100, 50), _preset(width=400, height=100, fit="cover"), (100, 50), (100, 25)),
        ((100, 50), _preset(width=80, height=100, fit="cover"), (100, 50), (40, 50)),
        (
            (1, 1000),  # a line is enlarged until it is ten million pixels long
            _preset(width=10_000, height=5_000, fit="cover", enlarge=True),
            (10_000, 10_000_000),
            (10_000, 5_000),
        ),
        (
            (2000, 1),
            _preset(width=5_000, height=10_000, fit="cover", enlarge=True),
            (10_000_000, 5_000),
            (2_500, 5_000),
        ),
        (
            (100, 50),
            _preset(width=80, height=100, fit="cover", enlarge=True),
            (200, 100),
            (80, 100),
        ),
        ((100, 50), _preset(width=40, height=30, fit="contain"), (40, 20), (40, 30)),
        ((100, 50), _preset(width=300, height=20, fit="contain"), (40, 20), (300, 20)),
        ((100, 50), _preset(width=300, height=200, fit="contain"), (100, 50), (300, 200)),
        (
            (100, 50),
            _preset(width=300, height=200, fit="contain", enlarge=True),
            (300, 150),
            (300, 200),
        ),
        ((100, 50), _preset(width=40, height=60, fit="fill"), (40, 50), (40, 50)),
        ((100, 50), _preset(width=40, height=60, fit="fill", enlarge=True), (40, 60), (40, 60)),
    ],
)
def test_places_by_example(
    source: tuple[int, int], preset: Preset, whole: tuple[int, int], canvas: tuple[int, int]
) -> None:
    placed = place(source, preset)
    assert (placed.whole, placed.canvas) == (whole, canvas)
    assert placed.shown == (min(whole[0], canvas[0]), min(whole[1], canvas[1]))


@pytest.mark.parametrize(
    ("size", "side", "inside"),
    [
        ((100, 50), 100, (100, 50)),
        ((100, 50), 101, (100, 50)),
        ((100, 50), 99, (99, 50)),
        ((50, 100), 10, (5, 10)),
        ((1000, 2), 100, (100, 1)),
        ((100, 5), 50, (50, 3)),  # half a pixel is one
        ((5, 100), 50, (3, 50)),
    ],
)
def test_a_size_fits_inside_a_side(
    size: tuple[int, int], side: int, inside: tuple[int, int]
) -> None:
    assert fit_inside(size, side) == inside


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(
    ("source", "original"),
    [("jpeg", "jpeg"), ("png", "png"), ("webp", "webp"), ("avif", "avif"), ("gif", "png"),
     ("bmp", "png"), ("svg", "png"), ("tiff", "auto"), ("heic", "auto")],
)  # fmt: skip
def test_what_original_and_auto_mean(source: str, original: str, transparent: bool) -> None:
    """Browsers show neither TIFF nor HEIC."""
    auto = "webp" if transparent else "jpeg"
    for wanted, made in (("auto", auto), ("original", auto if original == "auto" else original),
                         ("png", "png")):  # fmt: skip
        preset = _preset(width=10, format=wanted)
        assert output_formats(preset, source, transparent=transparent) == (made,)


@pytest.mark.parametrize(
    ("formats", "transparent", "names"),
    [
        (["webp"], False, ["p.webp"]),
        (["avif", "webp", "jpeg", "png"], False, ["p.avif", "p.webp", "p.jpg", "p.png"]),
        (["auto", "avif"], False, ["p.jpg", "p.avif"]),
        (["auto", "avif"], True, ["p.webp", "p.avif"]),
        # What they mean is listed already: it is made once.
        (["jpeg", "auto"], False, ["p.jpg"]),
        (["auto", "original", "png"], True, ["p.webp", "p.png"]),
    ],
)
def test_a_list_of_formats_is_one_rendition_each(
    formats: list[str], transparent: bool, names: list[str]
) -> None:
    """Called as its file, also where only one is left, so that another one renames nothing."""
    image = ImageInfo("bmp", "image/x", 100, 50, 1, transparent=transparent)
    single, listed = _preset(name="q", width=20), _preset(width=10, format=formats)
    first, *planned = plan("a.b", image, (single, listed))
    assert first.name == "q"
    assert [each.name for each in planned] == names
    assert [each.key for each in planned] == [f"a.b/{name}" for name in names]
    assert {(each.width, each.height) for each in planned} == {(10, 5)}
    for each in planned:
        assert each.key.endswith(OUTPUT_FORMATS[each.format].extension)


def test_the_formats_of_a_list_have_one_size_that_all_of_them_can_have() -> None:
    for formats in (["webp", "jpeg"], ["jpeg", "webp"]):
        for drawing in (False, True):
            image = ImageInfo("svg" if drawing else "bmp", "image/x", 100, 50, 1)
            made = plan("key", image, (_preset(width=16_000, format=formats, enlarge=True),))
            assert {(each.width, each.height) for each in made} == {(5_656, 2_828)}
    with pytest.raises(ImageTooLarge, match="5,001 by 2,500 pixels in format 'avif'"):
        plan("key", ImageInfo("bmp", "image/x", 5_001, 2_500, 1),
             (_preset(width=9_000, format=["jpeg", "avif"]),))  # fmt: skip


def test_a_list_of_formats_shows_one_picture() -> None:
    made = renditions(encoded(picture(160, 120)), _preset(width=80, format=["webp", "png", "jpeg"]))
    assert [opened(each.data).format for _, each in made] == ["WEBP", "PNG", "JPEG"]
    webp, png, jpeg = (array(opened(each.data)) for _, each in made)
    assert np.abs(webp - png).mean() < 4
    assert np.abs(jpeg - png).mean() < 4


def _planned(source: tuple[int, int], **fields: object) -> tuple[int, int]:
    drawing = fields.pop("drawing", False)
    image = ImageInfo("svg" if drawing else "bmp", "image/x", *source, 1)
    (planned,) = plan("key", image, (_preset(**fields),))
    assert place(source, planned.preset).canvas == (planned.width, planned.height)
    return planned.width, planned.height


@pytest.mark.parametrize(
    ("source", "fields", "size"),
    [
        ((1, 3000), {"width": 22}, (22, 65_500)),
        ((1, 3000), {"width": 21}, (21, 63_000)),
        ((1, 3000), {"width": 1200, "format": "webp"}, (5, 16_383)),
        ((1, 3000), {"width": 1200, "format": "avif"}, (5, 16_384)),
        ((1, 3000), {"width": 1200, "format": "png"}, (22, 65_500)),
        ((3000, 1), {"height": 1200, "format": "webp"}, (16_383, 5)),
        ((100, 100), {"width": 16_383, "format": "webp"}, (4_000, 4_000)),
        ((100, 50), {"width": 16_383, "height": 16_383, "format": "avif"}, (5_000, 2_500)),
        ((10, 16_383), {"width": 10, "format": "webp"}, (10, 16_383)),
        ((100, 100), {"width": 10_000, "format": "png"}, (10_000, 10_000)),
        ((100, 100), {"width": 10_001, "format": "jpeg"}, (10_000, 10_000)),
        ((4_000, 4_000), {"width": 4_001, "format": "webp"}, (4_000, 4_000)),
    ],
)
def test_an_image_is_enlarged_as_far_as_its_format_goes(
    source: tuple[int, int], fields: dict[str, object], size: tuple[int, int]
) -> None:
    assert _planned(source, enlarge=True, **fields) == size
    assert _planned(source, drawing=True, enlarge=True, **fields) == size


def test_a_drawing_has_no_size_and_so_it_only_grows() -> None:
    assert _planned((5_000, 5_000), drawing=True, width=5_000, format="webp") == (4_000, 4_000)


@pytest.mark.parametrize(
    ("source", "fields", "words"),
    [
        ((100, 16_384), {"width": 100, "format": "webp"}, "100 by 16,384 pixels in format 'webp'"),
        ((100, 16_384), {"width": 200, "format": "webp", "enlarge": True}, "200 by 32,768 pixels"),
        ((4_001, 4_000), {"width": 5_000, "height": 5_000, "format": "webp"}, "4,001 by 4,000"),
        ((3_999, 4_002), {"height": 5_000, "format": "webp"}, "3,999 by 4,002"),
        ((5_001, 2_500), {"width": 9_000, "format": "avif"}, "a side and 12,500,000 in all"),
        ((10_001, 10_000), {"width": 16_000}, "a side and 100,000,000 in all"),
        ((65_501, 10), {"height": 10}, "expected at most 65,500 a side"),
    ],
)
def test_an_image_that_a_format_cannot_have_is_too_large(
    source: tuple[int, int], fields: dict[str, object], words: str
) -> None:
    with pytest.raises(ImageTooLarge, match=f"^Preset 'p' would make .*{words}"):
        _planned(source, **fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"fit": "contain", "width": 4_001, "height": 4_000, "format": "webp"}, "4,001 by 4,000"),
        ({"fit": "fill", "width": 4_001, "height": 4_000, "format": "webp"}, "format 'webp'"),
        ({"fit": "cover", "width": 16_383, "height": 16_383}, "at most 65,500 a side and 100,000,"),
    ],
)
def test_a_preset_whose_frame_a_format_cannot_have_is_refused(
    fields: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"^Preset 'p' asks for .*{words}"):
        _planned((9, 9), enlarge=True, **fields)
    assert _planned((9, 9), enlarge=True, **{**fields, "width": 3_999, "height": 4_000})


def test_a_frame_that_no_image_fills_is_no_fault() -> None:
    assert _planned((9, 9), fit="cover", width=16_383, height=16_383) == (9, 9)


@given(SIDES, SIDES, st.integers(1, 70_000), st.integers(1, 200_000_000))
def test_the_longest_side_within_two_limits(width: int, height: int, side: int, most: int) -> None:
    longest = longest_side((width, height), side, most)
    short = max(1, int(min(width, height) * longest / max(width, height) + 0.5))
    assert longest <= side
    assert longest * short <= most or longest == 0


def test_a_line_is_as_long_as_its_pixels() -> None:
    assert longest_side((9000, 1), 100, 60) == longest_side((1, 9000), 60, 100) == 60


@pytest.mark.parametrize("bands", ["RGB", "RGBA"])
def test_a_line_becomes_whatever_is_asked_for(bands: str) -> None:
    for size in ((1, 3000), (3000, 1)):
        line = encoded(picture(*size, bands), "PNG")
        square = _preset(width=300, height=300, fit="cover", enlarge=True)
        long = _preset(width=1200, height=None, enlarge=True, format="webp")
        for preset, fits in ((square, 300), (long, 16_383)):
            ((planned, made),) = renditions(line, preset)
            assert opened(made.data).size == (planned.width, planned.height)
            assert max(planned.width, planned.height) <= fits


def test_a_drawing_keeps_its_shape_beside_a_preset_that_stretches_it() -> None:
    stretched = _preset(width=300, height=10, fit="fill")
    (_, first), (_, second) = renditions(SVG, stretched, _preset(width=200, height=200))
    assert (first.width, first.height) == (300, 10)
    assert (second.width, second.height) == (200, 150)


def test_a_drawing_is_drawn_as_large_as_limits_and_formats_allow() -> None:
    line = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="300"/>'
    wide = _preset(width=1200)
    ((made, _),) = renditions(line, wide)
    assert (made.width, made.height) == (55, 16_383)
    listed = _preset(width=1200, format=["jpeg", "webp"])
    assert {develop(line, each).image.height for each in (wide, listed)} == {16_383}
    small = msgspec.convert({"max_side": 3000, "max_pixels": 9000}, Limits)
    assert (found(line, limits=small).height) == 300
    tall = _preset(height=2000)
    assert renditions(line, tall, limits=small)[0][0].height == 1643
    assert (
        renditions(line, tall, limits=msgspec.structs.replace(small, max_side=1000))[0][0].height
        == 1000
    )
