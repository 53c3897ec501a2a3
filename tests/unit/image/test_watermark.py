"""Watermarks: where they lie, how strong they are, and what cannot be drawn."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.limits import Limits
from darkroom.contract.presets import Preset
from darkroom.image import fonts
from darkroom.image.sandbox.parent import decode
from darkroom.image.spec import DecodeSpec
from darkroom.image.watermark import _text_layer, check
from PIL import Image

from tests.support.images import encoded, picture
from tests.support.imaging import array, develop, rendition

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
    covered = fonts.coverage.__wrapped__()  # not what another test has already asked for
    for char in "AzÄß©€ΩЖאع✓":
        assert ord(char) in covered
        assert (font.getmask(char).getbbox(), bytes(font.getmask(char))) != box
    small = ImageFont.truetype(fonts.SANS, 12)
    assert bytes(small.getmask("\U0010fffe")) not in {
        bytes(small.getmask(chr(code))) for code in covered
    }
    for char in "日✅\U0010fffe":
        assert ord(char) not in covered
    # The first and the last code point of the font's tables, of 16 bits and of 32.
    assert {0x20, 0xFFFD, 0x1D538, 0x1F643} <= covered
    assert not {0x1F, 0xFFFE, 0x1D537, 0x1F644} & covered


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (
            {},
            "names the picture 'logos/logo.png', which was not found. Upload it as a PNG there, or",
        ),
        ({"logos/logo.png": b"text"}, "cannot be used"),
        ({"logos/logo.png": encoded(picture(40, 20))}, "not a PNG"),
        ({"logos/logo.png": BLUE["logos/logo.png"][:60]}, "cannot be used"),
    ],
)
def test_a_picture_that_cannot_be_used_is_named(images: dict[str, bytes], words: str) -> None:
    presets = (marked(image=LOGO),)
    with pytest.raises(InvalidRequest, match=words):
        decode(GREY, DecodeSpec(presets=presets, watermark_images=images))
    if images:
        with pytest.raises(InvalidRequest, match=words):
            develop(GREY, *presets, watermark_images=images)


def test_a_picture_has_the_limits_of_uploads() -> None:
    large = {"logos/logo.png": encoded(Image.new("1", (401, 1)), "PNG")}
    with pytest.raises(InvalidRequest, match="max_side"):
        develop(GREY, marked(image=LOGO), watermark_images=large, limits=Limits(max_side=400))


# ------------------------------------------------------------------------------ sizes by example


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"scale": 0.25, "margin": 0.1}, (270, 220, 370, 270)),
        ({"scale": 0.25, "margin": 0.0055}, (298, 248, 398, 298)),  # 1.65 pixels are 2
        ({"scale": 1.0, "margin": 0.0}, (0, 100, 400, 300)),
        ({"scale": 1.0, "margin": 0.1}, (30, 100, 370, 270)),  # room: 340 by 240
        ({"scale": 0.5, "margin": 0.4}, (160, 120, 280, 180)),  # room: 160 by 60
        ({"scale": 0.01, "margin": 0.0}, (396, 298, 400, 300)),
    ],
)
def test_a_mark_that_would_not_fit_is_made_smaller(
    fields: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    preset = marked(image=LOGO, position="bottom-right", opacity=1, **fields)
    assert box(rendition(GREY, preset, watermark_images=BLUE)) == expected


def test_a_tall_picture_is_limited_by_its_height() -> None:
    tall = {"logos/logo.png": encoded(Image.new("RGB", (20, 200), "blue"), "PNG")}
    preset = marked(image=LOGO, position="top-left", scale=0.5, margin=0.1, opacity=1)
    assert box(rendition(GREY, preset, watermark_images=tall)) == (30, 30, 54, 270)


def test_the_margin_is_a_share_of_the_shorter_side() -> None:
    """On either axis: 60 pixels of a rendition 400 wide and 300 high."""
    preset = marked(image=LOGO, position="top-left", scale=0.1, margin=0.2, opacity=1)
    assert box(rendition(GREY, preset, watermark_images=BLUE)) == (60, 60, 100, 80)


SHADES = {
    "#ffffff": 60,
    "#808080": 60,
    "#7f7f7f": 162,
    "#000000": 162,
    "#00db00": 60,
    "#00da00": 162,
}


@pytest.mark.parametrize("colour", SHADES)
def test_the_outline_is_of_the_opposite_shade(colour: str) -> None:
    """By the luma of the colour, from the middle on: four tenths of black or of white."""
    made = array(rendition(GREY, marked(text="lll", scale=0.9, opacity=1, color=colour)))
    text = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    outline = SHADES[colour]
    assert (np.abs(made - outline).max(axis=-1) <= 1).sum() > 200
    assert (np.abs(made - text).max(axis=-1) <= 1).sum() > 1000
    assert (np.abs(made - (222 - outline)).max(axis=-1) <= 1).sum() == 0


def test_the_outline_is_six_hundredths_of_the_text() -> None:
    """As wide on every side of a letter, so that the mark is wider and higher by twice that."""
    made = array(rendition(GREY, marked(text="I", scale=1, margin=0, opacity=1)))
    row = made[150, :, 0]
    ink, edge = int((row > 250).sum()), int((np.abs(row - 60) <= 1).sum())
    assert 2 * 0.06 / 0.098 * ink == pytest.approx(edge, rel=0.1)


def test_opacity_is_rounded_and_not_cut_off() -> None:
    ground = encoded(Image.new("RGB", (64, 64), "black"), "PNG")
    white = {"logos/logo.png": encoded(Image.new("RGB", (64, 64), "white"), "PNG")}
    preset = marked(image=LOGO, scale=1, margin=0, position="center", opacity=0.7)
    made = rendition(ground, preset, watermark_images=white)
    assert array(made)[32, 32, 0] == pytest.approx(0.7 * 255, abs=0.6)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "日本語文字化",
            "'化' (U+5316), '字' (U+5B57), '文' (U+6587), '日' (U+65E5), '本' (U+672C).",
        )
    ],
)
def test_at_most_five_characters_are_named(text: str, named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check((msgspec.convert({"name": "p", "width": 9}, Preset), marked(text=text)), {})
    assert f"cannot draw: {named}" in str(caught.value)


def test_what_can_be_drawn_is_not_refused() -> None:
    check((marked(text="© Me"), marked(image=LOGO)), BLUE)


@pytest.mark.parametrize("size", [(40, 20), (20, 40)])
def test_the_least_mark_is_one_pixel(size: tuple[int, int]) -> None:
    """Where the margins leave no room, in the middle, one of an even number to the left."""
    logo = {"logos/logo.png": encoded(Image.new("RGB", size, "blue"), "PNG")}
    ground = encoded(Image.new("RGB", (40, 40), (100, 100, 100)), "PNG")
    preset = marked(image=LOGO, position="top", scale=1, margin=0.5, opacity=1)
    assert box(rendition(ground, preset, watermark_images=logo)) == (19, 20, 20, 21)
    text = marked(text="M", position="left", scale=1, margin=0.5, opacity=1)
    assert box(rendition(ground, text)) == (20, 19, 21, 20)


def drawn(text: str, colour: str, width: float, room: tuple[int, int]) -> Image.Image:
    """Return text as drawn on a sheet with ample room, cut out."""
    from PIL import ImageDraw, ImageFont

    mask = ImageFont.truetype(fonts.SANS, 100).getmask(text, stroke_width=6.0)
    left, top, right, bottom = mask.getbbox()
    points = max(1.0, 100 * min(width / (right - left), room[1] / (bottom - top)))
    font = ImageFont.truetype(fonts.SANS, points)
    shade = (0, 0, 0) if colour == "#ffffff" else (255, 255, 255)
    sheet = Image.new("RGBA", (600, 600), (*shade, 0))
    left, top, _, _ = font.getbbox(text, stroke_width=0.06 * points)
    pen = ImageDraw.Draw(sheet)
    pen.text((1 - left, 1 - top), text, (*shade, 102), font, stroke_width=0.06 * points)
    pen.text((1 - left, 1 - top), text, colour, font)
    inked = sheet.crop(sheet.getbbox())
    return inked.crop((0, 0, min(room[0], inked.width), min(room[1], inked.height)))


@pytest.mark.parametrize("colour", ["#ffffff", "#200040"])
@pytest.mark.parametrize(
    ("text", "width", "room"),
    [
        ("Ünïcödé", 120.0, (300, 200)),
        ("Wide and low", 390.5, (400, 300)),
        ("I", 340.0, (340, 120)),
        ("|", 61.3, (150, 90)),
        ("small", 4.5, (30, 20)),
        ("smallest", 1.0, (5, 2)),
        ("nothing", 1.0, (1, 1)),
        ("_.-", 33.3, (40, 40)),
        ("_", 300.0, (300, 20)),
        ("ĵfÅ", 333.7, (350, 350)),
        ("ÄÇ", 200.0, (200, 50)),
    ],
)
def test_text_is_cut_out_to_the_last_pixel(
    text: str, colour: str, width: float, room: tuple[int, int]
) -> None:
    layer, wanted = _text_layer(text, colour, width, room), drawn(text, colour, width, room)
    assert (layer.width, layer.height) == wanted.size
    assert layer.write_to_memory() == wanted.tobytes()


@pytest.mark.parametrize(
    ("colour", "outline"), [("#5f7de6", (0, 0, 0, 102)), ("#f25147", (255, 255, 255, 102))]
)
def test_colours_next_to_the_middle_are_light_and_dark(
    colour: str, outline: tuple[int, ...]
) -> None:
    """By 128,000 and 127,999 thousandths of luma, 299 of them red, 587 green and 114 blue."""
    layer = _text_layer("l", colour, 60.0, (60, 60)).write_to_memory()
    assert outline in {tuple(layer[at : at + 4]) for at in range(0, len(layer), 4)}


@pytest.mark.parametrize("text", [" ", "\u00a0 \u2003"])
def test_blanks_mark_nothing(text: str) -> None:
    made = array(rendition(GREY, marked(text=text, opacity=1)))
    assert np.abs(made - 100).max() == 0
