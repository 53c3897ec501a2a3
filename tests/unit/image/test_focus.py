"""Which part of a picture a crop shows: by name, by focal point, by what is found in it."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from darkroom.contract.presets import Preset
from darkroom.image import focus
from darkroom.image.geometry import Placement
from darkroom.image.mezzanine import unpack
from darkroom.image.vips import vips
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.support.images import encoded, opened
from tests.support.imaging import array, develop, rendition, renditions
from tests.support.properties import given

NAMES = {
    "top-left": (0, 0), "top": (1, 0), "top-right": (2, 0),
    "left": (0, 1), "center": (1, 1), "right": (2, 1),
    "bottom-left": (0, 2), "bottom": (1, 2), "bottom-right": (2, 2),
}  # fmt: skip
COLOURS = [(red, green, 64) for green in (0, 120, 240) for red in (0, 120, 240)]
RED = (230, 20, 20)
SHAPES = ((60, 60), (120, 40), (40, 90), (30, 80))
SPOTS = [(20, 20), (60, 16), (220, 60), (30, 160), (200, 160)]


def crop(position: object, width: int = 60, height: int = 60, **fields: Any) -> Preset:
    return msgspec.convert(
        {"name": f"p{width}x{height}", "width": width, "height": height, "fit": "cover",
         "position": position, "format": "png", **fields},
        Preset,
    )  # fmt: skip


def tiles(width: int, height: int) -> Image.Image:
    """Return three by three fields, each of a colour of its own."""
    image = Image.new("RGB", (3, 3))
    image.putdata(COLOURS)
    return image.resize((width, height), Image.Resampling.NEAREST)


def flat(*spots: tuple[int, int], mode: str = "RGB", size: tuple[int, int] = (240, 180)) -> bytes:
    """Return a grey picture with a small ring in each spot."""
    image = Image.new("RGB", size, (120, 120, 120))
    draw = ImageDraw.Draw(image)
    for x, y in spots:
        draw.ellipse((x - 12, y - 12, x + 12, y + 12), fill=RED)
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(250, 240, 120))
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=(0, 0, 0))
    return encoded(image.convert(mode), "PNG")


def red_at(image: Image.Image) -> tuple[float, float] | None:
    """Return the middle of what is red, in shares of the image; None where nothing is."""
    pixels = array(image)
    rows, columns = np.nonzero((pixels[..., 0] > 180) & (pixels[..., 1] < 80))
    if not len(rows):
        return None
    return (columns.mean() + 0.5) / image.width, (rows.mean() + 0.5) / image.height


def reds(image: Image.Image) -> int:
    """Return how many pixels are red."""
    pixels = array(image)
    return int(((pixels[..., 0] > 170) & (pixels[..., 1] < 90)).sum())


@pytest.mark.parametrize("position", NAMES)
def test_each_name_is_a_side_or_a_corner(position: str) -> None:
    column, row = NAMES[position]
    wide = rendition(encoded(tiles(360, 120), "PNG"), crop(position))
    assert wide.getpixel((30, 30)) == COLOURS[3 + column]
    tall = rendition(encoded(tiles(120, 360), "PNG"), crop(position))
    assert tall.getpixel((30, 30)) == COLOURS[3 * row + 1]


@pytest.mark.parametrize("position", ["attention", "entropy"])
def test_a_picture_is_looked_at_at_256_pixels(
    position: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finer detail is mostly noise, and takes long."""
    seen = []

    def looked(image: Any) -> tuple[float, float]:
        seen.append((image.width, image.height))
        return 0.5, 0.5

    monkeypatch.setattr(focus, f"_{position}", looked)
    focus.find(vips().Image.black(1024, 512, bands=3).copy(interpretation="srgb"), position)
    assert seen == [(256, 128)]


@pytest.mark.parametrize("position", ["top-left", {"x": 0, "y": 0}])
def test_a_crop_in_the_corner_begins_with_its_very_pixel(position: object) -> None:
    whole = array(Image.linear_gradient("L").rotate(90))
    made = rendition(encoded(Image.linear_gradient("L").rotate(90), "PNG"), crop(position, 60, 256))
    assert (array(made) == whole[:, :60]).all()


