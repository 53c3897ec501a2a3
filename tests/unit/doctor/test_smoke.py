"""A picture's way through a stack that a test plays: what is found, and that nothing is left."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import signal
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from PIL import Image

from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor import smoke
from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.smoke import Smoke, ended_by_signals
from darkroom_ops.doctor.stack import Stack
from tests.conftest import REGION
from tests.support.aws import client, empty_account

Json = dict[str, Any]

BUCKETS = {kind: f"photos-{kind}" for kind in ("source", "output", "backup", "work")}
STEPS = ("Prepare", "Resize", "MakePdf", "BackupOriginal", "Notify")
ACCOUNT, GROUP = "123456789012", "/darkroom/photos"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:photos:run"
SERVICES = ("s3", "sns", "sqs", "dynamodb", "stepfunctions", "logs")


@pytest.fixture(scope="module")
def deployed() -> Iterator[dict[str, str]]:
    """The outputs of a stack of buckets, a table, topics and a log group."""
    with empty_account():
        for name in BUCKETS.values():
            client("s3").create_bucket(Bucket=name)
            client("s3").put_bucket_versioning(
                Bucket=name, VersioningConfiguration={"Status": "Enabled"}
            )
        client("dynamodb").create_table(
            TableName="photos-images",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "image", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}],
        )
        client("logs").create_log_group(logGroupName=GROUP)
        client("logs").create_log_stream(logGroupName=GROUP, logStreamName="any")
        topics = {
            f"{name}TopicArn": client("sns").create_topic(Name=f"photos-{name}")["TopicArn"]
            for name in ("Notifications", "Alerts")
        }
        buckets = {f"{kind.title()}BucketName": name for kind, name in BUCKETS.items()}
        functions = {f"{step}FunctionName": f"photos-{step}" for step in STEPS}
        yield (
            topics
            | buckets
            | functions
            | {
                "SourcePrefix": "uploads/",
                "ImagesTableName": "photos-images",
                "StateMachineArn": EXECUTION.replace("execution", "stateMachine").rpartition(":")[
                    0
                ],
            }
        )


class World:
    """A stack that does what a test says when a picture is uploaded."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self.at = Deployment.__new__(Deployment)
        names = {service: client(service) for service in SERVICES}
        told = {"LoggingConfig": {"LogGroup": GROUP}}
        self.functions: dict[str, Json] = {f"photos-{step}": told for step in STEPS}
        vars(self.at).update(
            names,
            stack="photos",
            endpoint="http://127.0.0.1:1",  # so nothing is waited for in SQS
            region="us-east-1",
            profile=None,
            outputs=outputs,
            lambda_=SimpleNamespace(
                get_function=lambda FunctionName: {"Configuration": self.functions[FunctionName]}  # noqa: N803
            ),
            s3=SimpleNamespace(
                put_object=self._upload,
                **{
                    name: getattr(names["s3"], name)
                    for name in (
                        "get_object", "head_object", "delete_object", "get_paginator", "exceptions"
                    )
                },
            ),
        )  # fmt: skip
        self.does: Callable[[str, bytes], None] = self.complete
        self.record: Json = {}
        self.logs = set(STEPS)
        self.now, self.speed = 0.0, 100  # so that a minute is a dozen looks

    def _upload(self, **given: Any) -> Any:
        put = client("s3").put_object(**given)
        self.put = {"version": put["VersionId"], "etag": put["ETag"].strip('"')}
        self.key = given["Key"]
        self.does(given["Key"], given["Body"])
        return put

    # ---------------------------------------------------------------- what a stack does

    def complete(self, key: str, body: bytes) -> None:
        """Make a rendition, a PDF and a backup, record them, announce them and write logs."""
        rendition = self.made(key, "small.webp", picture(32, 16), width=32, height=16)
        document = self.made(key, "document.pdf", b"%PDF-1.7 and so on", pages=1)
        kept = client("s3").put_object(Bucket=BUCKETS["backup"], Key=key, Body=body)
        backup = {"bucket": BUCKETS["backup"], "key": key, "bytes": len(body),
                  "etag": kept["ETag"].strip('"'), "versionId": kept["VersionId"]}  # fmt: skip
        for folder in ("mezzanine_key", "original_key"):
            made = getattr(smoke, folder)(smoke.Source(bucket=BUCKETS["source"], key=key), "run")
            client("s3").put_object(Bucket=BUCKETS["work"], Key=made, Body=b"x")
        self.write(
            status="COMPLETE",
            announced=f"COMPLETE {EXECUTION} 0",
            renditions=[rendition],
            document=document,
            backup=backup,
        )
        self.tell("Notifications")
        self.log()

    def made(self, key: str, name: str, data: bytes, **more: Any) -> Json:
        digest = hashlib.sha256(data)
        kind = "application/pdf" if name.endswith("pdf") else "image/webp"
        at = {"Bucket": BUCKETS["output"], "Key": f"{key}/{name}"}
        checksum = base64.b64encode(digest.digest()).decode()
        metadata = {
            "claim": "1",
            "source-etag": self.put["etag"],
            "source-version-id": self.put["version"],
        }
        client("s3").put_object(**at, Body=data, ContentType=kind, ChecksumSHA256=checksum,
                                Metadata=metadata)  # fmt: skip
        return {"key": at["Key"], "name": name.partition(".")[0], "contentType": kind,
                "sha256": digest.hexdigest(), "bytes": len(data), **more}  # fmt: skip

    def write(self, **record: Any) -> None:
        """Write the picture's record, changed as the test says."""
        own = {"image": f"{BUCKETS['source']}/{self.key}", "execution": EXECUTION, "claim": 1}
        item = own | self.put | record | self.record
        client("dynamodb").put_item(
            TableName="photos-images", Item={name: typed(value) for name, value in item.items()}
        )

    def tell(self, topic: str, image: str = "", execution: str = EXECUTION) -> None:
        image = image or f"{BUCKETS['source']}/{self.key}"
        client("sns").publish(
            TopicArn=self.at.outputs[f"{topic}TopicArn"],
            Message=json.dumps({"execution": execution}),
            MessageAttributes={"image": {"DataType": "String", "StringValue": image}},
        )

    def log(self, ago: float = 0.0, says: str = EXECUTION) -> None:
        at = int((time.time() - ago) * 1000)
        client("logs").put_log_events(
            logGroupName=GROUP,
            logStreamName="any",
            logEvents=[{"timestamp": at, "message": json.dumps({"execution": says})}],
        )

    # ---------------------------------------------------------------- what is found and left

    def through(self) -> list[Finding]:
        with Smoke(self.at) as sent:
            found = list(sent.findings())
        return found + sent.left

    def says(self) -> list[str]:
        found = self.through()
        assert {(each.severity, each.check) for each in found} <= {("broken", "smoke")}
        assert all(each.mend for each in found)
        return [each.says.replace(self.key, "KEY") for each in found]

    def left(self) -> list[str]:
        """Return all that there is, by name; as moto has it, for a call takes milliseconds."""
        buckets: Any = s3_backends[ACCOUNT]["aws"].buckets
        found = [
            f"s3://{name}/{key}"
            for name in BUCKETS.values()
            for key, versions in buckets[name].keys.lists()
            for _ in versions
        ]
        table: Any = dynamodb_backends[ACCOUNT][REGION].tables["photos-images"]
        found += [item.to_json()["Attributes"]["image"]["S"] for item in table.items.values()]
        found += sns_backends[ACCOUNT][REGION].subscriptions
        return found + list(sqs_backends[ACCOUNT][REGION].queues)

    def clear(self) -> None:
        """Remove what a test that failed left for the next one."""
        for name in BUCKETS.values():
            smoke.empty(self.at, name, "")
        for item in client("dynamodb").scan(TableName="photos-images")["Items"]:
            key = {"image": item["image"]}
            client("dynamodb").delete_item(TableName="photos-images", Key=key)
        for each in client("sns").list_subscriptions()["Subscriptions"]:
            client("sns").unsubscribe(SubscriptionArn=each["SubscriptionArn"])
        for url in client("sqs").list_queues().get("QueueUrls", []):
            client("sqs").delete_queue(QueueUrl=url)

    # ---------------------------------------------------------------- its clock

    def sleep(self, seconds: float) -> None:
        self.now += seconds * self.speed


