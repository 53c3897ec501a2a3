"""Notify at its edges: whatever else fails, the alert goes out; SNS errors get our names."""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import msgspec
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from darkroom.aws import records
from darkroom.aws.calls import CONFIG
from darkroom.aws.services import Services
from darkroom.contract.errors import AccessDenied, DarkroomError, DeliveryError
from darkroom.steps.notify import ANNOUNCED, UNANNOUNCED, announce, envelope
from darkroom.steps.settings import NotifySettings
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from tests.conftest import REGION, ROOT
from tests.support.aws import client, empty_account

Json = dict[str, Any]

TABLE, BUCKET = "images", "the-output"
ACCOUNT = "123456789012"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:machine:run"


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Any")


def heard_topic(name: str) -> tuple[str, str]:
    """Make a topic, and a queue that hears it; return its ARN and the queue's URL."""
    topic = client("sns").create_topic(Name=name)["TopicArn"]
    queue = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}",
        Attributes={"RawMessageDelivery": "true"},
    )
    return topic, queue


class World:
    """SNS, DynamoDB and S3, with a queue that hears both topics.

    They are made once: what a test left in them is removed in moto, without calls.
    """

    def __init__(self) -> None:
        self.topic, self._queue = heard_topic("any")
        client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "image", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}],
        )
        client("s3").create_bucket(Bucket=BUCKET)
        self._messages: Any = sqs_backends[ACCOUNT][REGION].queues["any"]
        self._tables = dynamodb_backends[ACCOUNT][REGION].tables
        self._buckets: Any = s3_backends[ACCOUNT]["aws"].buckets
        self._table, self._bucket = self._tables[TABLE], self._buckets[BUCKET]

    def begin(self) -> None:
        """Begin without table and bucket, and with an empty queue."""
        self.queue = self._queue
        self.clients = {
            name: client(name) for name in ("sns", "sqs", "dynamodb", "s3", "stepfunctions")
        }
        self.services = Services(self.clients.__getitem__)
        self._messages._messages.clear()
        self._messages._pending_messages.clear()
        self._tables.pop(TABLE, None)
        self._buckets.pop(BUCKET, None)
        s3_backends.bucket_accounts.pop(BUCKET, None)
        self.settings = NotifySettings(
            notifications_topic=self.topic,
            alerts_topic=self.topic,
            images_table=TABLE,
            source_bucket="my-photos",
            output_bucket=BUCKET,
            stack="photos",
            runbook="docs/operations.md",
            summary_seconds=0,
            summary_machine="arn:aws:states:us-east-1:123456789012:stateMachine:photos-alert-summary",
        )

    def make_the_rest(self) -> None:
        """Make an empty bucket, and a table of one record."""
        self._table.items.clear()
        self._bucket.keys.clear()
        self._tables[TABLE], self._buckets[BUCKET] = self._table, self._bucket
        s3_backends.bucket_accounts[BUCKET] = ("aws", ACCOUNT)
        self.claim()

    def claim(self, **attributes: Any) -> None:
        """Write the image's record anew, as the execution's own unless told otherwise."""
        own = {"image": "my-photos/a.jpg", "execution": EXECUTION}
        typed = {
            name: {"N" if isinstance(value, int) else "S": str(value)}
            for name, value in (own | attributes).items()
        }
        self.clients["dynamodb"].put_item(TableName=TABLE, Item=typed)

    def records(self) -> int:
        return len(self.clients["dynamodb"].scan(TableName=TABLE)["Items"])

    def record(self, key: str = "a.jpg") -> Json:
        found = self.clients["dynamodb"].get_item(
            TableName=TABLE, Key={"image": {"S": f"my-photos/{key}"}}
        )
        return {name: next(iter(value.values())) for name, value in found["Item"].items()}

    def heard(self) -> list[Json]:
        received = self.clients["sqs"].receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", [])]


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    with empty_account():
        yield World()


@pytest.fixture
def world(made: World) -> World:
    made.begin()
    return made


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


OUTPUT: Json = {"name": "small", "bucket": BUCKET, "key": "a.jpg/small.jpg", "bytes": 7,
                "contentType": "image/jpeg", "sha256": "0a", "width": 3, "height": 2}  # fmt: skip
MADE: Json = {
    "outcome": "COMPLETE",
    "failure": None,
    "made": {
        "source": {"bucket": "my-photos", "key": "a.jpg"},
        "image": {"format": "jpeg", "contentType": "image/jpeg", "width": 3, "height": 2,
                  "bytes": 9},
        "renditions": [OUTPUT],
        "document": OUTPUT | {"name": "document", "pages": 1},
        "backup": {"bucket": "backups", "key": "a.jpg", "bytes": 9, "etag": "e"},
    },
}  # fmt: skip


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
    topic, world.queue = heard_topic("filtered")
    settings = msgspec.structs.replace(
        world.settings, alerts_topic=topic, notifications_topic=topic
    )
    sns = world.clients["sns"]
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"],
        AttributeName="FilterPolicy",
        AttributeValue=policy,
    )
    for key in ("uploads/cats/1.jpg", "uploads/dogs/1.jpg"):
        for change in ({}, {"outcome": "COMPLETE", "failure": None}):
            given = {"source": {"bucket": "my-photos", "key": key}}
            announce(report(input=given, **change), world.services, settings)
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
    assert announce(report(redriveCount="1.0E0"), world.services, world.settings).published
    assert len(world.heard()) == 2
    assert world.record()["announced"] == f"FAILED {EXECUTION} 1"


