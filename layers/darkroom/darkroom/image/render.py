"""One rendition from the mezzanine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from darkroom.contract.fields import Quality
from darkroom.contract.formats import OUTPUT_FORMATS
from darkroom.contract.results import Rendition
from darkroom.image import focus
from darkroom.image.encode import Encoded, encode
from darkroom.image.geometry import Placement, Point, Size, place
from darkroom.image.metadata import Credit, add_exif, exif
from darkroom.image.mezzanine import Mezzanine, unpack
from darkroom.image.quality import settle

LEAST_QUALITY = 30
"""A rendition that must not outgrow its source goes no lower than this."""


_Drawn = tuple[bytes, int | None]
"""A file, and the quality that it was encoded at; none of the source's own bytes."""


def render(mezzanine: bytes, rendition: Rendition) -> Encoded:
    """Make a rendition of the plan: exactly ``rendition.width`` by ``rendition.height`` pixels."""
    contents = unpack(mezzanine)
    header, preset = contents.header, rendition.preset
    placement = place(header.pages[0].source, preset)
    credit = header.credit if preset.metadata == "credit" else Credit()

    def draw(asked: Quality) -> _Drawn:
        image = compose(contents, placement, rendition)
        graphic, effort = header.graphic, preset.effort
        image, quality = settle(image, asked, rendition.format, graphic=graphic, effort=effort)
        data = encode(
            image, rendition.format, quality, graphic=graphic, credit=credit, effort=effort
        )
        return data, quality

    drawn = _ready_made(contents, placement, rendition, credit) or draw(preset.quality)
    same_size = placement.canvas == header.pages[0].source
    if same_size and header.format == rendition.format:
        drawn = _not_larger(drawn, draw, contents, rendition, credit)
    kind = OUTPUT_FORMATS[rendition.format]
    data, quality = drawn
    shown = None if kind.lossless else quality
    return Encoded(data, kind.content_type, *placement.canvas, quality=shown)


def compose(contents: Mezzanine, placement: Placement, rendition: Rendition) -> Any:
    """Return a rendition's pixels before they are encoded: as large as the placement's canvas."""
    preset = rendition.preset
    header = contents.header
    at = focus.of(preset, header.focus)
    image = _shown(contents.image(header.pages[0]), placement, at)
    if not OUTPUT_FORMATS[rendition.format].alpha:
        from darkroom.image.pixels import flatten

        image = flatten(image, preset.background)
    if placement.shown != placement.canvas:
        image = _on_canvas(image, placement.canvas, preset.background)
    if preset.watermark is not None:
        from darkroom.image.watermark import put

        image = put(image, preset.watermark, contents)
    return image


def _ready_made(
    contents: Mezzanine, placement: Placement, rendition: Rendition, credit: Credit
) -> _Drawn | None:
    """Return the JPEG that Prepare has already made for the PDF, if it is this very rendition."""
    page, preset = contents.header.pages[0], rendition.preset
    wanted, made = rendition.format == "jpeg" and preset.watermark is None, page.jpeg
    if not wanted or made is None:
        return None
    if (made.asked, made.effort) != (preset.quality, preset.effort):
        return None
    if not placement.canvas == placement.whole == page.document:
        return None
    data = bytes(contents.parts[made.part])
    return add_exif(data, "jpeg", exif(credit)) if credit else data, made.quality


def _shown(image: Any, placement: Placement, at: Point) -> Any:
    """Return the visible part of the image at its final size, centred on a focal point."""
    from darkroom.image.pixels import reduce_in_steps

    scaled = reduce_in_steps(image, placement.whole)
    if placement.shown == placement.whole:
        return scaled
    return scaled.crop(*placement.corner(at), *placement.shown)


def _on_canvas(image: Any, canvas: Size, background: str) -> Any:
    from darkroom.image.pixels import coloured, flatten, rgb

    flat = coloured(flatten(image, background))
    left, top = (canvas[0] - flat.width) // 2, (canvas[1] - flat.height) // 2
    return flat.embed(left, top, *canvas, background=rgb(background))


def _not_larger(
    drawn: _Drawn,
    draw: Callable[[Quality], _Drawn],
    contents: Mezzanine,
    rendition: Rendition,
    credit: Credit,
) -> _Drawn:
    """Return the better of an encoding and its source, where it is the larger of the two.

    The source's own bytes, stripped of metadata, if they show the same picture. Otherwise (it was
    turned, its colours were converted, it has a watermark now) the quality is lowered until the
    rendition is not larger than the source was.
    """
    header = contents.header
    if header.original is not None and rendition.preset.watermark is None:
        original = bytes(contents.parts[header.original])
        if credit:
            original = add_exif(original, rendition.format, exif(credit))
        return min((original, None), drawn, key=lambda each: len(each[0]))
    data, quality = drawn
    lossy = not OUTPUT_FORMATS[rendition.format].lossless
    while lossy and len(data) > header.bytes and quality is not None and quality > LEAST_QUALITY:
        data, quality = draw(max(LEAST_QUALITY, quality - 10))
    return data, quality
