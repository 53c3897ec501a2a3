"""All executions of an engine: asked for once, and then only for what is new."""

from __future__ import annotations

import datetime
import tracemalloc
from typing import Any

import msgspec
import pytest

from darkroom_ops.executions.index import PAGE, SLACK, Index
from darkroom_ops.executions.listed import Line
from tests.unit.executions.test_client import MACHINE, NOON, StepFunctions, execution, line_of_item


def indexed(items: list[dict[str, Any]], ended: int) -> tuple[StepFunctions, Index]:
    """Return an index that begins with the oldest so many."""
    client = StepFunctions(items)
    lines: list[Line] = [line_of_item(each) for each in items[len(items) - ended :]]
    return client, Index(client, MACHINE, lines)  # type: ignore[arg-type]


def names(index: Index) -> list[str]:
    return [each.name for each in index.entries()]


def test_what_has_ended_is_not_asked_for_again() -> None:
    items = [execution(number) for number in range(4 * PAGE)]
    client, index = indexed(items, 4 * PAGE)
    client.asked.clear()

    assert names(index) == [each["name"] for each in items]
    assert client.asked == {"list": 1}


def test_what_starts_ends_or_is_redriven_is_seen_at_the_front() -> None:
    items = [execution(number) for number in range(3 * PAGE)]
    items[100] = execution(100, "RUNNING")
    client, index = indexed(items, 49)
    names(index)
    later = NOON + datetime.timedelta(hours=1)
    ended = items[100] | {"status": "SUCCEEDED", "stopDate": later}
    new = execution(0) | {"executionArn": "arn:new", "name": "new", "startDate": later,
                          "stopDate": later + SLACK}  # fmt: skip
    client.executions = [new, ended, *items[:100], *items[101:]]
    client.asked.clear()

    assert names(index)[:3] == ["new", ended["name"], items[0]["name"]]
    assert index.entries()[1].status == "SUCCEEDED"
    assert len(index.entries()) == 3 * PAGE + 1
    assert client.asked["list"] == 3


@pytest.mark.parametrize(("age", "seen"), [(5, True), (5.001, False)])
def test_a_list_is_looked_at_until_one_is_five_seconds_older(age: float, seen: bool) -> None:
    newest = execution(0)
    ended = newest["stopDate"] - datetime.timedelta(seconds=age)
    older = newest | {"executionArn": "arn:older", "name": "older", "stopDate": ended}
    client, index = indexed([newest, older], 2)
    client.executions = [newest, older, execution(1)]

    assert (execution(1)["name"] in names(index)) is seen


def test_what_runs_behind_the_first_page_is_asked_for_at_once() -> None:
    items = [execution(number) for number in range(3)]
    client, _ = indexed(items, 2)
    client.executions = [*items, execution(3, "RUNNING")]
    index = Index(client, MACHINE, [line_of_item(each) for each in items])  # type: ignore[arg-type]
    client.executions = items[:1]
    assert execution(3)["name"] in names(index)


def test_what_was_seen_late_stands_in_its_place() -> None:
    items = [execution(number) for number in range(3)]
    client, index = indexed(items, 3)
    names(index)
    late = [
        execution(0) | {"executionArn": f"arn:{name}", "name": name,
                        "stopDate": items[0]["stopDate"] - ago}
        for name, ago in (("late", SLACK / 2), ("later", SLACK))
    ]  # fmt: skip
    client.executions = [items[0], *late, *items[1:]]

    assert names(index)[:3] == [items[0]["name"], "late", "later"]


def test_what_was_redriven_and_failed_again_between_two_looks_is_seen() -> None:
    items = [execution(number, "FAILED") for number in range(3)]
    client, index = indexed(items, 3)
    names(index)
    again = items[2] | {"stopDate": NOON + datetime.timedelta(hours=1), "redriveCount": 1}
    client.executions = [again, *items[:2]]

    assert names(index) == [each["name"] for each in client.executions]
    assert index.entries()[0].redrives == 1


def test_none_at_all() -> None:
    client, index = indexed([], 0)
    assert index.entries() == []
    client.executions = [execution(1)]
    assert names(index) == [execution(1)["name"]]


def test_a_list_in_which_nothing_changed_is_not_put_in_order_again() -> None:
    items = [execution(number) for number in range(3)]
    client, index = indexed(items, 3)
    before = index.entries()

    assert index.entries() is before
    client.executions = [execution(0, "RUNNING"), *items[1:]]
    assert index.entries() is not before


def test_what_the_engine_says_later_is_taken_where_it_is_about_the_same() -> None:
    items = [execution(number) for number in range(3)]
    client, index = indexed([], 0)
    client.executions = items
    index.entries()
    redriven = items[1] | {"redriveCount": 1}

    index.learn([line_of_item(items[0]), line_of_item(redriven), line_of_item(execution(9))])

    assert [each.costed for each in index.entries()] == [True, False, False]
    known = index.entries()[0].known
    assert known == line_of_item(items[0]).listed
    index.learn([line_of_item(items[0])])
    assert index.entries()[0].known is known, "what is known is known"


def test_an_execution_takes_so_much_memory() -> None:
    """A console with 20,000 keeps within 150 MB, of which it takes 80 without any."""
    count = 1000
    lines = msgspec.json.encode([line_of_item(execution(number)) for number in range(count)])
    client = StepFunctions([])
    tracemalloc.start()
    try:
        index = Index(client, MACHINE, msgspec.json.decode(lines, type=list[Line]))  # type: ignore[arg-type]
        assert len(index.entries()) == count
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held / count < 1300