def typed(value: Any) -> Json:
    if isinstance(value, list):
        return {"L": [typed(each) for each in value]}
    if isinstance(value, dict):
        return {"M": {name: typed(each) for name, each in value.items()}}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def picture(width: int, height: int, kind: str = "WEBP") -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(body, kind)
    return body.getvalue()


@pytest.fixture
def world(deployed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(deployed)
    clock = SimpleNamespace(time=time.time, monotonic=lambda: made.now, sleep=made.sleep)
    monkeypatch.setattr(smoke, "time", clock)
    yield made
    if left := made.left():
        made.clear()
    assert left == []


# ---------------------------------------------------------------------------- what is found


def test_a_picture_that_goes_through_leaves_nothing(world: World) -> None:
    sent: list[bytes] = []
    complete = world.complete

    def does(key: str, body: bytes) -> None:
        sent.append(body)
        assert key.startswith("uploads/darkroom-doctor/")
        assert key.endswith(".jpg")
        complete(key, body)
        assert len(world.left()) == 1 + 2 + 1 + 2 + 1 + 2 + 1  # objects, record, two ears, a queue

    world.does = does
    assert world.through() == []
    assert sent[0] != smoke._picture()  # whatever knows a picture by its bytes knows none of these
    with Image.open(io.BytesIO(sent[0])) as seen:
        assert (seen.format, seen.size) == ("JPEG", (64, 64))


def test_what_is_beside_the_picture_stays(world: World) -> None:
    """And every version and marker of its own goes."""
    beside = [
        (BUCKETS["source"], "uploads/darkroom-doctor/mine.jpg"),
        (BUCKETS["output"], "uploads/darkroom-doctor/mine.jpg/small.webp"),
        (BUCKETS["backup"], "uploads/a.jpg"),
        (BUCKETS["work"], "mezzanines/0/run"),
    ]
    for bucket, key in beside:
        client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    other = {"image": {"S": f"{BUCKETS['source']}/uploads/a.jpg"}}
    client("dynamodb").put_item(TableName="photos-images", Item=other)

    def does(key: str, body: bytes) -> None:
        world.complete(key, body)
        client("s3").delete_object(Bucket=BUCKETS["backup"], Key=key)
        client("s3").put_object(Bucket=BUCKETS["backup"], Key=key, Body=body)

    world.does = does
    assert world.through() == []
    kept = world.left()
    client("dynamodb").delete_item(TableName="photos-images", Key=other)
    for bucket, key in beside:
        smoke.empty(world.at, bucket, key)
    assert kept == [*(f"s3://{bucket}/{key}" for bucket, key in beside), other["image"]["S"]]


def test_an_upload_that_starts_nothing(world: World) -> None:
    world.does = lambda *_: None
    with Smoke(world.at, hurry=30) as sent:
        (found,) = sent.findings()
    assert (found.severity, found.check) == ("broken", "smoke")
    assert found.says == (
        f"The upload of s3://{BUCKETS['source']}/{sent.key} started nothing within 3 s."
    )
    assert found.mend == (
        "darkroom doctor --endpoint http://127.0.0.1:1 and darkroom dlq list --endpoint "
        "http://127.0.0.1:1 look for the reason. A new bucket sends its events after five minutes."
    )
    assert 3 < world.now <= 3 + 5
    assert sent.left == []


@pytest.mark.parametrize("heard", [True, False])
def test_a_picture_that_fails(world: World, heard: bool) -> None:
    """Only what failed and what told of it can have logged anything."""

    def does(*_: Any) -> None:
        world.write(status="FAILED", announced="any", error="E", failedState="Prepare", message="x")
        if heard:
            world.tell("Alerts")
        world.log()

    world.does = does
    for step in ("Resize", "MakePdf", "BackupOriginal"):
        world.functions[f"photos-{step}"] = {}
    found, *others = world.through()
    assert [each.says for each in others] == ["The run's message came to neither topic."][heard:]
    assert (found.severity, found.says) == ("broken", "The picture failed: E in Prepare: x")
    assert found.mend == f"darkroom show {EXECUTION} --endpoint http://127.0.0.1:1"


def test_a_picture_that_takes_too_long(world: World) -> None:
    def does(*_: Any) -> None:
        world.write(status="IN_PROGRESS")
        world.tell("Alerts")
        world.log()

    world.does = does
    assert world.says() == ["The picture failed: it is IN_PROGRESS after 300 s."]
    assert 360 < world.now <= 370  # and for that it is announced a minute


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (picture(31, 15), "31 x 15"),
        (picture(32, 16, "PNG")[:50], "no picture"),
    ],
    ids=["smaller", "cut off"],
)
def test_a_rendition_that_is_not_what_is_recorded(world: World, data: bytes, says: str) -> None:
    """The audit says that it is another one; the doctor opens it."""

    def does(key: str, body: bytes) -> None:
        world.complete(key, body)
        replace(key, "small.webp", data)

    world.does = does
    found = {each.says.replace(world.key, "KEY"): each.mend for each in world.through()}
    mend = found[f"KEY/small.webp is recorded as 32 x 16 pixels, but is {says}."]
    assert mend == f"darkroom show {EXECUTION} --endpoint http://127.0.0.1:1"


