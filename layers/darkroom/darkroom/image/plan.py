"""Which renditions an image gets: sizes, formats and keys, decided once from the source."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from darkroom.contract.errors import ImageTooLarge, InvalidRequest
from darkroom.contract.formats import OUTPUT_FORMATS, OutputFormat
from darkroom.contract.keys import rendition_file, rendition_key
from darkroom.contract.presets import Preset
from darkroom.contract.results import ImageInfo, Rendition
from darkroom.image.geometry import Size, longest_side, place

_ORIGINAL = {
    source: entry.name
    for entry in OUTPUT_FORMATS.values()
    for source in (entry.name, *entry.original_of)
}


def plan(source_key: str, image: ImageInfo, presets: tuple[Preset, ...]) -> tuple[Rendition, ...]:
    """Decide every rendition of an image: one for each format of each preset, in their order.

    Sizes derive from the source's upright size, never from the mezzanine's, so rounding cannot
    differ by a pixel between steps. InvalidRequest says that the source key, after which outputs
    are named, leaves no room for their names, or that a preset asks for more than its format can
    have; ImageTooLarge that it would become that of this image.
    """
    return tuple(each for preset in presets for each in _renditions(source_key, image, preset))


def output_formats(preset: Preset, source_format: str, *, transparent: bool) -> tuple[str, ...]:
    """Resolve ``auto`` and ``original``: JPEG for opaque images, WebP for transparent ones.

    Where one of them turns out to be a format that is listed too, that is made once.
    """
    auto = "webp" if transparent else "jpeg"
    meant = {"auto": auto, "original": _ORIGINAL.get(source_format, auto)}
    return tuple(dict.fromkeys(meant.get(each, each) for each in preset.formats))


def _renditions(source_key: str, image: ImageInfo, preset: Preset) -> Iterator[Rendition]:
    """Yield the renditions of a preset, all of one size.

    A single format's rendition is called as its preset. Those of a list are called as their files,
    also where it is a list of one: a format that is added to it renames nothing.
    """
    formats = output_formats(preset, image.format, transparent=image.transparent)
    for each in formats:
        preset = _within(image, preset, OUTPUT_FORMATS[each])
    width, height = place((image.width, image.height), preset).canvas
    for each in formats:
        single = isinstance(preset.format, str)
        yield Rendition(
            name=preset.name if single else rendition_file(preset.name, each),
            key=rendition_key(source_key, preset.name, each),
            width=width,
            height=height,
            format=each,
            preset=preset,
        )


def _within(image: ImageInfo, preset: Preset, output: OutputFormat) -> Preset:
    """Return a preset that its format can serve, or raise what :func:`plan` says.

    Where it is only enlarging that goes too far, the image is enlarged as far as it may be. A
    drawing has no size of its own, so that any size of it is an enlargement.
    """
    source = image.width, image.height
    canvas = place(source, preset).canvas
    if _fits(canvas, output):
        return preset
    grows = image.format == "svg" or (preset.enlarge and _fits(source, output))
    if preset.fit == "inside" and grows:
        longest = longest_side(source, output.max_side, output.max_pixels)
        sides = (longest, None) if source[0] >= source[1] else (None, longest)
        return msgspec.structs.replace(preset, width=sides[0], height=sides[1])
    pixels = f"{canvas[0]:,} by {canvas[1]:,} pixels in format {output.name!r}"
    limits = f"at most {output.max_side:,} a side and {output.max_pixels:,} in all"
    if preset.fit != "inside":
        raise InvalidRequest(
            f"Preset {preset.name!r} asks for {pixels}, but expected {limits}. Lower its width or "
            "height, or choose another format."
        )
    raise ImageTooLarge(
        f"Preset {preset.name!r} would make {pixels} of this image, but expected {limits}. Make "
        "the image smaller, or have the preset's width or height lowered or its format changed."
    )


def _fits(size: Size, output: OutputFormat) -> bool:
    return max(size) <= output.max_side and size[0] * size[1] <= output.max_pixels
