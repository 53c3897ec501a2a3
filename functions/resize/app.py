"""Resize: make one rendition from the mezzanine."""

from __future__ import annotations

from darkroom.aws.objects import Objects
from darkroom.contract.model import parse
from darkroom.contract.results import Output, ResizeTask
from darkroom.steps import settings
from darkroom.steps.observability import step
from darkroom.steps.resize import resize

STORAGE = Objects()
SETTINGS = settings.from_environment(settings.OutputSettings)


@step
def handler(payload: object, execution: str) -> Output:  # noqa: ARG001
    """Make one rendition."""
    return resize(parse(payload, ResizeTask), STORAGE, SETTINGS)
