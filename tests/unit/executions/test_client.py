"""The list of executions: what is asked for once, and when it is asked for again."""

# ruff: noqa: N803 - the arguments of a fake client are named as boto3 names them

from __future__ import annotations

import datetime
import functools
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from darkroom_ops.executions.client import KEPT_WHOLE, Executions, NoSuchExecution
from darkroom_ops.executions.cost import PRICES, Cost, Item, billed
from darkroom_ops.executions.listed import Bill, Filter, Line, listed
from darkroom_ops.executions.model import read
from tests.unit.recorded import recording

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:pipeline"
PREFIX = "arn:aws:states:eu-west-1:123456789012:execution:pipeline:"
HOST = "https://eu-west-1.console.aws.amazon.com"
CONSOLE = f"{HOST}/states/home?region=eu-west-1#/v2/executions/details"
NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
TOTAL = 120


class StepFunctions:
    """Step Functions with some executions, newest first; it counts what it is asked."""

    def __init__(self, executions: list[dict[str, Any]]) -> None:
        self.executions = executions
        self.asked: Counter[str] = Counter()
        self.sizes: list[int] = []

    def get_paginator(self, operation: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=getattr(self, operation))

    def list_executions(
        self, *, PaginationConfig: dict[str, int], statusFilter: str | None = None, **_: str
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        found = [each for each in self.executions if statusFilter in (None, each["status"])]
        size = PaginationConfig["PageSize"]
        assert 1 <= size <= 1000, "as ListExecutions allows"
        self.sizes.append(size)
        for first in range(0, len(found) or 1, size):
            self.asked["list"] += 1
            hidden = {"input", "output", "error", "cause"}
            yield {
                "executions": [
                    {name: each[name] for name in each if name not in hidden}
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
    return dict(_execution(number, status, outcome))


@functools.cache
def _execution(number: int, status: str, outcome: str) -> dict[str, Any]:
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


def recorded(*, TableName: str, Key: Any, ConsistentRead: bool) -> dict[str, Any]:
    assert (TableName, ConsistentRead) == ("images", True)
    known = Key == {"image": {"S": "bucket/uploads/a b.jpg"}}
    return {"Item": Key | {"execution": {"S": f"{PREFIX}named"}}} if known else {}


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
            images_table_name="images",
            dynamodb=SimpleNamespace(get_item=recorded),
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
    assert numbers(executions.recent()) == list(range(50))


@pytest.mark.parametrize(
    ("limit", "after", "found", "more"),
    [
        (0, None, [], False),
        (1, None, [0], True),
        (TOTAL - 1, None, list(range(TOTAL - 1)), True),
        (TOTAL, None, list(range(TOTAL)), False),  # ends exactly
        (TOTAL + 1, None, list(range(TOTAL)), False),
        (2, TOTAL - 4, [TOTAL - 3, TOTAL - 2], True),
        (2, TOTAL - 3, [TOTAL - 2, TOTAL - 1], False),
        (2, TOTAL - 2, [TOTAL - 1], False),
        (2, TOTAL - 1, [], False),
        (2, 24, [25, 26], True),  # the last of what is asked for at a time
        (25, None, list(range(25)), True),
        (26, None, list(range(26)), True),
    ],
)
def test_a_page_holds_so_many_and_says_whether_more_follow(
    executions: Executions, limit: int, after: int | None, found: list[int], more: bool
) -> None:
    behind = None if after is None else place(after)

    page = executions.recent(limit=limit, after=behind)

    assert numbers(page) == found
    assert page.next == (place(found[-1]) if more else None)
    assert page.newer == (place(found[0]) if after is not None and found else None)


def refused(code: str) -> Callable[..., Any]:
    """Return a call of AWS that is answered with an error."""

    def call(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, "Any")

    return call


def place(number: int) -> str:
    """Return where an execution stands in the list: when it ended, and which it is."""
    ended = NOON - datetime.timedelta(minutes=number) + datetime.timedelta(seconds=2)
    return f"{ended.isoformat()} {PREFIX}{number:08}-0000"


@pytest.mark.parametrize(
    "after", [f"{PREFIX}00000001-0000", "", "yesterday arn", "2020-01-31T12:00:00 arn"]
)
def test_what_follows_no_place_is_nothing(executions: Executions, after: str) -> None:
    assert executions.recent(after=after).items == ()


def test_an_execution_that_ended_between_two_pages_repeats_none(
    executions: Executions, client: StepFunctions
) -> None:
    """It is the newest then; the next page goes on where it stood."""
    client.executions[9] = execution(9, "RUNNING")
    first = executions.recent(limit=10)
    late = client.executions.pop(9) | {"status": "SUCCEEDED", "stopDate": NOON + HOUR}
    client.executions.insert(0, late)
    assert numbers(executions.recent(limit=10, after=first.next)) == list(range(10, 20))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_executions_that_ended_at_the_same_moment_are_all_listed(
    executions: Executions, client: StepFunctions, order: list[int]
) -> None:
    client.executions[:4] = [execution(each) | {"stopDate": NOON + HOUR} for each in order]
    first = executions.recent(limit=2)
    second = executions.recent(limit=3, after=first.next)
    assert numbers(first) + numbers(second) == [*order, 4]
    assert numbers(executions.recent(limit=5, before=second.newer)) == numbers(first)


def test_an_old_execution_that_was_redriven_hides_none(
    executions: Executions, client: StepFunctions
) -> None:
    """What has ended is listed by its end (API reference, ListExecutions)."""
    old = execution(99_999) | {"stopDate": NOON + HOUR, "redriveCount": 1}
    again = execution(99_998, "RUNNING") | {"redriveDate": NOON + HOUR, "redriveCount": 1}
    client.executions[:0] = [again, old]
    since = NOON - datetime.timedelta(minutes=2)
    assert numbers(executions.recent(since=since)) == [0, 1, 2]
    assert numbers(executions.recent(since=since, limit=2)) == [0, 1]


def test_what_was_redriven_stands_where_its_redrive_began(
    executions: Executions, client: StepFunctions
) -> None:
    """What runs is listed by its start or its last redrive (API reference, ListExecutions)."""
    again = execution(99_998, "RUNNING") | {"redriveDate": NOON + HOUR, "redriveCount": 1}
    client.executions[:0] = [again]
    first = executions.recent(limit=1)
    assert (numbers(first), numbers(executions.recent(limit=2, after=first.next))) == (
        [99_998],
        [0, 1],
    )


def test_no_more_is_looked_at_than_what_ended_since(
    executions: Executions, client: StepFunctions
) -> None:
    """One that began before and ended after is passed by, one that runs still too."""
    client.executions[3]["stopDate"] = NOON
    client.executions[4] = execution(4, "RUNNING")
    client.executions[5]["startDate"] = NOON  # nonsense, to see that nobody looks so far
    client.executions[5]["stopDate"] = NOON - HOUR
    client.executions[6]["startDate"] = NOON
    since = NOON - datetime.timedelta(minutes=2)
    assert numbers(executions.recent(since=since)) == [0, 1, 2]


def test_a_listed_execution_is_told_in_full(executions: Executions) -> None:
    (item,) = executions.recent(limit=1).items

    assert (item.arn, item.name) == (f"{PREFIX}00000000-0000", "00000000-0000")
    assert (item.status, item.outcome, item.error) == ("SUCCEEDED", "COMPLETE", None)
    assert item.source is not None
    assert item.source.key == "uploads/even/0.jpg"
    assert (item.started, item.stopped, item.seconds) == (
        NOON, NOON + datetime.timedelta(seconds=2), 2,
    )  # fmt: skip
    assert item.usd == 0


@pytest.mark.parametrize(
    ("narrowed", "limit", "size"),
    [
        ({}, 10, 11),  # one more, to know whether there is a next page
        ({}, 5000, 1000),
        ({"prefix": "uploads/"}, 10, 1000),
        ({"status": "FAILED"}, 10, 1000),
        ({"since": NOON}, 10, 1000),
        ({"after": f"{NOON.isoformat()} any"}, 10, 1000),
    ],
)
def test_so_many_are_asked_for_at_once(
    executions: Executions,
    client: StepFunctions,
    narrowed: dict[str, Any],
    limit: int,
    size: int,
) -> None:
    executions.recent(limit=limit, costs=False, **narrowed)

    assert client.sizes == [size]


def test_what_is_not_looked_at_is_not_asked_for(
    executions: Executions, client: StepFunctions
) -> None:
    executions.recent(limit=0, costs=False)
    assert client.asked == {"list": 1, "describe": 1}

    executions.recent(limit=3, costs=False)
    assert client.asked == {"list": 2, "describe": 4}

    client.asked.clear()
    taken = list(itertools.islice(executions.each(costs=False), 25))
    assert len(taken) == 25
    assert client.asked["describe"] == 25 - 4  # a batch, of which four are known


def test_the_list_without_costs_is_completed_when_costs_are_asked_for(
    executions: Executions, client: StepFunctions
) -> None:
    assert executions.recent(limit=1, costs=False).items[0].usd is None
    assert executions.recent(limit=1).items[0].usd == 0

    client.asked.clear()
    assert executions.recent(limit=1).items[0].usd == 0
    assert executions.recent(limit=1, costs=False).items[0].usd == 0
    assert client.asked == {"list": 2}


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED", "FAILED"])
def test_every_failure_is_among_the_failed(
    executions: Executions, client: StepFunctions, status: str
) -> None:
    client.executions[7] = execution(7, status)

    assert numbers(executions.recent(status="FAILED")) == [7]
    assert client.asked["describe"] == 1, "what succeeded is not asked about"
    assert numbers(executions.recent(status=status)) == [7]
    assert 7 not in numbers(executions.recent(status="SUCCEEDED", limit=TOTAL))


@pytest.mark.parametrize(
    ("said", "then"), [("RUNNING", "SUCCEEDED"), ("FAILED", "RUNNING")], ids=["ended", "redriven"]
)
def test_an_execution_that_changed_between_two_answers_is_asked_for_again(
    executions: Executions, client: StepFunctions, said: str, then: str
) -> None:
    """Its list and its description differ, so nothing of it is kept."""
    describe = client.describe_execution
    client.executions[0] = execution(0, said)
    client.describe_execution = lambda **_: execution(0, then)  # type: ignore[method-assign]
    assert executions.recent(limit=1, costs=False).items[0].status == then

    client.describe_execution = describe  # type: ignore[method-assign]
    assert executions.recent(limit=1, costs=False).items[0].status == said


def test_an_execution_is_read_in_full_once_when_it_has_ended(
    executions: Executions, client: StepFunctions
) -> None:
    arns = [each["executionArn"] for each in client.executions]
    for _ in range(2):
        executions.get(arns[0])
    assert client.asked["history"] == 1

    client.executions[1] = execution(1, "RUNNING")
    for _ in range(2):
        executions.get(arns[1])
    assert client.asked["history"] == 3


def test_only_the_last_read_are_kept(executions: Executions, client: StepFunctions) -> None:
    client.executions = [execution(number) for number in range(KEPT_WHOLE + 1)]
    arns = [each["executionArn"] for each in client.executions]
    for arn in arns[:KEPT_WHOLE]:
        executions.get(arn)
    executions.get(arns[0])  # used again, so the next one is the oldest
    assert client.asked["history"] == KEPT_WHOLE
    executions.get(arns[KEPT_WHOLE])
    client.asked.clear()

    executions.get(arns[0])
    assert client.asked["history"] == 0
    executions.get(arns[1])
    assert client.asked["history"] == 1


def test_an_execution_that_there_is_not(executions: Executions) -> None:
    with pytest.raises(NoSuchExecution, match=r"stack 'darkroom' \(AWS, region eu-west-1\)"):
        executions.get(f"{PREFIX}gone")


def test_where_none_is_listed_none_is_missing(
    executions: Executions, client: StepFunctions
) -> None:
    """Express has no list: looking into it would be no way on."""
    client.list_executions = refused("StateMachineTypeNotSupported")  # type: ignore[method-assign]

    for arn in (f"{PREFIX}gone", executions.find("s3://bucket/uploads/a b.jpg")):
        with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
            executions.get(arn)


def test_a_refusal_is_not_taken_for_a_missing_execution(
    executions: Executions, client: StepFunctions
) -> None:
    client.describe_execution = refused("AccessDeniedException")  # type: ignore[method-assign]

    with pytest.raises(ClientError, match="AccessDenied"):
        executions.find("00000007-0000")


def test_an_image_stands_for_the_execution_that_its_record_names(executions: Executions) -> None:
    assert executions.find("s3://bucket/uploads/a b.jpg") == f"{PREFIX}named"
    with pytest.raises(NoSuchExecution, match="'darkroom' has no record of it"):
        executions.find("s3://bucket/uploads/other.jpg")


@pytest.mark.parametrize("text", ["s3://bucket", "s3://bucket/", "s3:///key", "s3://"])
def test_half_an_address_is_no_image(executions: Executions, text: str) -> None:
    with pytest.raises(NoSuchExecution, match="Expected s3://bucket/key"):
        executions.find(text)


@pytest.mark.parametrize("text", ["", "a b", "what?", "uploads/photo.jpg"])
def test_what_names_nothing_is_told(executions: Executions, text: str) -> None:
    with pytest.raises(NoSuchExecution, match="Expected an execution's name"):
        executions.find(text)


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
    with monkeypatch.context() as patch:
        patch.setattr(client, "get_execution_history", refused("AccessDeniedException"))
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
        executions.find("000")  # too short to look for


def test_a_whole_name_is_found_without_looking_through_the_list(
    executions: Executions, client: StepFunctions
) -> None:
    assert executions.find("00000042-0000") == f"{PREFIX}00000042-0000"
    assert client.asked == {"describe": 1}


def test_the_beginning_of_several_names_shows_some_of_them(
    executions: Executions, client: StepFunctions
) -> None:
    def named(count: int) -> None:
        client.executions = [
            execution(number) | {"executionArn": f"{PREFIX}photo-{number}"}
            for number in range(count)
        ]

    named(2)
    with pytest.raises(NoSuchExecution, match=r"2 begin so: photo-0, photo-1\. Give"):
        executions.find("phot")
    named(5)
    with pytest.raises(NoSuchExecution, match=r"5 begin so: photo-0, .*, photo-4\. Give"):
        executions.find("phot")
    named(6)
    with pytest.raises(NoSuchExecution, match=r"6 begin so: photo-0, .*, photo-4, …\. Give"):
        executions.find("phot")
    named(1)
    assert executions.find("phot") == f"{PREFIX}photo-0"


@pytest.mark.parametrize(
    "text",
    [
        f"{PREFIX}00000007-0000",
        f"{CONSOLE}/{PREFIX}00000007-0000",
        f"{CONSOLE}/{PREFIX.replace(':', '%3A')}00000007-0000?statusFilter=FAILED",
        f"Execution  {PREFIX}00000007-0000\n",
        " 00000007-0000\n",
    ],
)
def test_what_an_alert_gives_is_understood(executions: Executions, text: str) -> None:
    assert executions.find(text) == f"{PREFIX}00000007-0000"


def test_names_for_the_shell(executions: Executions) -> None:
    assert executions.names("0000011") == [
        (f"{number:08}-0000", "SUCCEEDED") for number in range(110, 120)
    ]
    assert len(executions.names()) == 50
    assert [name for name, _ in executions.names(limit=2)] == ["00000000-0000", "00000001-0000"]


def test_more_is_listed_only_as_it_is_taken(executions: Executions, client: StepFunctions) -> None:
    client.executions = [execution(number) for number in range(1001)]

    found = executions.each(costs=False)
    for _ in range(25):
        next(found)
    assert (client.asked["list"], client.asked["describe"]) == (1, 25)

    assert len(list(executions.each(costs=False))) == 1001
    assert client.asked["list"] == 1 + 2


def test_few_are_asked_for_when_few_are_expected(
    executions: Executions, client: StepFunctions
) -> None:
    assert len(list(itertools.islice(executions.each(costs=False, expected=3), 3))) == 3
    assert (client.asked["describe"], client.sizes) == (3, [3])

    assert next(executions.each(costs=False, expected=0)).name == "00000000-0000"
    assert client.sizes == [3, 1]


def test_an_execution_that_started_at_that_moment_is_since_then(executions: Executions) -> None:
    since, second = NOON - datetime.timedelta(minutes=3), datetime.timedelta(seconds=1)

    assert numbers(executions.recent(since=since)) == [0, 1, 2, 3]
    assert numbers(executions.recent(since=since + second)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("changed", "again"),
    [({}, 0), ({"stopDate": NOON + datetime.timedelta(hours=1)}, 1), ({"redriveCount": 1}, 1)],
)
def test_what_says_that_an_execution_was_redriven(
    executions: Executions, client: StepFunctions, changed: dict[str, Any], again: int
) -> None:
    executions.recent(limit=1)
    client.asked.clear()

    client.executions[0] |= changed
    executions.recent(limit=1)

    assert client.asked["describe"] == again


def test_names_are_those_of_the_last_thousand(
    executions: Executions, client: StepFunctions
) -> None:
    client.executions = [execution(number) for number in range(1001)]

    assert len(executions.names(limit=2000)) == 1000
    assert executions.names("00001000") == []
    assert executions.names("00000999") == [("00000999-0000", "SUCCEEDED")]
    assert client.sizes == [1000] * 3


def test_the_beginning_of_a_name_is_looked_for_among_the_last_ten_thousand(
    executions: Executions, client: StepFunctions
) -> None:
    client.executions = [execution(number) for number in range(10_001)]

    assert executions.find("00009999") == f"{PREFIX}00009999-0000"
    with pytest.raises(NoSuchExecution, match="none named '00010000'"):
        executions.find("00010000")


def test_what_is_not_known_names_where_it_was_looked_for(executions: Executions) -> None:
    executions._deployment.endpoint = "http://127.0.0.1:1"

    with pytest.raises(NoSuchExecution) as told:
        executions.get(f"{PREFIX}gone")

    assert told.value.says == (
        "Expected an execution of the stack 'darkroom' (http://127.0.0.1:1), but it has none named "
        f"'{PREFIX}gone'."
    )
    then = "`darkroom ls` lists them; --stack names another stack."
    assert str(told.value) == f"{told.value.says} {then}"


def test_an_execution_of_a_function_that_is_gone_is_listed_without_its_cost(
    executions: Executions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise KeyError("resize")

    monkeypatch.setattr("darkroom_ops.executions.cost.estimate", gone)

    (item,) = executions.recent(limit=1).items
    assert (item.outcome, item.usd) == ("COMPLETE", None)


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (
            {"text": "EVEN/1"},
            [10, 12, 14, 16, 18, 100, 102, 104, 106, 108, 110, 112, 114, 116, 118],
        ),
        ({"text": "00000007-"}, [7]),
        ({"folder": "uploads/odd", "text": "/11"}, [11, 111, 113, 115, 117, 119]),
        ({"folder": "uploads"}, []),
        ({"prefix": "uploads/odd/11"}, [11, 111, 113, 115, 117, 119]),
        ({"since": NOON - datetime.timedelta(minutes=2)}, [0, 1, 2]),
        ({"error": "none"}, []),
        ({"step": "Prepare"}, []),
    ],
)
def test_a_filter_narrows_by_any_part(
    executions: Executions, only: dict[str, Any], found: list[int]
) -> None:
    page = executions.recent(limit=TOTAL, only=Filter(**only))

    assert numbers(page) == found


def test_failures_are_found_by_their_error_in_any_case(
    client: StepFunctions, executions: Executions
) -> None:
    client.executions[3:5] = [
        execution(3, "FAILED") | {"error": "CorruptImage"},
        execution(4, "TIMED_OUT"),
    ]

    assert numbers(executions.recent(only=Filter(error="corruptimage"))) == [3]
    assert numbers(executions.recent(only=Filter(error="Corrupt"))) == []
    assert numbers(executions.recent(only=Filter(text="RUPTIMA"))) == [3]
    assert numbers(executions.recent(only=Filter(status="FAILED"))) == [3, 4]


def test_the_state_that_failed_is_looked_for_in_what_is_known_in_short(
    client: StepFunctions, executions: Executions
) -> None:
    executions._deployment.lambda_ = SimpleNamespace(
        get_function_configuration=lambda **_: {"MemorySize": 1024},
        exceptions=SimpleNamespace(ResourceNotFoundException=ZeroDivisionError),
    )
    described, events = recording("corrupt")
    client.executions[3] = execution(3, "FAILED") | {"error": described["error"]}
    client.get_execution_history = (  # type: ignore[method-assign]
        lambda *, executionArn, **_: iter(
            [{"events": events if executionArn.endswith("00000003-0000") else []}]
        )
    )
    executions.recent(limit=TOTAL, costs=False)

    assert numbers(executions.recent(only=Filter(step="Prepare"))) == [3]
    assert numbers(executions.recent(only=Filter(step="Resize"))) == []


def on_an_engine(
    client: StepFunctions, lines: Callable[[], list[Line]]
) -> tuple[Any, list[dict[str, str]]]:
    """Return a deployment on an engine that says these lines, and a list of what that is asked."""
    asked: list[dict[str, str]] = []

    def get_object(**given: str) -> dict[str, Any]:
        asked.append(given)
        said = [msgspec.to_builtins(line) for line in lines()]
        return {"Body": io.BytesIO(json.dumps(said).encode())}

    at: Any = SimpleNamespace(
        stepfunctions=client, lambda_=None, state_machine_arn=MACHINE, stack="darkroom",
        endpoint="http://127.0.0.1:4599", region="us-east-1",
        s3=SimpleNamespace(get_object=get_object),
    )  # fmt: skip
    return at, asked


def test_many_are_read_of_the_engine_at_once(client: StepFunctions) -> None:
    price = billed((20.0, 0, 4.0, 0, 0, 0, 0, 0, 0.5))
    lines: list[Line] = [
        Bill(listed(read(each, []), price), 0, price.quantities) for each in client.executions
    ]
    at, asked = on_an_engine(client, lambda: lines)
    found = Executions(at, itemized=True)

    every = list(found.each())

    assert [each.usd for each in every] == [price.usd] * TOTAL
    assert found.cost_of(every[0]) == price
    assert [item.what for item in price.items] == [
        "Step Functions",
        "Lambda requests",
        "SNS e-mail",
    ]
    assert asked == [{"Bucket": "darkroom", "Key": "executions"}]
    assert (client.asked["describe"], client.asked["history"]) == (0, 0)

    def not_there(**_: str) -> Any:
        asked.append({})
        raise ClientError({"Error": {"Code": "NoSuchBucket"}}, "GetObject")

    at.s3 = SimpleNamespace(get_object=not_there)
    assert len(list(Executions(at).each(costs=False))) == TOTAL
    assert client.asked["describe"] == TOTAL
    assert len(asked) == 2, "asked for once"


def test_some_stand_for_the_cost_of_others(
    executions: Executions, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = itertools.count()
    price = lambda *_: Cost((Item("x", 1, "unit", next(prices)),), PRICES)  # noqa: E731
    monkeypatch.setattr("darkroom_ops.executions.cost.estimate", price)

    assert executions.typical_usd() == 4.5  # of ten: 0, 1, … 9

    del executions._client.executions[2:]  # type: ignore[attr-defined]
    assert executions.typical_usd() == 0.5  # there are no more
    executions._client.executions.clear()  # type: ignore[attr-defined]
    assert executions.typical_usd() is None


def line_of_item(item: dict[str, Any]) -> Line:
    return Line(listed(read(item, [])), item.get("redriveCount", 0))


def again(number: int, image: int) -> dict[str, Any]:
    """Return one that had nothing to do, as its image had been processed."""
    source = {"source": {"bucket": "bucket", "key": f"uploads/{image}.jpg"}}
    return execution(number, outcome="ALREADY_PROCESSED") | {"input": json.dumps(source)}


def test_what_was_processed_already_stands_on_one_line_for_each_image(
    client: StepFunctions, executions: Executions
) -> None:
    client.executions[1:7] = [again(n, image) for n, image in enumerate((1, 2, 1, 1, 2, 1), 1)]
    elsewhere = {"source": {"bucket": "other", "key": "uploads/1.jpg"}}
    client.executions[6]["input"] = json.dumps(elsewhere)
    client.executions[9]["input"] = client.executions[8]["input"]

    page = executions.recent(limit=5, fold=True)

    assert numbers(page) == [0, 1, 2, 6, 7]
    assert page.same == {client.executions[1]["executionArn"]: 2,
                         client.executions[2]["executionArn"]: 1}  # fmt: skip
    assert page.count == 8
    assert numbers(executions.recent(limit=2, fold=True, after=page.next)) == [8, 9]
    assert numbers(executions.recent(limit=5)) == [0, 1, 2, 3, 4]
    back = executions.recent(limit=1, fold=True, before=place(5))
    assert (numbers(back), back.count) == ([3], 2), "not the first, which another image parts"


def test_a_page_folds_so_many_and_no_more(client: StepFunctions, executions: Executions) -> None:
    client.executions[:] = [again(number, 1) for number in range(TOTAL)]

    page = executions.recent(limit=2, fold=True)

    assert (numbers(page), page.count) == ([0], 20)
    assert numbers(executions.recent(limit=2, fold=True, after=page.next)) == [20]


def test_pages_lead_back_as_they_led_on(executions: Executions) -> None:
    first = executions.recent(limit=5)
    second = executions.recent(limit=5, after=first.next)
    third = executions.recent(limit=5, after=second.next)

    assert (first.newer, numbers(third)) == (None, [10, 11, 12, 13, 14])
    back = executions.recent(limit=5, before=third.newer)
    assert numbers(back) == numbers(second)
    assert [each.usd for each in back.items] == [each.usd for each in second.items]
    assert numbers(executions.recent(limit=5, after=back.next)) == numbers(third)
    top = executions.recent(limit=5, before=back.newer, costs=False)
    assert (numbers(top), top.newer) == (numbers(first), None)
    short = executions.recent(limit=9, before=back.newer)
    assert (numbers(short), short.newer) == (numbers(first), None)
    assert numbers(executions.recent(limit=5, before="nonsense")) == []


def test_a_look_ends_when_patience_does_and_goes_on_from_there(
    client: StepFunctions, executions: Executions, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.executions[90] = execution(90, "FAILED")
    clock = SimpleNamespace(monotonic=itertools.count().__next__)
    monkeypatch.setattr("darkroom_ops.executions.client.time", clock)
    only = Filter(text="/90.jpg")

    page = executions.recent(only=only, patience=10)

    assert (page.items, page.cut, page.looked) == ((), True, 11)
    page = executions.recent(only=only, patience=1000, after=page.next)
    assert (numbers(page), page.cut, page.next) == ([90], False, None)
    assert page.looked == TOTAL - 11
    assert executions.recent(limit=5, patience=1000).looked == 5
    page = executions.recent(only=Filter(text="odd"), patience=10)
    assert (len(page.items), page.cut, page.newer) == (5, True, None)


@pytest.mark.parametrize(("new", "ledgers", "described"), [(8, 1, 8), (9, 2, 0)])
def test_when_many_have_ended_the_engine_is_asked_for_all_again(
    client: StepFunctions, new: int, ledgers: int, described: int
) -> None:
    at, asked = on_an_engine(client, lambda: [line_of_item(each) for each in client.executions])
    every, client.executions = client.executions, client.executions[new:]
    found = Executions(at)
    list(found.each(costs=False))
    client.executions = every

    assert len(list(found.each(costs=False))) == TOTAL
    assert (len(asked), client.asked["describe"]) == (ledgers, described)
    assert len(list(found.each(costs=False))) == TOTAL
    assert (len(asked), client.asked["describe"]) == (ledgers, described), "known from now on"


def test_an_engine_is_asked_for_all_once_when_any_may_be_looked_at(client: StepFunctions) -> None:
    seventh = line_of_item(execution(7))
    arn = "arn:aws:states:eu-west-1:123456789012:execution:other:0"
    other = Line(msgspec.structs.replace(seventh.listed, arn=arn), seventh.redrives)
    at, asked = on_an_engine(
        client, lambda: [*(line_of_item(each) for each in client.executions), other]
    )
    found = Executions(at)

    assert numbers(found.recent(limit=3)) == [0, 1, 2]
    assert len(list(found.each(only=Filter(text="jpg"), costs=False))) == TOTAL
    assert len(list(found.each(only=Filter(status="SUCCEEDED"), costs=False))) == TOTAL
    assert list(found.each(only=Filter(status="RUNNING"), costs=False)) == []
    assert list(found.each(only=Filter(status="FAILED"), costs=False)) == []
    assert len(list(found.each(only=Filter(status="COMPLETE"), costs=False))) == TOTAL
    assert asked == [{"Bucket": "darkroom", "Key": "executions"}]


@pytest.mark.parametrize(
    ("text", "name"),
    [("00000007-0000", "00000007"), ("odd/7.jpg", "00000007"), (" /77.JPG ", "00000077")],
)
def test_a_part_of_a_key_names_the_only_image_that_fits(
    executions: Executions, text: str, name: str
) -> None:
    assert executions.search(text) == f"{PREFIX}{name}-0000"


def test_of_one_image_the_newest_is_meant(client: StepFunctions, executions: Executions) -> None:
    client.executions[:] = [again(3, 1), again(5, 1)]

    assert executions.search("1.jpg") == f"{PREFIX}00000003-0000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/even/2", "to name one image, but 6 fit: uploads/even/2.jpg (00000002-0000), "),
        ("/even/2", "uploads/even/26.jpg (00000026-0000), …. Give more of it, or an execution."),
        ("/even/11", "uploads/even/118.jpg (00000118-0000). Give more of it, or an execution."),
        ("none such.jpg", "Expected an execution's name"),
        ("none-such", "has none named 'none-such'"),
        ("s3://bucket/jpg", "has no record of it"),
        (" ", "Expected an execution's name"),
    ],
)
def test_what_fits_more_than_one_image_or_none_is_told(
    executions: Executions, text: str, said: str
) -> None:
    with pytest.raises(NoSuchExecution) as told:
        executions.search(text)

    assert said in str(told.value)
    assert str(told.value).count("uploads/") <= 5


def test_a_summary_of_alerts_is_found_by_its_name(
    client: StepFunctions, executions: Executions
) -> None:
    summary = PREFIX.replace(":pipeline:", ":darkroom-alert-summary:") + "abcd-0000"
    asked = client.describe_execution

    def describe(*, executionArn: str) -> dict[str, Any]:
        return execution(1) if executionArn == summary else asked(executionArn=executionArn)

    client.describe_execution = describe  # type: ignore[method-assign]

    assert executions.find("abcd-0000") == summary
    with pytest.raises(NoSuchExecution, match="none named 'abcd'"):
        executions.find("abcd")


def test_an_engine_s_list_is_narrowed_by_status(client: StepFunctions) -> None:
    for number, status in ((3, "FAILED"), (4, "TIMED_OUT"), (5, "ABORTED"), (6, "RUNNING")):
        client.executions[number] = execution(number, status)
    client.executions[7] = execution(7, outcome="SUPERSEDED")
    ended = [each for each in client.executions if each["status"] != "RUNNING"]
    at, _ = on_an_engine(client, lambda: [line_of_item(each) for each in ended])
    found = Executions(at)
    for status, numbered in (
        ("FAILED", {3, 4, 5}), ("TIMED_OUT", {4}), ("ABORTED", {5}), ("RUNNING", {6}),
        ("SUPERSEDED", {7}), ("SUCCEEDED", {*range(TOTAL)} - {3, 4, 5, 6}),
        ("COMPLETE", {*range(TOTAL)} - {3, 4, 5, 6, 7}),
    ):  # fmt: skip
        every = found.each(status=status, costs=False)
        assert {int(each.name[:8]) for each in every} == numbered


@pytest.mark.parametrize(
    "answer",
    [
        ClientError({"Error": {"Code": "NoSuchBucket"}}, "GetObject"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:4599"),
        {"Body": io.BytesIO(b"<html>")},
        {"Body": io.BytesIO(b'[{"other": 1}]')},
    ],
)
def test_another_emulator_is_asked_once_for_a_ledger(client: StepFunctions, answer: Any) -> None:
    at, asked = on_an_engine(client, list)

    def get_object(**given: str) -> Any:
        asked.append(given)
        if isinstance(answer, Exception):
            raise answer
        return answer

    at.s3 = SimpleNamespace(get_object=get_object)
    found = Executions(at)

    for _ in range(2):
        assert len(list(found.each(costs=False))) == TOTAL
    assert len(asked) == 1


def test_what_is_looked_at_is_told_wanted_or_not(
    executions: Executions, client: StepFunctions
) -> None:
    looked = list(executions.looked(Filter(text="/7.jpg"), costs=False))

    assert len(looked) == TOTAL
    assert [each.name[:8] for each in looked if each is not None] == ["00000007"]
    assert client.asked["history"] == 0
    client.sizes.clear()
    next(executions.looked(Filter(), expected=3))
    assert client.sizes == [3]


def test_costs_in_front_of_a_place_are_asked_for_of_what_is_shown(
    executions: Executions, client: StepFunctions
) -> None:
    found = executions.recent(limit=5, before=place(20))

    assert numbers(found) == [15, 16, 17, 18, 19]
    assert [each.usd for each in found.items] == [0] * 5
    assert client.asked["history"] == 5
    client.asked.clear()
    assert numbers(executions.recent(limit=5, before=place(40), costs=False)) == [*range(35, 40)]
    even = executions.recent(limit=2, before=place(40), costs=False, only=Filter(text="even"))
    assert numbers(even) == [36, 38]
    del client.executions[40]
    assert numbers(executions.recent(limit=2, before=place(40), costs=False)) == [38, 39]
    assert client.asked["history"] == 0


@pytest.mark.parametrize("costs", [False, True])
def test_what_is_known_in_short_is_narrowed_without_asking(
    executions: Executions, client: StepFunctions, costs: bool
) -> None:
    list(executions.each(costs=False))
    client.asked.clear()

    found = list(executions.each(only=Filter(text="/7.jpg"), costs=costs))

    assert [each.name[:8] for each in found] == ["00000007"]
    assert (client.asked["describe"], client.asked["history"]) == (int(costs), int(costs))


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "InvalidArn"])
def test_what_is_no_execution_of_aws_s_is_none(
    executions: Executions, client: StepFunctions, code: str
) -> None:
    client.describe_execution = refused(code)  # type: ignore[method-assign]
    with pytest.raises(NoSuchExecution, match="has none named 'x'"):
        executions.find("x")


