"""How outputs are made: presets of renditions, their watermark, and the PDF's options."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.fields import (
    MAX_RENDITIONS,
    PRESETS_EXAMPLE,
    Color,
    Effort,
    Fit,
    Format,
    Found,
    Fraction,
    Metadata,
    PageSize,
    Position,
    PresetName,
    Quality,
    Side,
)
from darkroom.contract.keys import DOCUMENT
from darkroom.contract.model import Contract, parse, short
from darkroom.contract.objects import ObjectRef

USUAL_QUALITY = 80
"""Where none is asked for, and what ``auto`` is where it is not told from the picture."""

_UNIQUE = {"uniqueItems": True}


class Watermark(Contract, frozen=True):
    """A mark put on a rendition: a text, or a PNG from the source bucket. Exactly one of them."""

    text: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    image: ObjectRef | None = None
    position: Position = "bottom-right"
    opacity: Fraction = 0.5
    scale: Annotated[float, Meta(gt=0, le=1, description="width, of the rendition's width")] = 0.25
    margin: Annotated[float, Meta(ge=0, le=0.5, description="of the shorter side")] = 0.03
    color: Color = "#ffffff"


class FocalPoint(Contract, frozen=True):
    """The point of the upright picture that a crop is centred on, as far as its edges allow."""

    x: Annotated[Fraction, Meta(description="of the width, from the left")]
    y: Annotated[Fraction, Meta(description="of the height, from the top")]


class Preset(Contract, frozen=True):
    """How to make one rendition, or one in each of several formats."""

    name: PresetName
    width: Side | None = None
    height: Side | None = None
    fit: Fit = "inside"
    position: Annotated[
        Position | Found | FocalPoint, Meta(description="what fit cover shows of the picture")
    ] = "center"
    enlarge: bool = False
    format: Annotated[
        Format | Annotated[tuple[Format, ...], Meta(min_length=1, extra_json_schema=_UNIQUE)],
        Meta(description="one, or a list: a rendition in each, named after its file"),
    ] = "auto"
    quality: Annotated[
        Quality, Meta(description="auto: of a JPEG, the lowest at which it looks right")
    ] = USUAL_QUALITY
    effort: Annotated[
        Effort,
        Meta(description="high: fewer bytes of JPEG and WebP for 5 to 8 times the work"),
    ] = "normal"
    background: Color = "#ffffff"
    watermark: Watermark | None = None
    metadata: Annotated[
        Metadata, Meta(description="credit keeps Copyright and Artist, none keeps nothing")
    ] = "credit"

    @property
    def formats(self) -> tuple[str, ...]:
        """Every format that is asked for."""
        return (self.format,) if isinstance(self.format, str) else self.format


class PdfOptions(Contract, frozen=True):
    """How to make the PDF."""

    page_size: PageSize = "fit"
    margin: Annotated[float, Meta(ge=0, le=200, description="points")] = 0.0
    quality: Annotated[
        Quality, Meta(description="auto: of each page, the lowest at which it looks right")
    ] = USUAL_QUALITY
    metadata: Annotated[
        Metadata, Meta(description="credit keeps Copyright and Artist, none keeps nothing")
    ] = "credit"


class _Deployed(Contract, frozen=True):
    presets: Annotated[tuple[Preset, ...], Meta(min_length=1, max_length=MAX_RENDITIONS)]


def parse_presets(text: str) -> tuple[Preset, ...]:
    """Read the deployed presets, at least one: the JSON list that the SSM parameter holds.

    InvalidRequest names the preset and the field, what was expected and what came.
    """
    try:
        listed = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            f"Expected the presets to be JSON, but they are not: {error}. An example: "
            f"{PRESETS_EXAMPLE}."
        ) from None
    if not isinstance(listed, list):
        raise InvalidRequest(
            f"Expected the presets to be a list, but received {short(listed)}. An example: "
            f"{PRESETS_EXAMPLE}."
        )
    presets = parse({"presets": listed}, _Deployed).presets
    check_presets(presets, "presets")
    return presets


def check_presets(presets: tuple[Preset, ...], where: str) -> None:
    """Check what one field alone cannot show, as unique names and sizes that fit the mode.

    `where` is the field or parameter that they came from, for the message of InvalidRequest.
    """
    seen: set[str] = set()
    for index, preset in enumerate(presets):
        at = f"{where}[{index}]"
        if preset.name in seen:
            raise InvalidRequest(
                f"Expected every preset to have a name of its own, but {at}.name repeats "
                f"{preset.name!r}. Rename one of them."
            )
        seen.add(preset.name)
        _check_preset(preset, at)
    count = sum(len(preset.formats) for preset in presets)
    if count > MAX_RENDITIONS:
        raise InvalidRequest(
            f"Expected {where} to ask for {MAX_RENDITIONS} renditions at most, one for each format "
            f"of each preset, but received {count}. Leave out presets or formats."
        )


def _check_preset(preset: Preset, at: str) -> None:
    if preset.name == DOCUMENT:
        raise InvalidRequest(
            f"Expected {at}.name to be another than {DOCUMENT!r}, which is the PDF's. Rename the "
            "preset."
        )
    if preset.width is None and preset.height is None:
        raise InvalidRequest(
            f"Expected {at} ({preset.name!r}) to have a width or a height, in pixels, but "
            "received neither."
        )
    if preset.fit != "inside" and (preset.width is None or preset.height is None):
        raise InvalidRequest(
            f"Expected {at} ({preset.name!r}) to have both width and height, as fit "
            f"{preset.fit!r} needs, but received only one."
        )
    if preset.position != "center" and preset.fit != "cover":
        raise InvalidRequest(
            f"Expected {at} ({preset.name!r}) to have fit 'cover', as its position needs, but "
            f"received fit {preset.fit!r}, which crops nothing. Set fit to 'cover', or leave "
            "position out."
        )
    for each in preset.formats:
        if preset.formats.count(each) > 1:
            raise InvalidRequest(
                f"Expected {at} ({preset.name!r}) to name each format once, but received {each!r} "
                "again. Leave one of them out."
            )
    if preset.watermark is not None:
        check_watermark(preset.watermark, f"{at}.watermark")


def check_watermark(watermark: Watermark, where: str) -> None:
    """Check that a watermark is a text or an image; raises InvalidRequest."""
    if (watermark.text is None) == (watermark.image is None):
        came = "neither" if watermark.text is None else "both"
        raise InvalidRequest(
            f"Expected {where} to have either a text or an image, but received {came}."
        )
