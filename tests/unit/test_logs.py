"""The log lines of an execution, among those of others, from a fake CloudWatch Logs."""

# ruff: noqa: ARG002, N803 - a fake client takes what boto3 takes, by the same names

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from ops import logs
from ops.executions import Execution
from tests.unit.recorded import START, at, recorded

ONE = "11111111-1111-1111-1111-111111111111"
DEAD = "22222222-2222-2222-2222-222222222222"
OTHER = "33333333-3333-3333-3333-333333333333"
REPORT = (
    "REPORT RequestId: {}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 2048 MB\t"
    "Max Memory Used: 57 MB\tInit Duration: 401.20 ms\t\n"
)


class Missing(Exception):
    pass


class Logs:
    """CloudWatch Logs with the lines of one function; filter patterns are left to the reader."""

    exceptions = SimpleNamespace(ResourceNotFoundException=Missing)

    def __init__(self, group: str, lines: list[tuple[float, str]]) -> None:
        self._group = group
        self._lines = lines

    def get_paginator(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=self._pages)

    def _pages(
        self, *, logGroupName: str, startTime: int, endTime: int, filterPattern: str
    ) -> Iterator[dict[str, Any]]:
        if logGroupName != self._group:
            raise Missing
        stamped = [(int(at(seconds).timestamp() * 1000), text) for seconds, text in self._lines]
        for time, text in stamped:  # a page a line
            if startTime <= time <= endTime:
                yield {"events": [{"timestamp": time, "message": text}]}


def line(execution: str, request: str, message: str, seconds: float, **more: Any) -> str:
    said = {
        "level": "WARNING",
        "message": message,
        "timestamp": (START + datetime.timedelta(seconds=seconds)).isoformat(" "),
        "function_request_id": request,
        "correlation_id": execution,
    }
    return json.dumps(said | more)


def died(execution: Execution) -> Execution:
    """The execution, as if Prepare's process had died: its failure names the request."""
    cause = json.dumps({"errorMessage": f"RequestId: {DEAD} Error: killed"})
    prepare = next(state for state in execution.states if state.name == "Prepare")
    attempt = dataclasses.replace(prepare.attempts[0], error="Runtime.ExitError", cause=cause)
    states = tuple(
        dataclasses.replace(state, attempts=(attempt,)) if state is prepare else state
        for state in execution.states
    )
    return dataclasses.replace(execution, states=states)


def read(execution: Execution, lines: list[tuple[float, str]]) -> list[logs.LogLine]:
    deployment = SimpleNamespace(logs=Logs("/aws/lambda/darkroom-prepare", lines))
    return logs.lines(deployment, execution)  # type: ignore[arg-type]


def test_lines_are_those_of_the_execution_in_the_order_of_being_written() -> None:
    execution = recorded("corrupt")
    found = read(
        execution,
        [
            (1, f"START RequestId: {ONE} Version: $LATEST\n"),
            (1, line("arn:another", OTHER, "not ours", 0.4)),
            (1, line(execution.arn, ONE, "second", 0.6, error="CorruptImage")),
            (1, line(execution.arn, ONE, "first", 0.5)),
            (1, f'{{"_aws": {{}}, "service": "{ONE}"}}'),
            (1, f"END RequestId: {ONE}\n"),
            (1.1, REPORT.format(ONE)),
            (1.1, REPORT.format(OTHER)),
            (7200, line(execution.arn, ONE, "too late", 7200)),
        ],
    )

    assert [(each.level, each.message) for each in found] == [
        ("WARNING", "first"),
        ("WARNING", "second"),
        ("REPORT", "billed 13 ms, used 57 of 2048 MB, cold start 401 ms"),
    ]
    assert found[1].fields["error"] == "CorruptImage"
    assert found[2].fields["Billed Duration"] == 13
    assert {each.function for each in found} == {"darkroom-prepare"}


def test_a_process_that_died_is_found_by_the_request_that_its_failure_names() -> None:
    execution = died(recorded("corrupt"))

    found = read(
        execution,
        [
            (1, f"RequestId: {DEAD} Error: Runtime exited with error: signal: killed"),
            (1, f"RequestId: {OTHER} Error: not ours"),
            (1.1, REPORT.format(DEAD)),
        ],
    )

    assert [each.level for each in found] == ["ERROR", "REPORT"]
    assert "killed" in found[0].message


def test_an_execution_that_called_nothing_has_no_lines() -> None:
    assert read(recorded("duplicate"), [(1, REPORT.format(ONE))]) == []
