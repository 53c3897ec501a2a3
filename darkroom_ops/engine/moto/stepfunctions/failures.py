"""A state's failure with one of the language's own errors, as moto's interpreter raises it."""

from __future__ import annotations

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment


def failure(env: Environment, kind: HistoryEventType, error: str, cause: str) -> Exception:
    """Return the exception that ends a state with a ``States.`` error and an event of a kind."""
    details = f"{kind[0].lower()}{kind[1:]}EventDetails"
    event = FailureEvent(
        env=env,
        error_name=StatesErrorName.from_name(error),
        event_type=kind,
        event_details={details: {"error": error, "cause": cause}},
    )
    exception: Exception = FailureEventException(failure_event=event)
    return exception
