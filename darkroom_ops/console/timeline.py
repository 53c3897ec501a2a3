"""An execution in time, in percent of a common scale. Pure."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from darkroom_ops.console import graph
from darkroom_ops.executions import timeline
from darkroom_ops.executions.history import Redrive, StateRun
from darkroom_ops.executions.model import Execution

LEAST_WIDTH = 0.4
"""Percent of the scale: what took no time is seen all the same."""

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Distances of the scale's marks, in seconds."""

MARKS = 6
"""Marks at most."""


@dataclass(frozen=True)
class DrawnBar:
    """A part of a row: its kind, and where it lies, in percent of the scale."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class DrawnRow:
    """A passage through a state, as the page shows it."""

    run: StateRun
    label: str
    status: graph.Status
    depth: int
    bars: tuple[DrawnBar, ...]
    after: Redrive | None = None


@dataclass(frozen=True)
class Timeline:
    """An execution in time: its rows, and where the scale has marks, in percent and in seconds.

    The time between an end and a redrive is folded: `folds` says where, in percent.
    """

    rows: tuple[DrawnRow, ...]
    marks: tuple[tuple[float, float], ...]
    folds: tuple[float, ...] = ()


def draw(execution: Execution, now: datetime.datetime) -> Timeline:
    """Draw an execution."""
    rows = timeline.rows(execution, now)
    # States may exit a moment after the execution's own end is noted, as when it is stopped.
    whole = timeline.elapsed(execution, execution.stopped or now)
    total = max(whole, 0.001, *(bar.end for row in rows for bar in row.bars))

    def drawn(bar: timeline.Bar) -> DrawnBar:
        x = min(max(100 * bar.start / total, 0.0), 100 - LEAST_WIDTH)
        width = min(max(100 * (bar.end - bar.start) / total, LEAST_WIDTH), 100 - x)
        return DrawnBar(bar.kind, round(x, 3), round(width, 3))

    step = next((each for each in STEPS if total / each <= MARKS), STEPS[-1])
    return Timeline(
        rows=tuple(
            DrawnRow(
                row.run,
                graph.label(row.run),
                graph.status(row.run, execution),
                row.depth,
                tuple(drawn(bar) for bar in row.bars if bar.kind != "wait"),
                row.after,
            )
            for row in rows
        ),
        # 0.3 / 0.05 is less than 6, as floating point counts.
        marks=tuple(
            (round(100 * i * step / total, 3), i * step)
            for i in range(int(total / step + 1e-9) + 1)
        ),
        folds=tuple(
            round(100 * timeline.elapsed(execution, each.ended) / total, 3)
            for each in execution.redrives
        ),
    )