def test_another_run_s_record_is_not_marked(world: World) -> None:
    world.make_the_rest()
    other = EXECUTION + "-2"
    assert announce(report(execution=other), world.services, world.settings).published
    assert "announced" not in world.record()


def test_the_alert_goes_out_without_table_and_bucket(world: World) -> None:
    """Neither exists here: nothing can be read, listed or marked."""
    assert announce(report(), world.services, world.settings).published
    assert world.heard()[0]["outputs"] == []


DENIED = (
    "AuthorizationError", "AuthorizationErrorException", "KMSAccessDenied", "AccessDenied",
    "AccessDeniedException", "KMSAccessDeniedException",
)  # fmt: skip
CHECK = "Check the step's role and the topic's policy and key."


@pytest.mark.parametrize(
    ("raised", "error", "says"),
    [
        *(
            (
                client_error(code),
                AccessDenied,
                f"may not be used by this step: {code}. {CHECK}",
            )
            for code in DENIED
        ),
        *(
            (client_error(code), DeliveryError, f"could not be used: {code}. Run it again.")
            for code in ("Throttled", "InternalError", "NotFound")
        ),
        (
            ConnectTimeoutError(endpoint_url="https://sns"),
            DeliveryError,
            'could not be reached: Connect timeout on endpoint URL: "https://sns". Run it again.',
        ),
    ],
    ids=lambda given: getattr(given, "__name__", str(given)[:60]),
)
def test_what_sns_refuses_gets_our_name(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    error: type[DarkroomError],
    says: str,
) -> None:
    world.make_the_rest()
    monkeypatch.setattr(world.clients["sns"], "publish", refusing(raised))
    with pytest.raises(DarkroomError) as caught:
        announce(report(), world.services, world.settings)
    assert type(caught.value) is error
    assert str(caught.value) == f"The topic {world.settings.alerts_topic} {says}"
    assert "announced" not in world.record()


def test_a_success_goes_to_one_topic_and_all_else_to_the_other(world: World) -> None:
    there = world.settings.alerts_topic
    for outcome, topics in (
        ("COMPLETE", {"notifications_topic": there, "alerts_topic": f"{there}-gone"}),
        ("FAILED", {"notifications_topic": f"{there}-gone", "alerts_topic": there}),
    ):
        settings = msgspec.structs.replace(world.settings, **topics)
        assert announce(report(outcome=outcome), world.services, settings).published
        assert [message["outcome"] for message in world.heard()] == [outcome]


def test_commands_name_the_stack_unless_they_find_an_engine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(world.clients.__getitem__)
    services.topics = MagicMock()
    announce(report(), services, world.settings)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    announce(report(), services, world.settings)
    mails = [json.loads(c.args[2])["email"] for c in services.topics.publish.call_args_list]
    assert ["--stack photos\n" in mail for mail in mails] == [True, False]
    assert "--stack" not in mails[1]
    assert all("\nRunbook    docs/operations.md#errors\n" in mail for mail in mails)


def test_an_announcement_tells_its_subject(world: World) -> None:
    told = announce(report(), world.services, world.settings)
    assert told.subject == "Darkroom: FAILED: CorruptImage: a.jpg"
    assert told.fault == "sender"


@pytest.mark.parametrize("key", ["", 7, None])
def test_an_alert_about_no_object_lists_nobody_s_outputs(world: World, key: object) -> None:
    """Outputs lie under the name of their object, whatever else begins so."""
    world.make_the_rest()
    for name in ("/small.jpg", "7/small.jpg", "None/small.jpg"):
        world.clients["s3"].put_object(Bucket=BUCKET, Key=name, Body=b"x")
    given = {"source": {"bucket": "my-photos", "key": key}}
    announce(report(input=given), world.services, world.settings)
    (message,) = world.heard()
    assert message["outputs"] == []


def test_a_success_lists_what_it_made_and_nothing_else(world: World) -> None:
    world.make_the_rest()
    world.clients["s3"].put_object(Bucket=BUCKET, Key="a.jpg/old.jpg", Body=b"x")
    assert announce(report(**MADE), world.services, world.settings).fault == ""
    (message,) = world.heard()
    assert (message["outputs"], message["renditions"]) == ([], [OUTPUT])


# ---------------------------------------------------------------------------- many at once


class Many:
    """A stack whose alerts of one kind wait, and what it starts and publishes."""

    def __init__(self, world: World, **settings: Any) -> None:
        world.make_the_rest()
        self.settings = msgspec.structs.replace(world.settings, summary_seconds=300, **settings)
        self.steps, self.sns = MagicMock(), MagicMock()
        clients = world.clients | {"stepfunctions": self.steps, "sns": self.sns}
        self.services = Services(clients.__getitem__)

    def fail(self, name: str, **changes: Any) -> None:
        announce(self.report(name, **changes), self.services, self.settings)

    def report(self, name: str, **changes: Any) -> Json:
        key = f"uploads/{name}.jpg"
        about = {
            "execution": f"{EXECUTION}-{name}",
            "input": {"source": {"bucket": "my-photos", "key": key}},
            "image": f"my-photos/{key}",
        }
        return report(**about, **changes)

    def summarize(self) -> bool:
        """Do what the executions do that were started, when their time has come."""
        given = [json.loads(c.kwargs["input"]) for c in self.steps.start_execution.call_args_list]
        self.steps.start_execution.reset_mock()
        done = [announce(each, self.services, self.settings) for each in given]
        return any(each.published for each in done)

    def told(self) -> list[tuple[str, str, str]]:
        """Return what was published: outcome, execution or count, and when people are told."""
        calls = [call.kwargs for call in self.sns.publish.call_args_list]
        self.sns.publish.reset_mock()
        return [
            (
                each["MessageAttributes"]["outcome"]["StringValue"],
                each["MessageAttributes"].get("execution", {}).get("StringValue", "")[-1:],
                each["MessageAttributes"]["told"]["StringValue"],
            )
            for each in calls
        ]


