"""The states of an execution as bars on a common time axis."""

from __future__ import annotations

import datetime
import itertools

from rich.console import Group
from rich.table import Table
from rich.text import Text

from darkroom_ops.executions.history import Attempt, StateRun
from darkroom_ops.executions.model import Execution
from darkroom_ops.present import words
from darkroom_ops.present.display import CONTAINERS, FAILED, depth, name_of

RUNS, WAITS, AROUND = "━", "┄", "─"

NARROWEST = 16
"""Cells of a bar, at least: the terminal scrolls rather than showing less."""

TIMES_WIDTH = 20
NOTE_WIDTH = 26

LEGEND = f"  {RUNS} runs   {RUNS}{FAILED} a call that failed   {WAITS} waits to try again"


def timeline(execution: Execution, width: int) -> Group:
    """Return the states, a line each, in the order of entering.

    Parameters
    ----------
    execution
        With its states.
    width
        Of the screen, in cells.
    """
    rows = [_Row(state, execution) for state in execution.states]
    label = max((len(row.label) for row in rows), default=0)
    note = min(NOTE_WIDTH, max((len(row.note.plain) for row in rows), default=0))
    cells = max(NARROWEST, min(60, width - label - TIMES_WIDTH - note - 4))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  State", no_wrap=True, min_width=label)
    table.add_column("Start", justify="right", no_wrap=True)
    table.add_column("Took", justify="right", no_wrap=True)
    table.add_column(_axis(execution.seconds, cells), no_wrap=True, width=cells)
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_row(row.label, row.start, row.took, row.bar(cells), row.note)
    retried = any(state.retries for state in execution.states)
    return Group(table, Text(LEGEND, "dim")) if retried else Group(table)


class _Row:
    def __init__(self, state: StateRun, execution: Execution) -> None:
        by_id = {each.id: each for each in execution.states}
        self._state = state
        self._begin = execution.started
        self._span = max(execution.seconds, 0.001)
        self._end = _end(state, by_id, execution)
        self.label = "  " * (1 + depth(state, by_id)) + name_of(state)
        self.start = Text(words.duration((state.entered - self._begin).total_seconds()), "dim")
        self.took = words.duration(state.seconds)
        self.note = _note(state, ended=execution.ended)

    def bar(self, cells: int) -> Text:
        """Return the bar: what went wrong is drawn over what ran, and that over the waits."""
        state, found = self._state, [(" ", "")] * cells
        if not state.attempts:
            around = state.type in CONTAINERS
            self._draw(found, state.entered, self._end, AROUND if around else RUNS, "dim")
        attempts = list(state.attempts)
        for attempt, later in itertools.zip_longest(attempts, attempts[1:]):
            again = later.started if later else self._end
            if attempt.error and attempt.ended and (later or not state.exited):
                self._draw(found, attempt.ended, again, WAITS, "dim")
        for attempt in attempts:
            style = _style(attempt, handled=state.handled)
            # A call may outlast its state: what its Map or Parallel state gave up on runs on.
            end = min(attempt.ended or self._end, self._end)
            self._draw(found, attempt.started, end, RUNS, style)
        for attempt in attempts:
            if attempt.error and not state.handled:
                end = attempt.ended or self._end
                self._draw(found, end, end, FAILED, "red")
        return Text.assemble(*found)

    def _draw(
        self,
        cells: list[tuple[str, str]],
        begin: datetime.datetime,
        end: datetime.datetime,
        mark: str,
        style: str,
    ) -> None:
        """Draw from one time to another, one cell at least."""
        first, last = (
            max(0, min(len(cells) - 1, int(seconds / self._span * len(cells))))
            for seconds in ((time - self._begin).total_seconds() for time in (begin, end))
        )
        last = max(first, last)
        cells[first : last + 1] = [(mark, style)] * (last + 1 - first)


def _end(state: StateRun, by_id: dict[int, StateRun], execution: Execution) -> datetime.datetime:
    """Return when a state ended: itself, with the state around it, or with the execution."""
    found: StateRun | None = state
    while found is not None:
        if found.exited is not None:
            return found.exited
        found = by_id.get(found.parent) if found.parent is not None else None
    return execution.stopped or datetime.datetime.now(datetime.UTC)


def _style(attempt: Attempt, *, handled: bool) -> str:
    if attempt.error and not handled:
        return "red"
    return "green" if attempt.ended else "cyan"


def _note(state: StateRun, *, ended: bool) -> Text:
    if state.handled:
        return Text("another execution has it", "dim")
    if state.error and state.type != "Fail":
        said = words.plain(state.error)
        waits = state.exited is None and not ended
        return Text(f"waits after {said}", "yellow") if waits else Text(said, "red")
    if state.exited is None:
        return Text("stopped", "dim") if ended else Text("runs", "cyan")
    if state.retries:
        return Text(words.count(state.retries, "retry"), "yellow")
    return Text()


def _axis(seconds: float, cells: int) -> Text:
    end = words.duration(seconds)
    return Text("0 s" + end.rjust(cells - 3), "dim")
