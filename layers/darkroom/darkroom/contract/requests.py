"""The models at every boundary: the input of an execution and what passes between its steps.

All are frozen, refuse unknown fields, and are written in camelCase in JSON. The JSON Schema in
``events/`` is generated from :class:`Request`, so this file is the one home of the input contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, cast, get_args

import msgspec
from msgspec import Meta, Struct

from darkroom.contract.errors import InvalidRequest

Fit = Literal["inside", "cover", "contain", "fill"]
Format = Literal["auto", "jpeg", "png", "webp", "avif", "original"]
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

MAX_SIDE = 16_383
"""Largest width or height of a rendition, in pixels: the limit of the WebP format."""

MAX_PRESETS = 20
"""Largest number of presets in one execution; an inline Map runs at most 40 at once."""

PRESETS_EXAMPLE = '[{"name": "small", "width": 300, "height": 300}]'

BucketName = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=63,
        pattern=r"^[a-z0-9][a-z0-9.-]+[a-z0-9]$",
        description="an S3 bucket name",
    ),
]
ObjectKey = Annotated[str, Meta(min_length=1, max_length=1024, description="an S3 object key")]
Side = Annotated[int, Meta(ge=1, le=MAX_SIDE, description="pixels")]
Fraction = Annotated[float, Meta(ge=0, le=1)]
PresetName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
        description="lower-case letters, digits, - and _, at most 32: it names the output file",
    ),
]
Color = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$", description="a colour as #rrggbb")]


class Contract(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Base of all models: frozen, strict, camelCase in JSON, what is not set left out."""


class Source(Contract, frozen=True):
    """The uploaded object."""

    bucket: BucketName
    key: ObjectKey
    version_id: Annotated[str, Meta(min_length=1)] | None = None
    etag: Annotated[str, Meta(min_length=1)] | None = None


class ObjectRef(Contract, frozen=True):
    """An object in S3."""

    bucket: BucketName
    key: ObjectKey


class Watermark(Contract, frozen=True):
    """A mark put on a rendition: a text, or a PNG from the source bucket. Exactly one of them."""

    text: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    image: ObjectRef | None = None
    position: Position = "bottom-right"
    opacity: Fraction = 0.5
    scale: Annotated[float, Meta(gt=0, le=1, description="width, of the rendition's width")] = 0.25
    margin: Annotated[float, Meta(ge=0, le=0.5, description="of the shorter side")] = 0.03
    color: Color = "#ffffff"


class Preset(Contract, frozen=True):
    """How to make one rendition."""

    name: PresetName
    width: Side | None = None
    height: Side | None = None
    fit: Fit = "inside"
    enlarge: bool = False
    format: Format = "auto"
    quality: Annotated[int, Meta(ge=1, le=100)] = 80
    background: Color = "#ffffff"
    watermark: Watermark | None = None
    metadata: Annotated[
        Metadata, Meta(description="credit keeps Copyright and Artist, none keeps nothing")
    ] = "credit"


class PdfOptions(Contract, frozen=True):
    """How to make the PDF."""

    page_size: PageSize = "fit"
    margin: Annotated[float, Meta(ge=0, le=200, description="points")] = 0.0
    quality: Annotated[int, Meta(ge=1, le=100)] = 80
    metadata: Annotated[
        Metadata, Meta(description="credit keeps Copyright and Artist, none keeps nothing")
    ] = "credit"


class Request(Contract, frozen=True):
    """What a person, or an upload, asks for: the input of an execution."""

    source: Source
    presets: Annotated[tuple[Preset, ...], Meta(min_length=1, max_length=MAX_PRESETS)] | None = None
    watermark: Watermark | None = None
    pdf: PdfOptions = PdfOptions()
    notify: bool = True


class ImageInfo(Contract, frozen=True):
    """What the bytes turned out to be.

    Width and height are as a viewer shows the image; for SVG, which has no pixels, the size at
    which it is rasterised. ``mismatch`` says how its name or declared type contradicts the bytes.
    """

    format: str
    content_type: str
    width: int
    height: int
    bytes: int
    pages: int = 1
    frames: int = 1
    transparent: bool = False
    mismatch: str | None = None


class Rendition(Contract, frozen=True):
    """One rendition to make: sizes and format are already decided, in the source's proportions."""

    name: str
    key: ObjectKey
    width: int
    height: int
    format: Literal["jpeg", "png", "webp", "avif"]
    preset: Preset


class Prepared(Contract, frozen=True):
    """What Prepare returns: the plan that every later step follows."""

    source: Source
    image: ImageInfo
    mezzanine: ObjectRef
    original: Source
    renditions: tuple[Rendition, ...]
    document_key: ObjectKey
    pdf: PdfOptions
    notify: bool


