"""Reading an execution's history: its events, put together to passages through states.

Branches and Map items interleave in a history. Each event's ``previousEventId`` leads back to the
state that it belongs to (Step Functions API reference, HistoryEvent).
"""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from darkroom.contract.advice import item_of

Event = Mapping[str, Any]
"""As GetExecutionHistory has it."""

Events = Mapping[int, Event]
"""By their ids."""

HANDLED = frozenset({"DynamoDB.ConditionalCheckFailedException"})
"""Errors that are an answer, not a failure: the claim is taken."""


@dataclass(frozen=True)
class Attempt:
    """One call of a Task state's integration."""

    resource: str  # as lambda:invoke
    function: str | None  # the Lambda function's name
    parameters: str  # JSON; empty when the history does not say
    started: datetime.datetime
    ended: datetime.datetime | None = None  # None while it runs
    error: str | None = None  # what it failed with
    cause: str | None = None
    aborted: bool = False  # whether nobody waits for its answer any more
    limit: int | None = None  # seconds that it may take

    @property
    def seconds(self) -> float:
        """Duration; 0 while it runs."""
        return (self.ended - self.started).total_seconds() if self.ended else 0.0


@dataclass(frozen=True)
class StateRun:
    """One passage through a state."""

    id: int  # of the history event that entered it
    name: str
    type: str  # that of the Amazon States Language, as Task
    entered: datetime.datetime
    exited: datetime.datetime | None = None  # None while it runs or waits for a retry
    parent: int | None = None  # id of the Map or Parallel state around it
    item: int | None = None  # index of its Map item
    input: str = ""  # JSON
    output: str | None = None
    attempts: tuple[Attempt, ...] = ()  # the calls of a Task
    error: str | None = None  # what it failed with, if that was not mended by a retry
    cause: str | None = None
    aborted: bool = False  # whether what is around it ended first: its Map, Parallel or execution
    paused: float = 0.0  # seconds that the execution had ended for, before a redrive went on in it

    @property
    def seconds(self) -> float | None:
        """Duration, waits for retries included, pauses not; None while it runs."""
        if self.exited is None:
            return None
        return (self.exited - self.entered).total_seconds() - self.paused

    @property
    def handled(self) -> bool:
        """Whether its error is an answer that the state machine expects, not a failure."""
        return self.error in HANDLED

    @property
    def retries(self) -> int:
        """Calls after the first."""
        return max(0, len(self.attempts) - 1)

    @property
    def rendition(self) -> str | None:
        """Name of the rendition that a Map item makes, else None."""
        name = self._rendition().get("name")
        return name if isinstance(name, str) else None

    @property
    def makes(self) -> str:
        """What a Map item makes, as ``large (4000 x 3000, AVIF)``; empty when it is none."""
        return item_of(parsed(self.input)) if self.item is not None else ""

    def _rendition(self) -> Mapping[str, Any]:
        task = parsed(self.input) if self.item is not None else None
        asked = task.get("rendition") if isinstance(task, dict) else None
        return asked if isinstance(asked, dict) else {}


@dataclass(frozen=True)
class Redrive:
    """That an execution went on, after it had ended."""

    ended: datetime.datetime
    resumed: datetime.datetime

    @property
    def seconds(self) -> float:
        """How long it stood still."""
        return (self.resumed - self.ended).total_seconds()


def redrives(events: Sequence[Event]) -> tuple[Redrive, ...]:
    """Return every redrive, the first first."""
    return tuple(
        Redrive(before["timestamp"], event["timestamp"])
        for before, event in itertools.pairwise(events)
        if event["type"] == "ExecutionRedriven"
    )


def latest(runs: Sequence[StateRun]) -> tuple[StateRun, ...]:
    """Return the passages that count: the last through each state, or through it in a Map item.

    What was inside of an earlier passage through a Map or Parallel has been done again with it.
    """
    last = {(run.name, run.parent, run.item): run for run in runs}
    kept: dict[int, StateRun] = {}
    for run in runs:
        around = run.parent is None or run.parent in kept
        if around and last[run.name, run.parent, run.item] is run:
            kept[run.id] = run
    return tuple(kept.values())


