"""An execution as a line of a list: which lines are wanted, and where they stand."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import msgspec
import pytest

from darkroom_ops.executions.cost import billed
from darkroom_ops.executions.history import StateRun
from darkroom_ops.executions.listed import Entry, Filter, Line, Listed, cost_of, listed
from darkroom_ops.executions.model import SourceObject
from tests.unit.recorded import at, recorded

SECOND = datetime.timedelta(seconds=1)


def line(key: str | None = "in/a.jpg", **changed: Any) -> Listed:
    given: dict[str, Any] = {
        "arn": "arn:machine:name-1", "status": "SUCCEEDED", "outcome": "COMPLETE", "error": None,
        "source": None if key is None else SourceObject("bucket", key), "started": at(0),
        "stopped": at(1), "seconds": 1.0, "usd": None,
    }  # fmt: skip
    return Listed(**given | changed)


def ended(status: str) -> Listed:
    return line(status=status, outcome="FAILED" if status == "FAILED" else None)


@pytest.mark.parametrize(
    ("only", "wanted", "others"),
    [
        ({}, [line(), line(None), line(step="Resize"), ended("ABORTED")], []),
        ({"status": "COMPLETE"}, [line()], [line(outcome="SUPERSEDED"), ended("RUNNING")]),
        ({"status": "SUPERSEDED"}, [line(outcome="SUPERSEDED")], [line()]),
        ({"status": "ALREADY_PROCESSED"}, [line(outcome="ALREADY_PROCESSED")], [line()]),
        (
            {"status": "FAILED"},
            [ended("FAILED"), ended("TIMED_OUT"), ended("ABORTED")],
            [line(), ended("RUNNING"), ended("PENDING_REDRIVE")],
        ),
        ({"status": "TIMED_OUT"}, [ended("TIMED_OUT")], [ended("FAILED"), ended("ABORTED")]),
        ({"status": "RUNNING"}, [ended("RUNNING")], [line()]),
        ({"status": "SUCCEEDED"}, [line(), line(outcome="SUPERSEDED")], [ended("RUNNING")]),
        ({"prefix": "in/"}, [line()], [line("a/in/a.jpg"), line(None)]),
        ({"prefix": ""}, [line()], [line(None)]),
        ({"since": at(0)}, [line()], [line(started=at(0) - SECOND)]),
        (
            {"error": "corruptIMAGE"},
            [line(error="CorruptImage")],
            [line(error="CorruptImages"), line()],
        ),
        ({"error": ""}, [line()], [line(error="X")]),
        ({"step": "Resize"}, [line(step="Resize")], [line(step="Prepare"), line()]),
        ({"folder": "in"}, [line()], [line("in/b/a.jpg"), line("a.jpg"), line(None)]),
        ({"folder": ""}, [line("a.jpg")], [line(), line(None)]),
        ({"key": "in/a.jpg"}, [line()], [line("in/a.jpg2"), line("a.jpg"), line(None)]),
        ({"key": ""}, [line("")], [line(), line(None)]),
        (
            {"text": "A.J"},
            [line(), line(None, error="aa.jb"), line(None, arn="arn:a.j")],
            [line("b.jpg"), line(None)],
        ),
        ({"text": "XX"}, [line("xx")], [line(), line(None)]),
        ({"text": "none"}, [], [line(), line(None)]),
        ({"text": "jpgx"}, [line("a.jpgx")], [line(error="X")]),
        ({"text": "xarn"}, [line("xarn")], [line(error="X")]),
    ],
)
def test_a_filter_wants(only: dict[str, Any], wanted: list[Listed], others: list[Listed]) -> None:
    fits = Filter(**only).wants
    assert [fits(each) for each in wanted] == [True] * len(wanted)
    assert [fits(each) for each in others] == [False] * len(others)


@pytest.mark.parametrize(
    ("key", "folder"), [("in/b/a.jpg", "in/b"), ("a.jpg", ""), ("", ""), (None, "")]
)
def test_a_line_has_a_name_and_its_image_s_folder(key: str | None, folder: str) -> None:
    assert (line(key).name, line(key).folder) == ("name-1", folder)


STARTED, STOPPED, REDRIVEN = at(0), at(5), at(9)


@pytest.mark.parametrize(
    ("status", "stopped", "redriven", "newest"),
    [
        ("RUNNING", None, None, STARTED),
        ("RUNNING", None, REDRIVEN, REDRIVEN),
        ("RUNNING", STOPPED, REDRIVEN, REDRIVEN),
        ("SUCCEEDED", STOPPED, None, STOPPED),
        ("SUCCEEDED", STOPPED, at(1), STOPPED),
        ("SUCCEEDED", None, None, STARTED),
        ("SUCCEEDED", None, REDRIVEN, REDRIVEN),
    ],
)
def test_a_list_has_what_ended_by_its_end_and_what_runs_by_its_last_start(
    status: str, stopped: Any, redriven: Any, newest: datetime.datetime
) -> None:
    said = {"executionArn": "arn:machine:n", "status": status, "startDate": STARTED}
    more = {"stopDate": stopped, "redriveDate": redriven, "redriveCount": 2}
    entry = Entry.of(said | {name: value for name, value in more.items() if value is not None})

    assert (entry.newest, entry.name, entry.known, entry.costed) == (newest, "n", None, False)
    assert entry.key == ("arn:machine:n", status, stopped, 2)


def test_what_an_engine_says_is_known_and_the_same_as_what_a_list_says() -> None:
    entry = Entry.of_line(Line(line(), 0))
    assert (entry.known, entry.costed) == (line(), True)
    said = {"executionArn": entry.arn, "status": "SUCCEEDED", "startDate": at(0), "stopDate": at(1)}
    assert entry.key == Entry.of(said).key
    assert entry.newest == Entry.of(said).newest


def state(number: int, name: str, parent: int | None = None, **more: Any) -> StateRun:
    return StateRun(number, name, "Task", at(0), **{"exited": at(1), "parent": parent} | more)


@pytest.mark.parametrize(
    ("status", "states", "step"),
    [
        ("FAILED", [state(1, "A"), state(2, "B", error="X")], "B"),
        ("FAILED", [state(1, "A", error="X"), state(2, "B", error="X")], "A"),
        ("FAILED", [state(1, "Map", error="X"), state(2, "In", 1, error="X")], "In"),
        ("FAILED", [state(1, "Map", error="X")], "Map"),
        ("FAILED", [state(1, "End", error="X")], None),  # a Fail state
        ("FAILED", [state(1, "A", error="DynamoDB.ConditionalCheckFailedException")], None),
        ("ABORTED", [state(1, "A"), state(2, "B", exited=None)], "B"),
        ("ABORTED", [state(1, "A"), state(2, "B", aborted=True)], "B"),
        ("ABORTED", [state(1, "Map", exited=None), state(2, "In", 1, exited=None)], "In"),
        ("TIMED_OUT", [state(1, "A"), state(2, "B", exited=None)], "B"),
        ("FAILED", [state(1, "A")], None),
        ("FAILED", [], None),
        ("RUNNING", [state(1, "A", exited=None)], None),
        ("SUCCEEDED", [state(1, "A", error="X")], None),
    ],
)
def test_the_step_is_the_innermost_that_failed_or_was_stopped(
    status: str, states: list[StateRun], step: str | None
) -> None:
    states = [
        dataclasses.replace(each, type="Fail") if each.name == "End" else each for each in states
    ]
    execution = dataclasses.replace(recorded("complete"), status=status, states=tuple(states))
    assert listed(execution).step == step


def test_a_line_says_what_its_execution_does_and_what_it_cost() -> None:
    execution = recorded("corrupt")
    price = billed((20.0, 0, 4.0, 0, 0, 0, 0, 0, 0.5))
    found = listed(execution, price)
    for name in ("arn", "status", "outcome", "error", "source", "started", "stopped", "seconds"):
        assert getattr(found, name) == getattr(execution, name)
    assert (found.usd, found.step) == (price.usd, "Prepare")
    assert listed(execution).usd is None
    assert msgspec.json.decode(msgspec.json.encode(found), type=Listed) == found


def test_what_called_a_function_that_is_gone_has_no_cost() -> None:
    assert cost_of(recorded("complete"), {}) is None
