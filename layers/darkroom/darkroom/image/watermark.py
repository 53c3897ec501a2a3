"""Watermarks: a text in the bundled font, or a picture, laid over a rendition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.objects import ObjectRef
from darkroom.contract.presets import Preset, Watermark
from darkroom.image import fonts
from darkroom.image.geometry import Size

if TYPE_CHECKING:
    from darkroom.image.mezzanine import Mezzanine

OUTLINE = 0.06
"""Width of the outline around text, of its size: light text stays legible on a light sky."""

LIGHT, DARK = "#ffffff", "#000000"
OPACITY, CLEAR = "66", "00"
"""Of the outline, 0.4, and of what lies around it: the alpha of a colour, in hexadecimal."""

MEASURE_SIZE = 100
"""Font size at which a text's width is measured, in pixels."""

_LUMA = (299, 587, 114)
_MIDDLE = 128_000


def image_name(image: ObjectRef) -> str:
    """Return the name under which a watermark's picture is passed on: ``bucket/key``."""
    return f"{image.bucket}/{image.key}"


def check(presets: tuple[Preset, ...], images: Mapping[str, bytes]) -> None:
    """Check that every watermark can be drawn, with the pictures by ``bucket/key``.

    InvalidRequest says that a character is not in the font, or that a picture is missing.
    """
    for preset in presets:
        mark = preset.watermark
        if mark is None:
            continue
        if mark.text is not None:
            _check_text(mark.text, preset.name)
        if mark.image is not None and image_name(mark.image) not in images:
            raise InvalidRequest(
                f"The watermark of preset {preset.name!r} names the picture "
                f"{image_name(mark.image)!r}, which was not found. Upload it as a PNG there, or "
                "correct the name."
            )


def put(image: Any, mark: Watermark, contents: Mezzanine) -> Any:
    """Lay a watermark over a rendition of 8 bits a channel; it gains no transparency.

    The mark's scale is a share of the rendition's width, its margin one of the shorter side; a mark
    that would not fit is made smaller. The mezzanine holds the pictures.
    """
    size = (image.width, image.height)
    margin = round(mark.margin * min(size))
    room = (max(1, size[0] - 2 * margin), max(1, size[1] - 2 * margin))
    width = min(mark.scale * size[0], room[0])
    if mark.text is not None:
        layer = _text_layer(mark.text, mark.color, width, room)
    else:
        layer = _picture_layer(mark, width, room, contents)
    if layer is None:
        return image
    alpha = layer.extract_band(3).linear(mark.opacity, 0.5, uchar=True)
    layer = layer.extract_band(0, n=3).bandjoin(alpha)
    left, top = _corner(mark.position, size, (layer.width, layer.height), margin)
    marked = image.composite2(layer, "over", x=left, y=top)
    return marked if image.hasalpha() else marked.extract_band(0, n=3)


def _check_text(text: str, preset: str) -> None:
    missing = sorted({char for char in text if ord(char) not in fonts.coverage()})
    if missing:
        shown = ", ".join(f"{char!r} (U+{ord(char):04X})" for char in missing[:5])
        raise InvalidRequest(
            f"The watermark text of preset {preset!r} has characters that the bundled font "
            f"{fonts.SANS_FAMILY} cannot draw: {shown}. Leave them out, or use a picture (PNG) as "
            "the watermark."
        )


def _text_layer(text: str, colour: str, width: float, room: Size) -> Any:
    """Draw text as wide as asked, with a faint outline in the opposite shade; None for blanks."""
    from PIL import Image, ImageDraw, ImageFont

    from darkroom.image.pixels import from_bytes, rgb

    measured = ImageFont.truetype(fonts.SANS, MEASURE_SIZE)
    ink = measured.getmask(text, stroke_width=OUTLINE * MEASURE_SIZE).getbbox()
    if ink is None:
        return None
    fitting = min(width / (ink[2] - ink[0]), room[1] / (ink[3] - ink[1]))
    points = max(1.0, MEASURE_SIZE * fitting)
    font, stroke = ImageFont.truetype(fonts.SANS, points), OUTLINE * points
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    light = sum(weight * part for weight, part in zip(_LUMA, rgb(colour), strict=True)) >= _MIDDLE
    shade = DARK if light else LIGHT
    canvas = Image.new("RGBA", (int(right - left) + 3, int(bottom - top) + 3), shade + CLEAR)
    draw, at = ImageDraw.Draw(canvas), (1 - left, 1 - top)
    draw.text(at, text, shade + OPACITY, font, stroke_width=stroke)
    draw.text(at, text, colour, font)
    inked = canvas.crop(canvas.getbbox())
    inked = inked.crop((0, 0, min(inked.width, room[0]), min(inked.height, room[1])))
    return from_bytes(inked.tobytes(), inked.size, 4)


def _picture_layer(mark: Watermark, width: float, room: Size, contents: Mezzanine) -> Any:
    from darkroom.image.pixels import OPAQUE, coloured, reduce

    assert mark.image is not None  # noqa: S101 - the contract allows nothing else
    picture = contents.image(contents.header.marks[image_name(mark.image)])
    scale = min(width / picture.width, room[1] / picture.height)
    across, down = (max(1, round(side * scale)) for side in (picture.width, picture.height))
    return coloured(reduce(picture, (across, down))).bandjoin(
        OPAQUE
    )  # a fifth band, if it has transparency


def _corner(position: str, size: Size, layer: Size, margin: int) -> tuple[int, int]:
    """Return where the layer's top left corner goes."""
    left, top = (size[0] - layer[0]) // 2, (size[1] - layer[1]) // 2
    if "left" in position:
        left = margin
    if "right" in position:
        left = size[0] - layer[0] - margin
    if "top" in position:
        top = margin
    if "bottom" in position:
        top = size[1] - layer[1] - margin
    return left, top
