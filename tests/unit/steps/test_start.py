"""The buffer's Start: one execution a message, waited for, with no more looks than granted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from darkroom.aws.executions import Executions, patient_client
from darkroom.aws.queues import Queue
from darkroom.contract.errors import StorageError
from darkroom.contract.results import Started
from darkroom.steps.settings import StartSettings
from darkroom.steps.start import (
    LATEST_AGAIN,
    RESERVE_SECONDS,
    SOONEST_AGAIN,
    coming_again,
    run,
)

from tests.support import aws, stack

Json = dict[str, Any]

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:darkroom-image-pipeline"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:darkroom-image-pipeline:message-1"
EVENT = json.dumps({"detail": {"object": {"key": "uploads/a.jpg"}}})
STARTED = {"executionArn": EXECUTION, "startDate": 0}


class Clock:
    """Counts the seconds that were slept through."""

    def __init__(self, seconds: float = 900.0) -> None:
        self.left = seconds
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.left -= seconds
        self.slept.append(seconds)


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with Stubber(patient_client()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def start(states: Stubber, clock: Clock, **settings: Any) -> Started:
    given = {
        "state_machine": MACHINE,
        "workflow_type": "STANDARD",
        "concurrency": 10,
        "buffer_queue": "url",
    } | settings
    return run(
        EVENT,
        "message-1",
        Executions(states.client),
        StartSettings(**given),
        lambda: clock.left,
        clock.sleep,
    )


def described(states: Stubber, status: str) -> None:
    answer = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "status": status}
    states.add_response(
        "describe_execution", answer | {"startDate": 0}, {"executionArn": EXECUTION}
    )


def test_an_upload_is_started_by_its_message_and_waited_for(states: Stubber) -> None:
    given = {"stateMachineArn": MACHINE, "name": "message-1", "input": EVENT}
    states.add_response("start_execution", STARTED, given)
    described(states, "RUNNING")
    described(states, "SUCCEEDED")
    clock = Clock()
    assert start(states, clock) == Started(EXECUTION, "SUCCEEDED")
    assert clock.slept == [1, 1]


def test_a_failed_image_is_no_failure_of_the_buffer(states: Stubber) -> None:
    """It has recorded and announced itself: the message must not come again."""
    states.add_response("start_execution", STARTED)
    described(states, "FAILED")
    assert start(states, Clock()).status == "FAILED"


def test_a_message_that_comes_again_starts_nothing(states: Stubber) -> None:
    states.add_client_error("start_execution", "ExecutionAlreadyExists")
    described(states, "SUCCEEDED")
    assert start(states, Clock()) == Started(EXECUTION, "SUCCEEDED")


def test_a_refused_start_is_an_error_so_that_the_message_comes_again(states: Stubber) -> None:
    states.add_client_error("start_execution", "StateMachineDoesNotExist")
    with pytest.raises(states.client.exceptions.StateMachineDoesNotExist):
        start(states, Clock())


@pytest.fixture
def sqs() -> Iterator[Any]:
    with aws.empty_account():
        yield aws.client("sqs")


def received(sqs: Any, url: str) -> Json:
    """Receive a message, as Lambda does and hands it over."""
    (message,) = sqs.receive_message(
        QueueUrl=url, AttributeNames=["ApproximateReceiveCount"], VisibilityTimeout=960
    )["Messages"]
    return {"receiptHandle": message["ReceiptHandle"], "attributes": message["Attributes"]}


def test_a_message_that_failed_comes_again_soon(sqs: Any) -> None:
    """Not after sixteen minutes; and later each time, so that a longer fault is outlasted."""
    url = sqs.create_queue(QueueName="buffer")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=EVENT)
    waited: list[int] = []

    class Noted(Queue):
        def give_back(self, receipt: str, seconds: int) -> None:
            waited.append(seconds)
            super().give_back(receipt, 0)

    for _ in range(8):
        with (
            pytest.raises(ZeroDivisionError),
            coming_again(received(sqs, url), lambda: Noted(sqs, url)),
        ):
            raise ZeroDivisionError
    assert waited == [30, 60, 120, 240, 480, 960, 960, 960]

    Queue(sqs, url).give_back(received(sqs, url)["receiptHandle"], 30)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_a_message_that_was_run_is_left_to_lambda() -> None:
    with coming_again({}, lambda: pytest.fail("nothing is to be given back")):
        pass


def test_a_queue_that_refuses_does_not_hide_why_the_message_failed(sqs: Any) -> None:
    message = {"receiptHandle": "any", "attributes": {"ApproximateReceiveCount": "1"}}
    queue = Queue(sqs, "https://sqs.us-east-1.amazonaws.com/123456789012/gone")
    with pytest.raises(ZeroDivisionError), coming_again(message, lambda: queue):
        raise ZeroDivisionError
    with pytest.raises(StorageError, match=r"^The queue https://\S+/gone could not be used"):
        queue.give_back("any", 1)


def test_a_message_waits_as_long_as_the_queue_has_it_at_most() -> None:
    queue = stack.source()["Resources"]["BufferQueue"]["Properties"]
    assert queue["VisibilityTimeout"] == LATEST_AGAIN
    waits = [min(SOONEST_AGAIN * 2**n, LATEST_AGAIN) for n in range(9)]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == len(waits) + 1
    assert 3600 < sum(waits) < 5400  # an outage of an hour loses nothing


def test_many_at_once_look_less_often(states: Stubber) -> None:
    """500 images at once, each looked at every 50 seconds: ten looks a second, of 15 granted."""
    states.add_response("start_execution", STARTED)
    described(states, "SUCCEEDED")
    clock = Clock()
    start(states, clock, concurrency=500)
    assert clock.slept == [50]


def test_a_few_more_than_five_look_a_little_less_often(states: Stubber) -> None:
    for concurrency, pause in ((2, 0.5), (5, 0.5), (6, 0.6)):
        states.add_response("start_execution", STARTED)
        described(states, "SUCCEEDED")
        clock = Clock()
        start(states, clock, concurrency=concurrency)
        assert clock.slept == [pause]


def test_it_looks_no_more_when_its_time_is_over(states: Stubber) -> None:
    """Ten seconds are kept, so that the function ends in order."""
    states.add_response("start_execution", STARTED)
    assert start(states, Clock(10)) == Started(EXECUTION, "RUNNING")


def test_a_call_may_take_as_long_as_an_express_execution(states: Stubber) -> None:
    """300 s (Step Functions developer guide, "Quotas"), and no longer than Start may run."""
    config = states.client.meta.config
    function = stack.source()["Resources"]["StartFunction"]["Properties"]
    assert 300 < config.read_timeout < function["Timeout"]
    assert config.connect_timeout <= 10
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}


def test_it_ends_before_its_time(states: Stubber) -> None:
    states.add_response("start_execution", STARTED)
    for _ in range(2):
        described(states, "RUNNING")
    clock = Clock(RESERVE_SECONDS + 3)
    assert start(states, clock, concurrency=20).status == "RUNNING"
    assert clock.left == RESERVE_SECONDS


def test_an_express_execution_is_waited_for_by_its_call(states: Stubber) -> None:
    answer = STARTED | {"stopDate": 1, "status": "TIMED_OUT"}
    given = {"stateMachineArn": MACHINE, "name": "message-1", "input": EVENT}
    states.add_response("start_sync_execution", answer, given)
    clock = Clock()
    assert start(states, clock, workflow_type="EXPRESS").status == "TIMED_OUT"
    assert clock.slept == []
