"""NotifySuccess, NotifyFailure, and what no Catch sees: announce how an execution ended."""

from __future__ import annotations

from typing import Any

from darkroom.aws.services import Services
from darkroom.contract.results import Announcement
from darkroom.steps import settings
from darkroom.steps.notify import announce, envelope
from darkroom.steps.observability import step

SERVICES = Services()
SETTINGS = settings.from_environment(settings.NotifySettings)


@step
def notify(payload: dict[str, Any], execution: str) -> Announcement:  # noqa: ARG001
    """Announce an outcome, unless it has been announced."""
    return announce(payload, SERVICES, SETTINGS)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take a report of the state machine, or a status change from EventBridge."""
    return notify(envelope(event), context)
