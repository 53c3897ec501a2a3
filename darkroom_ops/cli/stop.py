"""`darkroom stop`: end a running execution."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.text import Text

from darkroom_ops.cli.command import WORK, command
from darkroom_ops.cli.many import Chosen, many, one_or_many, people_read
from darkroom_ops.cli.options import (
    DryRun,
    MaybeExecution,
    Yes,
)
from darkroom_ops.cli.target import Target
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse
from darkroom_ops.present.outcomes import ending

UNSAID = "An operator stopped it."
"""The reason of a stop for which nobody gave one."""


@command(
    "darkroom stop 3f2a9c41 --reason 'wrong folder'",
    "darkroom stop --status running --prefix uploads/wrong/ --reason 'wrong folder'",
    panel=WORK,
)
def stop(
    target: Target,
    execution: MaybeExecution = None,
    *,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="For the alert and the record."),
    ] = None,
    chosen: Chosen,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Stop a running execution. An alert tells people why, and it can be resumed."""
    from darkroom_ops.cli import address
    from darkroom_ops.executions.model import STOPPED

    said = (reason or "").strip()
    if one_or_many(execution, chosen, "stop"):
        if not said and not dry_run:
            raise WrongUse(
                "Expected --reason TEXT: people who are alerted of many stops at once ask why. "
                "Nothing was done."
            )
        return many(target, "stop", chosen, dry_run=dry_run, yes=yes, reason=said)
    assert execution is not None  # noqa: S101 - one_or_many has said so
    deployment = target.deployment()
    running = target.execution(deployment, execution)
    if running.ended:
        outcome = ending(running).replace("_", " ")
        again = address.command(deployment, "show", running.name)
        raise WrongUse(f"This execution has ended already: {outcome}. See `{again}`.")
    deployment.stepfunctions.stop_execution(
        executionArn=running.arn, error=STOPPED, cause=_why(said, quiet=target.json)
    )
    commands = {
        "resume": address.command(deployment, "redrive", running.name),
        "rerun": address.command(deployment, "rerun", running.name),
    }
    if target.json:
        print(json.dumps({"execution": running.arn, "status": "ABORTED", "commands": commands}))
    screen = target.screen()
    name = words.plain(running.source.key) if running.source else running.name
    screen.print(Text().append("Stopped  ", "bold").append(name), soft_wrap=True)
    screen.print(
        "\n  What was being done when it stopped may still finish: a function that runs is not cut "
        "off.\n  The alerts topic tells people that the image has no outcome yet.\n\n"
        f"  To resume it where it stopped:  {commands['resume']}\n"
        f"  To run it again from the start: {commands['rerun']}",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    return 0


def _why(said: str, *, quiet: bool) -> str:
    """Return why; a person at a terminal who did not say so is asked."""
    if not said and not quiet and people_read():
        said = typer.prompt("Why? (for the alert and the record)", default=UNSAID).strip()
    return said or UNSAID
