"""`darkroom show`: one execution: what it did, what it made, why it failed, what it logged."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from darkroom_ops.cli.command import LOOK, command
from darkroom_ops.cli.options import ExecutionName
from darkroom_ops.cli.target import Target
from darkroom_ops.present.failures import FAILED


@command(
    "darkroom show 3f2a9c41",
    "darkroom show s3://my-bucket/uploads/photo.jpg --logs",
    "darkroom show rocket.jpg",
    "darkroom show 3f2a9c41 --state 'Resize small'",
    "darkroom show 'https://…/v2/executions/details/arn:aws:states:…' --stack darkroom",
    panel=LOOK,
)
def show(
    target: Target,
    execution: ExecutionName,
    *,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A state's calls, input and output: Prepare, or 'Resize small'.",
        ),
    ] = None,
    given: Annotated[
        bool, typer.Option("--input", help="The input of the execution, or of --state.")
    ] = False,
    made: Annotated[
        bool,
        typer.Option("--output", help="The output of the execution, or of --state."),
    ] = False,
    log: Annotated[bool, typer.Option("--logs", help="The log lines of the execution.")] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Wait until it ends; then exit with 1 if it failed."),
    ] = False,
) -> int:
    """Show one execution: its states in time, what it made, why it failed and what helps.

    A part of a key, an error or an id names it too, if one image alone fits.
    """
    from darkroom_ops import logs
    from darkroom_ops.cli import details, display, progress
    from darkroom_ops.executions.client import Executions

    deployment = target.deployment()
    screen = target.screen()
    one = target.execution(deployment, execution, search=True)
    if follow and not one.ended:
        one = progress.followed(deployment, one.arn, screen)
        screen.print()
    chosen = details.states_named(one, state) if state else ()
    lines = logs.lines(deployment, one) if log else []
    if target.json:
        shown = display.as_json(one, Executions(deployment).cost(one))
        shown |= {"input": one.input, "output": one.output}
        if chosen:
            shown["state"] = [details.state_as_json(each) for each in chosen]
        if log:
            shown["logs"] = [details.line_as_json(line) for line in lines]
        print(json.dumps(shown))
    elif chosen:
        details.show_states(screen, chosen, given=given, made=made)
    elif given or made:
        for wanted, title, value in ((given, "Input", one.input), (made, "Output", one.output)):
            if wanted:
                details.show_json(screen, title, value)
    else:
        details.show_whole(screen, deployment, one, Executions(deployment).cost(one))
    if log:
        details.show_lines(screen, lines)
    return FAILED if follow and one.ended and one.status != "SUCCEEDED" else 0
