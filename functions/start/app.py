"""Start: take an upload out of the buffer, start its execution, and wait until it ended."""

from __future__ import annotations

from typing import Any

from darkroom.aws.executions import Executions, patient_client
from darkroom.aws.services import Services
from darkroom.contract.model import dump
from darkroom.steps import settings
from darkroom.steps.start import coming_again, run

EXECUTIONS = Executions(patient_client())
SETTINGS = settings.from_environment(settings.StartSettings)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Run the execution of a message; the event source gives one at a time."""
    (message,) = event["Records"]
    with coming_again(message, lambda: Services().queue(SETTINGS.buffer_queue)):
        return dump(
            run(
                message["body"],
                message["messageId"],
                EXECUTIONS,
                SETTINGS,
                lambda: context.get_remaining_time_in_millis() / 1000,
            )
        )
