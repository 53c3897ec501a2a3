"""The log lines of an execution, among those of others, from a fake CloudWatch Logs."""

# ruff: noqa: ARG002, N803 - a fake client takes what boto3 takes, by the same names

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops import logs
from darkroom_ops.executions.model import Execution
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


def test_lines_are_looked_for_a_minute_around_the_execution() -> None:
    execution = recorded("corrupt")
    assert execution.stopped is not None
    end = (execution.stopped - START).total_seconds()
    times = [-60.01, -60, end + 60, end + 60.01]

    found = read(execution, [(t, line(execution.arn, ONE, f"at {t}", t)) for t in times])

    assert [each.message for each in found] == ["at -60", f"at {end + 60}"]


def test_what_still_runs_is_looked_for_until_now() -> None:
    now = (datetime.datetime.now(datetime.UTC) - START).total_seconds()
    execution = dataclasses.replace(recorded("corrupt"), stopped=None)

    found = read(execution, [(now, line(execution.arn, ONE, "just now", now))])

    assert [each.message for each in found] == ["just now"]


def test_a_line_says_more_than_its_text_and_nothing_twice() -> None:
    execution = recorded("corrupt")
    said = line(execution.arn, ONE, "done", 0.25, level="INFO", function_name="f", cold_start=True)

    (found,) = read(execution, [(1, said + "\n")])

    assert (found.time, found.function) == (at(0.25), "darkroom-prepare")
    assert (found.level, found.message) == ("INFO", "done")
    assert found.fields == {"function_request_id": ONE, "cold_start": True}


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_a_level_is_told_as_it_is(level: str) -> None:
    execution = recorded("corrupt")

    (found,) = read(execution, [(1, line(execution.arn, ONE, "x", 1, level=level))])

    assert found.level == level


def test_a_line_that_says_little_is_told_with_what_the_service_knows() -> None:
    execution = recorded("corrupt")
    said = json.dumps({"correlation_id": execution.arn})

    (found,) = read(execution, [(1.5, said)])

    assert (found.time, found.level, found.message) == (at(1.5), "INFO", "")


@pytest.mark.parametrize("level", ["TRACE", "", 30])
def test_a_level_that_nobody_knows_is_taken_for_information(level: object) -> None:
    execution = recorded("corrupt")

    (found,) = read(execution, [(1, line(execution.arn, ONE, "x", 1, level=level))])

    assert found.level == "INFO"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"INIT_START Runtime Version: python:3.13 {DEAD}", None),
        (f"START RequestId: {DEAD} Version: $LATEST", None),
        (f"END RequestId: {DEAD}", None),
        (f"ENDED {DEAD}", f"ENDED {DEAD}"),
        (f"{DEAD} START", f"{DEAD} START"),
        (f"{{{DEAD}", None),
    ],
)
def test_the_frame_of_a_call_is_left_out(text: str, message: str | None) -> None:
    found = read(died(recorded("corrupt")), [(1, text)])

    assert [(each.time, each.level, each.message, each.fields) for each in found] == (
        [] if message is None else [(at(1), "ERROR", message, {})]
    )


def test_a_report_is_told_in_words_and_numbers() -> None:
    warm = REPORT.partition("\tInit")[0]
    found = read(
        died(recorded("corrupt")),
        [(1, warm.format(DEAD)), (2, f"REPORT RequestId: {DEAD}\tDuration: 3.00 ms")],
    )

    whole, cut = found
    assert whole.message == "billed 13 ms, used 57 of 2048 MB"
    assert whole.fields == {
        "Duration": 12.34, "Billed Duration": 13, "Memory Size": 2048, "Max Memory Used": 57,
        "function_request_id": DEAD,
    }  # fmt: skip
    assert (cut.level, cut.message) == ("REPORT", f"REPORT RequestId: {DEAD}\tDuration: 3.00 ms")


@pytest.mark.parametrize("left_out", ["Billed Duration", "Max Memory Used", "Memory Size"])
def test_a_report_that_lacks_a_number_is_told_as_it_is(left_out: str) -> None:
    parts = REPORT.partition("\tInit")[0].format(DEAD).split("\t")
    text = "\t".join(part for part in parts if not part.startswith(left_out))

    (found,) = read(died(recorded("corrupt")), [(1, text)])

    assert (found.level, found.message) == ("REPORT", text.rstrip())


@pytest.mark.parametrize("count", [19, 20, 21, 41])
def test_no_request_is_forgotten_however_many_there_are(count: int) -> None:
    """A filter pattern takes a limited number of requests."""
    execution = recorded("corrupt")
    requests = [f"{number:08x}-0000-0000-0000-000000000000" for number in range(count)]
    said = [(1.0, line(execution.arn, request, "x", 1)) for request in requests]

    found = read(execution, said + [(2.0, REPORT.format(request)) for request in requests])

    reports = [each for each in found if each.level == "REPORT"]
    assert [each.fields["function_request_id"] for each in reports] == requests


