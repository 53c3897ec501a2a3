"""The states of an execution as bars on a common time axis."""

from __future__ import annotations

import datetime

from rich.console import Group
from rich.text import Text

from darkroom_ops.cli.display import CONTAINERS, FAILED, borderless, name_of
from darkroom_ops.executions.history import StateRun
from darkroom_ops.executions.model import Execution
from darkroom_ops.executions.timeline import Bar, Row, elapsed, rows
from darkroom_ops.present import words

RUNS, WAITS, AROUND = "━", "┄", "─"

NARROWEST = 12
"""Cells of a bar, at least: the terminal scrolls rather than showing less."""

TIMES = ("Start", "Took")
"""Columns that a narrow screen does without, the first one first."""

TIME_WIDTH = 8
GAPS = 4
NOTE_WIDTH = 26

LEGEND = f"  {RUNS} runs   {RUNS}{FAILED} a call that failed   {WAITS} waits to try again"


def timeline(execution: Execution, width: int) -> Group:
    """Return the states, a line each, in the order of entering."""
    now = datetime.datetime.now(datetime.UTC)
    lines = rows(execution, now)
    labels = ["  " * (1 + row.depth) + name_of(row.run) for row in lines]
    notes = [_note(row.run, ended=execution.ended) for row in lines]
    label = max(map(len, labels), default=0)
    note = min(NOTE_WIDTH, max((len(each.plain) for each in notes), default=0))
    room = width - label - note - 2 * GAPS
    times: tuple[str, ...] = TIMES
    while times and room - len(times) * TIME_WIDTH < NARROWEST:
        times = times[1:]
    cells = max(NARROWEST, min(60, room - len(times) * TIME_WIDTH))
    span = elapsed(execution, execution.stopped or now)
    end = words.duration(span)
    table = borderless(2)
    table.add_column("  State", no_wrap=True, min_width=label)
    for time in times:
        table.add_column(time, justify="right", no_wrap=True)
    table.add_column(Text("0 s" + end.rjust(cells - 3), "dim"), no_wrap=True, width=cells)
    table.add_column("", no_wrap=True)
    for row, name, said in zip(lines, labels, notes, strict=True):
        if row.after:
            gap = f"redriven {words.duration(row.after.seconds)} later"
            gap = gap if len(gap) <= cells else "redriven"
            table.add_row("", *([""] * len(times)), Text(gap.center(cells, WAITS), "dim"), "")
        told = {
            "Start": Text(words.duration(row.bars[0].start), "dim"),
            "Took": Text(words.duration(row.run.seconds)),
        }
        drawn = _drawn(row, max(span, 0.001), cells)
        table.add_row(name, *(told[time] for time in times), drawn, said)
    retried = any(row.run.retries for row in lines)
    return Group(table, Text(LEGEND, "dim")) if retried else Group(table)


def _drawn(row: Row, span: float, cells: int) -> Text:
    """Return the bar: what went wrong is drawn over what ran, and that over the waits."""
    drawn = [(" ", "")] * cells

    def draw(begin: float, end: float, mark: str, style: str) -> None:
        """Draw from one time to another, one cell at least."""
        first, last = (max(0, min(cells - 1, int(time / span * cells))) for time in (begin, end))
        last = max(first, last)
        drawn[first : last + 1] = [(mark, style)] * (last + 1 - first)

    whole, *parts = row.bars
    if not row.run.attempts:
        draw(whole.start, whole.end, AROUND if row.run.type in CONTAINERS else RUNS, "dim")
    for bar in parts:
        if bar.kind == "wait":
            draw(bar.start, bar.end, WAITS, "dim")
        else:
            draw(bar.start, bar.end, RUNS, _style(bar, handled=row.run.handled))
    for bar in parts:
        if bar.kind == "error" and not row.run.handled:
            draw(bar.end, bar.end, FAILED, "red")
    return Text.assemble(*drawn)


def _style(bar: Bar, *, handled: bool) -> str:
    if bar.kind == "error" and not handled:
        return "red"
    if bar.kind == "stopped":
        return "dim"
    return "green" if bar.ended else "cyan"


def _note(state: StateRun, *, ended: bool) -> Text:
    if state.handled:
        return Text("another execution has it", "dim")
    if state.error and state.type != "Fail":
        said = words.plain(state.error)
        waits = state.exited is None and not ended
        return Text(f"waits after {said}", "yellow") if waits else Text(said, "red")
    if state.aborted:
        return Text("stopped", "dim")
    if state.exited is None:
        return Text("stopped", "dim") if ended else Text("runs", "cyan")
    if state.retries:
        return Text(words.count(state.retries, "retry"), "yellow")
    return Text()
