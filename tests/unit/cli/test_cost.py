"""What executions cost together."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops.cli.cost import _print, by_outcome
from darkroom_ops.executions.cost import PRICES, Cost, Item
from darkroom_ops.executions.listed import Filter, Listed
from tests.unit.cli.conftest import NOON, darkroom, listed, screen


def priced(**lines: float) -> Cost:
    return Cost(tuple(Item(what, usd * 100, "units", usd) for what, usd in lines.items()), PRICES)


def test_estimates_are_added_up_by_outcome_the_most_frequent_first() -> None:
    found = by_outcome(
        [
            ("FAILED", priced(a=1)),
            ("COMPLETE", priced(a=1, b=2)),
            ("COMPLETE", priced(b=4, c=8)),
        ]
    )

    assert list(found) == ["COMPLETE", "FAILED"]
    complete = found["COMPLETE"]
    assert complete.executions == 2
    assert [(item.what, item.quantity, item.unit, item.usd) for item in complete.items] == [
        ("a", 100, "units", 1), ("b", 600, "units", 6), ("c", 800, "units", 8),
    ]  # fmt: skip
    assert (complete.usd, complete.each) == (15, 7.5)
    assert found["FAILED"].usd == 1


@pytest.fixture
def costed(executions: Any) -> Any:
    """Three executions that ended, one that runs, and one whose function is gone."""
    executions.items = [
        listed("a", usd=None),
        listed("b", "FAILED", status="FAILED", usd=None),
        listed("c"),
        listed("d", None, status="RUNNING"),
        listed("e"),
    ]
    executions.whole = {each.arn: each.name for each in executions.items}
    executions.prices = {"a": priced(x=0.001, y=0.003), "b": priced(x=0.5), "c": priced(x=0.003)}
    return executions


def test_costs_for_programs(costed: Any) -> None:
    code, text = darkroom("cost", "--json")

    found = json.loads(text)
    assert code == 0
    assert found["prices"] == {"date": PRICES.date, "region": PRICES.region}
    assert (found["executions"], found["usd"]) == (3, pytest.approx(0.507))
    assert list(found["outcomes"]) == ["COMPLETE", "FAILED"]
    complete = found["outcomes"]["COMPLETE"]
    assert complete["executions"] == 2
    assert complete["usd"] == pytest.approx(0.007)
    assert complete["usd_each"] == pytest.approx(0.0035)
    assert complete["usd_per_1000"] == pytest.approx(3.5)
    assert complete["items"][0] == {
        "what": "x", "unit": "units",
        "quantity_each": pytest.approx(0.2), "usd_each": pytest.approx(0.002),
    }  # fmt: skip


def test_costs_for_people(costed: Any) -> None:
    lines = [" ".join(line.split()) for line in darkroom("cost")[1].splitlines()]

    assert lines[0] == "3 executions, about $0.51 on AWS"
    assert lines[2:6] == [
        "An image Each 1,000",
        "x 0.20 units $0.0020 $2.00",  # the dearest first
        "y 0.15 units $0.0015 $1.50",
        "Together $0.0035 $3.50",
    ]
    assert lines[7:9] == [
        "COMPLETE 2 executions $0.0035 each, $0.0070 together",
        "FAILED 1 execution $0.50 each, $0.50 together",
    ]
    assert lines[10].startswith(f"Prices of {PRICES.region} on {PRICES.date}, on demand")
    assert "machine" not in lines[-1]


def test_costs_on_the_engine_say_whose_durations_they_are(costed: Any) -> None:
    costed.deployment.endpoint = "http://127.0.0.1:1"

    assert "Durations are this machine's" in darkroom("cost")[1]


def test_costs_are_those_of_the_newest_and_no_more_are_asked_for(costed: Any) -> None:
    costed.items.insert(0, listed("runs", None, status="RUNNING"))
    words = (
        "--limit",
        "2",
        "--prefix",
        "s3://bucket/uploads/",
        "--since",
        "2026-01-31T12:00+00:00",
    )

    found = json.loads(darkroom("cost", *words, "--json")[1])

    assert {outcome: each["executions"] for outcome, each in found["outcomes"].items()} == {
        "COMPLETE": 1, "FAILED": 1,
    }  # fmt: skip
    assert costed.asked == {"only": Filter(prefix="uploads/", since=NOON), "costs": False}
    assert [each.name for each in costed.left] == ["c", "d", "e"]


def test_what_was_added_up_when_it_is_stopped_is_shown(costed: Any) -> None:
    """What is known line by line is added up at once; the others are, in parts of 25."""

    def looked(*_: Any, **__: Any) -> Iterator[Listed | None]:
        yield from [listed("a"), None] * 15
        raise KeyboardInterrupt

    costed.looked = looked

    code, text = darkroom("cost")
    assert (code, text.splitlines()[0]) == (130, "13 executions, about $0.052 on AWS")
    assert text.splitlines()[-1] == (
        "Stopped: the newest 13 executions were added up, and none behind them; --since or --limit "
        "asks for fewer."
    )
    code, text = darkroom("cost", "--json")
    found = json.loads(text)
    assert (code, found["executions"], found["stopped"]) == (130, 13, True)


def test_what_is_stopped_at_once_says_nothing_of_what_has_ended(costed: Any) -> None:
    def looked(*_: Any, **__: Any) -> Iterator[Listed | None]:
        raise KeyboardInterrupt

    costed.looked = looked

    code, text = darkroom("cost")
    assert (code, text.split()[:5]) == (130, ["Stopped:", "the", "newest", "0", "executions"])


@pytest.mark.parametrize(
    ("known", "at_once"), [((), True), (("a", "b"), True), (("a", "b", "c", "e"), False)]
)
def test_only_what_takes_a_request_is_asked_for_at_once(
    costed: Any, known: tuple[str, ...], at_once: bool
) -> None:
    """On an engine, all is known line by line; on AWS, nothing is."""
    threads: set[threading.Thread] = set()

    def cost_of(each: Listed) -> Cost:
        threads.add(threading.current_thread())
        return priced(x=1)

    costed.cost_of = cost_of
    costed.is_billed = lambda each: each.name in known

    assert darkroom("cost")[0] == 0
    assert costed.itemized
    assert (threading.main_thread() not in threads) == at_once


def test_without_a_complete_image_another_outcome_is_shown(costed: Any) -> None:
    del costed.items[0], costed.items[1]

    assert "An execution (FAILED)" in darkroom("cost")[1]


def test_nothing_that_ended_has_no_cost(executions: Any) -> None:
    executions.items = [listed("d", None, status="RUNNING")]

    assert darkroom("cost")[0] == 0
    found = json.loads(darkroom("cost", "--json")[1])
    assert (found["executions"], found["usd"], found["outcomes"]) == (0, 0, {})


@pytest.mark.parametrize(("width", "each"), [(72, True), (71, False), (60, False)])
def test_a_narrow_screen_shows_the_price_of_1000_whole(width: int, each: bool) -> None:
    shown = screen(width)
    at: Any = SimpleNamespace(endpoint=None)

    _print(shown, at, by_outcome([("COMPLETE", priced(**{"Lambda requests": 0.000001234}))]))

    table = shown.export_text().partition("\n\n")[2].partition("\n\n")[0]
    assert ("Each" in table, "…" in table) == (each, False)
    assert "$0.0012" in table
    assert max(map(len, table.splitlines())) <= width
