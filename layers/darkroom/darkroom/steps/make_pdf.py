"""The step MakePdf: make the PDF from the mezzanine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.contract.keys import DOCUMENT
from darkroom.contract.objects import ObjectRef
from darkroom.contract.results import MakePdfTask, Output
from darkroom.steps.outputs import write

if TYPE_CHECKING:
    from darkroom.aws.objects import Objects
    from darkroom.steps.settings import OutputSettings


def make_pdf(task: MakePdfTask, storage: Objects, settings: OutputSettings) -> Output:
    """Make the PDF from the mezzanine and write it."""
    from darkroom.image.pdf import document

    title = task.source.key.rpartition("/")[2] or task.source.key
    encoded = document(storage.read(task.mezzanine), title, task.pdf)
    ref = ObjectRef(bucket=settings.output_bucket, key=task.document_key)
    return write(DOCUMENT, encoded, ref, task, storage)
