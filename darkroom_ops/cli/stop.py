"""`darkroom stop`: end a running execution."""

from __future__ import annotations

import json

from rich.text import Text

from darkroom_ops.cli import address, display
from darkroom_ops.executions.client import Executions
from darkroom_ops.executions.model import STOPPED
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse


def stop(
    named: str, *, reason: str | None, endpoint: str | None, stack: str | None, as_json: bool
) -> int:
    """Stop an execution.

    Parameters
    ----------
    named
        As :meth:`darkroom_ops.executions.client.Executions.find` takes it.
    reason
        For the alert and the execution's record.
    endpoint, stack
        Where the stack is.
    as_json
        Print one JSON object.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    WrongUse
        It has ended already.
    NoSuchExecution
        There is none.
    """
    deployment = address.connect(endpoint, stack)
    executions = Executions(deployment)
    execution = executions.get(executions.find(named))
    if execution.ended:
        outcome = (execution.outcome or execution.status).replace("_", " ")
        again = address.command(deployment, "show", execution.name)
        raise WrongUse(f"This execution has ended already: {outcome}. See `{again}`.")
    deployment.stepfunctions.stop_execution(
        executionArn=execution.arn, error=STOPPED, cause=reason or "An operator stopped it."
    )
    commands = {
        "resume": address.command(deployment, "redrive", execution.name),
        "rerun": address.command(deployment, "rerun", execution.name),
    }
    if as_json:
        print(json.dumps({"execution": execution.arn, "status": "ABORTED", "commands": commands}))
        return 0
    name = words.plain(execution.source.key) if execution.source else execution.name
    screen = display.console()
    screen.print(Text("Stopped  ", "bold").append(name), soft_wrap=True)
    screen.print(
        "\n  What was being done when it stopped may still finish: a function that runs is not cut "
        "off.\n  The alerts topic tells people that the image has no outcome yet.\n\n"
        f"  To resume it where it stopped:  {commands['resume']}\n"
        f"  To run it again from the start: {commands['rerun']}",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    return 0