def states(events: Sequence[Event]) -> tuple[StateRun, ...]:
    """Return every passage through a state, in the order of entering."""
    by_id = {event["id"]: event for event in events}
    entered: dict[int, StateRun] = {}
    for event in events:
        kind: str = event["type"]
        if kind.endswith("StateEntered"):
            new = entered[event["id"]] = _entered(event, by_id, entered)
            _reopen(new.parent, event["timestamp"], entered)
        elif kind.endswith("StateExited"):
            details = event["stateExitedEventDetails"]
            state = _owner(event, by_id, entered, details["name"])
            if state is not None:
                output, time = details.get("output"), event["timestamp"]
                entered[state.id] = replace(state, exited=time, output=output, aborted=False)
                _abort(state.id, time, entered)
        elif kind in _FINAL:
            _end(event, by_id, entered)
        elif (state := _owner(event, by_id, entered)) is not None:
            entered[state.id] = _applied(event, kind, state)
            if kind.endswith("Scheduled"):
                _reopen(state.parent, event["timestamp"], entered)
        if kind in _OVER:
            _abort(None, event["timestamp"], entered)
    return tuple(entered.values())


_OVER = {"ExecutionAborted", "ExecutionFailed", "ExecutionSucceeded", "ExecutionTimedOut"}


def _abort(around: int | None, time: datetime.datetime, entered: dict[int, StateRun]) -> None:
    """End what is still open inside of a Map or Parallel that ended, or of the execution.

    Its own events do not tell: those of an aborted state follow the failure that aborted it, and so
    lead to the state that failed; a time-out has none.
    """
    for state in list(entered.values()):
        if state.exited is None and (around is None or around in _around(state, entered)):
            runs = state.attempts and state.attempts[-1].ended is None
            ended = _with_call(state, ended=time, aborted=True) if runs else state
            entered[state.id] = replace(ended, exited=time, aborted=True)


def _reopen(parent: int | None, time: datetime.datetime, entered: dict[int, StateRun]) -> None:
    """Let what a redriven execution goes on inside of run again."""
    if parent is None:
        return
    state = entered[parent]
    for each in (parent, *_around(state, entered)):
        if entered[each].aborted:
            entered[each] = _open(entered[each], time)


def _open(state: StateRun, time: datetime.datetime) -> StateRun:
    """Return a state that runs again, from a time on; as it was, if it has not ended."""
    pause = (time - state.exited).total_seconds() if state.exited else 0.0
    paused = state.paused + pause
    return replace(state, exited=None, aborted=False, error=None, cause=None, paused=paused)


def _around(state: StateRun, entered: Mapping[int, StateRun]) -> Iterator[int]:
    """Yield the Map and Parallel states around one, the nearest first."""
    while state.parent is not None:
        yield state.parent
        state = entered[state.parent]


def _entered(event: Event, by_id: Events, entered: Mapping[int, StateRun]) -> StateRun:
    details = event["stateEnteredEventDetails"]
    parent, item = _place(event, by_id, entered)
    return StateRun(
        id=event["id"],
        name=details["name"],
        type=event["type"].removesuffix("StateEntered"),
        entered=event["timestamp"],
        parent=parent,
        item=item,
        input=details.get("input", ""),
    )


def _back(event: Event, by_id: Events) -> Iterator[Event]:
    """Yield the events that led to one, newest first."""
    while (before := by_id.get(event.get("previousEventId", 0))) is not None:
        yield before
        event = before


def _owner(
    event: Event, by_id: Events, entered: Mapping[int, StateRun], name: str | None = None
) -> StateRun | None:
    """Return the state that an event belongs to: the last one entered, or the last of a name."""
    for before in _back(event, by_id):
        state = entered.get(before["id"])
        if state is not None and name in (None, state.name):
            return state
    return None


