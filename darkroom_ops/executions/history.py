"""Reading an execution's history: its events, put together to passages through states.

Branches and Map items interleave in a history. Each event's ``previousEventId`` leads back to the
state that it belongs to (Step Functions API reference, HistoryEvent).
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

HANDLED = frozenset({"DynamoDB.ConditionalCheckFailedException"})
"""Errors that are an answer, not a failure: the claim is taken."""


@dataclass(frozen=True)
class Attempt:
    """One call of a Task state's integration.

    Parameters
    ----------
    resource
        What is called, as ``lambda:invoke``.
    function
        Name of the Lambda function, else None.
    parameters
        What it is called with, as JSON; empty when the history does not say.
    started, ended
        Between them it ran; `ended` is None while it does.
    error, cause
        What it failed with, else None.
    """

    resource: str
    function: str | None
    parameters: str
    started: datetime.datetime
    ended: datetime.datetime | None = None
    error: str | None = None
    cause: str | None = None

    @property
    def seconds(self) -> float:
        """Duration; 0 while it runs."""
        return (self.ended - self.started).total_seconds() if self.ended else 0.0


@dataclass(frozen=True)
class StateRun:
    """One passage through a state.

    Parameters
    ----------
    id
        Of the history event that entered it.
    name, type
        Of the state; the type is that of the Amazon States Language, as ``Task``.
    entered, exited
        When; `exited` is None while it runs, waits for a retry included, and also counts when a
        failure that nothing caught ended it.
    parent
        Id of the Map or Parallel state around it, else None.
    item
        Index of its Map item, else None.
    input, output
        As JSON.
    attempts
        The calls of a Task.
    error, cause
        What it failed with, if that was not mended by a retry.
    """

    id: int
    name: str
    type: str
    entered: datetime.datetime
    exited: datetime.datetime | None
    parent: int | None
    item: int | None
    input: str
    output: str | None
    attempts: tuple[Attempt, ...]
    error: str | None
    cause: str | None

    @property
    def seconds(self) -> float | None:
        """Duration, waits for retries included; None while it runs."""
        return (self.exited - self.entered).total_seconds() if self.exited else None

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
        if self.item is None:
            return None
        task = parsed(self.input)
        rendition = task.get("rendition") if isinstance(task, dict) else None
        name = rendition.get("name") if isinstance(rendition, dict) else None
        return name if isinstance(name, str) else None


@dataclass
class _Building:
    """A passage through a state, while its events are read."""

    id: int
    name: str
    type: str
    entered: datetime.datetime
    parent: int | None
    item: int | None
    input: str
    exited: datetime.datetime | None = None
    output: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    error: str | None = None
    cause: str | None = None

    def built(self) -> StateRun:
        return StateRun(**{**vars(self), "attempts": tuple(self.attempts)})


def states(events: Sequence[Mapping[str, Any]]) -> tuple[StateRun, ...]:
    """Return every passage through a state, in the order of entering."""
    by_id = {event["id"]: event for event in events}
    entered: dict[int, _Building] = {}
    for event in events:
        kind: str = event["type"]
        if kind.endswith("StateEntered"):
            entered[event["id"]] = _entered(event, by_id)
        elif kind.endswith("StateExited"):
            details = event["stateExitedEventDetails"]
            state = _owner(event, by_id, entered, details["name"])
            if state is not None:
                state.exited, state.output = event["timestamp"], details.get("output")
        elif kind in _FINAL:
            _end(event, by_id, entered)
        elif (state := _owner(event, by_id, entered)) is not None:
            _apply(event, kind, state)
    return tuple(state.built() for state in entered.values())


def _entered(event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]) -> _Building:
    details = event["stateEnteredEventDetails"]
    parent, item = _place(event, by_id)
    return _Building(
        id=event["id"],
        name=details["name"],
        type=event["type"].removesuffix("StateEntered"),
        entered=event["timestamp"],
        parent=parent,
        item=item,
        input=details.get("input", ""),
    )


def _back(
    event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """Yield the events that led to one, newest first."""
    while (before := by_id.get(event.get("previousEventId", 0))) is not None:
        yield before
        event = before


def _owner(
    event: Mapping[str, Any],
    by_id: Mapping[int, Mapping[str, Any]],
    entered: Mapping[int, _Building],
    name: str | None = None,
) -> _Building | None:
    """Return the state that an event belongs to: the last one entered, or the last of a name."""
    for before in _back(event, by_id):
        state = entered.get(before["id"])
        if state is not None and name in (None, state.name):
            return state
    return None


def _place(
    event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]
) -> tuple[int | None, int | None]:
    """Return the Map or Parallel state that a state is inside of, and its Map item's index."""
    item, left = None, 0
    for before in _back(event, by_id):
        kind: str = before["type"]
        if kind in {"MapStateExited", "ParallelStateExited"}:
            left += 1
        elif kind == "MapIterationStarted" and not left and item is None:
            item = before["mapIterationStartedEventDetails"]["index"]
        elif kind in {"MapStateEntered", "ParallelStateEntered"}:
            if not left:
                return before["id"], item
            left -= 1
    return None, None