@pytest.mark.parametrize("position", ["bottom-right", {"x": 1, "y": 1}])
def test_a_crop_in_the_far_corner_ends_with_its_very_pixel(position: object) -> None:
    whole = array(Image.linear_gradient("L").rotate(90))
    made = rendition(encoded(Image.linear_gradient("L").rotate(90), "PNG"), crop(position, 60, 256))
    assert (array(made) == whole[:, -60:]).all()


@pytest.mark.parametrize(
    ("share", "left"),
    [(0, 0), (0.1, 0), (0.2, 20), (0.21, 23), (0.5, 110), (0.73, 179), (0.8, 200), (0.9, 220),
     (0.901, 220), (1, 220)],
)  # fmt: skip
def test_a_crop_is_centred_on_its_focal_point_as_far_as_the_edges_allow(
    share: float, left: int
) -> None:
    """Of 300 pixels 80 are shown; 40 on each side of the focal point, or all up to the edge."""
    placed = Placement((300, 80), (80, 80))
    assert placed.corner((share, 0.5)) == (left, 0)
    assert Placement((80, 300), (80, 80)).corner((0.5, share)) == (0, left)


@given(st.floats(0, 1), st.integers(1, 3000), st.integers(1, 3000))
def test_the_focal_point_is_always_in_the_crop(share: float, whole: int, canvas: int) -> None:
    placed = Placement((whole, 1), (canvas, 1))
    left, _ = placed.corner((share, 0.5))
    shown = placed.shown[0]
    assert 0 <= left <= whole - shown
    assert left <= share * whole <= left + shown
    away = abs(left + shown / 2 - share * whole)
    assert away <= 0.5 or left in {0, whole - shown}


@pytest.mark.parametrize("position", ["attention", "entropy"])
@pytest.mark.parametrize("spot", SPOTS)
def test_what_there_is_to_see_stays_in_every_crop(position: str, spot: tuple[int, int]) -> None:
    data = flat(spot)
    for _, each in renditions(data, *(crop(position, *shape) for shape in SHAPES)):
        scale = max(each.width / 240, each.height / 180)
        assert reds(opened(each.data)) > 0.9 * reds(opened(data)) * scale**2, "all of the ring"
    middle = rendition(data, crop("center", 30, 80))
    assert reds(middle) == 0, "or else the test would show nothing"


@pytest.mark.parametrize("position", ["attention", "entropy"])
@pytest.mark.parametrize(("mode", "ink"), [("RGBA", 0), ("LA", 0), ("LA", 255)])
@pytest.mark.parametrize("left", [10, 190])
def test_ink_on_nothing_is_seen_whatever_its_colour(
    position: str, mode: str, ink: int, left: int
) -> None:
    image = Image.new("LA", (240, 180), (ink, 0))
    ImageDraw.Draw(image).ellipse((left, 130, left + 40, 170), fill=(ink, 255))
    made = rendition(encoded(image.convert(mode), "PNG"), crop(position, 60, 60))
    inked = np.asarray(made.convert("RGBA"))[..., 3] > 127
    assert inked.sum() > 0.95 * np.pi * 20**2 / 9, "all of the disc, at a third of its size"


def test_attention_is_the_middle_of_the_cell_that_draws_it() -> None:
    """One of 32 by 32: here three of them each way are lit, and the middle one is the twelfth."""
    image = Image.new("RGB", (256, 256), (60, 60, 60))
    image.paste((255, 255, 255), (80, 160, 104, 184))
    header = unpack(develop(encoded(image, "PNG"), crop("attention", 10, 20)).mezzanine).header
    assert header.focus == {"attention": (11.5 / 32, 21.5 / 32)}


