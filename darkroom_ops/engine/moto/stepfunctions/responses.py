"""What Step Functions' API answers: descriptions, histories, lists, stops and redrives."""

from __future__ import annotations

import datetime
import heapq
import json
import time
import uuid
from collections.abc import Collection
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import AWSError, InvalidArn, ValidationException
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.responses import StepFunctionResponse

from darkroom_ops.engine.moto.hook import hook
from darkroom_ops.engine.moto.stepfunctions import ended, executions

POLL_SECONDS = 0.01


class InvalidToken(AWSError):  # type: ignore[misc]
    """A page was asked for that no page before named."""

    TYPE = "InvalidToken"
    STATUS = 400


class StateMachineTypeNotSupported(AWSError):  # type: ignore[misc]
    """A call is not for state machines of this type."""

    TYPE = "StateMachineTypeNotSupported"
    STATUS = 400


class ExecutionNotRedrivable(AWSError):  # type: ignore[misc]
    """An execution runs, or has succeeded."""

    TYPE = "ExecutionNotRedrivable"
    STATUS = 400


@hook(
    AWSError,
    "__init__",
    "Moto's interpreter names its errors where no answer looks: clients are told no code.",
    report="A definition at fault is refused without an error code",
)
def named_error(
    self: Any, message: str = "", exception_type: str | None = None, status: int | None = None
) -> None:
    name = type(self).code  # of others, it is HTTP's status
    named = name if isinstance(name, str) else None
    named_error.original(self, message, exception_type or self.TYPE or named, status)


@hook(
    StepFunctionResponse,
    "describe_execution",
    "Moto leaves out when an execution timed out, and all about redrives.",
    report="DescribeExecution leaves out when an execution timed out",
)
def describe_execution(self: Any) -> ActionResult:
    execution = _execution(self)
    result: ActionResult = describe_execution.original(self)
    described: Any = result.result
    described["redriveCount"] = ended.redrives(execution)
    redrivable = executions.redrivable(execution)
    if (date := ended.redrive_date(execution)) is not None:
        described["redriveDate"] = date
    described["redriveStatus"] = "REDRIVABLE" if redrivable else "NOT_REDRIVABLE"
    if execution.stop_date is not None and execution.exec_status != ExecutionStatus.RUNNING:
        described["stopDate"] = execution.stop_date
    if self._get_param("includedData") == "METADATA_ONLY":
        return ActionResult(_without_data(described))
    return result


DATA = {"input", "inputDetails", "output", "outputDetails"}


def _without_data(said: Any) -> Any:
    """Return a description, or the details of an event, without what was given and returned."""
    return {name: value for name, value in said.items() if name not in DATA}


@hook(
    StepFunctionResponse,
    "get_execution_history",
    "Moto takes 50 ms to write a short history, and knows no order, pages or choice of it.",
    report="GetExecutionHistory ignores reverseOrder, maxResults and nextToken",
)
def get_execution_history(self: Any) -> tuple[int, dict[str, str], str]:
    arn = _execution_arn(self)
    events = list(self.stepfunction_backend.get_execution_history(arn)["events"])
    if self._get_param("reverseOrder"):
        events.reverse()
    start = int(self._get_param("nextToken") or 0)
    end = start + int(self._get_param("maxResults") or 1000)
    shown = [
        event | {"timestamp": datetime.datetime.fromisoformat(event["timestamp"]).timestamp()}
        for event in events[start:end]
    ]
    if self._get_param("includeExecutionData") is False:
        shown = [
            {
                name: _without_data(value) if isinstance(value, dict) else value
                for name, value in event.items()
            }
            for event in shown
        ]
    return _page("events", shown, str(end) if end < len(events) else None)


@hook(
    StepFunctionResponse,
    "list_executions",
    "Moto takes long to list many executions, leaves out redrives, and sorts all by their start.",
)
def list_executions(self: Any) -> tuple[int, dict[str, str], str]:
    machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    _require(machine, "STANDARD")
    status, token = _one_of(self, "statusFilter", STATUSES), self._get_param("nextToken")
    redriven = REDRIVEN.get(_one_of(self, "redriveFilter", REDRIVEN))
    # The place that the page before ended at: what moves does not shift it.
    end = _END if token is None else _place(token)
    size = int(self._get_param("maxResults") or 100)
    matching = heapq.nlargest(
        size + 1,
        (
            (place, each)
            for each in machine.executions
            if (place := (_newest(each), each.exec_arn)) < end
            and (status is None or status == each.status)
            and (redriven is None or redriven == (ended.redrives(each) > 0))
        ),
    )
    items = []
    for _, each in matching[:size]:
        item = {
            "executionArn": each.exec_arn,
            "stateMachineArn": machine.arn,
            "name": each.name,
            "status": each.status,
            "startDate": each.start_date.timestamp(),
            "redriveCount": ended.redrives(each),
        }
        if (date := ended.redrive_date(each)) is not None:
            item["redriveDate"] = date.timestamp()
        if each.stop_date is not None and each.status != "RUNNING":
            item["stopDate"] = each.stop_date.timestamp()
        items.append(item)
    more = len(matching) > size
    return _page("executions", items, json.dumps(matching[size - 1][0]) if more else None)


