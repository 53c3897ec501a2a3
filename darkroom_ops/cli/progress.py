"""Following one execution to its end, and showing what came of it: for run, rerun and redrive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from darkroom.contract.arns import parse
from rich.console import Console
from rich.text import Text

from darkroom_ops.cli import address, display
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.client import Executions
from darkroom_ops.executions.model import Execution
from darkroom_ops.executions.watch import AWS_SECONDS, ENGINE_SECONDS, follow
from darkroom_ops.present.failures import FAILED, LeftRunning


def interval(deployment: Deployment) -> float:
    """Return how often to look, in seconds."""
    return ENGINE_SECONDS if deployment.endpoint else AWS_SECONDS


def followed(deployment: Deployment, arn: str, screen: Console) -> Execution:
    """Show an execution until it ends.

    Raises
    ------
    LeftRunning
        The user pressed Ctrl-C: the execution goes on.
    """
    try:
        screen.print(Text(f"Execution {arn}", "dim"), soft_wrap=True)
        with display.Progress(screen) as progress:
            for execution, happened in follow(deployment.stepfunctions, arn, interval(deployment)):
                progress.show(execution, happened)
    except KeyboardInterrupt:
        again = address.command(deployment, "show", parse(arn).name, "--follow")
        raise LeftRunning(
            f"The execution goes on without you. To follow it again:\n  {again}"
        ) from None
    return execution


def finish(
    deployment: Deployment,
    execution: Execution,
    screen: Console,
    *,
    as_json: bool,
    more: Mapping[str, Any] | None = None,
) -> int:
    """Show what an execution made, or why it failed.

    Parameters
    ----------
    deployment, execution, screen
        Of whom, what and where.
    as_json
        Print one JSON object instead.
    more
        Further fields of that object.

    Returns
    -------
    int
        The exit code: 0 when it succeeded, 1 when it failed.
    """
    estimate = Executions(deployment).cost(execution)
    if as_json:
        print(json.dumps(display.as_json(execution, estimate) | dict(more or {})))
    else:
        screen.print()
        screen.print(display.summary(execution, estimate), soft_wrap=True)
        for part in display.results(execution):
            screen.print()
            screen.print(part, soft_wrap=True)
        if execution.outcome == "FAILED":
            screen.print()
            display.say(screen, display.failure(execution))
            screen.print()
            display.say(screen, display.advice(deployment, execution))
    return 0 if execution.status == "SUCCEEDED" else FAILED
