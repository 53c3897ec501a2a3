"""Executions that have ended: memory keeps what lists say of them; the rest lies in the spool."""

from __future__ import annotations

import contextlib
import datetime
import gc
import itertools
import logging
import sys
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from darkroom.contract.arns import parse
from moto.stepfunctions.exceptions import StateMachineDoesNotExist
from moto.stepfunctions.models import StepFunctionBackend
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker_comm import ExecutionWorkerCommunication
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from darkroom_ops import allocator
from darkroom_ops.engine.moto.hook import hook, services
from darkroom_ops.engine.spool import Packed, Place

Json = dict[str, Any]

LOG = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Ended:
    """Stands in moto's list for an execution that has ended."""

    name: str
    sm_type: str
    exec_arn: str
    state_machine: Any
    exec_status: ExecutionStatus
    start_date: datetime.datetime
    stop_date: datetime.datetime | None  # None where one is put back that ran
    redrive_count: int
    redrive_date: datetime.datetime | None
    events: int  # how many
    rest: Packed
    line: Place | None = None  # the ledger's
    _moto: weakref.ref[Any] | None = None
    # Found out once: of many, each list asks for these of every one.
    newest: float = field(init=False)  # the time by which a list has the newest first
    execution_arn: str = field(init=False)  # the ARN, under moto's other name
    status: str = field(init=False)

    exec_worker: ClassVar[None] = None
    execution_input: ClassVar[None] = None  # moto reads it of those that run

    def __post_init__(self) -> None:
        self.newest = (self.stop_date or self.start_date).timestamp()
        self.execution_arn, self.status = self.exec_arn, self.exec_status.value

    @property
    def announced(self) -> ExecutionStatus:
        """Return the last status that an event told."""
        return self.exec_status

    def told(self) -> tuple[Json, list[Json]]:
        """Return what DescribeExecution says of it, and copies of its events."""
        return told(self.whole())

    def whole(self) -> Any:
        """Return moto's execution: the one that has ended, or one that is made anew."""
        if (known := self._moto and self._moto()) is not None:
            return known
        said, at = self.rest.unpacked(), parse(self.exec_arn)
        made = Execution(
            name=self.name,
            sm_type=self.sm_type,
            role_arn=said["role"],
            exec_arn=self.exec_arn,
            account_id=at.account,
            region_name=at.region,
            state_machine=self.state_machine,
            start_date=self.start_date,
            cloud_watch_logging_session=None,
            activity_store={},
            input_data=said["input"],
            trace_header=said["trace"],
        )
        made.exec_status, made.stop_date = self.exec_status, self.stop_date
        made.output, made.error, made.cause = said["output"], said["error"], said["cause"]
        made.redrive_count, made.redrive_date = self.redrive_count, self.redrive_date
        made.announced = self.exec_status
        made.logged = 0 if made.exec_status == ExecutionStatus.RUNNING else self.events
        worker = made.exec_worker = made._get_start_execution_worker()
        env = worker.env = worker._get_evaluation_environment()
        env.event_manager._history_event_list.extend(said["events"])
        env.event_manager._event_id_gen._next_id = len(said["events"]) + 1
        context = env.event_history_context
        context.source_event_id, context.last_published_event_id = said["last_events"]
        env.variable_store._inner_scope.update(said["variables"])
        self._moto = weakref.ref(made)  # a call asks twice
        return made


REST = (
    "role", "input", "trace", "output", "error", "cause", "events", "last_events", "variables"
)  # fmt: skip


def rest(execution: Any) -> Json:
    """Return what lists do not say of an execution, as JSON-like data."""
    if isinstance(execution, Ended):
        said: Json = execution.rest.unpacked()
        return said
    env = execution.exec_worker.env
    context = env.event_history_context
    return {
        "role": execution.role_arn,
        "input": execution.execution_input,
        "trace": execution.trace_header,
        "output": execution.output,
        "error": execution.error,
        "cause": execution.cause,
        "events": history(execution),
        "last_events": [context.source_event_id, context.last_published_event_id],
        "variables": dict(env.variable_store._inner_scope),
    }


def told(execution: Any) -> tuple[Json, list[Json]]:
    """Return what DescribeExecution says of an execution that has ended, and its events."""
    said = {**execution.to_describe_output(), "redriveCount": redrives(execution)}
    return said, [dict(event) for event in history(execution)]


