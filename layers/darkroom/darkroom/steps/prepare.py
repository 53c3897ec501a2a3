"""The step Prepare: check the request and the image, write the mezzanine and the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from darkroom.contract import keys
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.model import short
from darkroom.contract.objects import ObjectRef, Source
from darkroom.contract.presets import Preset, parse_presets
from darkroom.contract.requests import Request, parse_request
from darkroom.contract.results import Prepared, Rendition
from darkroom.image.spec import Decoded
from darkroom.steps.outputs import provenance

if TYPE_CHECKING:
    from darkroom.aws.objects import Objects
    from darkroom.aws.parameters import Parameters
    from darkroom.contract.limits import Limits
    from darkroom.image.spec import DecodeSpec
    from darkroom.steps.settings import PrepareSettings

MEZZANINE_TYPE = "application/x-darkroom-mezzanine"


class Examined(msgspec.Struct, frozen=True):
    """What was asked for, what the image turned out to be, and the renditions to make of it."""

    request: Request
    source: Source  # the very version that was read
    decoded: Decoded
    renditions: tuple[Rendition, ...]
    document_key: str


def prepare(
    payload: object,
    execution: str,
    storage: Objects,
    parameters: Parameters,
    settings: PrepareSettings,
    limits: Limits,
) -> Prepared:
    """Check the request and the image, and write the mezzanine; return the plan for later steps.

    The payload is the execution's input, an S3 event or a person's request; the execution's name
    keeps two runs on one image apart.
    """
    found = examine(payload, storage, parameters, settings, limits)
    source, image = found.source, found.decoded.image
    mezzanine = ObjectRef(bucket=settings.work_bucket, key=keys.mezzanine_key(source, execution))
    storage.write(mezzanine, found.decoded.mezzanine, MEZZANINE_TYPE, provenance(source))
    original = ObjectRef(bucket=settings.work_bucket, key=keys.original_key(source, execution))
    copied = storage.copy(source, image.bytes, original)
    return Prepared(
        source=source,
        image=image,
        mezzanine=mezzanine,
        original=Source(bucket=copied.bucket, key=copied.key, etag=copied.etag),
        renditions=found.renditions,
        document_key=found.document_key,
        pdf=found.request.pdf,
        notify=found.request.notify,
    )


def examine(
    payload: object,
    storage: Objects,
    parameters: Parameters,
    settings: PrepareSettings,
    limits: Limits,
    decode: Callable[[bytes, DecodeSpec], Decoded] | None = None,
) -> Examined:
    """Check the request and the image, and plan the renditions; nothing is written.

    Another `decode` than the sandbox's may remember what that gave.
    """
    from darkroom.image.plan import plan
    from darkroom.image.sandbox import parent
    from darkroom.image.spec import DecodeSpec

    request = parse_request(payload)
    if request.source.bucket != settings.source_bucket:
        raise InvalidRequest(
            f"Expected the source bucket, {short(settings.source_bucket)}, in 'source.bucket', but "
            f"received {short(request.source.bucket)}. Copy the image there, or upload it."
        )
    presets = _presets(request, parameters, settings.presets_parameter)
    document_key = keys.document_key(request.source.key)
    parent.start()  # it loads while the object is fetched
    stored = storage.read_source(request.source, limits)
    source = Source(
        bucket=request.source.bucket,
        key=request.source.key,
        version_id=stored.version_id,
        etag=stored.etag,
    )
    spec = DecodeSpec(
        presets=presets,
        limits=limits,
        pdf=request.pdf,
        name=source.key,
        content_type=stored.content_type,
        watermark_images=_watermark_images(presets, storage, limits),
    )
    decoded = (decode or parent.decode)(stored.data, spec)
    renditions = plan(source.key, decoded.image, presets)
    return Examined(request, source, decoded, renditions, document_key)


def _presets(request: Request, parameters: Parameters, name: str) -> tuple[Preset, ...]:
    """Return the run's presets or else the deployed ones, with the run's watermark on each."""
    presets = request.presets
    if presets is None:
        try:
            presets = parse_presets(parameters.read(name))
        except InvalidRequest as error:
            raise InvalidRequest(f"The deployed presets (SSM parameter {name}): {error}") from None
    if request.watermark is None:
        return presets
    return tuple(msgspec.structs.replace(p, watermark=request.watermark) for p in presets)


def _watermark_images(
    presets: tuple[Preset, ...], storage: Objects, limits: Limits
) -> dict[str, bytes]:
    """Return the pictures that the presets' watermarks name, by ``bucket/key``."""
    refs = {preset.watermark.image for preset in presets if preset.watermark is not None}
    return {
        f"{ref.bucket}/{ref.key}": storage.read_source(
            Source(bucket=ref.bucket, key=ref.key), limits
        ).data
        for ref in refs
        if ref is not None
    }
