"""When each state ran: bars on a common scale. Pure."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from darkroom_ops.console import graph
from darkroom_ops.executions.history import StateRun
from darkroom_ops.executions.model import Execution

LEAST_WIDTH = 0.4
"""Percent of the scale: what took no time is seen all the same."""

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Distances of the scale's marks, in seconds."""

MARKS = 6
"""Marks at most."""


@dataclass(frozen=True)
class Bar:
    """A part of a row.

    Parameters
    ----------
    kind
        ``state`` for the whole passage, ``attempt`` for a call, ``error`` for a call that failed.
    x, width
        In percent of the scale.
    """

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Row:
    """A passage through a state.

    Parameters
    ----------
    run
        The passage.
    label
        Its rendition or Map item; else empty.
    status
        How it fared.
    depth
        How many Map and Parallel states are around it.
    bars
        What is drawn, the whole first.
    """

    run: StateRun
    label: str
    status: graph.Status
    depth: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Timeline:
    """An execution in time.

    Parameters
    ----------
    rows
        In the order of entering.
    marks
        Where the scale has marks: percent and seconds.
    """

    rows: tuple[Row, ...]
    marks: tuple[tuple[float, float], ...]


def draw(execution: Execution, now: datetime.datetime) -> Timeline:
    """Draw an execution.

    Parameters
    ----------
    execution
        As far as it has come.
    now
        Until then the states that run are drawn.
    """
    end = execution.stopped or now
    # States may exit a moment after the execution's own end is noted, as when it is stopped.
    last = max([end, *(run.exited for run in execution.states if run.exited)])
    total = max((last - execution.started).total_seconds(), 0.001)

    def bar(kind: str, since: datetime.datetime, until: datetime.datetime | None) -> Bar:
        x = 100 * (since - execution.started).total_seconds() / total
        width = 100 * ((until or last) - since).total_seconds() / total
        x = min(max(x, 0.0), 100 - LEAST_WIDTH)
        return Bar(kind, round(x, 3), round(min(max(width, LEAST_WIDTH), 100 - x), 3))

    depths: dict[int, int] = {}
    rows = []
    for run in execution.states:
        depths[run.id] = depths[run.parent] + 1 if run.parent in depths else 0
        calls = (
            bar("error" if call.error else "attempt", call.started, call.ended or run.exited)
            for call in run.attempts
        )
        rows.append(
            Row(
                run,
                graph.label(run),
                graph.status(run, execution),
                depths[run.id],
                (bar("state", run.entered, run.exited), *calls),
            )
        )
    step = next((each for each in STEPS if total / each <= MARKS), STEPS[-1])
    count = int(total / step)
    marks = tuple((round(100 * i * step / total, 3), i * step) for i in range(count + 1))
    return Timeline(tuple(rows), marks)
