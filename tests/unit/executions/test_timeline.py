"""When each state ran, waited and failed, in seconds after the start."""

from __future__ import annotations

import dataclasses
from typing import Any

from darkroom_ops.executions.history import Attempt, StateRun
from darkroom_ops.executions.timeline import Bar, rows
from tests.unit.recorded import at, recorded


def passage(number: int, start: float, end: float | None, *calls: Attempt, **more: Any) -> StateRun:
    state = StateRun(
        number, "Resize", "Task", at(start), None if end is None else at(end), None, None, "",
        None, calls, None, None,
    )  # fmt: skip
    return dataclasses.replace(state, **more)


def call(start: float, end: float | None, error: str | None = None) -> Attempt:
    return Attempt("lambda:invoke", "f", "", at(start), None if end is None else at(end), error)


def drawn(*states: StateRun, stopped: float | None = 10) -> list[tuple[Bar, ...]]:
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), states=states,
        stopped=None if stopped is None else at(stopped),
    )  # fmt: skip
    return [row.bars for row in rows(execution, at(20))]


def test_calls_and_the_waits_between_them_follow_the_whole() -> None:
    assert drawn(passage(1, 1, 9, call(1, 2, "Throttled"), call(4, 9))) == [
        (Bar("state", 1, 9), Bar("wait", 2, 4), Bar("error", 1, 2), Bar("attempt", 4, 9))
    ]


def test_a_last_failure_is_waited_after_only_while_its_state_runs() -> None:
    failed = call(1, 2, "Throttled")

    assert drawn(passage(1, 1, 2, failed)) == [(Bar("state", 1, 2), Bar("error", 1, 2))]
    assert drawn(passage(1, 1, 5, failed, aborted=True)) == [
        (Bar("state", 1, 5), Bar("wait", 2, 5), Bar("error", 1, 2))
    ]
    assert drawn(passage(1, 1, None, failed), stopped=None) == [
        (Bar("state", 1, 20, ended=False), Bar("wait", 2, 20), Bar("error", 1, 2))
    ]


def test_what_has_not_ended_lasts_as_long_as_what_is_around_it() -> None:
    inside = passage(2, 1, None, call(2, None), call(2, 12), parent=1)

    (_, within) = drawn(passage(1, 0, 7), inside)
    assert within == (
        Bar("state", 1, 7, ended=False), Bar("attempt", 2, 7, ended=False), Bar("attempt", 2, 7),
    )  # fmt: skip
    (alone,) = drawn(inside)
    assert alone[0].end == 10
