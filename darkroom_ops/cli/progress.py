"""Following one execution to its end, and showing what came of it: live on a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from darkroom.contract.arns import parse
from rich.console import Console, Group
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from darkroom_ops.cli import address, advice, display
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.client import Executions
from darkroom_ops.executions.history import StateRun
from darkroom_ops.executions.model import Change, Execution
from darkroom_ops.executions.timeline import depths
from darkroom_ops.executions.watch import follow, interval
from darkroom_ops.present import words
from darkroom_ops.present.failures import FAILED, LeftRunning

NAME_WIDTH = 26


class Progress(display.Board):
    """The states of one execution, a line each, as they end; below, with a spinner, what runs."""

    transient = True

    def show(self, execution: Execution, happened: list[Change]) -> None:
        """Show what happened since the last time."""
        depth = depths(execution.states)
        for change in happened:
            line = _line(change, depth[change.state.id])
            if line is not None:
                self._screen.print(line, soft_wrap=True)
        if self._live:
            self._live.update(_running(execution, depth))


def _line(change: Change, depth: int) -> Text | None:
    """Return the line of a change: containers have theirs when they begin, others at the end."""
    state = change.state
    line: Text | None = None
    if state.type in display.CONTAINERS:
        line = _row("▸", state, depth, "") if change.kind == "entered" else None
    elif state.type == "Fail":
        pass  # what it says follows as the result
    elif change.kind == "retried":
        failed = [attempt.error for attempt in state.attempts if attempt.error]
        said = f"tries again after {failed[-1]}" if failed else ""
        line = _row("↻", state, depth, said, "yellow")
    elif change.kind == "aborted":
        line = _row("-", state, depth, "stopped", "dim")
    elif change.kind == "failed" and not state.handled:
        line = _row(display.FAILED, state, depth, state.error or "", "red")
    elif change.kind in {"exited", "failed"}:
        said = words.count(state.retries, "retry") if state.retries else ""
        if state.handled:
            said = "another execution has it"
        line = _row(display.SUCCEEDED, state, depth, said, "green")
    return line


def _row(mark: str, state: StateRun, depth: int, said: str, style: str = "") -> Text:
    indent = "  " * (1 + depth)
    name = display.name_of(state)
    took = "" if mark in "▸↻" else words.duration(state.seconds)
    text = Text(f"{indent}", no_wrap=True).append(mark, style)
    text.append(f" {name}".ljust(NAME_WIDTH - len(indent))).append(f"{took:>8}", "dim")
    text.append(f"  {said}", style if style != "green" else "dim")
    text.rstrip()
    return text


def _running(execution: Execution, depth: dict[int, int]) -> Group:
    rows = []
    for state in execution.states:
        if state.exited is None and state.type not in display.CONTAINERS and not execution.ended:
            indent = "  " * (1 + depth[state.id])
            name = display.name_of(state)
            waits = f"  waits to try again after {state.error}" if state.error else ""
            row = Table.grid()
            row.add_row(indent, Spinner("dots"), Text(f" {name}{words.plain(waits)}", style="dim"))
            rows.append(row)
    return Group(*rows)


def followed(deployment: Deployment, arn: str, screen: Console) -> Execution:
    """Show an execution until it ends.

    After Ctrl-C, LeftRunning says how to follow it again.
    """
    try:
        screen.print(Text(f"Execution {arn}", "dim"), soft_wrap=True)
        with Progress(screen) as progress:
            for execution, happened in follow(deployment.stepfunctions, arn, interval(deployment)):
                progress.show(execution, happened)
    except KeyboardInterrupt:
        again = address.command(deployment, "show", parse(arn).name, "--follow")
        raise LeftRunning(
            f"The execution goes on without you. To follow it again:\n  {again}"
        ) from None
    return execution


def follow_to_end(
    deployment: Deployment, arn: str, screen: Console, more: Mapping[str, Any] | None = None
) -> int:
    """Follow an execution, and show what it made, or why it failed.

    On a quiet screen, a program gets one JSON object instead, with `more` in it. The exit code is 0
    when the execution succeeded, 1 when it failed.
    """
    execution = followed(deployment, arn, screen)
    estimate = Executions(deployment).cost(execution)
    if screen.quiet:
        print(json.dumps(display.as_json(execution, estimate) | dict(more or {})))
    screen.print()
    screen.print(display.summary(execution, estimate), soft_wrap=True)
    for part in display.results(execution):
        screen.print()
        screen.print(part, soft_wrap=True)
    if execution.outcome == "FAILED":
        screen.print()
        display.say(screen, advice.failure(deployment, execution))
        screen.print()
        display.say(screen, advice.advice(deployment, execution))
    return 0 if execution.status == "SUCCEEDED" else FAILED
