"""Watermarks: a text in the bundled font, or a picture, laid over a rendition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom import fonts
from darkroom.contracts import ObjectRef, Preset, Watermark
from darkroom.errors import InvalidRequest
from darkroom.geometry import Size

if TYPE_CHECKING:
    from darkroom.mezzanine import Mezzanine

OUTLINE = 0.06
"""Width of the outline around text, of its size: light text stays legible on a light sky."""

OUTLINE_OPACITY = 0.4

MEASURE_SIZE = 100
"""Font size at which a text's width is measured, in pixels."""

_LUMA = (0.299, 0.587, 0.114)
_MIDDLE = 128


def image_name(image: ObjectRef) -> str:
    """Return the name under which a watermark's picture is passed on: ``bucket/key``."""
    return f"{image.bucket}/{image.key}"


def check(presets: tuple[Preset, ...], images: Mapping[str, bytes]) -> None:
    """Check that every watermark can be drawn.

    Parameters
    ----------
    presets
        The presets of one execution.
    images
        The pictures, by ``bucket/key``.

    Raises
    ------
    InvalidRequest
        A character is not in the font, or a picture is missing.
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
    """Lay a watermark over a rendition.

    Parameters
    ----------
    image
        The rendition, a pyvips image of 8 bits a channel.
    mark
        What to lay over it. Its scale is a share of the rendition's width, its margin one of the
        shorter side; a mark that would not fit is made smaller.
    contents
        The mezzanine, which holds the pictures.

    Returns
    -------
    pyvips.Image
        As large as `image`; without transparency if it had none.
    """
    from darkroom.pixels import coloured

    size = (image.width, image.height)
    margin = round(mark.margin * min(size))
    room = (max(1, size[0] - 2 * margin), max(1, size[1] - 2 * margin))
    width = max(1.0, min(mark.scale * size[0], room[0]))
    layer = (
        _text_layer(mark, width, room) if mark.text else _picture_layer(mark, width, room, contents)
    )
    alpha = layer.extract_band(3).linear(mark.opacity, 0.5, uchar=True)
    layer = layer.extract_band(0, n=3).bandjoin(alpha).copy(interpretation="srgb")
    left, top = _corner(mark.position, size, (layer.width, layer.height), margin)
    base = coloured(image)
    marked = base.composite2(layer, "over", x=left, y=top, compositing_space="srgb").cast("uchar")
    return marked if base.hasalpha() else marked.extract_band(0, n=3)


def _check_text(text: str, preset: str) -> None:
    missing = sorted({char for char in text if ord(char) not in fonts.coverage()})
    if missing:
        shown = ", ".join(f"{char!r} (U+{ord(char):04X})" for char in missing[:5])
        raise InvalidRequest(
            f"The watermark text of preset {preset!r} has characters that the bundled font "
            f"{fonts.SANS_FAMILY} cannot draw: {shown}. Leave them out, or use a picture (PNG) as "
            "the watermark."
        )


def _text_layer(mark: Watermark, width: float, room: Size) -> Any:
    """Draw text as wide as asked, with a faint outline in the opposite shade."""
    from PIL import Image, ImageDraw, ImageFont

    from darkroom.pixels import from_bytes, rgb

    text = mark.text or ""
    measured = ImageFont.truetype(fonts.SANS, MEASURE_SIZE)
    ink = measured.getmask(text, stroke_width=OUTLINE * MEASURE_SIZE).getbbox() or (0, 0, 1, 1)
    fitting = min(width / (ink[2] - ink[0]), room[1] / (ink[3] - ink[1]))
    points = max(1.0, MEASURE_SIZE * fitting)
    font = ImageFont.truetype(fonts.SANS, points)
    left, top, right, bottom = font.getbbox(text, stroke_width=OUTLINE * points)
    colour = rgb(mark.color)
    light = sum(weight * channel for weight, channel in zip(_LUMA, colour, strict=True)) >= _MIDDLE
    shade = 0 if light else 255
    canvas = Image.new("RGBA", (int(right - left) + 2, int(bottom - top) + 2), (*[shade] * 3, 0))
    outline = (shade, shade, shade, round(255 * OUTLINE_OPACITY))
    draw = ImageDraw.Draw(canvas)
    draw.text((1 - left, 1 - top), text, outline, font, stroke_width=OUTLINE * points)
    draw.text((1 - left, 1 - top), text, (*colour, 255), font)
    found = canvas.getchannel("A").getbbox() or (0, 0, 1, 1)
    inked = canvas.crop(
        (*found[:2], min(found[2], found[0] + room[0]), min(found[3], found[1] + room[1]))
    )
    return from_bytes(inked.tobytes(), inked.size, 4)


def _picture_layer(mark: Watermark, width: float, room: Size, contents: Mezzanine) -> Any:
    from darkroom.pixels import coloured, reduce

    assert mark.image is not None  # noqa: S101 - the contract allows nothing else
    picture = contents.image(contents.header.marks[image_name(mark.image)])
    scale = min(width / picture.width, room[1] / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    layer = coloured(reduce(picture, size))
    return layer if layer.hasalpha() else layer.bandjoin(255).copy(interpretation="srgb")


def _corner(position: str, size: Size, layer: Size, margin: int) -> tuple[int, int]:
    """Return where the layer's top left corner goes."""
    left, top = (size[0] - layer[0]) // 2, (size[1] - layer[1]) // 2
    if "left" in position:
        left = min(margin, size[0] - layer[0])
    if "right" in position:
        left = max(0, size[0] - layer[0] - margin)
    if "top" in position:
        top = min(margin, size[1] - layer[1])
    if "bottom" in position:
        top = max(0, size[1] - layer[1] - margin)
    return left, top
