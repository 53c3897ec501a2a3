"""Watermarks: where they lie, how strong they are, and what cannot be drawn."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from darkroom import fonts
from darkroom.contracts import Preset
from darkroom.decode import DecodeSpec, decode
from darkroom.errors import InvalidRequest
from darkroom.watermark import check
from PIL import Image

from tests.support.images import encoded, picture
from tests.support.imaging import array, rendition

LOGO = {"bucket": "logos", "key": "logo.png"}
BLUE = {"logos/logo.png": encoded(Image.new("RGBA", (40, 20), (0, 0, 255, 255)), "PNG")}
GREY = encoded(Image.new("RGB", (400, 300), (100, 100, 100)), "PNG")

POSITIONS = {
    "top-left": (0, 0),
    "top": (1, 0),
    "top-right": (2, 0),
    "left": (0, 1),
    "center": (1, 1),
    "right": (2, 1),
    "bottom-left": (0, 2),
    "bottom": (1, 2),
    "bottom-right": (2, 2),
}


def marked(**watermark: Any) -> Preset:
    return msgspec.convert(
        {"name": "p", "width": 400, "height": 300, "format": "png", "watermark": watermark}, Preset
    )


def box(image: Image.Image) -> tuple[int, int, int, int]:
    """Return where an image differs from its grey ground."""
    changed = np.abs(array(image) - 100).max(axis=-1) > 2
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("position", POSITIONS)
def test_a_picture_lies_where_it_is_told(position: str) -> None:
    preset = marked(image=LOGO, position=position, scale=0.25, margin=0.1, opacity=1)
    made = rendition(GREY, preset, watermark_images=BLUE)
    column, row = POSITIONS[position]
    left, top = (30, 150, 270)[column], (30, 125, 220)[row]
    assert box(made) == (left, top, left + 100, top + 50)
    assert made.getpixel((left + 50, top + 25)) == (0, 0, 255)


@pytest.mark.parametrize("position", POSITIONS)
def test_text_lies_where_it_is_told(position: str) -> None:
    made = rendition(GREY, marked(text="© Me", position=position, scale=0.3, margin=0.1, opacity=1))
    left, top, right, bottom = box(made)
    assert right - left == pytest.approx(120, abs=3)
    column, row = POSITIONS[position]
    assert (left, (left + right) / 2, right)[column] == pytest.approx((30, 200, 370)[column], abs=3)
    assert (top, (top + bottom) / 2, bottom)[row] == pytest.approx((30, 150, 270)[row], abs=3)


def test_opacity_mixes_with_the_ground() -> None:
    preset = marked(image=LOGO, position="center", opacity=0.25)
    made = rendition(GREY, preset, watermark_images=BLUE)
    assert np.abs(array(made)[150, 200] - (75, 75, 139)).max() <= 2


def test_nothing_at_opacity_zero() -> None:
    made = array(rendition(GREY, marked(text="Me", opacity=0)))
    assert np.abs(made - 100).max() == 0


def test_text_has_its_colour_and_an_outline_of_the_other_shade() -> None:
    made = array(rendition(GREY, marked(text="MMM", scale=0.8, opacity=1, color="#ff8000")))
    assert (np.abs(made - (255, 128, 0)).max(axis=-1) <= 2).sum() > 1000
    assert made.min() < 70


@pytest.mark.parametrize("text", ["M", "M" * 200, "|", "Ünïcödé Ωδ Жя ✓"])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (40, 40)])
def test_any_mark_fits_on_any_rendition(text: str, size: tuple[int, int]) -> None:
    preset = msgspec.structs.replace(marked(text=text, scale=1), width=size[0], height=size[1])
    source = encoded(Image.new("RGB", size, (100, 100, 100)), "PNG")
    assert rendition(source, preset).size == size


def test_a_transparent_rendition_stays_transparent() -> None:
    source = encoded(Image.new("RGBA", (400, 300), (0, 0, 0, 0)), "PNG")
    preset = marked(image=LOGO, position="top-left", margin=0, opacity=1)
    made = np.asarray(rendition(source, preset, watermark_images=BLUE))
    assert tuple(made[10, 10]) == (0, 0, 255, 255)
    assert made[200, 300, 3] == 0


def test_a_grey_rendition_takes_a_coloured_mark() -> None:
    source = encoded(Image.new("L", (400, 300), 100), "PNG")
    preset = marked(image=LOGO, position="center", opacity=1)
    made = rendition(source, preset, watermark_images=BLUE)
    assert made.convert("RGB").getpixel((200, 150)) == (0, 0, 255)


def test_characters_that_the_font_lacks_are_named() -> None:
    with pytest.raises(InvalidRequest, match=r"'日' \(U\+65E5\)"):
        check((marked(text="© 日"),), {})


def test_the_coverage_is_the_fonts_own() -> None:
    """Whatever is said to be covered is drawn, and not as the box for missing glyphs."""
    from PIL import ImageFont

    font = ImageFont.truetype(fonts.SANS, 40)
    box = font.getmask("\U0010fffe").getbbox(), bytes(font.getmask("\U0010fffe"))
    for char in "AzÄß©€ΩЖאع✓":
        assert ord(char) in fonts.coverage()
        assert (font.getmask(char).getbbox(), bytes(font.getmask(char))) != box
    assert ord("日") not in fonts.coverage()
    assert len(fonts.coverage()) > 5000


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ({}, "was not found"),
        ({"logos/logo.png": b"text"}, "cannot be used"),
        ({"logos/logo.png": encoded(picture(40, 20))}, "not a PNG"),
        ({"logos/logo.png": BLUE["logos/logo.png"][:60]}, "cannot be used"),
    ],
)
def test_a_picture_that_cannot_be_used_is_named(images: dict[str, bytes], words: str) -> None:
    presets = (marked(image=LOGO),)
    with pytest.raises(InvalidRequest, match=words):
        decode(GREY, DecodeSpec(presets=presets, watermark_images=images))
