"""MakePdf: make the PDF from the mezzanine."""

from __future__ import annotations

from darkroom.aws.objects import Objects
from darkroom.contract.model import parse
from darkroom.contract.results import MakePdfTask, Output
from darkroom.steps import settings
from darkroom.steps.make_pdf import make_pdf
from darkroom.steps.observability import step

STORAGE = Objects()
SETTINGS = settings.from_environment(settings.OutputSettings)


@step
def handler(payload: object, execution: str) -> Output:  # noqa: ARG001
    """Make the PDF."""
    return make_pdf(parse(payload, MakePdfTask), STORAGE, SETTINGS)
