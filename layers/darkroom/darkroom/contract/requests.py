"""The input of an execution: an S3 event, or what a person asks for.

The JSON Schema in ``events/`` is generated from :class:`Request`: this package is the one home of
the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeGuard

import msgspec
from msgspec import Meta

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.fields import MAX_RENDITIONS
from darkroom.contract.keys import MAX_KEY_BYTES
from darkroom.contract.model import Contract, parse, short
from darkroom.contract.objects import Source
from darkroom.contract.presets import PdfOptions, Preset, Watermark, check_presets, check_watermark


class Request(Contract, frozen=True):
    """What a person, or an upload, asks for: the input of an execution."""

    source: Source
    presets: Annotated[tuple[Preset, ...], Meta(min_length=1, max_length=MAX_RENDITIONS)] | None = (
        None
    )
    watermark: Watermark | None = None
    pdf: PdfOptions = PdfOptions()
    notify: bool = True


def is_event(payload: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether an execution's input is an event of an upload, not a person's request.

    An event is known by its ``detail-type`` (S3 guide, EventBridge event structure, "Object
    Created").
    """
    return isinstance(payload, Mapping) and "detail-type" in payload


def parse_request(payload: object) -> Request:
    """Read the input of an execution: an S3 event from EventBridge, or a person's request.

    InvalidRequest names the field, what was expected and what came.
    """
    if is_event(payload):
        source = event_source(payload)
        if source is None:
            raise InvalidRequest(
                "Expected an S3 'Object Created' event with detail.bucket.name and "
                f"detail.object.key, but received {payload['detail-type']!r} without them. Send "
                'the event unchanged, or use {"source": {"bucket": "…", "key": "…"}}.'
            )
        payload = {"source": source}
    request = parse(payload, Request)
    size = len(request.source.key.encode(errors="replace"))
    if size > MAX_KEY_BYTES:
        raise InvalidRequest(
            f"Expected an S3 object key of at most {MAX_KEY_BYTES:,} bytes of UTF-8 in "
            f"'source.key', but received {size:,} bytes: {short(request.source.key)}. No object "
            "has such a key: check the spelling."
        )
    if request.presets is not None:
        check_presets(request.presets, "presets")
    if request.watermark is not None:
        check_watermark(request.watermark, "watermark")
    return request


def event_source(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the ``source`` of the request that an S3 event stands for, unchecked.

    It has the fields that the event has; None when that names no bucket and object at all.
    """
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        return None
    bucket, item = detail.get("bucket"), detail.get("object")
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

    For an S3 event, that is its object, pinned to its version where it has one; a person's request
    stays as it is.
    """
    if is_event(payload):
        source = event_source(payload) or {}
        source.pop("etag", None)
        return {"source": source}
    return dict(payload) if isinstance(payload, Mapping) else {}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a person's request, as kept in ``events/request.schema.json``."""
    (document,), components = msgspec.json.schema_components(
        [Request], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Input of the Darkroom image pipeline",
        **document,
        "$defs": _anchored(components),
    }


def _anchored(schema: Any) -> Any:
    """Write the end of patterns as JSON Schema has it: Python's ``$`` lets a line break follow."""
    if isinstance(schema, dict):
        return {
            name: each.replace(r"\Z", "$") if name == "pattern" else _anchored(each)
            for name, each in schema.items()
        }
    return [_anchored(each) for each in schema] if isinstance(schema, list) else schema