@pytest.mark.parametrize("requests", [[], ["a"], [str(n) for n in range(20)]])
def test_a_filter_pattern_is_as_long_as_it_may_be(requests: list[str]) -> None:
    execution = recorded("corrupt")
    asked: list[str] = []
    names = [f"{int(each, 16):08x}-0000-0000-0000-000000000000" for each in requests]
    lines = [(1.0, line(execution.arn, name, "x", 1)) for name in names]
    fake = Logs("/aws/lambda/darkroom-prepare", lines)
    pages = fake._pages

    def noted(**given: Any) -> Iterator[dict[str, Any]]:
        if given["logGroupName"].endswith("prepare"):
            asked.append(given["filterPattern"])
        return pages(**given)

    fake._pages = noted  # type: ignore[method-assign]
    logs.lines(SimpleNamespace(logs=fake), execution)  # type: ignore[arg-type]

    some = " ".join(f'?"{name}"' for name in sorted(names))
    assert asked == [f'"{execution.arn}"', *([some] if some else [])]
    assert all(len(pattern) <= 1024 for pattern in asked), "as FilterLogEvents allows"


def test_the_lines_of_a_map_item_are_its_own() -> None:
    execution = recorded("complete")
    (run,) = [each for each in execution.states if each.rendition == "small"]
    function = run.attempts[0].function

    def line(request: str, **fields: Any) -> logs.LogLine:
        fields["function_request_id"] = request
        return logs.LogLine(START, str(function), "INFO", request, fields)

    lines = [
        line("one"),
        line("one", result={"name": "small"}),
        line("two"),
        line("two", result={"name": "large"}),
        line("three"),  # of a call that has not ended: nobody knows whose it is
        logs.LogLine(START, "another", "INFO", "of another function"),
    ]
    found = logs.of_state(run, lines, execution.states)
    assert [each.message for each in found] == ["one", "one", "three"]


def test_a_stopped_call_that_goes_on_keeps_its_lines_and_the_redrive_s_its_own() -> None:
    (whole,) = [each for each in recorded("complete").states if each.name == "Prepare"]
    second = datetime.timedelta(seconds=1)
    stopped = dataclasses.replace(whole, entered=START, exited=START + 2 * second)
    redriven = dataclasses.replace(whole, entered=START + 10 * second, exited=START + 13 * second)
    states = [stopped, dataclasses.replace(whole, name="Another", attempts=()), redriven]

    def line(seconds: float, said: str, request: str = "") -> logs.LogLine:
        function = str(whole.attempts[0].function)
        fields = {"function_request_id": request} if request else {}
        return logs.LogLine(START + seconds * second, function, "INFO", said, fields)

    lines = [
        line(-0.2, "by a clock that is late"),
        line(1, "one", "1"),
        line(9.9, "before the redrive"),
        line(10, "in it"),
        line(11, "two", "2"),
        line(12, "one ends", "1"),
        line(14, "two ends", "2"),
    ]
    first, second_ = (
        [each.message for each in logs.of_state(run, lines, states)] for run in (stopped, redriven)
    )
    assert first == ["by a clock that is late", "one", "before the redrive", "one ends"]
    assert second_ == ["in it", "two", "two ends"]
    running = dataclasses.replace(redriven, exited=None)
    assert len(list(logs.of_state(running, lines, [stopped, running]))) == 3


@pytest.mark.parametrize(
    ("error", "lines", "used"),
    [
        ("Runtime.ExitError", [(1.1, REPORT.format(DEAD))], "used 57 of 2048 MB"),
        ("Runtime.ExitError", [(1.1, "RequestId: {DEAD} Error: killed")], ""),
        ("CorruptImage", [(1.1, REPORT.format(DEAD))], ""),
    ],
)
def test_the_memory_of_a_step_that_ran_out_of_it_is_that_of_its_last_report(
    error: str, lines: list[tuple[float, str]], used: str
) -> None:
    execution = died(recorded("corrupt"))
    states = tuple(
        dataclasses.replace(state, error=error) if state.name == "Prepare" else state
        for state in execution.states
    )
    deployment: Any = SimpleNamespace(logs=Logs("/aws/lambda/darkroom-prepare", lines))

    assert logs.memory(deployment, dataclasses.replace(execution, states=states)) == used


def test_no_log_is_read_for_the_memory_of_what_did_not_fail() -> None:
    assert logs.memory(SimpleNamespace(), recorded("complete")) == ""  # type: ignore[arg-type]