class ResizeTask(Contract, frozen=True):
    """The input of Resize, once per rendition. ``claim`` is the number of the run's claim."""

    source: Source
    claim: int
    mezzanine: ObjectRef
    rendition: Rendition


class PdfTask(Contract, frozen=True):
    """The input of MakePdf."""

    source: Source
    claim: int
    mezzanine: ObjectRef
    document_key: ObjectKey
    pdf: PdfOptions


class BackupTask(Contract, frozen=True):
    """The input of BackupOriginal."""

    source: Source
    original: Source
    image: ImageInfo


class Output(Contract, frozen=True):
    """An object that a step made. ``width`` and ``height`` are pixels, or points for a PDF page."""

    name: str
    bucket: BucketName
    key: ObjectKey
    content_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    pages: int | None = None


class Backup(Contract, frozen=True):
    """The copy of the original."""

    bucket: BucketName
    key: ObjectKey
    bytes: int
    etag: str
    version_id: str | None = None


class Made(Contract, frozen=True):
    """What a run made of an image."""

    source: Source
    image: ImageInfo
    renditions: tuple[Output, ...]
    document: Output
    backup: Backup


class Failure(Contract, frozen=True):
    """Why a run failed: in which state, by which error, and in words."""

    state: str
    error: str
    message: str


Ending = Literal["COMPLETE", "FAILED", "TIMED_OUT", "ABORTED"]


class Report(Contract, frozen=True):
    """The input of Notify: how an execution ended.

    ``execution`` and ``stateMachine`` are ARNs, ``startedAt`` is RFC 3339, ``input`` is the
    execution's own, ``image`` the key of its record.
    """

    outcome: Ending
    execution: str
    state_machine: str
    started_at: str
    input: Any
    image: str
    redrive_count: int = 0
    made: Made | None = None
    failure: Failure | None = None
    notify: bool = True


class Announcement(Contract, frozen=True):
    """What Notify returns: whether it published a message now, and which."""

    published: bool
    subject: str = ""


class Started(Contract, frozen=True):
    """What Start returns: the execution of an upload, and its status when last looked at."""

    execution: str
    status: str


ContractT = TypeVar("ContractT", bound=Contract)

_CHOICES = {
    "fit": get_args(Fit),
    "format": get_args(Format),
    "metadata": get_args(Metadata),
    "pageSize": get_args(PageSize),
    "position": get_args(Position),
}
_MEANINGS = {
    "background": "a colour as #rrggbb",
    "bucket": "the name of an S3 bucket",
    "color": "a colour as #rrggbb",
    "name": "a name of lower-case letters, digits, - and _, 32 at most,",
}
_AT_PATH = re.compile(r" - at `(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<field>[^.\[\]]+)|\[(?P<index>\d+)\]")


def parse(payload: object, model: type[ContractT]) -> ContractT:
    """Check JSON-like data against a model.

    Parameters
    ----------
    payload
        What ``json.loads`` gives.
    model
        The contract to read it as.

    Returns
    -------
    Contract
        An instance of `model`.

    Raises
    ------
    InvalidRequest
        Naming the field, what was expected and what came.
    """
    try:
        return msgspec.convert(payload, model)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_explain(str(error), payload)) from None


def parse_request(payload: object) -> Request:
    """Read the input of an execution: an S3 event from EventBridge, or a person's request.

    Parameters
    ----------
    payload
        The execution's input. An EventBridge event is known by its ``detail-type``; see "Object
        Created" in the S3 guide, EventBridge event structure.

    Returns
    -------
    Request
        The request.

    Raises
    ------
    InvalidRequest
        Naming the field, what was expected and what came.
    """
    if isinstance(payload, Mapping) and "detail-type" in payload:
        payload = _from_event(payload)
    request = parse(payload, Request)
    if request.presets is not None:
        check_presets(request.presets, "presets")
    if request.watermark is not None:
        _check_watermark(request.watermark, "watermark")
    return request


def parse_presets(text: str) -> tuple[Preset, ...]:
    """Read the deployed presets: the value of the SSM parameter.

    Parameters
    ----------
    text
        JSON: a list of presets.

    Returns
    -------
    tuple of Preset
        At least one.

    Raises
    ------
    InvalidRequest
        Naming the preset and the field, what was expected and what came.
    """
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            f"Expected the presets to be JSON, but they are not: {error}. An example: "
            f"{PRESETS_EXAMPLE}."
        ) from None
    if not isinstance(found, list):
        raise InvalidRequest(
            f"Expected the presets to be a list, but received {_short(found)}. An example: "
            f"{PRESETS_EXAMPLE}."
        )
    request = {"source": {"bucket": "deployed", "key": "presets"}, "presets": found}
    return parse_request(request).presets or ()


