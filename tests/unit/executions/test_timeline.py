"""When each state ran, waited and failed, in seconds after the start."""

from __future__ import annotations

import dataclasses
from typing import Any

from darkroom_ops.executions.history import Attempt, Redrive, StateRun
from darkroom_ops.executions.timeline import Bar, elapsed, rows
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


def test_the_pause_before_a_redrive_is_folded() -> None:
    stopped = dataclasses.replace(call(1, 2), aborted=True)
    execution = dataclasses.replace(
        recorded("complete"),
        started=at(0),
        stopped=at(110),
        redrives=(Redrive(at(2), at(102)),),
        states=(passage(1, 0, 110, stopped, call(103, 105)), passage(2, 106, 110)),
    )

    first, second = rows(execution, at(999))

    assert first.bars == (Bar("state", 0, 10), Bar("stopped", 1, 2), Bar("attempt", 3, 5))
    assert second.bars == (Bar("state", 6, 10),)
    assert (first.after, second.after) == (None, execution.redrives[0])
    assert [elapsed(execution, at(n)) for n in (1, 2, 50, 102, 103)] == [1, 2, 2, 2, 3]


def test_a_row_follows_the_last_of_several_redrives() -> None:
    each = (Redrive(at(1), at(2)), Redrive(at(3), at(4)), Redrive(at(6), at(7)))
    states = (passage(1, 0, 1), passage(2, 4, 5, parent=1), passage(3, 5, 6, parent=2))
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), redrives=each, states=states
    )

    found = rows(execution, at(9))

    assert [row.after for row in found] == [None, each[1], None]
    assert [row.depth for row in found] == [0, 1, 2]
