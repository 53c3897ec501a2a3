"""How many executions there are of each kind, under what else is chosen."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from darkroom_ops.executions.facets import TOTAL, facets
from darkroom_ops.executions.listed import Filter, Listed
from darkroom_ops.executions.model import SourceObject

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
HOUR, SECOND = datetime.timedelta(hours=1), datetime.timedelta(seconds=1)


def line(key: str, **changed: Any) -> Listed:
    given: dict[str, Any] = {"status": "SUCCEEDED", "outcome": "COMPLETE", "error": None}
    given |= {"started": NOON, "step": None} | changed
    source = SourceObject("bucket", key)
    return Listed(arn=key, source=source, stopped=None, seconds=1, usd=None, **given)


FAILED: dict[str, Any] = {"status": "TIMED_OUT", "outcome": None, "error": "States.Timeout"}
LINES = [
    line("in/a.jpg"),
    line("in/b.jpg", **FAILED, step="Resize"),
    line("out/c.jpg", **FAILED, step="Prepare", started=NOON - 2 * HOUR),
    line("d.jpg"),
]


def counted(only: Filter) -> dict[str, dict[str, int]]:
    return {name: dict(count) for name, count in facets(LINES, only, NOON).items()}


def test_all_are_counted_by_each_facet() -> None:
    assert counted(Filter()) == {
        "status": {"COMPLETE": 2, "FAILED": 2},
        "error": {"States.Timeout": 2},
        "step": {"Resize": 1, "Prepare": 1},
        "folder": {"in": 2, "out": 1},
        "since": {"1h": 3, "24h": 4, "7d": 4},
        TOTAL: {TOTAL: 4},
    }


def test_a_facet_counts_what_fits_the_others() -> None:
    found = counted(Filter(status="FAILED", folder="in"))

    assert found["status"] == {"COMPLETE": 1, "FAILED": 1}  # of those in the folder
    assert found["folder"] == {"in": 1, "out": 1}  # of those that failed
    assert found["step"] == {"Resize": 1}
    assert found["since"] == {"1h": 1, "24h": 1, "7d": 1}
    assert found[TOTAL] == {TOTAL: 1}


def test_time_and_text_count_as_well() -> None:
    late = counted(Filter(since=NOON - HOUR, text="JPG"))

    assert late["since"] == {"1h": 3, "24h": 4, "7d": 4}
    assert late["status"] == {"COMPLETE": 2, "FAILED": 1}
    assert counted(Filter(text="a.jpg"))[TOTAL] == {TOTAL: 1}


@pytest.mark.parametrize(
    ("age", "spans"),
    [
        (HOUR, {"1h": 1, "24h": 1, "7d": 1}),
        (HOUR + SECOND, {"1h": 0, "24h": 1, "7d": 1}),
        (24 * HOUR, {"1h": 0, "24h": 1, "7d": 1}),
        (24 * HOUR + SECOND, {"1h": 0, "24h": 0, "7d": 1}),
        (7 * 24 * HOUR, {"1h": 0, "24h": 0, "7d": 1}),
        (7 * 24 * HOUR + SECOND, {"1h": 0, "24h": 0, "7d": 0}),
    ],
)
def test_a_span_holds_what_is_as_old_as_it(age: datetime.timedelta, spans: dict[str, int]) -> None:
    found = facets([line("a.jpg", started=NOON - age)], Filter(), NOON)
    assert found["since"] == spans


def test_what_runs_is_counted_as_running() -> None:
    found = facets([line("a.jpg", status="RUNNING", outcome=None)], Filter(), NOON)
    assert found["status"] == {"RUNNING": 1}


def test_what_is_alike_but_for_a_time_that_is_chosen_is_told_apart() -> None:
    lines = [line("a.jpg", started=NOON - minutes * HOUR / 60) for minutes in (5, 10, 15)]
    found = facets(lines, Filter(since=NOON - HOUR / 6), NOON)
    assert found[TOTAL] == {TOTAL: 2}
    assert found["since"] == {"1h": 3, "24h": 3, "7d": 3}