def replace(key: str, name: str, data: bytes) -> None:
    client("s3").put_object(Bucket=BUCKETS["output"], Key=f"{key}/{name}", Body=data)


def test_a_document_that_is_none(world: World) -> None:
    world.does = lambda key, body: (world.complete(key, body), replace(key, "document.pdf", b"x"))[
        0
    ]
    said = world.says()
    assert said[-1] == "KEY/document.pdf is no PDF."
    assert len(said) == 2  # the audit tells that it was replaced


def test_an_output_that_nobody_recorded(world: World) -> None:
    """However young it is."""
    world.does = lambda key, body: (world.complete(key, body), replace(key, "b.jpg", b"x"))[0]
    (said,) = world.says()
    assert said.startswith("KEY/b.jpg: No record names it")


def test_an_output_that_is_gone_is_told_once(world: World) -> None:
    def does(key: str, body: bytes) -> None:
        world.complete(key, body)
        smoke.empty(world.at, BUCKETS["output"], f"{key}/")

    world.does = does
    assert sorted(world.says()) == [
        "KEY/document.pdf: It is recorded, but not there.",
        "KEY/small.webp: It is recorded, but not there.",
    ]


def test_a_backup_that_is_another_picture(world: World) -> None:
    """Of the same size, so only its bytes tell."""

    def does(key: str, body: bytes) -> None:
        world.complete(key, body)
        client("s3").put_object(Bucket=BUCKETS["backup"], Key=key, Body=body[::-1])

    world.does = does
    assert world.says()[-1] == f"The backup s3://{BUCKETS['backup']}/KEY is not the upload."