def test_many_broken_files_are_one_alert_at_once_and_one_summary(world: World) -> None:
    """Programs hear of each at once, people of the first and then of all others in one."""
    many = Many(world)
    for number in range(5):
        many.fail(str(number))
    now, *later = many.told()
    assert now == ("FAILED", "0", "now")
    assert {told for _, _, told in later} == {"later"}
    assert len(later) == 4
    (started,) = many.steps.start_execution.call_args_list
    assert started.kwargs["stateMachineArn"] == many.settings.summary_machine
    assert json.loads(started.kwargs["input"])["seconds"] == 300
    assert many.summarize()
    (summary,) = many.sns.publish.call_args_list
    assert summary.kwargs["TopicArn"] == many.settings.alerts_topic
    assert summary.kwargs["Subject"] == "Darkroom: 4 more FAILED: CorruptImage: uploads/"
    email = json.loads(summary.kwargs["Message"])["email"]
    assert "\ndarkroom rerun ID --newest --stack photos\n" in email
    assert many.told() == [("SUMMARY", "", "now")]
    many.fail("x")
    assert many.told() == [("FAILED", "x", "now")]
    assert not many.summarize()  # nothing came after it
    assert many.told() == []


EXPRESS = "arn:aws:states:us-east-1:123456789012:stateMachine:photos-express"
UNCAUGHT = {"state": "unknown", "error": "StatesRuntime", "message": "x", "caught": False}


@pytest.mark.parametrize(
    ("changes", "does"),
    [
        ({}, "darkroom rerun ID --newest"),
        ({"failure": UNCAUGHT}, "darkroom rerun ID"),
        ({"failure": UNCAUGHT | {"caught": True}}, "darkroom rerun ID"),
        ({"stateMachine": EXPRESS}, None),
    ],
    ids=["caught", "not caught", "caught, of the same error", "express: nothing is kept to re-run"],
)
def test_a_summary_advises_as_the_alert_before_it_did(
    world: World, changes: Json, does: str | None
) -> None:
    many = Many(world)
    for name in "ab":
        many.fail(name, **changes)
    (first, _) = (c.kwargs for c in many.sns.publish.call_args_list)
    many.sns.publish.reset_mock()
    given = json.loads(many.steps.start_execution.call_args.kwargs["input"])
    told = announce(given, many.services, many.settings)
    summary = many.sns.publish.call_args.kwargs
    alert, email = (json.loads(each["Message"])["email"] for each in (first, summary))
    (advice,) = re.findall(r"(?<=\nTry again\?).*(?:\n +.*)*", alert)
    assert f"Try again?{advice}\n" in email
    commands = [line for line in email.splitlines() if line.startswith("darkroom")]
    assert commands == ([f"{does} --stack photos"] if does else [])
    assert email.endswith("\nRunbook    docs/operations.md#errors")
    assert told.subject == summary["Subject"]


def test_a_summary_of_images_in_no_folder_names_none(world: World) -> None:
    many = Many(world)
    for name in "ab":
        given = {"source": {"bucket": "my-photos", "key": f"{name}.jpg"}}
        announced = many.report(name) | {"input": given, "image": f"my-photos/{name}.jpg"}
        announce(announced, many.services, many.settings)
    many.sns.publish.reset_mock()
    assert many.summarize()
    (summary,) = (c.kwargs for c in many.sns.publish.call_args_list)
    assert summary["Subject"] == "Darkroom: 1 more FAILED: CorruptImage"
    assert json.loads(summary["Message"])["email"].startswith("1 more image, as the message before")


