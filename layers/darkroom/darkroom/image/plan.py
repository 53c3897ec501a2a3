"""Which renditions an image gets: sizes, formats and keys, decided once from the source."""

from __future__ import annotations

from darkroom.contract.formats import OUTPUT_FORMATS
from darkroom.contract.keys import rendition_key
from darkroom.contract.presets import Preset
from darkroom.contract.results import ImageInfo, Rendition
from darkroom.image.geometry import place

_ORIGINAL = {
    source: entry.name
    for entry in OUTPUT_FORMATS.values()
    for source in (entry.name, *entry.original_of)
}


def plan(source_key: str, image: ImageInfo, presets: tuple[Preset, ...]) -> tuple[Rendition, ...]:
    """Decide every rendition of an image: one for each preset, in their order.

    Sizes derive from the source's upright size, never from the mezzanine's, so rounding cannot
    differ by a pixel between steps. InvalidRequest says that the source key, after which outputs
    are named, leaves no room for their names.
    """
    return tuple(_rendition(source_key, image, preset) for preset in presets)


def output_format(preset: Preset, source_format: str, *, transparent: bool) -> str:
    """Resolve ``auto`` and ``original``: JPEG for opaque images, WebP for transparent ones."""
    auto = "webp" if transparent else "jpeg"
    if preset.format == "auto":
        return auto
    if preset.format == "original":
        return _ORIGINAL.get(source_format, auto)
    return preset.format


def _rendition(source_key: str, image: ImageInfo, preset: Preset) -> Rendition:
    width, height = place((image.width, image.height), preset).canvas
    chosen = output_format(preset, image.format, transparent=image.transparent)
    return Rendition(
        name=preset.name,
        key=rendition_key(source_key, preset.name, chosen),
        width=width,
        height=height,
        format=chosen,
        preset=preset,
    )
