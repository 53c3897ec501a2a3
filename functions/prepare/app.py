"""Prepare: check the request and the image; write the mezzanine and the plan."""

from __future__ import annotations

from darkroom.aws.objects import Objects
from darkroom.aws.parameters import Parameters
from darkroom.contract.results import Prepared
from darkroom.steps import settings
from darkroom.steps.observability import step
from darkroom.steps.prepare import prepare

STORAGE = Objects()
PARAMETERS = Parameters()
SETTINGS = settings.from_environment(settings.PrepareSettings)
LIMITS = settings.limits()


@step
def handler(payload: object, execution: str) -> Prepared:
    """Prepare the image that an execution's input names."""
    return prepare(payload, execution, STORAGE, PARAMETERS, SETTINGS, LIMITS)
