"""The values that fields of a contract take, and how a message calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, get_args

from msgspec import Meta

from darkroom.contract.formats import OUTPUT_FORMATS

if TYPE_CHECKING:
    FormatName: TypeAlias = str
    Format: TypeAlias = str
else:
    FormatName = Literal[*OUTPUT_FORMATS]
    Format = Literal["auto", *OUTPUT_FORMATS, "original"]
Fit = Literal["inside", "cover", "contain", "fill"]
PageSize = Literal["fit", "A4", "Letter"]
Metadata = Literal["credit", "none"]
Position = Literal[
    "top-left",
    "top",
    "top-right",
    "left",
    "center",
    "right",
    "bottom-left",
    "bottom",
    "bottom-right",
]
Found = Literal["attention", "entropy"]
Quality = Annotated[int, Meta(ge=1, le=100)] | Literal["auto"]
Effort = Literal["normal", "high"]

MAX_SIDE = 16_383
"""Largest width or height of a rendition, in pixels: the limit of the WebP format."""

MAX_RENDITIONS = 20
"""Most renditions of one image, and so most presets; an inline Map runs at most 40 at once."""

PRESETS_EXAMPLE = '[{"name": "small", "width": 300, "height": 300}]'

BucketName = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=63,
        pattern=r"^[a-z0-9][a-z0-9.-]+[a-z0-9]\Z",
        description="an S3 bucket name",
    ),
]
ObjectKey = Annotated[str, Meta(min_length=1, max_length=1024, description="an S3 object key")]
Side = Annotated[int, Meta(ge=1, le=MAX_SIDE, description="pixels")]
Fraction = Annotated[float, Meta(ge=0, le=1)]
PresetName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}\Z",
        description="lower-case letters, digits, - and _, at most 32: it names the output file",
    ),
]
Color = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z", description="a colour as #rrggbb")]

FOCAL_POINT_EXAMPLE = '{"x": 0.5, "y": 0.2}'

CHOICES = {
    "effort": get_args(Effort),
    "fit": get_args(Fit),
    "format": get_args(Format),
    "metadata": get_args(Metadata),
    "pageSize": get_args(PageSize),
    "position": get_args(Position),
}
_QUALITY = "a whole number from 1 to 100, or auto"

UNIONS = {
    "pdf.quality": _QUALITY,
    "presets.format": f"one of {', '.join(get_args(Format))}, or a list of some of them",
    "presets.quality": _QUALITY,
    "presets.position": (
        f"one of {', '.join(get_args(Position) + get_args(Found))}, or a focal point such as "
        f"{FOCAL_POINT_EXAMPLE}"
    ),
}
MEANINGS = {
    "background": "a colour as #rrggbb",
    "bucket": "the name of an S3 bucket",
    "color": "a colour as #rrggbb",
    "name": "a name of lower-case letters, digits, - and _, 32 at most,",
}