def check_presets(presets: tuple[Preset, ...], where: str) -> None:
    """Check what one field alone cannot show: unique names, sizes that fit the mode.

    Parameters
    ----------
    presets
        The presets of one execution.
    where
        The field or parameter they came from, for the message.

    Raises
    ------
    InvalidRequest
        Naming the preset, what was expected and what came.
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
        if preset.watermark is not None:
            _check_watermark(preset.watermark, f"{at}.watermark")


def event_source(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the ``source`` of the request that an S3 event stands for, unchecked.

    Parameters
    ----------
    event
        An "Object Created" event from EventBridge (S3 guide, EventBridge event structure).

    Returns
    -------
    dict or None
        The fields that the event has; None when it names no bucket and object at all.
    """
    detail = event.get("detail")
    found = detail if isinstance(detail, Mapping) else {}
    bucket, item = found.get("bucket"), found.get("object")
    if not isinstance(bucket, Mapping) or not isinstance(item, Mapping):
        return None
    named = {
        "bucket": bucket.get("name"),
        "key": item.get("key"),
        "versionId": item.get("version-id"),
        "etag": item.get("etag"),
    }
    return {field: value for field, value in named.items() if value is not None}


def rerun_request(payload: object) -> dict[str, Any]:
    """Return the request that runs an execution's input again, unchecked.

    Parameters
    ----------
    payload
        The input of an execution: an S3 event, or a person's request.

    Returns
    -------
    dict
        For an event, its object, pinned to its version where it has one; a request as it is.
    """
    if isinstance(payload, Mapping) and "detail-type" in payload:
        found = event_source(payload) or {}
        return {"source": {name: found[name] for name in found if name != "etag"}}
    return dict(payload) if isinstance(payload, Mapping) else {}


def dump(contract: Contract) -> dict[str, Any]:
    """Return a model as JSON-like data, for the state machine."""
    return cast("dict[str, Any]", msgspec.to_builtins(contract))


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a person's request, as kept in ``events/request.schema.json``."""
    (document,), components = msgspec.json.schema_components(
        [Request], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Input of the Darkroom image pipeline",
        **document,
        "$defs": components,
    }


def _check_watermark(watermark: Watermark, where: str) -> None:
    if (watermark.text is None) == (watermark.image is None):
        came = "neither" if watermark.text is None else "both"
        raise InvalidRequest(
            f"Expected {where} to have either a text or an image, but received {came}."
        )


def _from_event(event: Mapping[str, Any]) -> object:
    """Return the request that an S3 event stands for, unchecked."""
    source = event_source(event)
    if source is None:
        raise InvalidRequest(
            "Expected an S3 'Object Created' event with detail.bucket.name and detail.object.key, "
            f"but received {event.get('detail-type')!r} without them. Send the event unchanged, "
            'or use {"source": {"bucket": "…", "key": "…"}}.'
        )
    return {"source": source}


def _explain(message: str, payload: object) -> str:
    """Turn msgspec's message into one that also says what came, and in whose words."""
    match = _AT_PATH.search(message)
    path = match["path"] if match else "$"
    text = message[: match.start()] if match else message
    text = text.replace("Object missing", "Missing").replace("Object contains", "Received")
    field = path.removeprefix("$").removeprefix(".")
    came = _at(payload, path)
    where = f"in {field!r}" if field else "in the input"
    if text.startswith(("Missing", "Received")):
        return f"{text} {where}. {_fields_help(text)}"
    name = field.rpartition(".")[2]
    if "matching regex" in text and name in _MEANINGS:
        text = f"Expected {_MEANINGS[name]}"
    elif text.startswith("Invalid enum value") and name in _CHOICES:
        text = f"Expected one of {', '.join(_CHOICES[name])}"
    return f"{text} {where}, but received {_short(came)}."


def _fields_help(text: str) -> str:
    if text.startswith("Received"):
        return "Remove it or correct its spelling; events/request.schema.json lists every field."
    return 'A request looks like {"source": {"bucket": "my-bucket", "key": "uploads/photo.jpg"}}.'


def _at(payload: object, path: str) -> object:
    """Return the value at a msgspec path such as ``$.presets[0].width``."""
    value = payload
    for step in _STEP.finditer(path):
        if step["field"] is not None and isinstance(value, Mapping):
            value = value.get(step["field"])
        elif step["index"] is not None and isinstance(value, (list, tuple)):
            value = value[int(step["index"])]
        else:
            break
    return value


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004
