"""`darkroom redrive`: resume an execution where it stopped."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from darkroom_ops.cli.command import WORK, command
from darkroom_ops.cli.many import Chosen, many, one_or_many
from darkroom_ops.cli.options import (
    DryRun,
    MaybeExecution,
    Yes,
)
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

if TYPE_CHECKING:
    from darkroom_ops.deployment import Deployment
    from darkroom_ops.executions.model import Execution

SEEN_SECONDS = 10.0
"""How long AWS may take to say that a redriven execution runs."""


@command(
    "darkroom redrive 3f2a9c41",
    "darkroom redrive --status timed_out --since 2h --dry-run",
    panel=WORK,
)
def redrive(
    target: Target,
    execution: MaybeExecution = None,
    *,
    chosen: Chosen,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Resume an execution where it stopped: one that timed out, was stopped, or died uncaught.

    A failure that the workflow caught cannot be resumed; `darkroom rerun` starts it anew. Exits
    with 0 when it succeeded, 1 when it failed, 2 when nothing was resumed.
    """
    from botocore.exceptions import ClientError

    from darkroom_ops.cli import progress

    if one_or_many(execution, chosen, "redrive"):
        return many(target, "redrive", chosen, dry_run=dry_run, yes=yes)
    assert execution is not None  # noqa: S101 - one_or_many has said so
    deployment = target.deployment()
    stopped = target.execution(deployment, execution)
    check(deployment, stopped)
    if dry_run:
        if target.json:
            print(json.dumps({"execution": stopped.arn, "resumed": False}))
        target.screen().print("It would be resumed. Nothing is done: this is a dry run.")
        return 0
    client, arn = deployment.stepfunctions, stopped.arn
    before = client.describe_execution(executionArn=arn).get("redriveCount", 0)
    try:
        client.redrive_execution(executionArn=arn)
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "ExecutionNotRedrivable":
            raise
        raise WrongUse(
            f"Step Functions cannot resume this execution: {refused.response['Error']['Message']} "
            f"{_instead(deployment, stopped)}"
        ) from None
    _until_seen(deployment, arn, before)
    screen = target.screen()
    resumed = ", ".join(_unfinished(stopped)) or "its last state"
    screen.print(words.plain(f"Resumes at {resumed}; what succeeded is kept."), soft_wrap=True)
    return progress.follow_to_end(deployment, arn, screen)


def check(deployment: Deployment, execution: Execution) -> None:
    """Check that resuming an execution makes sense.

    WrongUse says that the execution runs, that it succeeded, or that its failure was caught: a
    redrive resumes at the state that failed, and that would be the Fail state at the end (Step
    Functions guide, redriving).
    """
    from darkroom_ops.cli import address

    instead = _instead(deployment, execution)
    if not execution.ended:
        again = address.command(deployment, "show", execution.name, "--follow")
        raise WrongUse(f"This execution is still running. Follow it with `{again}`.")
    if execution.status == "SUCCEEDED":
        raise WrongUse(f"This execution succeeded: nothing is left to resume. {instead}")
    if execution.caught:
        raise WrongUse(
            "The workflow caught this failure, recorded it and ended in the state "
            f"{execution.states[-1].name}. A redrive would resume there and fail at once. {instead}"
        )


def _instead(deployment: Deployment, execution: Execution) -> str:
    """Return what helps instead, on one line."""
    from darkroom_ops.cli import advice
    from darkroom_ops.present.reasons import advised

    helps = advised(execution)
    commands = [
        f"{title} `{advice.command(deployment, execution, action)}`."
        for action, title in helps.actions
        if action != "redrive"
    ]
    return " ".join([f"Try again? {helps.says}", *commands] if execution.caught else commands)


def _unfinished(execution: Execution) -> list[str]:
    """Return the innermost states that did not end well."""
    from darkroom_ops.cli import display

    around = {state.parent for state in execution.states}
    return [
        display.name_of(state)
        for state in execution.states
        if state.id not in around
        and not state.handled
        and (state.error or state.exited is None or state.output is None)
    ]


def _until_seen(deployment: Deployment, arn: str, before: int) -> None:
    """Wait until a description shows the redrive: until then it would seem to have ended."""
    from darkroom_ops.executions.watch import interval

    deadline = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < deadline:
        described = deployment.stepfunctions.describe_execution(executionArn=arn)
        if described["status"] == "RUNNING" or described.get("redriveCount", 0) > before:
            return
        time.sleep(interval(deployment))
