"""The steps of the state machine: read from storage, call the pure core, write to storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from darkroom import __version__
from darkroom.contract import keys
from darkroom.contract import requests as contracts
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.requests import (
    Backup,
    BackupTask,
    ObjectRef,
    Output,
    PdfTask,
    Prepared,
    Preset,
    Request,
    ResizeTask,
    Source,
)

# Each step imports the part of the core that it needs, inside: a function's cold start loads only
# what is on its own path.
if TYPE_CHECKING:
    from darkroom.aws.storage import Parameters, Storage
    from darkroom.contract.limits import Limits
    from darkroom.image.encode import Encoded
    from darkroom.steps.settings import BackupSettings, OutputSettings, PrepareSettings

MEZZANINE_TYPE = "application/x-darkroom-mezzanine"


def prepare(
    payload: object,
    execution: str,
    storage: Storage,
    parameters: Parameters,
    settings: PrepareSettings,
    limits: Limits,
) -> Prepared:
    """Check the request and the image, and write the mezzanine.

    Parameters
    ----------
    payload
        The execution's input: an S3 event or a person's request.
    execution
        The execution's name; it keeps two runs on one image apart.
    storage, parameters
        The adapters.
    settings, limits
        The deployment's.

    Returns
    -------
    Prepared
        The plan for the later steps.

    Raises
    ------
    DarkroomError
        Any of them; see :mod:`darkroom.contract.errors`.
    """
    from darkroom.image.plan import plan
    from darkroom.image.sandbox import parent as isolation
    from darkroom.image.sandbox.decode import DecodeSpec, decode

    request = contracts.parse_request(payload)
    presets = _presets(request, parameters, settings.presets_parameter)
    document_key = keys.document_key(request.source.key)
    isolation.start()  # it loads while the object is fetched
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
    decoded = decode(stored.data, spec)
    renditions = plan(source.key, decoded.image, presets)
    mezzanine = ObjectRef(bucket=settings.work_bucket, key=keys.mezzanine_key(source, execution))
    storage.write(mezzanine, decoded.mezzanine, MEZZANINE_TYPE, _provenance(source))
    original = ObjectRef(bucket=settings.work_bucket, key=keys.original_key(source, execution))
    copied = storage.copy(source, decoded.image.bytes, original)
    return Prepared(
        source=source,
        image=decoded.image,
        mezzanine=mezzanine,
        original=Source(bucket=copied.bucket, key=copied.key, etag=copied.etag),
        renditions=renditions,
        document_key=document_key,
        pdf=request.pdf,
        notify=request.notify,
    )


def resize(task: ResizeTask, storage: Storage, settings: OutputSettings) -> Output:
    """Make one rendition from the mezzanine and write it.

    Returns
    -------
    Output
        What was written.

    Raises
    ------
    DarkroomError
        Any of them; see :mod:`darkroom.contract.errors`.
    """
    from darkroom.image.render import render

    encoded = render(storage.read(task.mezzanine), task.rendition)
    ref = ObjectRef(bucket=settings.output_bucket, key=task.rendition.key)
    return _written(task.rendition.name, encoded, ref, task, storage)


def make_pdf(task: PdfTask, storage: Storage, settings: OutputSettings) -> Output:
    """Make the PDF from the mezzanine and write it.

    Returns
    -------
    Output
        What was written.

    Raises
    ------
    DarkroomError
        Any of them; see :mod:`darkroom.contract.errors`.
    """
    from darkroom.image.pdf import document

    title = task.source.key.rpartition("/")[2] or task.source.key
    encoded = document(storage.read(task.mezzanine), title, task.pdf)
    ref = ObjectRef(bucket=settings.output_bucket, key=task.document_key)
    return _written("document", encoded, ref, task, storage)


def back_up(task: BackupTask, storage: Storage, settings: BackupSettings) -> Backup:
    """Copy the original to the backup bucket, inside S3.

    The backup bucket is versioned and the record names the version, so every original that was
    processed is kept, whichever run copies last.

    Returns
    -------
    Backup
        The copy.

    Raises
    ------
    DarkroomError
        Any of them; see :mod:`darkroom.contract.errors`.
    """
    target = ObjectRef(bucket=settings.backup_bucket, key=keys.backup_key(task.source))
    return storage.copy(task.original, task.image.bytes, target)


def _presets(request: Request, parameters: Parameters, name: str) -> tuple[Preset, ...]:
    """Return the run's presets or else the deployed ones, with the run's watermark on each."""
    presets = request.presets or _deployed_presets(parameters.read(name), name)
    if request.watermark is None:
        return presets
    return tuple(msgspec.structs.replace(p, watermark=request.watermark) for p in presets)


def _watermark_images(
    presets: tuple[Preset, ...], storage: Storage, limits: Limits
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


def _deployed_presets(text: str, name: str) -> tuple[Preset, ...]:
    try:
        return contracts.parse_presets(text)
    except InvalidRequest as error:
        raise InvalidRequest(f"The deployed presets (SSM parameter {name}): {error}") from None


def _written(
    name: str, encoded: Encoded, ref: ObjectRef, task: ResizeTask | PdfTask, storage: Storage
) -> Output:
    """Write a rendition or a PDF, and return what the record and the messages say of it."""
    metadata = _provenance(task.source)
    sha256 = storage.write(ref, encoded.data, encoded.content_type, metadata, task.claim)
    return Output(
        name=name,
        bucket=ref.bucket,
        key=ref.key,
        content_type=encoded.content_type,
        bytes=len(encoded.data),
        sha256=sha256,
        width=encoded.width,
        height=encoded.height,
        pages=encoded.pages,
    )


def _provenance(source: Source) -> dict[str, str]:
    """Return the metadata that ties an object to the upload and the code that made it."""
    found = {
        "source-etag": source.etag,
        "source-version-id": source.version_id,
        "darkroom-version": __version__,
    }
    return {name: value for name, value in found.items() if value}
