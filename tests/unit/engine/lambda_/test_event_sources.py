"""Queues that are polled for functions: what is given to them, how many at once, what is left."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom_ops.engine.lambda_ import event_sources
from darkroom_ops.engine.lambda_.event_sources import EventSources
from tests.support.pipeline import until

Json = dict[str, Any]

QUEUE = "arn:aws:sqs:us-east-1:123456789012:buffer"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:start"


@dataclass
class Mapping:
    enabled: bool = True
    function_arn: str = FUNCTION
    event_source_arn: str = QUEUE
    batch_size: int = 1
    scaling_config: Json | None = None
    function_response_types: list[str] | None = None


class World:
    """A queue, and a function that does as it is told."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.received: list[Json] = []
        self.deleted: list[str] = []
        self.again: list[tuple[str, int]] = []
        self.events: list[tuple[str, Json]] = []
        self.answer: tuple[str, bool] | Exception = ("null", False)
        self.error: ClientError | None = None
        self.may_poll = True
        self.go = threading.Event()
        self.go.set()
        self.at_once = self.most = 0
        self.lock = threading.Lock()
        held = {QUEUE: self.messages}
        self.sources = EventSources(
            self,  # type: ignore[arg-type]
            self.invoke,
            self.allowed,
            waiting=lambda queue: len(held[queue]),
        )

    def send(self, *bodies: str) -> None:
        self.messages += [
            {"MessageId": f"id-{body}", "ReceiptHandle": f"handle-{body}", "Body": body,
             "MD5OfBody": f"md5-{body}"} for body in bodies
        ]  # fmt: skip

    def get_queue_url(self, **given: str) -> Json:
        return {"QueueUrl": f"http://queue/{given['QueueName']}"}

    def receive_message(self, **given: Any) -> Json:
        with self.lock:
            self.received.append(given)
            if self.error:
                raise self.error
            size = given["MaxNumberOfMessages"]
            batch = self.messages[:size]
            del self.messages[:size]
        return {"Messages": batch} if batch else {}

    def delete_message(self, **given: str) -> None:
        assert given["QueueUrl"] == "http://queue/buffer"
        self.deleted.append(given["ReceiptHandle"])

    def change_message_visibility(self, **given: Any) -> None:
        assert given["QueueUrl"] == "http://queue/buffer"
        self.again.append((given["ReceiptHandle"], given["VisibilityTimeout"]))

    def allowed(self, function: str, queue: str) -> bool:
        assert (function, queue) == ("start", QUEUE)
        return self.may_poll

    def invoke(self, name: str, event: Json) -> tuple[str, bool]:
        with self.lock:
            self.events.append((name, event))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.go.wait(60)
        with self.lock:
            self.at_once -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def settled(self, count: int) -> bool:
        until(lambda: len(self.deleted) + len(self.again) >= count or None)
        return True


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(event_sources, "POLL_SECONDS", 0.01)
    made = World()
    yield made
    made.go.set()
    made.sources.close()


def test_a_message_is_given_to_the_function_and_deleted(world: World) -> None:
    """In the form of the developer guide's example event."""
    world.send("upload")
    world.messages[0] |= {
        "Attributes": {"ApproximateReceiveCount": "1"},
        "MessageAttributes": {"a": {"StringValue": "b", "DataType": "String"}},
    }
    world.sources.add(Mapping())
    assert world.settled(1)
    record = {
        "messageId": "id-upload", "receiptHandle": "handle-upload", "body": "upload",
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {"a": {"stringValue": "b", "dataType": "String"}},
        "md5OfBody": "md5-upload", "eventSource": "aws:sqs", "eventSourceARN": QUEUE,
        "awsRegion": "us-east-1",
    }  # fmt: skip
    assert world.events == [("start", {"Records": [record]})]
    assert (world.deleted, world.again) == (["handle-upload"], [])
    asked = world.received[0]
    assert asked["QueueUrl"] == "http://queue/buffer"
    assert asked["AttributeNames"] == asked["MessageAttributeNames"] == ["All"]


def test_so_many_at_once_as_the_mapping_says(world: World) -> None:
    """Written as CloudFormation passes a parameter on: as text."""
    world.go.clear()
    world.send(*"abcdefgh")
    world.sources.add(Mapping(scaling_config={"MaximumConcurrency": "3"}))
    until(lambda: world.at_once == 3 or None)
    assert len(world.messages) == 5  # the others wait in the queue
    world.go.set()
    assert world.settled(8)
    assert world.most == 3
    assert len(world.events) == 8