def test_messages_about_others_are_not_this_one_s(world: World) -> None:
    def tell(topic: str) -> None:
        World.tell(world, topic, image=f"{BUCKETS['source']}/uploads/another.jpg")
        World.tell(world, topic, execution=f"{EXECUTION}-2")

    world.tell = tell  # type: ignore[method-assign, assignment]
    assert world.says() == ["The run's message came to neither topic."]
    assert 60 < world.now <= 65


@pytest.mark.parametrize(
    ("log", "missing"),
    [({"ago": 30.0}, 0), ({"ago": 120.0}, 5), ({"says": "another"}, 5)],
    ids=["by a clock that is late", "before the upload", "of another run"],
)
def test_every_step_logs_what_it_did(world: World, log: Json, missing: int) -> None:
    client("logs").delete_log_stream(logGroupName=GROUP, logStreamName="any")
    client("logs").create_log_stream(logGroupName=GROUP, logStreamName="any")
    world.log = lambda: World.log(world, **log)  # type: ignore[method-assign, assignment]
    found = world.through()
    assert {each.check for each in found} <= {"smoke"}
    assert [(each.severity, each.says) for each in found] == [
        ("warning", f"The function of {step} logged nothing to {GROUP}.")
        for step in STEPS[:missing]
    ]
    for each in found:
        assert each.mend == (
            f"aws logs describe-log-groups --log-group-name-prefix {GROUP} --endpoint-url "
            "http://127.0.0.1:1 --region us-east-1"
        )


def test_a_function_logs_to_the_group_of_its_name_unless_told_otherwise(world: World) -> None:
    """Which is not there here."""
    world.functions["photos-Resize"] = {}
    (found,) = world.through()
    assert found.says == "The function of Resize logged nothing to /aws/lambda/photos-Resize."


# ---------------------------------------------------------------------------- what is left


def test_who_stops_before_the_run_began_waits_for_it_to_remove_what_it_makes(world: World) -> None:
    """What a run makes after its picture was removed would stay."""
    started: list[str] = []

    def sleep(seconds: float) -> None:
        World.sleep(world, seconds)
        if world.now > 5 and not started:
            started.append(world.key)
            world.complete(world.key, b"x")

    world.does = lambda *_: None
    sent = Smoke(world.at)
    with sent:
        world.at.s3.put_object(Bucket=sent.bucket, Key=sent.key, Body=b"x")
        sent._uploaded = True
        smoke.time.sleep = sleep  # type: ignore[assignment]
    assert started == [sent.key]
    assert sent.left == []


def test_who_stops_before_the_upload_waits_for_nothing(world: World) -> None:
    with Smoke(world.at) as sent:
        sent._listen()
    assert world.now == 0


