"""Following executions: what is asked for, how often, and when that ends."""

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

from darkroom_ops.executions import watch
from darkroom_ops.executions.model import SourceObject
from darkroom_ops.executions.watch import Watcher, find_started

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
SECOND, DAY = datetime.timedelta(seconds=1), datetime.timedelta(days=1)
FIVE_MINUTES = datetime.timedelta(minutes=5)
UPLOAD = SourceObject("bucket", "uploads/a.jpg", "v1", "etag")


def event(key: str = "uploads/a.jpg", version: str | None = "v1", etag: str = "etag") -> str:
    item = {"key": key, "etag": etag} | ({"version-id": version} if version else {})
    detail = {"bucket": {"name": "bucket"}, "object": item}
    return json.dumps({"detail-type": "Object Created", "source": "aws.s3", "detail": detail})


class StepFunctions:
    """Executions, newest first, in pages of two."""

    def __init__(self, *executions: tuple[str, str]) -> None:
        self.executions = [
            {
                "executionArn": name,
                "name": name,
                "status": "RUNNING",
                "startDate": NOON,
                "input": given,
            }
            for name, given in executions
        ]
        self.asked: Counter[str] = Counter()
        self.pages = 0
        self.broken: dict[str, tuple[str, int]] = {}  # the errors of those that cannot be described

    def get_paginator(self, operation: str) -> SimpleNamespace:
        assert operation == "list_executions"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, stateMachineArn: str, PaginationConfig: Any) -> Iterator[dict[str, Any]]:
        assert stateMachineArn == "machine"
        assert PaginationConfig == {"PageSize": 50}
        for first in range(0, len(self.executions) or 1, 2):
            self.pages += 1
            yield {"executions": self.executions[first : first + 2]}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        self.asked[executionArn] += 1
        if executionArn in self.broken:
            code, status = self.broken[executionArn]
            said: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(said, "DescribeExecution")
        return next(each for each in self.executions if each["executionArn"] == executionArn)

    def end(self, name: str, status: str = "SUCCEEDED") -> None:
        found = next(each for each in self.executions if each["executionArn"] == name)
        found.update(status=status, stopDate=NOON)

    def start(self, name: str) -> None:
        started = StepFunctions((name, event())).executions
        self.executions = started + self.executions


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept; time passes only so."""
    found: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(found), sleep=found.append)
    monkeypatch.setattr(watch, "time", clock)
    return found


def found(client: Any, upload: SourceObject = UPLOAD, *, since: Any = NOON, **more: Any) -> Any:
    return find_started(client, "machine", upload, since, **{"seconds": 0} | more)


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        (event(), True),
        (event(etag="other"), True),  # the version decides
        (event(version="v2"), False),
        (event(version=None), False),
        (event(key="uploads/b.jpg"), False),
        (event().replace('"bucket"}', '"other"}'), False),
        ('{"source": {"bucket": "bucket", "key": "uploads/a.jpg", "versionId": "v1"}}', False),
        ('{"detail-type": "Object Created", "detail": {}}', False),
        ("[1]", False),
        ("no JSON", False),
    ],
)
def test_the_execution_of_an_upload_is_known_by_its_event(
    slept: list[float], given: str, fits: bool
) -> None:
    assert found(StepFunctions(("a", given))) == ("a" if fits else None)


def test_without_versions_an_upload_is_known_by_its_etag(slept: list[float]) -> None:
    upload = SourceObject("bucket", "uploads/a.jpg", None, "etag")

    assert found(StepFunctions(("a", event(version=None))), upload) == "a"
    assert found(StepFunctions(("a", event(version=None, etag="other"))), upload) is None


@pytest.mark.parametrize(("late", "fits"), [(0 * SECOND, True), (SECOND, False)])
def test_executions_are_looked_at_as_far_back_as_clocks_may_differ(
    slept: list[float], late: datetime.timedelta, fits: bool
) -> None:
    client = StepFunctions(("a", event()), ("b", event()))

    assert found(client, since=NOON + FIVE_MINUTES + late) == ("a" if fits else None)
    assert client.asked == ({"a": 1} if fits else {})


def test_an_old_execution_that_was_redriven_hides_no_upload_s(slept: list[float]) -> None:
    """Redriven, it is listed by when that was, or by its end (API reference, ListExecutions)."""
    client = StepFunctions(("ended", event()), ("again", event()), ("a", event()))
    ended, again, _ = client.executions
    ended.update(status="SUCCEEDED", startDate=NOON - 7 * DAY, stopDate=NOON + SECOND)
    again.update(startDate=NOON - 7 * DAY, redriveDate=NOON + SECOND)

    assert found(client) == "a"
    assert client.asked == {"a": 1}


@pytest.mark.parametrize(("stopped", "fits"), [(NOON, True), (NOON - SECOND, False)])
def test_nothing_is_looked_at_behind_what_ended_before(
    slept: list[float], stopped: datetime.datetime, fits: bool
) -> None:
    client = StepFunctions(("old", event()), ("a", event()))
    client.executions[0].update(status="FAILED", startDate=NOON - DAY, stopDate=stopped)

    assert found(client, since=NOON + FIVE_MINUTES) == ("a" if fits else None)


def test_every_page_is_looked_at_and_each_execution_once(slept: list[float]) -> None:
    others = [(name, event(version="v0")) for name in "abc"]
    client = StepFunctions(*others, ("d", event()))
    assert found(client) == "d"
    assert client.pages == 2

    client = StepFunctions(*others)
    assert found(client, seconds=2.5, interval=1.0) is None
    assert client.asked == dict.fromkeys("abc", 1)
    assert slept == [1.0, 1.0, 1.0]


def test_an_execution_that_starts_while_one_looks_is_found(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = StepFunctions()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        client.start("late")

    monkeypatch.setattr(watch.time, "sleep", sleep)

    assert found(client, seconds=60, interval=0.5) == "late"
    assert slept == [0.5]


# ---------------------------------------------------------------------------- watching


def test_a_watcher_tells_what_started_and_what_ended_oldest_first() -> None:
    client = StepFunctions(("b", event()), ("a", event()))
    watcher = Watcher(client, "machine")  # type: ignore[arg-type]

    def polled() -> list[tuple[str, str | None]]:
        return [(each.arn, each.outcome) for each in watcher.poll()]

    assert polled() == [("a", None), ("b", None)]
    assert polled() == []
    client.end("a")
    client.start("c")
    assert polled() == [("a", "COMPLETE"), ("c", None)]
    client.end("c", "FAILED")
    client.end("b")
    assert polled() == [("b", "COMPLETE"), ("c", "FAILED")]
    assert polled() == []


def test_a_watcher_does_not_ask_again_for_what_it_knows() -> None:
    client = StepFunctions(("c", event()), ("b", event()), ("a", event()))
    watcher = Watcher(client, "machine")  # type: ignore[arg-type]
    client.end("a")
    watcher.poll()
    client.asked.clear()

    watcher.poll()

    assert client.asked == {}


def test_a_watcher_looks_no_further_than_what_runs() -> None:
    client = StepFunctions(*((name, event()) for name in "fedcba"))
    watcher = Watcher(client, "machine")  # type: ignore[arg-type]
    for name in "abcdef":
        client.end(name)
    watcher.poll()
    client.pages = 0
    client.start("g")

    assert [each.arn for each in watcher.poll()] == ["g"]
    assert client.pages == 1

    client.pages = 0
    client.end("g")
    assert [each.outcome for each in watcher.poll()] == ["COMPLETE"]
    assert client.pages == 1


def test_a_watcher_finds_the_end_of_what_runs_behind_what_has_ended() -> None:
    """A list has those that run by their start, and the others by their end."""
    client = StepFunctions(*((name, event()) for name in "dcba"))
    watcher = Watcher(client, "machine")  # type: ignore[arg-type]
    for name in "bcd":
        client.end(name)
    watcher.poll()
    client.end("a")

    assert [(each.arn, each.outcome) for each in watcher.poll()] == [("a", "COMPLETE")]
    client.pages = 0
    assert (watcher.poll(), client.pages) == ([], 1)  # nothing is awaited any more


def test_a_redrive_is_told_and_its_end_too() -> None:
    client = StepFunctions(("a", event()))
    watcher = Watcher(client, "machine")  # type: ignore[arg-type]
    told = []
    for status in ("ABORTED", "RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED"):
        client.end("a", status)
        told.append([each.status for each in watcher.poll()])

    assert told == [["ABORTED"], ["RUNNING"], [], ["SUCCEEDED"], []]


@pytest.mark.parametrize("trouble", [("ExecutionDoesNotExist", 400), ("InternalFailure", 500)])
def test_one_that_cannot_be_described_takes_no_other_with_it(
    slept: list[float], trouble: tuple[str, int]
) -> None:
    """It may be forgotten between the list and the question: what the list says is told."""
    client = StepFunctions(("c", event(version="v0")), ("b", event()), ("a", event()))
    client.end("b", "TIMED_OUT")
    client.broken["b"] = trouble
    watcher = Watcher(client, "machine")  # type: ignore[arg-type]

    assert [(each.name, each.status) for each in watcher.poll()] == [
        ("a", "RUNNING"), ("b", "TIMED_OUT"), ("c", "RUNNING"),
    ]  # fmt: skip
    assert watcher.poll() == []
    assert found(client) == "a"
    assert client.asked["b"] == 2, "once by each"


@pytest.mark.parametrize("trouble", [("AccessDeniedException", 400), ("ThrottlingException", 499)])
def test_what_is_wrong_with_all_of_them_is_said(
    slept: list[float], trouble: tuple[str, int]
) -> None:
    client = StepFunctions(("b", event()), ("a", event()))
    client.broken["b"] = trouble

    with pytest.raises(ClientError, match=trouble[0]):
        Watcher(client, "machine").poll()  # type: ignore[arg-type]
    with pytest.raises(ClientError, match=trouble[0]):
        found(client)


# ---------------------------------------------------------------------------- reading


class Growing:
    """One execution that goes on with every look: it enters a state, calls, and ends."""

    EVENTS = (
        {"type": "ExecutionStarted"},
        {"type": "PassStateEntered", "stateEnteredEventDetails": {"name": "A"}},
        {"type": "PassStateExited", "stateExitedEventDetails": {"name": "A"}},
        {"type": "PassStateEntered", "stateEnteredEventDetails": {"name": "B"}},
    )

    def __init__(self, *shown: int) -> None:
        self._shown = iter(shown)
        self._now = 0

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        assert executionArn == "a"
        self._now = next(self._shown)
        ended = self._now > len(self.EVENTS)
        status = {"status": "SUCCEEDED", "stopDate": NOON} if ended else {"status": "RUNNING"}
        return {"executionArn": "a", "name": "a", "startDate": NOON} | status

    def get_paginator(self, operation: str) -> SimpleNamespace:
        assert operation == "get_execution_history"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, executionArn: str, PaginationConfig: Any) -> Iterator[dict[str, Any]]:
        assert executionArn == "a"
        assert PaginationConfig == {"PageSize": 1000}, "as many as one answer may have"
        events = [
            event | {"id": number, "previousEventId": number - 1, "timestamp": NOON}
            for number, event in enumerate(self.EVENTS[: self._now], 1)
        ]
        for first in range(0, len(events), 2):
            yield {"events": events[first : first + 2]}


def test_every_page_of_a_history_is_read_oldest_first() -> None:
    client: Any = Growing(4)
    execution = watch.fetch(client, "a")

    assert [(state.name, state.exited) for state in execution.states] == [("A", NOON), ("B", None)]
    assert [event["id"] for event in watch.history(client, "a")] == [1, 2, 3, 4]


def test_following_tells_what_is_new_until_the_end_and_waits_in_between(
    slept: list[float],
) -> None:
    client: Any = Growing(1, 1, 2, 2, 4, 5)

    told = [
        (execution.status, [(each.kind, each.state.name) for each in happened])
        for execution, happened in watch.follow(client, "a", 0.5)
    ]

    assert told == [
        ("RUNNING", []),  # at once, though nothing has happened
        ("RUNNING", [("entered", "A")]),
        ("RUNNING", [("exited", "A"), ("entered", "B")]),
        ("SUCCEEDED", []),
    ]
    assert slept == [0.5] * 5


def test_what_has_ended_is_told_once_without_waiting(slept: list[float]) -> None:
    client: Any = Growing(5)

    ((execution, happened),) = watch.follow(client, "a")

    assert (execution.ended, len(happened)) == (True, 3)
    assert slept == []


@pytest.mark.parametrize(("endpoint", "often"), [(None, 1.0), ("http://127.0.0.1:4566", 0.1)])
def test_an_engine_is_asked_more_often(endpoint: str | None, often: float) -> None:
    at: Any = SimpleNamespace(endpoint=endpoint)
    assert watch.interval(at) == often


def test_aws_is_asked_once_a_second(slept: list[float]) -> None:
    list(watch.follow(Growing(1, 5), "a"))  # type: ignore[arg-type]
    assert slept == [1.0]

    slept.clear()
    assert find_started(StepFunctions(), "machine", UPLOAD, NOON) is None  # type: ignore[arg-type]
    assert set(slept) == {1.0}
    assert sum(slept) == 61, "the time is over when more than a minute has passed"
