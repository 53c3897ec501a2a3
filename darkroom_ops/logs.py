"""The log lines of one execution, from all functions.

Every structured line has the execution's ARN as ``correlation_id`` (``steps.observability``).
What Lambda itself writes, such as a report or the end of a process that ran out of memory, only
names the request: the structured lines and the causes of failures say which requests are
the execution's.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from darkroom.contract.advice import OUT_OF_MEMORY

from darkroom_ops.deployment import Deployment
from darkroom_ops.executions.history import StateRun, parsed
from darkroom_ops.executions.model import Execution

AROUND = datetime.timedelta(minutes=1)
"""How far before and after an execution its lines may be: clocks differ, and reports come late."""

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_NAMED = re.compile(r"RequestId: ([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})")
_REPORT = re.compile(r"(?P<name>[A-Z][A-Za-z ]+): (?P<value>[\d.]+) (?:ms|MB)")
_FRAME = re.compile(r"(START|END|INIT_START)\b")
_ASKED = 20
"""Requests in one filter pattern; a pattern is at most 1,024 characters (FilterLogEvents)."""


@dataclass(frozen=True)
class LogLine:
    """A line.

    Lambda's account of a call has the level ``REPORT`` and, in ms and MB, the fields ``Billed
    Duration``, ``Max Memory Used``, …; what else Lambda says has the level ``ERROR``.
    """

    time: datetime.datetime  # when it was written
    function: str
    level: str
    message: str
    fields: dict[str, Any] = field(default_factory=dict)  # what else the line says


def lines(deployment: Deployment, execution: Execution) -> list[LogLine]:
    """Return the log lines of an execution, oldest first.

    CloudWatch Logs takes a few seconds to show a line.
    """
    functions = sorted(
        {a.function for state in execution.states for a in state.attempts if a.function}
    )
    if not functions:
        return []
    with ThreadPoolExecutor(len(functions)) as pool:
        per_function = pool.map(lambda name: _of_function(deployment, execution, name), functions)
        return sorted((line for each in per_function for line in each), key=lambda line: line.time)


def memory(deployment: Deployment, execution: Execution) -> str:
    """Return what the step that ran out of memory ``used 1280 of 1280 MB``; empty if none did."""
    state = execution.failed_state
    if state is None or state.error not in OUT_OF_MEMORY:
        return ""
    found = ""
    for line in of_state(state, lines(deployment, execution), execution.states):
        used, allowed = (line.fields.get(name) for name in ("Max Memory Used", "Memory Size"))
        if used and allowed:
            found = f"used {used:.0f} of {allowed:.0f} MB"
    return found


def of_state(run: StateRun, lines: list[LogLine], states: Iterable[StateRun]) -> Iterator[LogLine]:
    """Yield the lines of one passage through a state, of all that its execution passed through.

    Map items run side by side in one function: the result that a call's last line names says which
    item it was. A call belongs to the passage in which it began, whenever it ends: one that was
    stopped goes on beside what a redrive calls.
    """
    functions = _functions(run)
    others = [each for each in states if functions & _functions(each)]
    ended = run.exited or datetime.datetime.max.replace(tzinfo=datetime.UTC)
    earlier = any(each.exited is not None and each.exited <= run.entered for each in others)
    until = min((each.entered for each in others if each.entered >= ended), default=None)
    began: dict[object, datetime.datetime] = {}
    made: dict[object, object] = {}
    for line in lines:  # the oldest first
        request, result = line.fields.get("function_request_id"), line.fields.get("result")
        began.setdefault(request, line.time)
        if isinstance(result, dict):
            made[request] = result.get("name")
    for line in lines:
        request = line.fields.get("function_request_id")
        name, time = made.get(request), began[request] if request else line.time
        other = run.rendition is not None and name is not None and name != run.rendition
        before = earlier and time < run.entered
        after = until is not None and time >= until
        if line.function in functions and not (other or before or after):
            yield line


def _functions(run: StateRun) -> set[str | None]:
    return {call.function for call in run.attempts}


def _of_function(deployment: Deployment, execution: Execution, name: str) -> list[LogLine]:
    lines = []
    requests = set(_failed(execution, name))
    for time, text in _search(deployment, execution, name, f'"{execution.arn}"'):
        said = parsed(text)
        if isinstance(said, dict) and said.get("correlation_id") == execution.arn:
            lines.append(_structured(time, name, said))
            requests.add(str(said.get("function_request_id")))
    return lines + _from_lambda(deployment, execution, name, sorted(requests))


def _failed(execution: Execution, function: str) -> Iterator[str]:
    """Yield the requests that failures name."""
    for state in execution.states:
        for attempt in state.attempts:
            if attempt.function == function and attempt.cause:
                yield from _NAMED.findall(attempt.cause)


def _from_lambda(
    deployment: Deployment, execution: Execution, name: str, requests: list[str]
) -> list[LogLine]:
    """Return what Lambda itself says of requests."""
    lines = []
    for first in range(0, len(requests), _ASKED):
        some = requests[first : first + _ASKED]
        pattern = " ".join(f'?"{request}"' for request in some)
        for time, text in _search(deployment, execution, name, pattern):
            ours = any(request in text for request in some)
            if ours and not text.startswith("{") and not _FRAME.match(text):
                lines.append(_plain(time, name, text))
    return lines


def _search(
    deployment: Deployment, execution: Execution, name: str, pattern: str
) -> Iterable[tuple[datetime.datetime, str]]:
    """Yield lines of a function around an execution, at least those that match a filter pattern."""
    until = (execution.stopped or datetime.datetime.now(datetime.UTC)) + AROUND
    try:
        for page in deployment.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}",
            filterPattern=pattern,
            startTime=_ms(execution.started - AROUND),
            endTime=_ms(until),
        ):
            for event in page["events"]:
                time = datetime.datetime.fromtimestamp(event["timestamp"] / 1000, datetime.UTC)
                yield time, event["message"].rstrip("\n")
    except deployment.logs.exceptions.ResourceNotFoundException:
        return  # it has not written a line yet


def _structured(time: datetime.datetime, function: str, said: dict[str, Any]) -> LogLine:
    known = {"level", "message", "timestamp", "correlation_id", "function_name"}
    level = str(said.get("level"))
    return LogLine(
        time=_written(said.get("timestamp")) or time,
        function=function,
        level=level if level in LEVELS else "INFO",
        message=str(said.get("message", "")),
        fields={name: value for name, value in said.items() if name not in known},
    )


def _plain(time: datetime.datetime, function: str, text: str) -> LogLine:
    if not text.startswith("REPORT"):
        return LogLine(time, function, "ERROR", text)
    said: dict[str, Any] = {e["name"]: float(e["value"]) for e in _REPORT.finditer(text)}
    took, used, has = (said.get(n) for n in ("Billed Duration", "Max Memory Used", "Memory Size"))
    whole = took and used and has
    message = f"billed {took:.0f} ms, used {used:.0f} of {has:.0f} MB" if whole else text
    if "Init Duration" in said:
        message += f", cold start {said['Init Duration']:.0f} ms"
    if request := _NAMED.search(text):
        said["function_request_id"] = request[1]
    return LogLine(time, function, "REPORT", message, said)


def _written(text: object) -> datetime.datetime | None:
    """Return when a line says that it was written: more exact than when it was delivered."""
    try:
        return datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _ms(time: datetime.datetime) -> int:
    return int(time.timestamp() * 1000)
