"""`darkroom redrive`: resume an execution where it stopped."""

from __future__ import annotations

import time

from botocore.exceptions import ClientError
from darkroom.contract.advice import advise
from rich.console import Console

from darkroom_ops.cli import address, display, progress
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.client import Executions
from darkroom_ops.executions.model import Execution
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

SEEN_SECONDS = 10.0
"""How long AWS may take to say that a redriven execution runs."""


def redrive(named: str, *, endpoint: str | None, stack: str | None, as_json: bool) -> int:
    """Resume an execution and follow it.

    Parameters
    ----------
    named
        As :meth:`darkroom_ops.executions.client.Executions.find` takes it.
    endpoint, stack
        Where the stack is.
    as_json
        Print one JSON object at the end, and nothing else.

    Returns
    -------
    int
        0 when the execution succeeded, 1 when it failed.

    Raises
    ------
    WrongUse
        It cannot be resumed, why, and what helps instead.
    NoSuchExecution
        There is none.
    LeftRunning
        The user pressed Ctrl-C while it ran.
    """
    deployment = address.connect(endpoint, stack)
    executions = Executions(deployment)
    execution = executions.get(executions.find(named))
    check(deployment, execution)
    client, arn = deployment.stepfunctions, execution.arn
    before = client.describe_execution(executionArn=arn).get("redriveCount", 0)
    try:
        client.redrive_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionNotRedrivable":
            raise
        raise WrongUse(
            f"Step Functions cannot resume this execution: {error.response['Error']['Message']} "
            f"{_instead(deployment, execution)}"
        ) from None
    _until_seen(deployment, arn, before)
    screen = Console(quiet=True) if as_json else display.console()
    resumed = ", ".join(_unfinished(execution)) or "its last state"
    screen.print(words.plain(f"Resumes at {resumed}; what succeeded is kept."), soft_wrap=True)
    execution = progress.followed(deployment, arn, screen)
    return progress.finish(deployment, execution, screen, as_json=as_json)


def check(deployment: Deployment, execution: Execution) -> None:
    """Check that resuming an execution makes sense.

    Raises
    ------
    WrongUse
        It runs, it succeeded, or its failure was caught: a redrive resumes at the state that
        failed, and that would be the Fail state at the end (Step Functions guide, redriving).
    """
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
    found = advise(execution.error or "", caught=execution.caught)
    commands = [
        f"{title} `{display.command(deployment, execution, action)}`."
        for action, title in found.actions
        if action != "redrive"
    ]
    return " ".join([found.says, *commands] if execution.caught else commands)


def _unfinished(execution: Execution) -> list[str]:
    """Return the innermost states that did not end well."""
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
    deadline = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < deadline:
        described = deployment.stepfunctions.describe_execution(executionArn=arn)
        if described["status"] == "RUNNING" or described.get("redriveCount", 0) > before:
            return
        time.sleep(progress.interval(deployment))