def history(execution: Any) -> list[Json]:
    """Return the events of one of moto's executions."""
    return list(execution.exec_worker.env.event_manager._history_event_list)


def count(execution: Any) -> int:
    """Return how many events an execution has."""
    if isinstance(execution, Ended):
        return execution.events
    return len(execution.exec_worker.env.event_manager._history_event_list)


def redrives(execution: Any) -> int:
    """Return how often an execution has been redriven."""
    return int(getattr(execution, "redrive_count", 0))


def redrive_date(execution: Any) -> datetime.datetime | None:
    """Return when an execution was last redriven."""
    date: datetime.datetime | None = getattr(execution, "redrive_date", None)
    return date


class _Nobody(ExecutionWorkerCommunication):  # type: ignore[misc]  # moto has no types
    def terminated(self) -> None:
        """Do nothing."""


GIVEN_BACK_AFTER = 50
"""Executions that end before memory is given back: what stays of each lies between free places, and
between circles that nobody holds, for which Python looks the more seldom the more there is."""

_ends = itertools.count(1)


def put_away(execution: Any) -> None:
    """Have an execution that has ended in the spool, unless it has been redriven meanwhile."""
    with _listed(execution) as (machine, place):
        if execution.exec_status == ExecutionStatus.RUNNING or place is None:
            return
        said = rest(execution)
        machine.executions[place] = Ended(
            name=execution.name,
            sm_type=execution.sm_type,
            exec_arn=sys.intern(execution.exec_arn),  # messages about it have it, too
            state_machine=_shared(machine, execution.state_machine),
            exec_status=execution.exec_status,
            start_date=execution.start_date,
            stop_date=execution.stop_date,
            redrive_count=redrives(execution),
            redrive_date=redrive_date(execution),
            events=len(said["events"]),
            rest=Packed(said),
            line=_line(execution),
            _moto=weakref.ref(execution),
        )
        # What still runs of one that was stopped ends, and tells nobody. Nor does an execution hold
        # itself in a circle then, which Python breaks late.
        execution.exec_worker._execution_communication = _Nobody()
    if next(_ends) % GIVEN_BACK_AFTER == 0:
        gc.collect()
        allocator.give_back()


def _line(execution: Any) -> Place | None:
    try:
        return Place(services().line(*told(execution)))
    except Exception:  # whatever cannot be read in it, it has ended, and others wait for that
        LOG.exception("the ledger cannot read %s", execution.exec_arn)
        return None


@contextlib.contextmanager
def taken_out(execution: Any) -> Iterator[None]:
    """Have moto's execution in its list again, and nobody put it away meanwhile."""
    with _listed(execution) as (machine, place):
        if place is not None:
            machine.executions[place] = execution
        execution.exec_worker._execution_communication = (
            execution._get_start_execution_worker_comm()
        )
        yield


moving = threading.RLock()
"""Held while an execution takes another's place in moto's list."""


@contextlib.contextmanager
def _listed(execution: Any) -> Iterator[tuple[Any, int | None]]:
    """Yield the machine that an execution is of, and its place in its list, if it has one."""
    was = execution.state_machine
    with moving:
        try:
            machine = was.backend.describe_state_machine(was.arn)
        except StateMachineDoesNotExist:
            machine = was  # which lists none
        listed, arn = machine.executions, execution.exec_arn
        places = reversed(range(len(listed)))  # what ends started lately
        yield machine, next((place for place in places if listed[place].exec_arn == arn), None)


def _shared(machine: Any, was: Any) -> Any:
    """Return the machine as it was, of which all executions of that time have one."""
    with _lock:  # executions that end at once have one, too
        known = _machines.get(machine)
        if known is None or known.update_date != was.update_date:
            known = _machines[machine] = was
        return known


_lock = threading.Lock()
_machines: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


@hook(
    StepFunctionBackend,
    "describe_execution",
    "Moto has all that it ever ran in memory, with each event.",
)
def describe_execution(self: Any, execution_arn: str) -> Any:
    found = describe_execution.original(self, execution_arn)
    return found.whole() if isinstance(found, Ended) else found


@hook(
    StepFunctionsParserBackend,
    "_get_executions",
    "Moto looks for tokens and map runs in all that it ever ran.",
)
def with_workers(self: Any, execution_status: ExecutionStatus | None = None) -> list[Any]:
    return [each for each in with_workers.original(self, execution_status) if each.exec_worker]