@pytest.mark.parametrize(("size", "asked"), [(1, 1), (10, 10), (10_000, 10)])
def test_batches_are_as_large_as_the_mapping_says_and_sqs_allows(
    world: World, size: int, asked: int
) -> None:
    world.sources.add(Mapping(batch_size=size))
    until(lambda: world.received or None)
    assert {each["MaxNumberOfMessages"] for each in world.received} == {asked}


def test_what_a_function_failed_on_comes_again(world: World) -> None:
    world.answer = ('{"errorType": "StorageError"}', True)
    world.send("upload")
    world.sources.add(Mapping())
    assert world.settled(1)
    assert (world.deleted, world.again) == ([], [("handle-upload", 1)])


def _naming(*ids: str | None) -> str:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in ids]})


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (_naming("id-a"), "a"),
        (_naming("id-a", "id-b"), "ab"),
        (_naming(), ""),
        ("null", ""),
        ("{}", ""),
        ('{"batchItemFailures": null}', ""),
        (_naming("id-of-another"), "ab"),
        (_naming(None), "ab"),
        (_naming(""), "ab"),
        ('{"batchItemFailures": [{"id": "id-a"}]}', "ab"),
        ('{"batchItemFailures": ["id-a"]}', "ab"),
        ('"no object"', "ab"),
        ("no JSON", "ab"),
    ],
)
def test_only_what_a_function_names_comes_again(world: World, answer: str, again: str) -> None:
    """Developer guide, "Implementing partial batch responses": success and failure conditions."""
    world.answer = (answer, False)
    world.send("a", "b")
    mapping = Mapping(batch_size=2, function_response_types=["ReportBatchItemFailures"])
    world.sources.add(mapping)
    assert world.settled(2)
    assert [handle for handle, _ in world.again] == [f"handle-{each}" for each in again]
    assert len(world.deleted) == 2 - len(again)


def test_a_function_that_may_not_name_any_has_done_all(world: World) -> None:
    world.answer = (_naming("id-a"), False)
    world.send("a")
    world.sources.add(Mapping())
    assert world.settled(1)
    assert world.deleted == ["handle-a"]


def test_nothing_is_polled_while_it_is_disabled_or_not_allowed(world: World) -> None:
    mapping = Mapping(enabled=False)
    world.send("a")
    world.sources.add(mapping)
    assert world.sources.idle()  # nobody will ever take it
    world.may_poll = False
    mapping.enabled = True
    assert not world.sources.idle()
    world.may_poll = True
    assert world.settled(1)


@pytest.mark.parametrize(("enabled", "may_poll"), [(False, True), (True, False)])
def test_who_may_not_poll_is_asked_again_only_later(
    world: World, monkeypatch: pytest.MonkeyPatch, enabled: bool, may_poll: bool
) -> None:
    world.may_poll = may_poll
    waits: list[float] = []
    with monkeypatch.context() as patched:
        patched.setattr(world.sources, "_closed", SimpleNamespace(wait=waits.append))
        assert world.sources._receive(Mapping(enabled=enabled)) == []
    assert (waits, world.received) == ([0.01], [])


def test_a_queue_that_does_not_answer_is_asked_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.error = ClientError({"Error": {"Code": "Any", "Message": "gone"}}, "ReceiveMessage")
    world.sources.add(Mapping(scaling_config={"MaximumConcurrency": 1}))
    until(lambda: len(world.received) > 1 or None)
    assert f"{QUEUE} could not be polled" in caplog.text
    assert "An error occurred (Any)" in caplog.text
    world.error = None
    world.send("a")
    assert world.settled(1)


def test_a_turn_is_given_back_whatever_happens(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.answer = LookupError("no such function")
    world.send("a", "b", "c")
    world.sources.add(Mapping(scaling_config={"MaximumConcurrency": 2}))
    until(lambda: len(world.events) == 3 or None)
    until(lambda: caplog.text.count("LookupError: no such function") == 3 or None)
    assert "messages of a queue could not be given to a function" in caplog.text


def test_what_is_worked_at_when_the_engine_closes_stays(world: World) -> None:
    world.go.clear()
    world.send("a")
    world.sources.add(Mapping())
    until(lambda: world.at_once or None)
    world.sources.close()
    world.go.set()
    until(lambda: world.at_once == 0 or None)
    until(lambda: None if any(t.name == "poller" for t in threading.enumerate()) else True)
    assert (world.deleted, world.again) == ([], [])