def test_a_summary_tells_of_those_that_came_when_its_list_was_full(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted, though the summary before took the list away meanwhile."""
    monkeypatch.setattr("darkroom.aws.windows.LISTED", 1)
    many = Many(world)
    for name in "ab":
        many.fail(name)
    windows = many.services.windows(TABLE)
    window = "alert window/FAILED sender CorruptImage uploads/"
    told = windows.close(window)
    for name in "cd":
        many.fail(name)
    windows.forget(window, told)
    many.sns.publish.reset_mock()
    assert many.summarize()
    assert [c.kwargs["Subject"] for c in many.sns.publish.call_args_list] == [
        "Darkroom: 1 more FAILED: CorruptImage: uploads/"
    ]
    many.steps.reset_mock()
    many.fail("e")
    assert not many.summarize()  # once


def test_another_error_folder_or_end_is_told_at_once(world: World) -> None:
    many = Many(world)
    for change in (
        {},
        {"failure": {"state": "Prepare", "error": "UnsupportedImage", "message": "x"}},
        {"failure": {"state": "Prepare", "error": "StorageError", "message": "x"}},
        {"input": {"source": {"bucket": "my-photos", "key": "elsewhere/a.jpg"}}},
    ):
        announce(many.report("a") | change, many.services, many.settings)
        many.services.records(TABLE).mark("my-photos/uploads/a.jpg", "x", "x", "")
    assert [told for _, _, told in many.told()] == ["now"] * 4


def test_what_helps_again_after_the_first_was_not_sent_is_sent_again_at_once(
    world: World,
) -> None:
    many = Many(world)
    many.sns.publish.side_effect = client_error("Throttled")
    with pytest.raises(DeliveryError):
        many.fail("a")
    many.sns.publish.side_effect = None
    many.fail("b")
    many.fail("a")
    *_, second, first = many.told()
    assert second == ("FAILED", "b", "later")
    assert first == ("FAILED", "a", "now")


def test_an_alert_goes_out_at_once_if_nothing_can_be_kept_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = Many(world)
    many.fail("a")
    for raised in (client_error("ThrottlingException"), RuntimeError("a defect")):
        monkeypatch.setattr("darkroom.aws.windows.Windows._updated", MagicMock(side_effect=raised))
        many.fail("b")
    monkeypatch.setattr("darkroom.aws.windows.Windows._updated", MagicMock(return_value=False))
    many.fail("b")  # its window closed between the two questions
    assert [told for _, _, told in many.told()] == ["now"] * 4


def test_who_waits_is_told_at_once_if_no_summary_can_be_started(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = MagicMock()
    monkeypatch.setattr("darkroom.steps.notify.logger", logger)
    many = Many(world)
    window = many.services.windows(TABLE)

    def refuse(**_: Any) -> None:
        # Another one comes between the opening and this.
        window.join(
            "alert window/FAILED sender CorruptImage uploads/",
            json.dumps({"image": "my-photos/uploads/b.jpg", "execution": EXECUTION}),
        )
        raise client_error("AccessDeniedException")

    many.steps.start_execution.side_effect = refuse
    many.fail("a")
    (said,) = logger.warning.call_args_list
    assert (said.args[0] % said.args[1]).startswith("the alert could not wait for a summary: ")
    assert many.told() == [("SUMMARY", "", "now"), ("FAILED", "a", "now")]
    many.steps.start_execution.side_effect = None
    many.fail("c")
    assert many.told() == [("FAILED", "c", "now")]


def test_a_summary_that_cannot_be_sent_is_sent_when_it_is_tried_again(world: World) -> None:
    many = Many(world)
    many.fail("a")
    many.fail("b")
    (started,) = many.steps.start_execution.call_args_list
    given = json.loads(started.kwargs["input"])
    many.sns.publish.side_effect = client_error("Throttled")
    with pytest.raises(DeliveryError):
        announce(given, many.services, many.settings)
    many.sns.publish.side_effect = None
    many.told()
    assert announce(given, many.services, many.settings).published
    assert many.told() == [("SUMMARY", "", "now")]
    assert not announce(given, many.services, many.settings).published


def test_many_that_are_resolved_are_told_so_in_one_summary(world: World) -> None:
    many = Many(world)
    for name in "abc":
        key = {"image": {"S": f"my-photos/uploads/{name}.jpg"}}
        own = {"execution": {"S": f"{EXECUTION}-{name}"}, "alerted": {"S": "sender CorruptImage"}}
        world.clients["dynamodb"].put_item(TableName=TABLE, Item=key | own)
        announce(many.report(name, **MADE), many.services, many.settings)
    alerts = [c for c in many.sns.publish.call_args_list if "told" in c.kwargs["MessageAttributes"]]
    told = [c.kwargs["MessageAttributes"]["told"]["StringValue"] for c in alerts]
    assert told == ["now", "later", "later"]
    many.sns.publish.reset_mock()
    assert many.summarize()
    (summary,) = many.sns.publish.call_args_list
    assert summary.kwargs["Subject"] == "Darkroom: 2 more RESOLVED: CorruptImage: uploads/"


# ---------------------------------------------------------------------------- resolved


def test_a_success_after_an_alert_tells_those_who_were_alerted(world: World) -> None:
    """Once: neither the same success again nor the next one says more."""
    world.make_the_rest()
    announce(report(), world.services, world.settings)
    assert world.record()["alerted"] == "sender CorruptImage"
    success = MADE | {"redriveCount": 1}
    assert announce(report(**success), world.services, world.settings).published
    assert not announce(report(**success), world.services, world.settings).published
    announce(report(**MADE | {"redriveCount": 2}), world.services, world.settings)
    _, first, told, second = world.heard()
    assert (first["outcome"], second["outcome"]) == ("COMPLETE", "COMPLETE")
    assert told == {
        "outcome": "RESOLVED", "error": "CorruptImage", "fault": "sender",
        "source": {"bucket": "my-photos", "key": "a.jpg"}, "execution": EXECUTION,
        "console": first["console"],
    }  # fmt: skip
    assert "alerted" not in world.record()
    assert world.record()["announced"] == f"COMPLETE {EXECUTION} 2"


def test_that_it_is_resolved_goes_where_the_alert_went(world: World) -> None:
    """By the same filters: fault and error are those of the alert."""
    world.make_the_rest()
    world.claim(alerted="system StorageError")
    settings = msgspec.structs.replace(world.settings, notifications_topic="arn:aws:sns:::gone")
    services = Services(world.clients.__getitem__)
    services.topics = MagicMock()
    announce(report(**MADE), services, settings)
    _, (topic, subject, body, attributes) = (c.args for c in services.topics.publish.call_args_list)
    assert topic == world.settings.alerts_topic
    assert subject == "Darkroom: resolved: StorageError: a.jpg"
    assert json.loads(body)["sms"] == (
        "Darkroom RESOLVED a.jpg (was StorageError). Nothing to do. run"
    )
    assert json.loads(body)["email"].startswith("An image that had failed is ready now: nothing")
    assert "\nWas        StorageError\nImage      a.jpg\n" in json.loads(body)["email"]
    assert attributes == {
        "outcome": "RESOLVED", "error": "StorageError", "fault": "system", "notify": "true",
        "execution": EXECUTION, "image": "my-photos/a.jpg", "told": "now",
    }  # fmt: skip


def test_a_success_that_cannot_be_told_as_resolved_is_a_success(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one tells."""
    world.make_the_rest()
    world.claim(alerted="sender CorruptImage")
    settings = msgspec.structs.replace(world.settings, alerts_topic="arn:aws:sns:us-east-1:1:gone")
    assert announce(report(**MADE), world.services, settings).published
    assert world.record()["alerted"] == "sender CorruptImage"
    assert not announce(report(**MADE), world.services, world.settings).published
    assert [message["outcome"] for message in world.heard()] == ["COMPLETE", "RESOLVED"]


def test_a_success_is_announced_once_though_its_environment_ended_before_it_was_resolved(
    world: World,
) -> None:
    class Ended(BaseException):
        pass

    world.make_the_rest()
    world.claim(alerted="sender CorruptImage")
    services = Services(world.clients.__getitem__)
    services.topics = MagicMock()
    services.topics.publish.side_effect = [None, Ended, None]
    with pytest.raises(Ended):
        announce(report(**MADE), services, world.settings)
    assert not announce(report(**MADE), services, world.settings).published
    told = [c.args[3]["outcome"] for c in services.topics.publish.call_args_list]
    assert told == ["COMPLETE", "RESOLVED", "RESOLVED"]


def test_a_failure_resolves_nothing_and_a_first_success_neither(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = MagicMock()
    monkeypatch.setattr("darkroom.steps.notify.logger", logger)
    world.make_the_rest()
    announce(report(**MADE), world.services, world.settings)
    announce(report(redriveCount=1), world.services, world.settings)
    announce(report(redriveCount=2), world.services, world.settings)
    assert [m["outcome"] for m in world.heard()] == ["COMPLETE", "FAILED", "FAILED"]
    logger.warning.assert_not_called()


# ---------------------------------------------------------------------------- what no Catch sees

STARTED = 1_769_860_800_250  # in milliseconds since the epoch, as events have it
FAILED_IN = "FailStateEntered"


class Ended:
    """An execution that has ended, its event, and Step Functions when asked about it.

    The event is `told` otherwise where a test says so; what Step Functions says is `described`.
    """

    def __init__(self, status: str, fail_state: str | None = None, **told: Any) -> None:
        given = json.dumps({"source": {"bucket": "my-photos", "key": "a.jpg"}})
        self.told: Json = {
            "executionArn": EXECUTION,
            "stateMachineArn": EXECUTION.replace(":execution:", ":stateMachine:").rpartition(":")[
                0
            ],
            "name": "run",
            "status": status,
            "startDate": STARTED,
            "stopDate": STARTED + 90_000,
            "input": given,
            "inputDetails": {"included": True},
            "redriveCount": 0,
            "error": None,
            "cause": None,
        } | told
        self.described: Json = {
            "status": status, "input": given, "redriveCount": self.told["redriveCount"]
        }  # fmt: skip
        self.events: list[Json] = [{"type": "TaskStateEntered"}] * 6
        if fail_state is not None:
            entered = {"type": FAILED_IN, "stateEnteredEventDetails": {"name": fail_state}}
            self.events.append(entered)
        self.events.append({"type": "ExecutionFailed"})

    def but(self, **described: Any) -> Ended:
        """Have Step Functions say something else."""
        self.described |= described
        return self

    def describe_execution(self, **asked: Any) -> Json:
        assert asked == {"executionArn": EXECUTION}
        return self.described

    def get_execution_history(self, **asked: Any) -> Json:
        assert asked["executionArn"] == EXECUTION
        assert asked["includeExecutionData"] is False  # it is not needed, and may be large
        events = self.events[::-1] if asked["reverseOrder"] else self.events
        return {"events": events[: asked["maxResults"]]}


def deliver(world: World, ended: Ended) -> bool:
    """Deliver a status change; tell whether it was announced."""
    world.clients["stepfunctions"] = ended
    event = {"detail-type": "Step Functions Execution Status Change", "detail": ended.told}
    services = Services(world.clients.__getitem__)
    return announce(event, services, world.settings).published


@pytest.mark.parametrize(
    ("ended", "outcome", "error", "state"),
    [
        (Ended("TIMED_OUT"), "TIMED_OUT", "ExecutionTimedOut", "unknown"),
        (Ended("ABORTED", error="Mine"), "ABORTED", "ExecutionAborted", "unknown"),
        (Ended("FAILED", error="States.Runtime"), "FAILED", "StatesRuntime", "unknown"),
        (Ended("FAILED", "AlertNotSent", error="E", cause="C."), "FAILED", "E", "Resize"),
    ],
    ids=["timed out", "aborted", "broke", "alert not sent"],
)
def test_what_no_catch_saw_is_told_and_recorded(
    world: World, ended: Ended, outcome: str, error: str, state: str
) -> None:
    world.make_the_rest()
    world.claim(status="IN_PROGRESS", leaseUntil=9, failedState="Resize")
    assert deliver(world, ended)
    (message,) = world.heard()
    assert (message["outcome"], message["error"], message["state"]) == (outcome, error, state)
    assert (message["execution"], message["seconds"]) == (EXECUTION, 90.0)
    assert message["startedAt"] == "2026-01-31T12:00:00.250000+00:00"
    assert ended.told["stateMachineArn"] in message["commands"][-1]
    record = world.record()
    assert (record["status"], record["error"]) == ("FAILED", error)
    assert (record["message"], record["failedState"]) == (message["message"], state)
    assert abs(datetime.datetime.fromisoformat(record["finishedAt"]).timestamp() - time.time()) < 60
    assert "leaseUntil" not in record
    assert record["announced"] == f"{outcome} {EXECUTION} 0"
    assert not deliver(world, ended)
    assert deliver(world, Ended("ABORTED", redriveCount=1))


@pytest.mark.parametrize(
    "ended",
    [
        Ended("FAILED", "ImageFailed"),
        Ended("TIMED_OUT").but(status="RUNNING", redriveCount=1),
        Ended("ABORTED", redriveCount=1).but(status="SUCCEEDED", redriveCount=2),
        Ended("FAILED").but(redriveCount=1),
    ],
    ids=["its alert is out", "redriven", "redriven to its end", "redriven, and failed again"],
)
def test_what_is_told_already_or_goes_on_is_not_told(world: World, ended: Ended) -> None:
    world.make_the_rest()
    world.claim(status="IN_PROGRESS")
    assert not deliver(world, ended)
    assert world.heard() == []
    assert world.record()["status"] == "IN_PROGRESS"


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED", "FAILED"])
@pytest.mark.parametrize("stale", ["RUNNING", "PENDING_REDRIVE"])
def test_an_end_that_step_functions_does_not_know_yet_is_told_at_the_next_try(
    world: World, status: str, stale: str
) -> None:
    """DescribeExecution is eventually consistent: to believe it would lose the only alert."""
    world.make_the_rest()
    ended = Ended(status).but(status=stale)
    with pytest.raises(DeliveryError, match=f"is {status}, but Step Functions says {stale} still"):
        deliver(world, ended)
    assert world.heard() == []
    assert deliver(world, ended.but(status=status))


def test_a_failure_whose_history_lags_is_told_at_the_next_try(world: World) -> None:
    """Whether its alert is out stands at the history's end."""
    world.make_the_rest()
    ended = Ended("FAILED", "ImageFailed")
    end = ended.events.pop()
    with pytest.raises(DeliveryError, match="does not show its end yet"):
        deliver(world, ended)
    ended.events.append(end)
    assert not deliver(world, ended)


def test_the_event_is_believed_and_not_what_step_functions_says_meanwhile(world: World) -> None:
    world.make_the_rest()
    ended = Ended("ABORTED", error="Mine", cause="Because.").but(
        error="Another", cause="No.", input="{}", startDate=0, stopDate=0, name="another"
    )
    ended.get_execution_history = MagicMock()  # type: ignore[method-assign]
    assert deliver(world, ended)
    (message,) = world.heard()
    assert "Mine: Because." in message["message"]
    ended.get_execution_history.assert_not_called()  # it would say no more of one that was stopped
    assert (message["source"]["key"], message["seconds"]) == ("a.jpg", 90.0)


def test_an_input_too_large_for_its_event_is_asked_for(world: World) -> None:
    world.make_the_rest()
    assert deliver(world, Ended("ABORTED", input=None, inputDetails={"included": False}))
    (message,) = world.heard()
    assert message["source"] == {"bucket": "my-photos", "key": "a.jpg"}


def test_the_redrives_that_an_event_does_not_tell_are_asked_for(world: World) -> None:
    world.make_the_rest()
    ended = Ended("ABORTED", redriveCount=1)
    del ended.told["redriveCount"]
    assert deliver(world, ended)
    assert world.record()["announced"] == f"ABORTED {EXECUTION} 1"
    del ended.described["redriveCount"]
    assert deliver(world, ended)
    assert world.record()["announced"] == f"ABORTED {EXECUTION} 0"


def test_a_description_from_before_the_redrive_hides_no_end(world: World) -> None:
    """DescribeExecution is eventually consistent: it may say how the run before ended."""
    world.make_the_rest()
    assert deliver(world, Ended("ABORTED", redriveCount=2).but(redriveCount=1))
    assert world.record()["announced"] == f"ABORTED {EXECUTION} 2"


def test_a_redriven_execution_that_broke_is_told_though_its_first_failure_was(
    world: World,
) -> None:
    """It ended in ImageFailed, whose alert is out; redriven, it broke before it entered a state."""
    world.make_the_rest()
    ended = Ended("FAILED", "ImageFailed", error="States.Runtime", redriveCount=1)
    ended.events += [{"type": "ExecutionRedriven"}, {"type": "ExecutionFailed"}]
    assert deliver(world, ended)
    assert world.record()["announced"] == f"FAILED {EXECUTION} 1"


@pytest.mark.parametrize(
    ("status", "execution"),
    [("COMPLETE", EXECUTION), ("FAILED", EXECUTION), ("IN_PROGRESS", "another")],
)
def test_only_a_claim_that_is_still_held_is_given_back(
    world: World, status: str, execution: str
) -> None:
    world.make_the_rest()
    world.claim(status=status, execution=execution)
    assert deliver(world, Ended("ABORTED"))
    record = world.record()
    assert (record["status"], record["execution"]) == (status, execution)
    assert "error" not in record
    assert ("announced" in record) == (execution == EXECUTION)


def test_the_state_of_another_run_s_failure_is_not_told(world: World) -> None:
    world.make_the_rest()
    world.claim(execution="another", failedState="Resize")
    deliver(world, Ended("FAILED", "AlertNotSent", error="E", cause="C."))
    (message,) = world.heard()
    assert (message["state"], message["message"]) == ("unknown", "C.")


@pytest.mark.parametrize(
    "source",
    [
        {"bucket": "another", "key": "a.jpg"},
        {"bucket": "", "key": "my-photos/a.jpg"},
        {"bucket": "my-photos", "key": 7},
    ],
)
def test_the_end_of_a_request_for_another_bucket_touches_no_record_of_this_one(
    world: World, source: Json
) -> None:
    world.make_the_rest()
    world.claim(status="IN_PROGRESS")
    assert deliver(world, Ended("ABORTED", input=json.dumps({"source": source})))
    assert world.record()["status"] == "IN_PROGRESS"
    assert "announced" not in world.record()


@pytest.mark.parametrize(
    ("key", "known"), [("", False), ("a", True), ("é" * 512, True), ("é" * 512 + "x", False)]
)
def test_the_record_of_an_execution_is_that_of_a_key_that_s3_can_have(
    world: World, key: str, known: bool
) -> None:
    world.make_the_rest()
    world.claim(status="IN_PROGRESS", image=f"my-photos/{key}")
    given = json.dumps({"source": {"bucket": "my-photos", "key": key}})
    assert deliver(world, Ended("ABORTED", input=given))
    assert world.record(key)["status"] == ("FAILED" if known else "IN_PROGRESS")


def test_an_execution_without_error_and_input_is_told_too(world: World) -> None:
    world.make_the_rest()
    ended = Ended("FAILED", "AlertNotSent", input=None)
    del ended.described["input"]
    assert deliver(world, ended)
    (message,) = world.heard()
    assert (message["error"], message["message"], message["rerunInput"]) == ("", "", {})
    assert world.records() == 1  # none was made for it


@pytest.mark.parametrize("half", ["\ud800", "\udfff.jpg"])
def test_an_execution_whose_key_is_no_text_is_told_too(world: World, half: str) -> None:
    """Half of a surrogate pair: Step Functions takes the escape, and no message can hold it."""
    world.make_the_rest()
    given = json.dumps({"source": {"bucket": "my-photos", "key": f"a{half}"}})
    assert deliver(world, Ended("FAILED", "AlertNotSent", input=given))
    (message,) = world.heard()
    assert message["rerunInput"]["source"]["key"] == f"a?{half[1:]}"


NOW = 1_800_000_000


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(time=lambda: NOW + 0.5, strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr(records, "time", clock)


ABORTED = f"ABORTED {EXECUTION} 0"


@pytest.mark.parametrize(
    ("attributes", "free"),
    [
        ({}, True),
        ({"announcing": ABORTED, "announcingUntil": NOW + 1}, False),
        ({"announcing": ABORTED, "announcingUntil": NOW}, False),
        ({"announcing": ABORTED, "announcingUntil": NOW - 1}, True),
        ({"announcing": f"ABORTED {EXECUTION} 1", "announcingUntil": NOW + 1}, True),
    ],
    ids=["free", "taken", "its last second", "its time is over", "of another end"],
)
def test_one_delivery_at_a_time_announces(
    world: World, at_now: None, attributes: Json, free: bool
) -> None:
    world.make_the_rest()
    world.claim(**attributes)
    if free:
        assert deliver(world, Ended("ABORTED"))
        record = world.record()
        assert record["announcing"] == record["announced"] == ABORTED
        # Longer than Notify may run, shorter than Lambda waits before it tries again.
        assert 45 <= int(record["announcingUntil"]) - NOW < 60
    else:
        with pytest.raises(DeliveryError, match=f"The end of {EXECUTION} is announced by another"):
            deliver(world, Ended("ABORTED"))
        assert world.heard() == []
        assert "announced" not in world.record()


def test_a_report_of_the_workflow_reserves_nothing(world: World) -> None:
    """It comes once: only EventBridge may deliver twice at the same moment."""
    world.make_the_rest()
    announce(report(), world.services, world.settings)
    assert "announcing" not in world.record()


def test_a_delivery_that_failed_lets_the_next_one_try_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.make_the_rest()
    with monkeypatch.context() as patch:
        patch.setattr(world.clients["sns"], "publish", refusing(client_error("Throttled")))
        with pytest.raises(DeliveryError):
            deliver(world, Ended("ABORTED"))
    assert not {"announcing", "announcingUntil"} & set(world.record())
    assert deliver(world, Ended("ABORTED"))


def test_no_record_is_made_of_what_was_never_claimed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.make_the_rest()
    elsewhere = json.dumps({"source": {"bucket": "my-photos", "key": "b.jpg"}})
    assert deliver(world, Ended("ABORTED", input=elsewhere))
    monkeypatch.setattr(world.clients["sns"], "publish", refusing(client_error("Throttled")))
    with pytest.raises(DeliveryError):
        deliver(world, Ended("ABORTED", input=elsewhere))
    assert world.records() == 1


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (client_error("AccessDeniedException"), AccessDenied),
        (client_error("ThrottlingException"), DeliveryError),
        (ConnectTimeoutError(endpoint_url="https://states"), DeliveryError),
    ],
    ids=["denied", "throttled", "unreachable"],
)
def test_an_execution_that_cannot_be_asked_about_is_tried_again(
    world: World, raised: Exception, error: type[DarkroomError]
) -> None:
    ended = Ended("ABORTED")
    ended.describe_execution = MagicMock(side_effect=raised)  # type: ignore[method-assign]
    with pytest.raises(error, match=f"^The execution {EXECUTION} "):
        deliver(world, ended)


# ---------------------------------------------------------------------------- whatever else fails


UNREACHABLE = ConnectTimeoutError(endpoint_url="https://dynamodb")


@pytest.mark.parametrize(
    ("raised", "because"),
    [
        (client_error("InternalServerError"), "could not be used: InternalServerError."),
        (UNREACHABLE, f"could not be reached: {UNREACHABLE}."),
    ],
    ids=["refused", "unreachable"],
)
def test_the_alert_goes_out_without_the_table_and_the_log_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, raised: Exception, because: str
) -> None:
    logger = MagicMock()
    monkeypatch.setattr("darkroom.steps.notify.logger", logger)
    table = MagicMock(**{"get_item.side_effect": raised, "update_item.side_effect": raised})
    world.clients["dynamodb"] = table
    assert deliver(world, Ended("ABORTED"))
    assert table.get_item.call_args.kwargs["ConsistentRead"] is True
    assert len(world.heard()) == 1
    said = [call.args[0] % call.args[1:] for call in logger.warning.call_args_list]
    why = f"The record of my-photos/a.jpg {because} Run it again."
    assert said == [
        f"the failure could not be recorded: {why}",
        f"the record could not be read: {why}",
        f"the announcement could not be reserved: {why}",
        said[3],
        f"the record could not be marked as announced: {why}",
    ]
    assert said[3].startswith("the outputs could not be listed: The bucket the-output cannot be")


