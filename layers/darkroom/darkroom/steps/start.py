"""The step Start: take an upload out of the buffer, start its execution, and wait until it ended.

A message counts against the buffer's concurrency for as long as this runs. That is what bounds how
many images are processed at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from darkroom.aws.executions import Executions
from darkroom.contract.errors import DarkroomError
from darkroom.contract.results import Started
from darkroom.steps.settings import StartSettings

if TYPE_CHECKING:
    from darkroom.aws.queues import Queue

DESCRIBES_PER_SECOND = 10
"""DescribeExecution is granted 15 times a second (Step Functions developer guide, "Quotas"); the
rest is left to people."""

SHORTEST_PAUSE = 0.5
"""Seconds between two looks at an execution, at least: a look is free, and a turn that nobody uses
holds back the next image."""

RESERVE_SECONDS = 10.0
"""The function ends in order when this is left of its time."""

SOONEST_AGAIN, LATEST_AGAIN = 30, 960
"""Seconds until a message that failed comes again: the first time, doubled each time, and at most
the queue's visibility timeout. All ten tries take 80 minutes."""


@contextlib.contextmanager
def coming_again(message: Mapping[str, Any], queue: Callable[[], Queue]) -> Iterator[None]:
    """Have a message of the buffer come again soon if it fails.

    Else it would come when it is visible again, after the longest time that an execution takes.
    """
    try:
        yield
    except Exception:
        before = int(message["attributes"]["ApproximateReceiveCount"]) - 1
        with contextlib.suppress(DarkroomError):  # then it comes late
            queue().give_back(
                message["receiptHandle"], min(SOONEST_AGAIN * 2**before, LATEST_AGAIN)
            )
        raise


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
