"""The list of executions: what is asked for once, and when it is asked for again."""

# ruff: noqa: N803 - the arguments of a fake client are named as boto3 names them

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.listing import Executions, NoSuchExecution

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:pipeline"
PREFIX = "arn:aws:states:eu-west-1:123456789012:execution:pipeline:"
HOST = "https://eu-west-1.console.aws.amazon.com"
CONSOLE = f"{HOST}/states/home?region=eu-west-1#/v2/executions/details"
NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
TOTAL = 120


class StepFunctions:
    """Step Functions with some executions, newest first; it counts what it is asked."""

    def __init__(self, executions: list[dict[str, Any]]) -> None:
        self.executions = executions
        self.asked: Counter[str] = Counter()

    def get_paginator(self, operation: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=getattr(self, operation))

    def list_executions(
        self, *, PaginationConfig: dict[str, int], statusFilter: str | None = None, **_: str
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        found = [each for each in self.executions if statusFilter in (None, each["status"])]
        size = PaginationConfig["PageSize"]
        for first in range(0, len(found) or 1, size):
            self.asked["list"] += 1
            listed = ("executionArn", "name", "status", "startDate", "stopDate", "redriveCount")
            yield {
                "executions": [
                    {name: each[name] for name in listed if name in each}
                    for each in found[first : first + size]
                ]
            }

    def get_execution_history(self, **_: Any) -> Iterator[dict[str, Any]]:
        self.asked["history"] += 1
        yield {"events": []}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        self.asked["describe"] += 1
        for each in self.executions:
            if each["executionArn"] == executionArn:
                return dict(each)
        raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")


def execution(number: int, status: str = "SUCCEEDED", outcome: str = "COMPLETE") -> dict[str, Any]:
    name = f"{number:08}-0000"
    started = NOON - datetime.timedelta(minutes=number)
    key = f"uploads/{'even' if number % 2 == 0 else 'odd'}/{number}.jpg"
    found = {
        "executionArn": PREFIX + name,
        "name": name,
        "status": status,
        "startDate": started,
        "input": json.dumps({"source": {"bucket": "bucket", "key": key}}),
        "output": json.dumps({"outcome": outcome}),
    }
    ended = started + datetime.timedelta(seconds=2)
    return found if status == "RUNNING" else found | {"stopDate": ended}


@pytest.fixture
def client() -> StepFunctions:
    return StepFunctions([execution(number) for number in range(TOTAL)])


@pytest.fixture
def executions(client: StepFunctions) -> Executions:
    return Executions(
        SimpleNamespace(
            stepfunctions=client,
            lambda_=None,
            state_machine_arn=MACHINE,
            stack="darkroom",
            endpoint=None,
            region="eu-west-1",
        )  # type: ignore[arg-type]
    )


def numbers(page: Any) -> list[int]:
    return [int(item.name[:8]) for item in page.items]


def test_pages_follow_each_other_without_a_gap_or_a_repetition(executions: Executions) -> None:
    found, after = [], None
    for _ in range(10):
        page = executions.recent(limit=50, after=after)
        found += numbers(page)
        after = page.next
        if after is None:
            break

    assert found == list(range(TOTAL))


def test_what_starts_meanwhile_does_not_shift_the_next_page(
    executions: Executions, client: StepFunctions
) -> None:
    first = executions.recent(limit=10)
    client.executions.insert(0, execution(0) | {"executionArn": f"{PREFIX}new", "name": "new"})

    assert numbers(executions.recent(limit=10, after=first.next)) == list(range(10, 20))


def test_an_ended_execution_is_asked_for_once(
    executions: Executions, client: StepFunctions
) -> None:
    executions.recent(limit=TOTAL)
    client.asked.clear()

    assert numbers(executions.recent(limit=TOTAL)) == list(range(TOTAL))
    assert client.asked == {"list": 1}


def test_a_running_execution_is_asked_for_each_time(
    executions: Executions, client: StepFunctions
) -> None:
    client.executions[3] = execution(3, "RUNNING")
    (running,) = executions.recent(status="RUNNING").items
    assert (running.outcome, running.stopped, running.usd) == (None, None, None)

    client.executions[3] = execution(3, "FAILED")

    assert executions.recent(limit=5).items[3].status == "FAILED"


def test_a_redrive_brings_an_ended_execution_back(
    executions: Executions, client: StepFunctions
) -> None:
    client.executions[3] = execution(3, "ABORTED")
    arn = client.executions[3]["executionArn"]
    assert executions.recent(limit=5).items[3].status == "ABORTED"
    assert executions.get(arn).status == "ABORTED"

    client.executions[3] = execution(3) | {
        "redriveCount": 1,
        "stopDate": NOON + datetime.timedelta(hours=1),
    }

    assert executions.recent(limit=5).items[3].outcome == "COMPLETE"
    assert executions.get(arn).outcome == "COMPLETE"


def test_filters(executions: Executions, client: StepFunctions) -> None:
    client.executions[4] = execution(4, "TIMED_OUT")
    client.executions[5] = execution(5, "FAILED")
    client.executions[6] = execution(6, outcome="ALREADY_PROCESSED")

    assert numbers(executions.recent(status="FAILED")) == [4, 5]  # every failure
    assert numbers(executions.recent(status="TIMED_OUT")) == [4]
    assert numbers(executions.recent(status="ALREADY_PROCESSED")) == [6]
    assert 6 not in numbers(executions.recent(status="COMPLETE"))
    assert numbers(executions.recent(prefix="uploads/odd/", limit=3)) == [1, 3, 5]
    assert numbers(executions.recent(since=NOON - datetime.timedelta(minutes=2))) == [0, 1, 2]
    assert numbers(executions.recent(status="FAILED", prefix="uploads/even/")) == [4]
    with pytest.raises(ValueError, match="SUPERSEDED"):
        executions.recent(status="GREEN")


def test_costs_are_asked_for_only_of_those_that_are_shown(
    executions: Executions, client: StepFunctions
) -> None:
    executions.recent(limit=5, prefix="uploads/odd/")
    assert client.asked["history"] == 6  # and one more, to know whether there is a next page

    client.asked.clear()
    executions.recent(limit=20, costs=False)
    assert client.asked["history"] == 0


def test_a_history_that_may_not_be_read_leaves_out_the_cost_only(
    executions: Executions, client: StepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetExecutionHistory")

    with monkeypatch.context() as patch:
        patch.setattr(client, "get_execution_history", refused)
        (item,) = executions.recent(limit=1).items
    assert (item.outcome, item.usd) == ("COMPLETE", None)

    assert executions.recent(limit=1).items[0].usd == 0  # asked for again; it went through nothing


def test_an_input_that_names_no_object_is_listed_too(
    executions: Executions, client: StepFunctions
) -> None:
    client.executions[0]["input"] = '"nonsense"'

    assert executions.recent(limit=1).items[0].source is None
    assert 0 not in numbers(executions.recent(prefix="uploads/"))


def test_the_beginning_of_a_name_must_tell_executions_apart(executions: Executions) -> None:
    assert executions.find("00000042") == f"{PREFIX}00000042-0000"
    with pytest.raises(NoSuchExecution, match=r"10 begin so: 00000010.*Give more"):
        executions.find("0000001")
    with pytest.raises(NoSuchExecution, match="none named '000'"):
        executions.find("000")


@pytest.mark.parametrize(
    "text",
    [
        f"{PREFIX}00000007-0000",
        f"{CONSOLE}/{PREFIX}00000007-0000",
        f"{CONSOLE}/{PREFIX.replace(':', '%3A')}00000007-0000?statusFilter=FAILED",
        f"Execution  {PREFIX}00000007-0000\n",
        "00000007-0000",
    ],
)
def test_what_an_alert_gives_is_understood(executions: Executions, text: str) -> None:
    assert executions.find(text) == f"{PREFIX}00000007-0000"


def test_names_for_the_shell(executions: Executions) -> None:
    assert executions.names("0000011") == [
        (f"{number:08}-0000", "SUCCEEDED") for number in range(110, 120)
    ]
