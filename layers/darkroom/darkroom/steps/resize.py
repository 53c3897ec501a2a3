"""The step Resize: make one rendition from the mezzanine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.contract.objects import ObjectRef
from darkroom.contract.results import Output, ResizeTask
from darkroom.steps.outputs import write

if TYPE_CHECKING:
    from darkroom.aws.objects import Objects
    from darkroom.steps.settings import OutputSettings


def resize(task: ResizeTask, storage: Objects, settings: OutputSettings) -> Output:
    """Make one rendition from the mezzanine and write it."""
    from darkroom.image.render import render

    encoded = render(storage.read(task.mezzanine), task.rendition)
    ref = ObjectRef(bucket=settings.output_bucket, key=task.rendition.key)
    return write(task.rendition.name, encoded, ref, task, storage)