def test_the_alert_goes_out_though_the_record_makes_no_sense(world: World) -> None:
    world.make_the_rest()
    world.claim(leaseUntil="soon")
    assert announce(report(), world.services, world.settings).published


def test_a_record_of_another_is_no_fault_to_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = MagicMock()
    monkeypatch.setattr("darkroom.steps.notify.logger", logger)
    world.make_the_rest()
    world.claim(execution="another")
    assert deliver(world, Ended("ABORTED"))
    logger.warning.assert_not_called()


def test_every_client_gives_up_as_early_as_that_of_the_storage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def make(service: str, config: Any) -> Any:
        made.append(service)
        assert config.read_timeout == CONFIG.read_timeout
        return MagicMock()

    monkeypatch.setattr("boto3.client", make)
    services = Services()
    for _ in range(2):  # each is made once, when it is needed
        services.topics.publish("topic", "subject", "body", {})
        services.records(TABLE).release("my-photos/a.jpg", "mark")
        services.executions.status(EXECUTION)
        assert services.storage is services.storage
    assert made == ["sns", "dynamodb", "stepfunctions", "s3"]


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

    assert {ANNOUNCED, UNANNOUNCED} == set(states("Fail"))


TASK = {"rendition": {"name": "large", "width": 9, "height": 8, "format": "webp"}}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (json.dumps(TASK),
         "Resize of large (9 x 8, WebP) did not finish within 120 s, in 1 attempt."),
        ('{"cut', "Resize did not finish within 120 s, in 1 attempt."),
        (None, "Slow."),
    ],
)  # fmt: skip
def test_the_alert_of_a_time_out_names_what_did_not_finish(
    world: World, given: str | None, says: str
) -> None:
    world.make_the_rest()
    entered = {"name": "Resize", "input": given}
    events = [
        {"id": 3, "previousEventId": 2, "taskTimedOutEventDetails": {"error": "States.Timeout"}},
        {"id": 2, "previousEventId": 1, "taskScheduledEventDetails": {"timeoutInSeconds": 120}},
        {"id": 1, "previousEventId": 0, "stateEnteredEventDetails": entered},
    ]
    client = MagicMock()
    client.get_execution_history.return_value = {"events": events if given else []}
    world.clients["stepfunctions"] = client
    failure = {"state": "ResizeImages", "error": "StatesTimeout", "message": "Slow."}

    assert announce(report(failure=failure), world.services, world.settings).published

    (told,) = world.heard()
    assert told["message"] == says


def test_an_alert_goes_out_though_the_history_cannot_be_read(world: World) -> None:
    """Express executions have none."""
    world.make_the_rest()
    refused = client_error("StateMachineTypeNotSupported")
    world.clients["stepfunctions"] = MagicMock(**{"get_execution_history.side_effect": refused})
    failure = {"state": "Prepare", "error": "Runtime.ExitError", "message": "It died."}

    assert announce(report(failure=failure), world.services, world.settings).published

    assert world.heard()[0]["message"] == "It died."