def _apply(event: Mapping[str, Any], kind: str, state: _Building) -> None:
    """Add what an event says to its state."""
    details = _details(event)
    if kind.endswith("Scheduled"):
        state.attempts.append(_attempt(event, details))
        state.error = state.cause = None
    elif kind.endswith("Started") and state.attempts and state.attempts[-1].ended is None:
        # The wait between Scheduled and Started is the service's, not the call's.
        state.attempts[-1] = replace(state.attempts[-1], started=event["timestamp"])
    elif kind.endswith("Succeeded") and state.attempts and state.attempts[-1].ended is None:
        # What succeeds later is the Map, the Parallel or the execution around the call.
        state.attempts[-1] = replace(state.attempts[-1], ended=event["timestamp"])
    elif kind.endswith("StateAborted"):
        state.exited = event["timestamp"]
    elif kind.endswith(("Failed", "TimedOut")) and not kind.startswith("Execution"):
        state.error, state.cause = details.get("error", kind), details.get("cause")
        if state.attempts and state.attempts[-1].ended is None:
            state.attempts[-1] = replace(
                state.attempts[-1],
                ended=event["timestamp"],
                error=state.error,
                cause=state.cause,
            )


_FINAL = {"MapIterationFailed", "MapStateFailed", "ParallelStateFailed", "ExecutionFailed"}
"""Events after which a state that failed is not tried again."""


def _end(
    event: Mapping[str, Any],
    by_id: Mapping[int, Mapping[str, Any]],
    entered: Mapping[int, _Building],
) -> None:
    """End the state that failed, and fail the Map or Parallel state around it."""
    inner = _owner(event, by_id, entered)
    if inner is None:
        return
    if inner.exited is None:
        inner.exited = event["timestamp"]
    kind = event["type"].removesuffix("StateFailed")
    for before in _back(event, by_id):
        state = entered.get(before["id"])
        if state is not None and state.type == kind:
            state.error, state.cause = inner.error or event["type"], inner.cause
            return


def _attempt(event: Mapping[str, Any], details: Mapping[str, Any]) -> Attempt:
    resource = f"{details.get('resourceType', '')}:{details.get('resource', '')}"
    parameters = details.get("parameters", "")
    called = parsed(parameters)
    function = called.get("FunctionName") if isinstance(called, dict) else None
    return Attempt(
        resource=resource,
        function=function.split(":function:")[-1].split(":")[0] if function else None,
        parameters=parameters,
        started=event["timestamp"],
    )


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
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
    except ValueError:
        return None


def message_of(cause: str | None) -> str | None:
    """Return what a function said of its failure: Lambda's cause is JSON, with a stack trace."""
    error = parsed(cause)
    message = error.get("errorMessage") if isinstance(error, dict) else None
    return message if isinstance(message, str) else cause
