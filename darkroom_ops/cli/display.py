"""An execution on the screen: live, and when it has ended. Plain lines without a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from darkroom.contract.advice import STATUS_REASONS, Action, advise
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from darkroom_ops.cli import address
from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.cost import Cost
from darkroom_ops.executions.history import StateRun
from darkroom_ops.executions.model import Change, Execution, Made
from darkroom_ops.executions.timeline import depths
from darkroom_ops.present import words
from darkroom_ops.present.outcomes import NOTES

STYLES = {
    "COMPLETE": "bold green",
    "ALREADY_PROCESSED": "bold cyan",
    "SUPERSEDED": "bold cyan",
    "FAILED": "bold red",
}
"""Colour of an outcome."""

CONTAINERS = {"Map", "Parallel"}

NAME_WIDTH = 26

SUCCEEDED, FAILED = "✓", "✗"


def console() -> Console:
    """Return where to print: a terminal of its width, or plain text that no line is cut in."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


PLAIN_WIDTH = 120


@contextlib.contextmanager
def waiting(screen: Console, what: str, *, quiet: bool = False) -> Iterator[None]:
    """Show on a terminal that something takes a moment."""
    if quiet or not screen.is_terminal:
        yield
        return
    with screen.status(Text(what, "dim")):
        yield


class Progress:
    """The states of one execution, a line each, as they end; what runs stands below with a spinner.

    Parameters
    ----------
    screen
        Where to print.
    """

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._live = (
            Live(console=screen, transient=True, refresh_per_second=10)
            if screen.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

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
    if state.type in CONTAINERS:
        return _row("▸", state, depth, "") if change.kind == "entered" else None
    if state.type == "Fail":
        return None  # what it says follows as the result
    if change.kind == "retried":
        failed = [attempt.error for attempt in state.attempts if attempt.error]
        return _row(
            "↻", state, depth, f"tries again after {failed[-1]}" if failed else "", "yellow"
        )
    if change.kind == "failed" and not state.handled:
        return _row(FAILED, state, depth, state.error or "", "red")
    if change.kind in {"exited", "failed"}:
        said = words.count(state.retries, "retry") if state.retries else ""
        if state.handled:
            said = "another execution has it"
        return _row(SUCCEEDED, state, depth, said, "green")
    return None


def _row(mark: str, state: StateRun, depth: int, said: str, style: str = "") -> Text:
    indent = "  " * (1 + depth)
    name = name_of(state)
    took = "" if mark in "▸↻" else words.duration(state.seconds)
    text = Text(f"{indent}", no_wrap=True).append(mark, style)
    text.append(f" {name}".ljust(NAME_WIDTH - len(indent))).append(f"{took:>8}", "dim")
    text.append(f"  {said}", style if style != "green" else "dim")
    text.rstrip()
    return text


def name_of(state: StateRun) -> str:
    """Return a state's name, with that of the rendition that a Map item makes."""
    return words.plain(f"{state.name} {state.rendition}" if state.rendition else state.name)


def _running(execution: Execution, depth: dict[int, int]) -> Group:
    rows = []
    for state in execution.states:
        if state.exited is None and state.type not in CONTAINERS and not execution.ended:
            indent = "  " * (1 + depth[state.id])
            name = name_of(state)
            waits = f"  waits to try again after {state.error}" if state.error else ""
            row = Table.grid()
            row.add_row(indent, Spinner("dots"), Text(f" {name}{words.plain(waits)}", style="dim"))
            rows.append(row)
    return Group(*rows)


def summary(execution: Execution, cost: Cost | None) -> Text:
    """Return the line that says how an execution ended."""
    outcome = execution.outcome or execution.status
    text = Text(outcome.replace("_", " "), STYLES.get(outcome, "bold"))
    if execution.source:
        text.append(f"  {words.plain(execution.source.key)}", "bold")
    text.append(f"\n{words.duration(execution.seconds)}, ")
    text.append(words.count(execution.transitions, "transition"))
    if cost is not None:
        text.append(
            f", about {words.dollars(cost.usd)} on AWS ({words.dollars(cost.usd * 1000)} per 1,000 "
            "such executions)"
        )
    if outcome in NOTES:
        text.append(f"\n\n  {NOTES[outcome]}")
    return text


def results(execution: Execution) -> list[Text | Table]:
    """Return what an execution made: a line a rendition, the PDF, the backup."""
    if execution.image is None:
        return []
    image, original = execution.image, execution.image.bytes
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for title, justify in (("", "left"), ("Pixels", "left"), ("Size", "right"), ("", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_row(
        f"  original ({image.format.upper()})", f"{image.width} x {image.height}",
        words.size(original), "",
    )  # fmt: skip
    for made in execution.outputs:
        name = words.plain(made.key.rpartition("/")[2])
        table.add_row(
            f"  {name}", words.measure(made), words.size(made.bytes), words.saving(made, original)
        )
    where = [("In", _folder(execution.outputs))] if execution.outputs else []
    if execution.backup:
        where.append(("Backup", f"s3://{execution.backup.bucket}/{execution.backup.key}"))
    places = (f"  {name:<8}{words.plain(place)}" for name, place in where)
    return [table, Text("\n".join(places))]


def _folder(made: tuple[Made, ...]) -> str:
    return f"s3://{made[0].bucket}/{made[0].key.rpartition('/')[0]}/"


def say(screen: Console, text: Text) -> None:
    """Print a paragraph, indented: wrapped at words on a terminal, whole lines elsewhere."""
    if screen.is_terminal:
        screen.print(Padding(text, (0, 0, 0, 2)))
    else:
        screen.print("\n".join(f"  {line}".rstrip() for line in text.plain.split("\n")),
                     soft_wrap=True, markup=False)  # fmt: skip


def failure(execution: Execution) -> Text:
    """Return why an execution failed, in words."""
    state = execution.failed_state
    text = Text(words.plain(execution.error or execution.status), "red")
    text.append(f" in step {state.name}" if state else "", "default")
    cause = execution.cause or STATUS_REASONS.get(execution.status, "")
    text.append(f"\n{words.plain(cause)}" if cause else "", "default")
    return text


def command(deployment: Deployment, execution: Execution, action: Action) -> str:
    """Return the command that does what helps after a failure."""
    name, *options = {"rerun newest": ["rerun", "--newest"]}.get(action, [action])
    return address.command(deployment, name, execution.name, *options)


def advice(deployment: Deployment, execution: Execution) -> Text:
    """Return whether trying a failed execution again helps, and the commands for it."""
    found = advise(execution.error or "", caught=execution.caught)
    text = Text(f"Try again? {found.says}")
    for action, title in found.actions:
        text.append(f"\n\n{title}\n")
        text.append(words.plain(command(deployment, execution, action)), "bold")
    return text


def as_json(execution: Execution, cost: Cost | None) -> dict[str, object]:
    """Return an execution as the commands give it with ``--json``."""
    return {
        "execution": execution.arn,
        "name": execution.name,
        "source": f"s3://{execution.source.bucket}/{execution.source.key}"
        if execution.source
        else None,
        "status": execution.status,
        "outcome": execution.outcome,
        "error": execution.error,
        "cause": execution.cause,
        "started": execution.started.isoformat(),
        "seconds": round(execution.seconds, 3),
        "transitions": execution.transitions,
        "cost_usd": None if cost is None else round(cost.usd, 9),
        "cost": [
            {"what": i.what, "quantity": round(i.quantity, 6), "unit": i.unit, "usd": i.usd}
            for i in (cost.items if cost else ())
        ],
        "outputs": [
            {
                "key": m.key,
                "content_type": m.content_type,
                "width": m.width,
                "height": m.height,
                "bytes": m.bytes,
            }
            for m in execution.outputs
        ],
        "backup": f"s3://{execution.backup.bucket}/{execution.backup.key}"
        if execution.backup
        else None,
        "states": [
            {
                "name": s.name,
                "type": s.type,
                "rendition": s.rendition,
                "start": round((s.entered - execution.started).total_seconds(), 3),
                "seconds": None if s.seconds is None else round(s.seconds, 3),
                "retries": s.retries,
                "error": s.error,
            }
            for s in execution.states
        ],
    }
