"""MakePdf: make the PDF from the mezzanine."""

from __future__ import annotations

from darkroom import settings, steps
from darkroom.contracts import Output, PdfTask, parse
from darkroom.observability import step
from darkroom.storage import Storage

STORAGE = Storage()
SETTINGS = settings.from_environment(settings.OutputSettings)


@step
def handler(payload: object, execution: str) -> Output:  # noqa: ARG001
    """Make the PDF."""
    return steps.make_pdf(parse(payload, PdfTask), STORAGE, SETTINGS)
