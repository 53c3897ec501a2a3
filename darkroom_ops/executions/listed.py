"""An execution as a line of a list, and which lines are wanted."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from darkroom_ops.executions import cost
from darkroom_ops.executions.cost import Cost
from darkroom_ops.executions.model import RUNNING, Execution, SourceObject

OUTCOMES = ("COMPLETE", "ALREADY_PROCESSED", "SUPERSEDED")
"""What a successful execution's output says."""

FAILURES = {"FAILED", "TIMED_OUT", "ABORTED"}


class Listed(msgspec.Struct, frozen=True, gc=False):
    """An execution in a list: what :class:`Execution` says of it, without its states.

    A console holds tens of thousands of them: they are small, and no garbage collection visits
    them.
    """

    arn: str
    status: str
    outcome: str | None
    error: str | None
    source: SourceObject | None
    started: datetime.datetime
    stopped: datetime.datetime | None
    seconds: float
    usd: float | None  # the cost in US dollars; None while it runs, and when it is not known
    step: str | None = None  # the state that failed; None where none did, and when it is not known

    @property
    def name(self) -> str:
        """Its name, with which its ARN ends."""
        return self.arn.rpartition(":")[2]

    @property
    def folder(self) -> str:
        """The folder of its image; empty where it names none."""
        return self.source.key.rpartition("/")[0] if self.source else ""


class Line(msgspec.Struct, frozen=True, gc=False):
    """What the engine says of an execution that has ended: its line of the list."""

    listed: Listed
    redrives: int


class Bill(Line, frozen=True, gc=False):
    """The same, with what is billed."""

    quantities: tuple[float, ...] | None  # None where it called a function that is gone


class Entry(msgspec.Struct, gc=False):
    """An execution as ListExecutions names it, and its line as far as that has been read."""

    arn: str
    status: str
    started: datetime.datetime
    stopped: datetime.datetime | None
    redrives: int
    redriven: datetime.datetime | None = None
    known: Listed | None = None
    costed: bool = False  # whether what it cost has been asked for

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Entry:
        """Return what ListExecutions says of one, or DescribeExecution."""
        return cls(
            said["executionArn"],
            said["status"],
            said["startDate"],
            said.get("stopDate"),
            said.get("redriveCount", 0),
            said.get("redriveDate"),
        )

    @classmethod
    def of_line(cls, line: Line) -> Entry:
        """Return what the engine's line says."""
        each = line.listed
        return cls(
            each.arn, each.status, each.started, each.stopped, line.redrives,
            known=each, costed=True,
        )  # fmt: skip

    @property
    def said(self) -> dict[str, Any]:
        """What ListExecutions says of it, as DescribeExecution names it."""
        return {
            "executionArn": self.arn,
            "name": self.name,
            "status": self.status,
            "startDate": self.started,
            "stopDate": self.stopped,
            "redriveCount": self.redrives,
        }

    @property
    def name(self) -> str:
        """Its name, with which its ARN ends."""
        return self.arn.rpartition(":")[2]

    @property
    def key(self) -> tuple[object, ...]:
        """The execution, with what changes when an ended one is redriven."""
        return self.arn, self.status, self.stopped, self.redrives

    @property
    def newest(self) -> datetime.datetime:
        """The time by which a list has the newest first (API reference, ListExecutions).

        It is the end of an execution; of one that runs, its start or its last redrive.
        """
        running = self.redriven or self.started
        return running if self.status == RUNNING else self.stopped or running


@dataclass(frozen=True)
class Filter:
    """Which executions are wanted; what is None wants all.

    FAILED means every failure: those that timed out or were aborted too. The text is a part of the
    image's key, of the error or of the execution's name or ARN, in any case.
    """

    status: str | None = None
    prefix: str | None = None
    since: datetime.datetime | None = None
    error: str | None = None
    step: str | None = None
    folder: str | None = None
    text: str | None = None
    key: str | None = None  # the very one

    def wants(self, listed: Listed) -> bool:
        """Return whether an execution is wanted."""
        key = listed.source.key if listed.source else ""
        return (
            self._has_status(listed)
            and (self.prefix is None or (bool(listed.source) and key.startswith(self.prefix)))
            and (self.since is None or listed.started >= self.since)
            and (self.error is None or self.error.lower() == (listed.error or "").lower())
            and self.step in {None, listed.step}
            and (self.folder is None or (bool(listed.source) and self.folder == listed.folder))
            and (self.key is None or (bool(listed.source) and self.key == key))
            and (
                self.text is None
                or self.text.casefold() in f"{key}\n{listed.error or ''}\n{listed.arn}".casefold()
            )
        )

    def _has_status(self, listed: Listed) -> bool:
        if self.status in OUTCOMES:
            return listed.outcome == self.status
        if self.status == "FAILED":
            return listed.status in FAILURES
        return self.status in {None, listed.status}


def listed(execution: Execution, price: Cost | None = None) -> Listed:
    """Return the line of an execution; its step needs its states."""
    return Listed(
        arn=execution.arn,
        status=execution.status,
        outcome=execution.outcome,
        error=execution.error,
        source=execution.source,
        started=execution.started,
        stopped=execution.stopped,
        seconds=execution.seconds,
        usd=None if price is None else price.usd,
        step=_failed_step(execution),
    )


def cost_of(execution: Execution, memory_mb: Mapping[str, int]) -> Cost | None:
    """Return what an execution cost; None when it called a function that is gone."""
    try:
        return cost.estimate(execution, memory_mb)
    except KeyError:
        return None


def _failed_step(execution: Execution) -> str | None:
    """Return the innermost state that failed or was stopped first, of what failed."""
    if execution.status not in FAILURES:
        return None
    around = {state.parent for state in execution.states}
    failed = (
        state.name
        for state in execution.states
        if state.id not in around
        and state.type != "Fail"
        and not state.handled
        and (state.error or state.exited is None or state.aborted)
    )
    return next(failed, None)