STATUSES = [str(each.value) for each in ExecutionStatus]

REDRIVEN = {"REDRIVEN": True, "NOT_REDRIVEN": False}


def _one_of(request: Any, name: str, known: Collection[str]) -> Any:
    """Return what a list is narrowed by: boto3 and the AWS CLI send any word."""
    given = request._get_param(name)
    if given is None or given in known:
        return given
    raise ValidationException(
        f"1 validation error detected: Value '{given}' at '{name}' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{', '.join(known)}]"
    )


_END = (float("inf"), "")
"""The place in front of all."""


def _newest(execution: Any) -> float:
    """Return the time by which a list has the newest first (API reference, ListExecutions)."""
    if isinstance(execution, ended.Ended):
        return execution.newest
    running = ended.redrive_date(execution) or execution.start_date
    stopped = execution.status != "RUNNING" and execution.stop_date
    return float((stopped or running).timestamp())


def _place(token: str) -> tuple[float, str]:
    try:
        time, arn = json.loads(token)
        return float(time), str(arn)
    except (TypeError, ValueError):
        raise InvalidToken(f"Invalid Token: {token!r}") from None


@hook(
    StepFunctionResponse,
    "stop_execution",
    "Moto drops the error and the cause that somebody stops an execution with.",
    report="StopExecution drops the error and the cause",
)
def stop_execution(self: Any) -> ActionResult:
    execution = _execution(self)
    execution.stop(
        datetime.datetime.now(datetime.UTC), self._get_param("error"), self._get_param("cause")
    )
    return ActionResult({"stopDate": execution.stop_date})


@hook(StepFunctionResponse, "redrive_execution", "Moto has no redrive.")
def redrive_execution(self: Any) -> ActionResult:
    with ended.moving:  # of two who ask at once, one sees that it runs
        execution = _execution(self)
        if not executions.redrivable(execution):
            raise ExecutionNotRedrivable(
                f"Execution: {execution.exec_arn!r} is {execution.status}: it cannot be redriven."
            )
        executions.redrive(execution)
    return ActionResult({"redriveDate": ended.redrive_date(execution)})


def _execution(request: Any) -> Any:
    return request.stepfunction_backend.describe_execution(_execution_arn(request))


def _execution_arn(request: Any) -> str:
    """Return whose execution a call is about; of Express ones, none answers."""
    arn = str(request._get_param("executionArn"))
    if ":express:" in arn:
        raise InvalidArn("Invalid Arn: 'Resource type not valid in this context: express'")
    return arn


@hook(StepFunctionResponse, "update_state_machine", "Moto's state machines have no revisions.")
def update_state_machine(self: Any) -> ActionResult:
    machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    before = _revised(machine)
    result: Any = update_state_machine.original(self).result
    if _revised(machine) != before:
        machine.revision = str(uuid.uuid4())
    return ActionResult(result | _revision(machine))


@hook(StepFunctionResponse, "_describe_state_machine", "Moto's state machines have no revisions.")
def describe_state_machine(self: Any, arn: str) -> ActionResult:
    result: Any = describe_state_machine.original(self, arn).result
    return ActionResult(result | _revision(self.stepfunction_backend.describe_state_machine(arn)))


def _revised(machine: Any) -> tuple[Any, ...]:
    """Return what a change of makes another revision (API reference, DescribeStateMachine)."""
    return (
        machine.definition, machine.roleArn, machine.loggingConfiguration,
        machine.tracingConfiguration,
    )  # fmt: skip


def _revision(machine: Any) -> dict[str, str]:
    """Return the name of its revision; one that nobody has changed has none."""
    return {"revisionId": machine.revision} if hasattr(machine, "revision") else {}


@hook(StepFunctionResponse, "start_sync_execution", "Moto starts no execution and waits for it.")
def start_sync_execution(self: Any) -> ActionResult:
    machine, name = self._get_param("stateMachineArn"), self._get_param("name")
    _require(self.stepfunction_backend.describe_state_machine(machine), executions.EXPRESS)
    execution = self.stepfunction_backend.start_execution(machine, name, self._get_param("input"))
    while execution.exec_status == ExecutionStatus.RUNNING:
        time.sleep(POLL_SECONDS)
    answer = execution.to_describe_output() | {"input": execution.execution_input}
    return ActionResult({name: value for name, value in answer.items() if value is not None})


def _require(machine: Any, kind: str) -> None:
    if machine.type != kind:
        raise StateMachineTypeNotSupported(
            f"This operation is not supported by this type of state machine: {machine.type}"
        )


def _page(name: str, items: list[Any], token: str | None) -> tuple[int, dict[str, str], str]:
    answer = {name: items} | ({} if token is None else {"nextToken": token})
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer)
