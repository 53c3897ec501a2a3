"""Executions in Step Functions: started by Start, looked at by Start and Notify."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from msgspec import Struct

from darkroom.aws.calls import delivering
from darkroom.contract.arns import execution_arn
from darkroom.contract.errors import DeliveryError
from darkroom.contract.results import Started

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

EXPRESS_SECONDS = 330
"""An Express execution takes at most 300 seconds, and its call as long."""


def patient_client() -> SFNClient:
    """Return a client that waits for Express executions, too."""
    return boto3.client(
        "stepfunctions",
        config=Config(
            connect_timeout=5,
            read_timeout=EXPRESS_SECONDS,
            retries={"mode": "standard", "max_attempts": 3},
        ),
    )


LOOKED_AT = 300
"""Events of a history among which a failure is looked for, the newest first."""


class FailedCall(Struct, frozen=True):
    """A step that failed: its name and input, and how often it was tried in which time."""

    step: str
    input: str  # JSON
    cause: str
    attempts: int
    limit: int | None  # in seconds


class Executions:
    """Executions in Step Functions; to Notify, a refusal is AccessDenied or DeliveryError."""

    def __init__(self, client: SFNClient) -> None:
        self._stepfunctions = client

    def start(self, state_machine: str, name: str, event: str) -> str:
        """Start an execution, unless one of this name has been started; return its ARN."""
        with contextlib.suppress(self._stepfunctions.exceptions.ExecutionAlreadyExists):
            self._stepfunctions.start_execution(
                stateMachineArn=state_machine, name=name, input=event
            )
        return execution_arn(state_machine, name)

    def start_summary(self, state_machine: str, given: str) -> None:
        """Start the execution that tells, after some time, what waits in a window of alerts."""
        with delivering(f"The state machine {state_machine}"):
            self._stepfunctions.start_execution(stateMachineArn=state_machine, input=given)

    def run_express(self, state_machine: str, name: str, event: str) -> Started:
        """Run an Express execution to its end."""
        done = self._stepfunctions.start_sync_execution(
            stateMachineArn=state_machine, name=name, input=event
        )
        return Started(done["executionArn"], done["status"])

    def status(self, arn: str) -> str:
        """Return the status that an execution has now."""
        return self._stepfunctions.describe_execution(executionArn=arn)["status"]

    def describe(self, arn: str) -> DescribeExecutionOutputTypeDef:
        """Return what Step Functions says of an execution."""
        with delivering(f"The execution {arn}"):
            return self._stepfunctions.describe_execution(executionArn=arn)

    def failed_call(self, arn: str, error: str) -> FailedCall | None:
        """Return the step whose last call failed so, as the state machine calls the error."""
        with delivering(f"The execution {arn}"):
            history = self._stepfunctions.get_execution_history(
                executionArn=arn, reverseOrder=True, maxResults=LOOKED_AT
            )
        events: dict[int, Any] = {event["id"]: event for event in history["events"]}
        for event in events.values():
            said = event.get("taskFailedEventDetails") or event.get("taskTimedOutEventDetails", {})
            if said and said.get("error", "").replace("States.", "States") == error:
                return _call_of(event, said.get("cause", ""), events)
        return None

    def fail_state(self, arn: str) -> str | None:
        """Return the Fail state that an execution that FAILED ended in, if it did.

        Such an execution's last two events are the state and the end; before them may be the end of
        a run that was redriven. DeliveryError says that the history does not show the end yet.
        """
        with delivering(f"The execution {arn}"):
            history = self._stepfunctions.get_execution_history(
                executionArn=arn, reverseOrder=True, maxResults=2, includeExecutionData=False
            )
        end, *before = history["events"]
        if end["type"] != "ExecutionFailed":
            raise DeliveryError(f"The history of {arn} does not show its end yet.")
        for event in before:
            if event["type"] == "FailStateEntered":
                return event["stateEnteredEventDetails"]["name"]
        return None


def _call_of(event: Any, cause: str, events: dict[int, Any]) -> FailedCall | None:
    """Return the step that an event belongs to: that of the state which was entered before it."""
    attempts, limit = 0, None
    while event is not None:
        if (scheduled := event.get("taskScheduledEventDetails")) is not None:
            attempts, limit = attempts + 1, scheduled.get("timeoutInSeconds")
        if (entered := event.get("stateEnteredEventDetails")) is not None:
            return FailedCall(entered["name"], entered.get("input", ""), cause, attempts, limit)
        event = events.get(event.get("previousEventId", 0))
    return None
