"""When each state of an execution ran, waited and failed: what both timelines draw. Pure."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from darkroom_ops.executions.history import Redrive, StateRun
from darkroom_ops.executions.model import Execution


@dataclass(frozen=True)
class Bar:
    """A part of a row: the whole passage, a call, one that was aborted or failed, or a wait."""

    kind: Literal["state", "attempt", "stopped", "error", "wait"]
    start: float  # in seconds after the execution's start, without the pauses before redrives
    end: float
    ended: bool = True


@dataclass(frozen=True)
class Row:
    """A passage through a state."""

    run: StateRun
    depth: int  # how many Map and Parallel states are around it
    bars: tuple[Bar, ...]  # the whole first, then the waits, then the calls
    after: Redrive | None = None  # the redrive that this is the first passage after


def rows(execution: Execution, now: datetime.datetime) -> list[Row]:
    """Return a row for each passage through a state, in the order of entering."""
    by_id = {run.id: run for run in execution.states}
    depth = depths(execution.states)
    last = execution.stopped or now

    def ended(run: StateRun) -> datetime.datetime:
        """Return when a state ended: itself, with the state around it, or with the execution."""
        around = by_id.get(run.parent) if run.parent is not None else None
        return run.exited or (ended(around) if around else last)

    def at(time: datetime.datetime) -> float:
        return elapsed(execution, time)

    def bars(run: StateRun) -> Iterator[Bar]:
        end = ended(run)
        yield Bar("state", at(run.entered), at(end), run.exited is not None)
        for call, again in itertools.zip_longest(run.attempts, run.attempts[1:]):
            if call.error and call.ended and (again or not run.exited or run.aborted):
                yield Bar("wait", at(call.ended), at(again.started if again else end))
        for call in run.attempts:
            # A call may outlast its state: what its Map or Parallel state gave up on runs on.
            until = min(call.ended or end, end)
            kind: Literal["attempt", "stopped", "error"] = (
                "error" if call.error else "stopped" if call.aborted else "attempt"
            )
            yield Bar(kind, at(call.started), at(until), call.ended is not None)

    left = list(execution.redrives)
    found = []
    for run in execution.states:
        after = None
        while left and left[0].resumed <= run.entered:
            after = left.pop(0)
        found.append(Row(run, depth[run.id], tuple(bars(run)), after))
    return found


def elapsed(execution: Execution, time: datetime.datetime) -> float:
    """Return the seconds that an execution had run for at a time: pauses are folded."""
    paused = sum(
        (min(time, each.resumed) - each.ended).total_seconds()
        for each in execution.redrives
        if each.ended < time
    )
    return (time - execution.started).total_seconds() - paused


def depths(states: Iterable[StateRun]) -> dict[int, int]:
    """Return how many Map and Parallel states are around each passage, by its id."""
    depth: dict[int, int] = {}
    for run in states:
        depth[run.id] = depth[run.parent] + 1 if run.parent in depth else 0
    return depth
