"""The step Start: take an upload out of the buffer, start its execution, and wait until it ended.

A message counts against the buffer's concurrency for as long as this runs. That is what bounds how
many images are processed at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from darkroom.contract.arns import execution_arn
from darkroom.contract.results import Started
from darkroom.steps.settings import StartSettings

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

DESCRIBES_PER_SECOND = 10
"""DescribeExecution is granted 15 times a second (Step Functions developer guide, "Quotas"); the
rest is left to people."""

SHORTEST_PAUSE = 2.0
"""Seconds between two looks at an execution, at least. Most images take longer."""

RESERVE_SECONDS = 10.0
"""The function ends in order when this is left of its time."""

EXPRESS_SECONDS = 330
"""An Express execution takes at most 300 seconds, and its call as long."""


def client() -> SFNClient:
    """Return a client that waits for Express executions too."""
    return boto3.client(
        "stepfunctions",
        config=Config(
            connect_timeout=5,
            read_timeout=EXPRESS_SECONDS,
            retries={"mode": "standard", "max_attempts": 3},
        ),
    )


def run(
    event: str,
    name: str,
    stepfunctions: SFNClient,
    settings: StartSettings,
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> Started:
    """Run an execution to its end, whatever that is: it records and announces its own failure.

    Parameters
    ----------
    event
        The upload's event, as JSON: the execution's input.
    name
        The execution's name. A message that comes twice names the same one, so it starts once.
    stepfunctions
        The client.
    settings
        Which state machine, of what type, and how many images at once.
    seconds_left
        Says how many seconds the function still has.
    sleep
        Waits for seconds.

    Returns
    -------
    Started
        The execution, and its status when it was last looked at.
    """
    if settings.workflow_type == "EXPRESS":
        done = stepfunctions.start_sync_execution(
            stateMachineArn=settings.state_machine, name=name, input=event
        )
        return Started(done["executionArn"], done["status"])
    arn = execution_arn(settings.state_machine, name)
    # When the message came again, and its execution has ended, this only learns how.
    with contextlib.suppress(stepfunctions.exceptions.ExecutionAlreadyExists):
        stepfunctions.start_execution(
            stateMachineArn=settings.state_machine, name=name, input=event
        )
    pause = max(SHORTEST_PAUSE, settings.concurrency / DESCRIBES_PER_SECOND)
    status = "RUNNING"
    while status == "RUNNING" and seconds_left() > RESERVE_SECONDS:
        sleep(min(pause, seconds_left() - RESERVE_SECONDS))
        status = stepfunctions.describe_execution(executionArn=arn)["status"]
    return Started(arn, status)