@pytest.mark.parametrize("position", ["attention", "entropy"])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_pictures_without_colours_are_looked_at_too(position: str, mode: str) -> None:
    made = array(rendition(flat((30, 90), mode=mode), crop(position, 40, 90)))
    assert made.min() < 60, "the black middle of the ring"


@pytest.mark.parametrize("position", ["attention", "entropy", {"x": 0.25, "y": 0.4}])
def test_all_sizes_and_shapes_are_cropped_around_one_point(position: object) -> None:
    data = flat((60, 72), (200, 140))
    asked = [crop(position, *shape) for shape in SHAPES[1:3]]
    several = [(plan.name, made.data) for plan, made in renditions(data, *asked)]
    alone = [(plan.name, made.data) for each in asked for plan, made in renditions(data, each)]
    assert several == alone, "what else is asked for changes nothing"
    header = unpack(develop(data, *asked).mezzanine).header
    assert set(header.focus) <= {"attention", "entropy"}
    if isinstance(position, str):
        rings = [pytest.approx(ring, abs=0.1) for ring in ((0.25, 0.4), (0.83, 0.78))]
        assert header.focus[position] in rings, "one of the two, and nothing between them"


def test_nothing_is_looked_for_that_nobody_asked_for() -> None:
    plain = (crop("top"), crop({"x": 0.1, "y": 0.9}), crop("center", 20))
    assert unpack(develop(flat(), *plain).mezzanine).header.focus == {}
    both = (*plain, crop("entropy"), crop("attention"), crop("entropy", 10, 20))
    assert set(unpack(develop(flat(), *both).mezzanine).header.focus) == {"attention", "entropy"}


@pytest.mark.parametrize(
    ("position", "orientation"),
    [
        *(("attention", orientation) for orientation in range(1, 9)),
        *((position, turn) for position in ("left", {"x": 0.1, "y": 0.5}) for turn in (3, 5, 6)),
    ],
)
def test_the_picture_is_upright_before_it_is_cropped(position: object, orientation: int) -> None:
    upright = opened(flat((24, 90)))
    turns: dict[int, Image.Transpose] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    turned = upright.transpose(turns[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = rendition(encoded(turned, quality=95, exif=exif), crop(position, 40, 90))
    x, y = red_at(made) or (0.0, 0.0)
    assert (x, y) == pytest.approx((0.3, 0.5), abs=0.15)


def test_a_mark_keeps_its_place_whatever_is_shown() -> None:
    mark = {"text": "X", "position": "top-left", "color": "#00ff00", "opacity": 1, "scale": 0.5}
    for position in ("left", "right", "attention"):
        made = array(rendition(flat((220, 90)), crop(position, 60, 60, watermark=mark)))
        green = (made[..., 1] > 200) & (made[..., 0] < 60)
        assert green[:30, :30].any()
        assert not green[35:, :].any()


@pytest.mark.parametrize("position", ["attention", "entropy"])
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 3)])
def test_however_small_a_picture_is(position: str, size: tuple[int, int]) -> None:
    header = unpack(develop(flat(size=size), crop(position, 10, 10)).mezzanine).header
    assert all(0 <= share <= 1 for share in header.focus[position])


def test_the_pictures_in_the_documents_are_what_is_made() -> None:
    """``docs/crops/derive.py`` writes them anew."""
    folder = Path(__file__).resolve().parents[3] / "docs" / "crops"
    made = runpy.run_path(str(folder / "derive.py"))["pictures"]()
    assert set(made) == {path.name for path in folder.glob("*.jpg")}
    for name, data in made.items():
        shown = opened((folder / name).read_bytes())
        assert np.abs(array(opened(data)) - array(shown)).mean() < 4, name


def test_a_drawing_is_looked_at_as_it_is_drawn() -> None:
    svg = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100">
      <rect width="400" height="100" fill="#888"/><circle cx="350" cy="50" r="20" fill="#e61414"/>
    </svg>"""
    for position in ("attention", "entropy"):
        x, _ = red_at(rendition(svg, crop(position, 80, 80))) or (0.0, 0.0)
        assert 0.2 < x < 0.8
