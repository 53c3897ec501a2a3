"""What Resize and MakePdf write: objects that say which upload and which code they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom import __version__
from darkroom.contract.objects import ObjectRef, Source
from darkroom.contract.results import MakePdfTask, Output, ResizeTask

if TYPE_CHECKING:
    from darkroom.aws.objects import Objects
    from darkroom.image.encode import Encoded


def write(
    name: str, encoded: Encoded, ref: ObjectRef, task: ResizeTask | MakePdfTask, storage: Objects
) -> Output:
    """Write a rendition or a PDF, and return what the record and the messages say of it."""
    metadata = provenance(task.source)
    sha256 = storage.write(ref, encoded.data, encoded.content_type, metadata, int(task.claim))
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
        quality=encoded.quality,
        note=task.rendition.shortfall if isinstance(task, ResizeTask) else None,
    )


def provenance(source: Source) -> dict[str, str]:
    """Return the metadata that ties an object to the upload and the code that made it."""
    metadata = {
        "source-etag": source.etag,
        "source-version-id": source.version_id,
        "darkroom-version": __version__,
    }
    return {name: value for name, value in metadata.items() if value}
