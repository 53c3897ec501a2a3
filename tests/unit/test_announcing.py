"""Notify at its edges: whatever else fails, the alert goes out; SNS errors get our names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from darkroom import announcing
from darkroom.announcing import Services, announce, envelope
from darkroom.errors import AccessDenied, DarkroomError, DeliveryError
from darkroom.settings import NotifySettings
from moto import mock_aws

from tests.conftest import ROOT

Json = dict[str, Any]

TABLE, BUCKET = "images", "the-output"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:machine:run"


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Any")


class World:
    """SNS, DynamoDB and S3, with a queue that hears both topics."""

    def __init__(self) -> None:
        self.clients = {
            name: boto3.client(name, region_name="us-east-1")  # type: ignore[call-overload]
            for name in ("sns", "sqs", "dynamodb", "s3", "stepfunctions")
        }
        self.services = Services(self.clients.__getitem__)
        topic = self.clients["sns"].create_topic(Name="any")["TopicArn"]
        self.queue = self.clients["sqs"].create_queue(QueueName="any")["QueueUrl"]
        self.clients["sns"].subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint="arn:aws:sqs:us-east-1:123456789012:any",
            Attributes={"RawMessageDelivery": "true"},
        )
        self.settings = NotifySettings(
            notifications_topic=topic, alerts_topic=topic, images_table=TABLE, output_bucket=BUCKET
        )

    def make_the_rest(self) -> None:
        self.clients["dynamodb"].create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "image", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}],
        )
        self.clients["s3"].create_bucket(Bucket=BUCKET)
        self.clients["dynamodb"].put_item(
            TableName=TABLE,
            Item={"image": {"S": "my-photos/a.jpg"}, "execution": {"S": EXECUTION}},
        )

    def record(self) -> Json:
        found = self.clients["dynamodb"].get_item(
            TableName=TABLE, Key={"image": {"S": "my-photos/a.jpg"}}
        )
        return {name: next(iter(value.values())) for name, value in found["Item"].items()}

    def heard(self) -> list[Json]:
        received = self.clients["sqs"].receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", [])]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with mock_aws():
        yield World()


def report(**changes: Any) -> Json:
    return {
        "outcome": "FAILED",
        "execution": EXECUTION,
        "stateMachine": "arn:aws:states:us-east-1:123456789012:stateMachine:machine",
        "startedAt": "2026-01-31T12:00:00Z",
        "input": {"source": {"bucket": "my-photos", "key": "a.jpg"}},
        "image": "my-photos/a.jpg",
        "failure": {"state": "Prepare", "error": "CorruptImage", "message": "It is torn."},
    } | changes


def test_an_outcome_is_announced_once_and_marked(world: World) -> None:
    world.make_the_rest()
    world.clients["s3"].put_object(Bucket=BUCKET, Key="a.jpg/small.jpg", Body=b"x")
    first = announce(report(), world.services, world.settings)
    again = announce(report(), world.services, world.settings)
    (message,) = world.heard()
    assert (first.published, again.published) == (True, False)
    assert message["error"] == "CorruptImage"
    assert [each["key"] for each in message["outputs"]] == ["a.jpg/small.jpg"]
    assert world.record()["announced"] == f"FAILED {EXECUTION} 0"


def test_the_filter_policy_of_the_documentation(world: World) -> None:
    """It lets through what its sentence says, and nothing else."""
    runbook = (ROOT / "docs" / "operations.md").read_text()
    (policy,) = re.findall(r"filter policy\n\n```json\n(.*)\n```", runbook)
    sns, topic = world.clients["sns"], world.settings.alerts_topic
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"],
        AttributeName="FilterPolicy",
        AttributeValue=policy,
    )
    for key in ("uploads/cats/1.jpg", "uploads/dogs/1.jpg"):
        for change in ({}, {"outcome": "COMPLETE", "failure": None}):
            given = {"source": {"bucket": "my-photos", "key": key}}
            announce(report(input=given, **change), world.services, world.settings)
    (message,) = world.heard()
    assert (message["outcome"], message["source"]["key"]) == ("FAILED", "uploads/cats/1.jpg")


@pytest.mark.parametrize("key", ["a.jpg", "folder/\x00\n\ufffe.jpg", "x" * 100_000])
def test_a_message_names_its_execution_whatever_the_key(world: World, key: str) -> None:
    given = {"source": {"bucket": "my-photos", "key": key}}
    announce(report(input=given), world.services, world.settings)
    (message,) = world.clients["sqs"].receive_message(
        QueueUrl=world.queue, MessageAttributeNames=["All"]
    )["Messages"]
    assert message["MessageAttributes"]["execution"]["StringValue"] == EXECUTION
    assert message["MessageAttributes"]["image"]["StringValue"].startswith("my-photos/")


def test_a_redriven_execution_announces_anew(world: World) -> None:
    world.make_the_rest()
    announce(report(), world.services, world.settings)
    assert announce(report(redriveCount=1), world.services, world.settings).published
    assert len(world.heard()) == 2


def test_another_run_s_record_is_not_marked(world: World) -> None:
    world.make_the_rest()
    other = EXECUTION + "-2"
    assert announce(report(execution=other), world.services, world.settings).published
    assert "announced" not in world.record()


def test_the_alert_goes_out_without_table_and_bucket(world: World) -> None:
    """Neither exists here: nothing can be read, listed or marked."""
    assert announce(report(), world.services, world.settings).published
    assert world.heard()[0]["outputs"] == []


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (client_error("AuthorizationError"), AccessDenied),
        (client_error("KMSAccessDenied"), AccessDenied),
        (client_error("Throttled"), DeliveryError),
        (client_error("InternalError"), DeliveryError),
        (client_error("NotFound"), DeliveryError),
        (ConnectTimeoutError(endpoint_url="https://sns"), DeliveryError),
    ],
    ids=lambda given: getattr(given, "__name__", str(given)[:60]),
)
def test_what_sns_refuses_gets_our_name(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    error: type[DarkroomError],
) -> None:
    world.make_the_rest()
    monkeypatch.setattr(world.clients["sns"], "publish", refusing(raised))
    with pytest.raises(error, match="topic arn:aws:sns"):
        announce(report(), world.services, world.settings)
    assert "announced" not in world.record()


def refusing(raised: Exception) -> Callable[..., None]:
    def publish(**_: Any) -> None:
        raise raised

    return publish


def test_a_status_change_is_put_into_the_form_of_the_steps() -> None:
    event = {"detail-type": "Step Functions Execution Status Change",
             "detail": {"executionArn": EXECUTION, "status": "ABORTED"}}  # fmt: skip
    assert envelope(event) == {"execution": EXECUTION, "input": event}
    task = {"execution": EXECUTION, "input": report()}
    assert envelope(task) == task


def test_the_fail_states_are_those_of_the_machine() -> None:
    from tests.support.definition import states

    assert {announcing.TOLD, announcing.NOT_TOLD} == set(states("Fail"))
