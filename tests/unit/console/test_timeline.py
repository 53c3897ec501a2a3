"""An execution in time, in percent of a common scale."""

from __future__ import annotations

import dataclasses

import pytest

from darkroom_ops.console import timeline
from darkroom_ops.executions.history import Attempt, Redrive
from tests.unit.console.conftest import passage
from tests.unit.recorded import at, recorded


@pytest.mark.parametrize("name", ["complete", "corrupt", "retried", "item_failed", "timed_out"])
def test_the_timeline_stays_on_its_scale(name: str) -> None:
    execution = recorded(name)
    drawn = timeline.draw(execution, execution.stopped or at(0))
    assert len(drawn.rows) == len(execution.states)
    for row in drawn.rows:
        whole = row.bars[0]
        for bar in row.bars:
            assert bar.x >= whole.x - 0.01
            assert 0 < bar.width <= 100
            assert bar.x + bar.width <= 100.01
    assert 1 <= len(drawn.marks) <= timeline.MARKS + 1


def test_bars_are_in_percent_of_the_whole() -> None:
    call = Attempt("lambda:invoke", "f", "", at(2), at(3), "Failed")
    again = Attempt("lambda:invoke", "f", "", at(5), None)
    runs = (
        passage(1, type="Map", entered=at(0), exited=at(8), attempts=()),
        passage(2, entered=at(2), exited=at(7), parent=1, attempts=(call, again)),
        passage(3, entered=at(9), exited=None, attempts=()),
    )
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), stopped=at(10), states=runs
    )

    drawn = timeline.draw(execution, at(99))

    assert [[(b.kind, b.x, b.width) for b in row.bars] for row in drawn.rows] == [
        [("state", 0, 80)],
        [("state", 20, 50), ("error", 20, 10), ("attempt", 50, 20)],
        [("state", 90, 10)],
    ]
    assert [row.depth for row in drawn.rows] == [0, 1, 0]
    assert drawn.marks == tuple((10.0 * 2 * n, 2 * n) for n in range(6))


@pytest.mark.parametrize(
    ("seconds", "step", "marks"),
    [
        (0.06, 0.01, 7),
        (0.061, 0.02, 4),
        (0.12, 0.02, 7),
        (0.3, 0.05, 7),
        (0.6, 0.1, 7),
        (1.2, 0.2, 7),
        (3, 0.5, 7),
        (6, 1, 7),
        (6.1, 2, 4),
        (12, 2, 7),
        (30, 5, 7),
        (60, 10, 7),
        (120, 20, 7),
        (180, 30, 7),
        (360, 60, 7),
        (720, 120, 7),
        (1800, 300, 7),
        (3600, 600, 7),
        (10800, 1800, 7),
        (21600, 3600, 7),
        (86400, 3600, 25),
    ],
)
def test_the_scale_has_six_steps_at_most_while_there_are_larger_ones(
    seconds: float, step: float, marks: int
) -> None:
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), stopped=at(seconds), states=()
    )

    drawn = timeline.draw(execution, at(0))

    assert drawn.marks[1][1] == step
    assert len(drawn.marks) == marks


def test_what_takes_no_time_and_what_outlasts_the_execution_is_seen() -> None:
    runs = (
        passage(1, entered=at(10), exited=at(10), attempts=()),
        passage(2, entered=at(0), exited=at(12.5), attempts=()),
        passage(3, entered=at(12.5), exited=at(12.5), attempts=()),
        passage(4, entered=at(12.46), exited=at(12.5), attempts=()),
    )
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), stopped=at(10), states=runs
    )

    drawn = timeline.draw(execution, at(10))

    bars = [(bar.x, bar.width) for row in drawn.rows for bar in row.bars]
    assert bars == [(80, 0.4), (0, 100), (99.6, 0.4), (99.6, 0.4)]


def test_percents_are_rounded_to_what_a_screen_can_show() -> None:
    runs = (passage(1, entered=at(1), exited=at(2), attempts=()),)
    execution = dataclasses.replace(recorded("complete"), started=at(0), stopped=at(3), states=runs)

    (row,) = timeline.draw(execution, at(3)).rows

    assert [(bar.x, bar.width) for bar in row.bars] == [(33.333, 33.333)]


def test_what_has_just_started_has_a_scale_too() -> None:
    runs = (passage(1, entered=at(0), exited=None, attempts=()),)
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), stopped=None, states=runs, redrives=()
    )

    drawn = timeline.draw(execution, at(0))

    assert [(bar.x, bar.width) for bar in drawn.rows[0].bars] == [(0, 0.4)]
    assert drawn.marks == ((0, 0),)


def test_a_redrive_is_a_fold_in_the_scale_and_a_divider_between_rows() -> None:
    redrive = Redrive(at(4), at(64))
    runs = (passage(1, entered=at(0), exited=at(4)), passage(2, entered=at(64), exited=at(70)))
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), stopped=at(70), states=runs, redrives=(redrive,)
    )

    drawn = timeline.draw(execution, at(99))

    assert drawn.folds == (40.0,)
    assert [(row.after, row.bars[0].x, row.bars[0].width) for row in drawn.rows] == [
        (None, 0, 40), (redrive, 40, 60),
    ]  # fmt: skip