def test_what_cannot_be_removed_is_told_with_its_command_and_the_rest_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: Json = {"Error": {"Code": "AccessDenied", "Message": "No."}}

    def refuse(**_: Any) -> None:
        raise ClientError(refused, "Any")

    world.at.dynamodb = SimpleNamespace(
        **{n: getattr(client("dynamodb"), n) for n in ("get_item", "batch_get_item")},
        delete_item=refuse,
    )  # type: ignore[assignment]
    world.at.sqs = SimpleNamespace(
        **{
            name: getattr(client("sqs"), name)
            for name in (
                "create_queue", "get_queue_attributes", "set_queue_attributes", "receive_message"
            )
        },
        delete_queue=refuse,
    )  # type: ignore[assignment]  # fmt: skip
    world.at.sns = SimpleNamespace(subscribe=client("sns").subscribe, unsubscribe=refuse)  # type: ignore[assignment]
    found = world.through()
    place = "--endpoint-url http://127.0.0.1:1 --region us-east-1"
    image = f"{BUCKETS['source']}/{world.key}"
    item = json.dumps({"image": {"S": image}})
    arns = [e["SubscriptionArn"] for e in client("sns").list_subscriptions()["Subscriptions"]]
    (url,) = client("sqs").list_queues()["QueueUrls"]
    assert {each.check for each in found} == {"smoke"}
    assert [(each.severity, each.says, each.mend) for each in found] == [
        (
            "warning",
            f"Could not remove the record of {image}: No.",
            f"aws dynamodb delete-item --table-name photos-images --key '{item}' {place}",
        ),
        *(
            (
                "warning",
                f"Could not remove the subscription {arn}: No.",
                f"aws sns unsubscribe --subscription-arn {arn} {place}",
            )
            for arn in arns
        ),
        (
            "warning",
            f"Could not remove the queue {url}: No.",
            f"aws sqs delete-queue --queue-url {url} {place}",
        ),
    ]
    client("dynamodb").delete_item(TableName="photos-images", Key={"image": {"S": image}})
    for arn in arns:
        client("sns").unsubscribe(SubscriptionArn=arn)
    client("sqs").delete_queue(QueueUrl=url)


def test_a_refusal_without_words_is_told_by_its_code(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one folder: the others are emptied all the same."""
    emptied = smoke.empty

    def empty(at: Deployment, bucket: str, prefix: str) -> None:
        if bucket == BUCKETS["backup"]:
            raise ClientError({"Error": {"Code": "Locked"}}, "DeleteObject")
        emptied(at, bucket, prefix)

    with monkeypatch.context() as patch:
        patch.setattr(smoke, "empty", empty)
        (found,) = world.through()
    where = f"s3://{BUCKETS['backup']}/{world.key}"
    assert found.says == f"Could not remove {where}: Locked"
    assert found.mend.startswith(f"aws s3 rm --recursive {where} ")
    assert world.left() == [where]
    assert smoke.remove(Stack(world.at), BUCKETS["source"], world.key) == []


def test_the_queue_takes_messages_of_the_two_topics_and_of_nobody_else(world: World) -> None:
    """moto lets everybody send: the policy is read."""
    with Smoke(world.at) as sent:
        sent._listen()
        told = client("sqs").get_queue_attributes(QueueUrl=sent._queue, AttributeNames=["All"])
        assert str(sent._queue).rpartition("/")[2].startswith("photos-doctor-")
    (statement,) = json.loads(told["Attributes"]["Policy"])["Statement"]
    outputs = world.at.outputs
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": told["Attributes"]["QueueArn"],
        "Condition": {
            "ArnEquals": {
                "aws:SourceArn": [outputs["NotificationsTopicArn"], outputs["AlertsTopicArn"]]
            }
        },
    }


@pytest.mark.parametrize(("endpoint", "pause", "waits"), [("http://x", 0.05, 0), (None, 2.0, 2)])
def test_aws_is_asked_seldom_and_an_engine_often(
    world: World, endpoint: str | None, pause: float, waits: int
) -> None:
    world.at.endpoint = endpoint
    asked: list[int] = []
    world.at.sqs = SimpleNamespace(
        receive_message=lambda **given: asked.append(given["WaitTimeSeconds"]) or {}
    )  # type: ignore[assignment]
    sent, world.speed = Smoke(world.at, hurry=1000), 1
    assert not sent._message(EXECUTION)
    assert set(asked) == {waits}
    assert round(world.now % pause, 9) in {0.0, pause}


@pytest.mark.parametrize("ends", [True, False])
def test_a_termination_is_an_interruption_while_it_is_asked_for(ends: bool) -> None:
    before = signal.getsignal(signal.SIGTERM)
    if ends:
        with pytest.raises(KeyboardInterrupt), ended_by_signals():
            signal.raise_signal(signal.SIGTERM)
    else:
        with ended_by_signals():
            pass
    assert signal.getsignal(signal.SIGTERM) is before
