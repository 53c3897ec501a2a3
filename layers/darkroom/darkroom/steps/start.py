"""The step Start: take an upload out of the buffer, start its execution, and wait until it ended.

A message counts against the buffer's concurrency for as long as this runs. That is what bounds how
many images are processed at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from darkroom.aws.executions import Executions
from darkroom.contract.results import Started
from darkroom.steps.settings import StartSettings

DESCRIBES_PER_SECOND = 10
"""DescribeExecution is granted 15 times a second (Step Functions developer guide, "Quotas"); the
rest is left to people."""

SHORTEST_PAUSE = 2.0
"""Seconds between two looks at an execution, at least. Most images take longer."""

RESERVE_SECONDS = 10.0
"""The function ends in order when this is left of its time."""


def run(
    event: str,
    name: str,
    executions: Executions,
    settings: StartSettings,
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> Started:
    """Run an execution to its end, whatever that is: it records and announces its own failure.

    The event is the upload's, as JSON: the execution's input. A message that comes twice gives the
    execution the same name, so it starts once. What is returned is the status when last looked at.
    """
    if settings.workflow_type == "EXPRESS":
        return executions.run_express(settings.state_machine, name, event)
    # When the message came again, and its execution has ended, this only learns how.
    arn = executions.start(settings.state_machine, name, event)
    pause = max(SHORTEST_PAUSE, settings.concurrency / DESCRIBES_PER_SECOND)
    status = "RUNNING"
    while status == "RUNNING" and seconds_left() > RESERVE_SECONDS:
        sleep(min(pause, seconds_left() - RESERVE_SECONDS))
        status = executions.status(arn)
    return Started(arn, status)