def _place(
    event: Event, by_id: Events, entered: Mapping[int, StateRun]
) -> tuple[int | None, int | None]:
    """Return the Map or Parallel state that a state is inside of, and its Map item's index.

    A Map or Parallel that was left, or is entered once more after a redrive, is beside the state.
    """
    item, left = None, 0
    name = event["stateEnteredEventDetails"]["name"]
    for before in _back(event, by_id):
        kind: str = before["type"]
        if kind in {"MapStateExited", "ParallelStateExited"}:
            left += 1
        elif kind == "MapIterationStarted" and not left and item is None:
            item = before["mapIterationStartedEventDetails"]["index"]
        elif kind in {"MapStateEntered", "ParallelStateEntered"}:
            around = entered[before["id"]]
            if not left and around.name != name:
                return around.id, item
            left -= 1
            if left <= 0:
                return around.parent, around.item
    return None, None


def _applied(event: Event, kind: str, state: StateRun) -> StateRun:
    """Return a state with what an event says of it."""
    details, time = _details(event), event["timestamp"]
    if kind.endswith("Scheduled"):
        attempts = (*state.attempts, _attempt(event, details))
        # A redrive schedules anew what has ended without success.
        return replace(_open(state, time), attempts=attempts)
    if kind.endswith("StateAborted"):
        return replace(state, exited=time)
    call = state.attempts[-1] if state.attempts else None
    runs = call is not None and (call.ended is None or call.aborted)
    if kind.endswith("Started") and runs:
        # The wait between Scheduled and Started is the service's, not the call's.
        return _with_call(state, started=time)
    if kind.endswith("Succeeded") and runs:
        # What succeeds later is the Map, the Parallel or the execution around the call.
        return _with_call(state, ended=time, aborted=False)
    if kind.endswith(("Failed", "TimedOut")) and not kind.startswith("Execution"):
        error, cause = details.get("error", kind), details.get("cause")
        if runs:
            state = _with_call(state, ended=time, error=error, cause=cause, aborted=False)
        return replace(state, error=error, cause=cause)
    return state


def _with_call(state: StateRun, **changed: Any) -> StateRun:
    """Return a state whose last call is changed."""
    *earlier, last = state.attempts
    return replace(state, attempts=(*earlier, replace(last, **changed)))


_FINAL = {"MapIterationFailed", "MapStateFailed", "ParallelStateFailed", "ExecutionFailed"}
"""Events after which a state that failed is not tried again."""


def _end(event: Event, by_id: Events, entered: dict[int, StateRun]) -> None:
    """End the state that failed, and fail the Map or Parallel state around it."""
    inner = _owner(event, by_id, entered)
    if inner is None:
        return
    if inner.exited is None:
        entered[inner.id] = replace(inner, exited=event["timestamp"])
    kind = event["type"].removesuffix("StateFailed")
    for before in _back(event, by_id):
        state = entered.get(before["id"])
        if state is not None and state.type == kind:
            error = inner.error or event["type"]
            entered[state.id] = replace(state, error=error, cause=inner.cause)
            _abort(state.id, event["timestamp"], entered)
            return


def _attempt(event: Event, details: Mapping[str, Any]) -> Attempt:
    resource = f"{details.get('resourceType', '')}:{details.get('resource', '')}"
    parameters = details.get("parameters", "")
    called = parsed(parameters)
    function = called.get("FunctionName") if isinstance(called, dict) else None
    return Attempt(
        resource=resource,
        function=function.split(":function:")[-1].split(":")[0] if function else None,
        parameters=parameters,
        started=event["timestamp"],
        limit=details.get("timeoutInSeconds"),
    )


def _details(event: Event) -> Mapping[str, Any]:
    for name, value in event.items():
        if name.endswith("EventDetails"):
            details: Mapping[str, Any] = value
            return details
    return {}


def parsed(text: str | None) -> Any:
    """Return what JSON text says; None when it is empty, cut off, or no JSON."""
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # as deep as somebody liked
        return None


def message_of(cause: str | None) -> str | None:
    """Return what a function said of its failure: Lambda's cause is JSON, with a stack trace."""
    error = parsed(cause)
    message = error.get("errorMessage") if isinstance(error, dict) else None
    return message if isinstance(message, str) else cause
