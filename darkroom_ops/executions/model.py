"""Reading an execution: what DescribeExecution and GetExecutionHistory say, in a person's terms.

Pure: :mod:`darkroom_ops.executions.watch` asks AWS, or the engine, in the same way.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from darkroom.contract.requests import event_source, is_event

from darkroom_ops.executions.history import Redrive, StateRun, latest, parsed, redrives, states

RUNNING = "RUNNING"

STOPPED = "Stopped"
"""The error that an execution carries which an operator stopped."""

ChangeKind = Literal["entered", "retried", "exited", "failed", "aborted"]


@dataclass(frozen=True)
class Made:
    """An object that an execution made: a rendition, the PDF or the backup."""

    name: str  # small, document, original
    bucket: str
    key: str
    bytes: int
    content_type: str = ""
    width: int | None = None  # in pixels, or points for a PDF page
    height: int | None = None
    pages: int | None = None
    quality: int | None = None  # that it was encoded at
    note: str | None = None  # what it could not be
    sha256: str = ""  # in hexadecimal digits; empty where nobody said


@dataclass(frozen=True)
class Image:
    """What the source turned out to be."""

    format: str
    width: int
    height: int
    bytes: int


class SourceObject(msgspec.Struct, frozen=True, gc=False):
    """The object that an execution is about."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None


@dataclass(frozen=True)
class Execution:
    """An execution, as far as it has come."""

    arn: str
    name: str
    status: str  # Step Functions' RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, PENDING_REDRIVE
    outcome: str | None  # COMPLETE, ALREADY_PROCESSED, SUPERSEDED or FAILED; None while it runs
    error: str | None
    cause: str | None
    input: Any  # JSON-like data; None where there is none
    output: Any
    source: SourceObject | None  # None when the input names none
    started: datetime.datetime
    stopped: datetime.datetime | None
    states: tuple[StateRun, ...]  # in the order of entering
    redrives: tuple[Redrive, ...] = ()  # as the history tells them
    redriven: int = 0  # how often, also where no history was read
    image: Image | None = None  # this, and what follows, of a complete execution
    renditions: tuple[Made, ...] = ()
    document: Made | None = None
    backup: Made | None = None

    @property
    def seconds(self) -> float:
        """Duration, so far or in all."""
        until = self.stopped or datetime.datetime.now(datetime.UTC)
        return max(0.0, (until - self.started).total_seconds())

    @property
    def paused(self) -> float:
        """Seconds between its ends and its redrives."""
        return sum(redrive.seconds for redrive in self.redrives)

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.status != RUNNING

    @property
    def caught(self) -> bool:
        """Whether the workflow handled its failure itself: then it ended in a Fail state."""
        return bool(self.states) and self.states[-1].type == "Fail"

    @property
    def transitions(self) -> int:
        """Billed state transitions: one per state entered, and one per retry.

        Step Functions bills each entry into a state, and retries as well (Step Functions pricing).
        Map and Parallel count as themselves, then every state inside them counts.
        """
        return len(self.states) + sum(state.retries for state in self.states)

    @property
    def outputs(self) -> tuple[Made, ...]:
        """What was written to the output bucket: the renditions, then the PDF."""
        return self.renditions + ((self.document,) if self.document else ())

    @property
    def failed_state(self) -> StateRun | None:
        """The state whose error ended the run: the innermost one."""
        failed = [state for state in latest(self.states) if state.error and not state.handled]
        tasks = [state for state in failed if state.attempts]
        # One that was aborted while it waited for its retry ended nothing.
        own = [state for state in tasks if not state.aborted]
        return next(iter(own or tasks or failed), None)


@dataclass(frozen=True)
class Change:
    """Something that happened in an execution: to a state, as it is now."""

    kind: ChangeKind
    state: StateRun


def read(described: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Execution:
    """Read an execution.

    It is read from DescribeExecution and all events of GetExecutionHistory, oldest first; without
    any, no states are known.
    """
    status = described["status"]
    payload, output = parsed(described.get("input")), parsed(described.get("output"))
    error, cause = described.get("error"), described.get("cause")
    # Some emulators say only in the history when an execution ended.
    last = events[-1]["timestamp"] if status != RUNNING and events else None
    # The output of another version of the state machine may look otherwise: read what is there.
    made = output if isinstance(output, dict) else {}
    return Execution(
        arn=described["executionArn"],
        name=described["name"],
        status=status,
        outcome=_outcome(status, made),
        error=error,
        cause=cause,
        input=payload,
        output=output,
        source=source_of(payload),
        started=described["startDate"],
        stopped=described.get("stopDate") or last,
        states=states(events),
        redrives=redrives(events),
        redriven=described.get("redriveCount", 0),
        image=image_of(made.get("image")),
        renditions=_all_made(made.get("renditions")),
        document=made_of(made.get("document"), "document"),
        backup=made_of(made.get("backup"), "original"),
    )


def source_of(payload: object) -> SourceObject | None:
    """Return the object that an execution's input names, or None."""
    if not isinstance(payload, Mapping):
        return None
    source = event_source(payload) if is_event(payload) else payload.get("source")
    named = source if isinstance(source, Mapping) else {}
    bucket, key = named.get("bucket"), named.get("key")
    if not isinstance(bucket, str) or not isinstance(key, str):
        return None
    return SourceObject(bucket, key, _text(named.get("versionId")), _text(named.get("etag")))


def changes(before: Execution | None, now: Execution) -> list[Change]:
    """Return what happened between two readings of an execution, in the order of the states."""
    known = {state.id: state for state in before.states} if before else {}
    happened: list[Change] = []
    for state in now.states:
        old = known.get(state.id)
        if old is None:
            happened.append(Change("entered", state))
        if state.retries > (old.retries if old else 0):
            happened.append(Change("retried", state))
        if state.exited is not None and (old is None or old.exited is None):
            ending: ChangeKind = "failed" if state.error else "exited"
            happened.append(Change("aborted" if state.aborted else ending, state))
    return happened


def _outcome(status: str, output: Mapping[str, Any]) -> str | None:
    if status == RUNNING:
        return None
    if status != "SUCCEEDED":
        return "FAILED"
    return _text(output.get("outcome")) or "COMPLETE"


def image_of(output: object) -> Image | None:
    """Return what an output says of the source image; None when it says too little."""
    if not isinstance(output, Mapping):
        return None
    kind, width, height, size = (output.get(n) for n in ("format", "width", "height", "bytes"))
    if isinstance(width, int) and isinstance(height, int) and isinstance(size, int):
        return Image(str(kind), width, height, size)
    return None


def made_of(output: object, name: str | None = None) -> Made | None:
    """Return what an output says of an object that was made; None when it says too little."""
    if not isinstance(output, Mapping):
        return None
    name = name or _text(output.get("name"))
    bucket, key, size = _text(output.get("bucket")), _text(output.get("key")), output.get("bytes")
    if name is None or bucket is None or key is None or not isinstance(size, int):
        return None
    return Made(
        name=name,
        bucket=bucket,
        key=key,
        bytes=size,
        content_type=_text(output.get("contentType")) or "",
        width=output.get("width"),
        height=output.get("height"),
        pages=output.get("pages"),
        quality=output.get("quality"),
        note=_text(output.get("note")),
        sha256=_text(output.get("sha256")) or "",
    )


def _all_made(outputs: object) -> tuple[Made, ...]:
    each = map(made_of, outputs) if isinstance(outputs, list) else ()
    return tuple(made for made in each if made is not None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