@pytest.mark.parametrize("costs", [False, True])
def test_one_that_was_forgotten_meanwhile_is_listed_as_far_as_it_is_known(
    executions: Executions, client: StepFunctions, costs: bool
) -> None:
    client.executions[1] = execution(1, "FAILED") | {"redriveCount": 2}
    describe, gone = client.describe_execution, client.executions[1]["executionArn"]

    def described(*, executionArn: str) -> dict[str, Any]:
        return describe(executionArn="gone" if executionArn == gone else executionArn)

    client.describe_execution = described  # type: ignore[method-assign]
    page = executions.recent(limit=3, costs=costs)

    assert numbers(page) == [0, 1, 2]
    assert [each.outcome for each in page.items] == ["COMPLETE", "FAILED", "COMPLETE"]
    assert page.items[1].started == client.executions[1]["startDate"]
    assert page.items[1].stopped == client.executions[1]["stopDate"]


def test_of_what_succeeded_alone_the_outcome_is_asked_for(
    executions: Executions, client: StepFunctions
) -> None:
    client.executions[3], client.executions[4] = execution(3, "RUNNING"), execution(4, "FAILED")

    assert len(executions.recent(limit=TOTAL, status="COMPLETE", costs=False).items) == TOTAL - 2
    assert client.asked["describe"] == TOTAL - 2
