"""What moto holds comes back as it was, as far as the new account has a place for it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from darkroom_ops.engine.data.store import Entry
from darkroom_ops.engine.deploy import ARTIFACTS_BUCKET
from darkroom_ops.engine.eventbridge import Undelivered
from darkroom_ops.engine.inbox import Inbox, Message
from darkroom_ops.engine.moto import state as module
from darkroom_ops.engine.moto.state import EngineState, _digest
from darkroom_ops.engine.moto.stepfunctions.ended import REST
from tests.conftest import REGION
from tests.support.aws import client, empty_account
from tests.unit.engine.moto.lab import Held, Lab, chain, task

PAIRS = {"AttributeName": "image", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}


class Router:
    """One event that is not delivered, and those that are to be delivered again."""

    def __init__(self) -> None:
        self.again: list[Undelivered] = []

    def undelivered(self) -> dict[str, Undelivered]:
        return {"1": Undelivered({"source": "aws.s3"}, "arn:rule", "target")}

    def deliver(self, again: Undelivered) -> None:
        self.again.append(again)


def stack(presets: str = "first") -> None:
    """Make what a template would."""
    client("s3").create_bucket(Bucket="photos")
    client("s3").put_bucket_versioning(
        Bucket="photos", VersioningConfiguration={"Status": "Enabled"}
    )
    client("s3").create_bucket(Bucket="work")
    client("dynamodb").create_table(
        TableName="pairs",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=list(PAIRS),
        AttributeDefinitions=[
            {"AttributeName": "image", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
    )
    client("sqs").create_queue(QueueName="letters")
    client("logs").create_log_group(logGroupName="/aws/lambda/f")
    client("ssm").put_parameter(Name="/presets", Value=presets, Type="String")


def state(inbox: Inbox | None = None) -> EngineState:
    return EngineState(REGION, inbox or Inbox(), Router())  # type: ignore[arg-type]


def entries(held: EngineState) -> list[Entry]:
    return [entry for each in held.held() if (entry := each.entry()) is not None]


@pytest.fixture
def before() -> Iterator[list[Entry]]:
    """What is kept of an account, which is gone."""
    with empty_account():
        stack()
        deployed = state()
        s3, sqs, logs = client("s3"), client("sqs"), client("logs")
        for body in (b"one", b"two"):
            s3.put_object(
                Bucket="photos",
                Key="ü\n.jpg",
                Body=body,
                Metadata={"by": "me"},
                ContentType="image/jpeg",
                Tagging="state=done",
                StorageClass="STANDARD_IA",
                ChecksumAlgorithm="SHA256",
            )
        s3.put_object(Bucket="photos", Key="gone.jpg", Body=b"")
        s3.delete_object(Bucket="photos", Key="gone.jpg")
        s3.put_object(Bucket="work", Key="mezzanine", Body=b"old")
        s3.put_object(Bucket="work", Key="mezzanine", Body=b"new")
        for number in ("1", "2"):
            item = {"image": {"S": "a"}, "n": {"N": number}, "sizes": {"L": [{"NULL": True}]}}
            client("dynamodb").put_item(TableName="pairs", Item=item)
        for body in ("first", "second"):
            sqs.send_message(
                QueueUrl=sqs.get_queue_url(QueueName="letters")["QueueUrl"],
                MessageBody=body,
                MessageAttributes={"RULE_ARN": {"DataType": "String", "StringValue": "arn:rule"}},
            )
        logs.create_log_stream(logGroupName="/aws/lambda/f", logStreamName="s")
        logs.put_log_events(
            logGroupName="/aws/lambda/f",
            logStreamName="s",
            logEvents=[{"timestamp": 1_700_000_000_000, "message": "START"}],
        )
        client("ssm").put_parameter(Name="/presets", Value="mine", Overwrite=True)
        yield [*entries(deployed), *_facts()]


def _facts() -> list[Any]:
    """Return what calls answer."""
    s3, logs = client("s3"), client("logs")
    versions = s3.list_object_versions(Bucket="photos")
    letters = client("sqs").get_queue_url(QueueName="letters")["QueueUrl"]
    received = client("sqs").receive_message(
        QueueUrl=letters,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageAttributeNames=["All"],
        AttributeNames=["SentTimestamp"],
    )
    for message in received["Messages"]:
        del message["ReceiptHandle"]
    objects = []
    for each in versions["Versions"]:
        at = {"Bucket": "photos", "Key": each["Key"], "VersionId": each["VersionId"]}
        got = s3.get_object(**at, ChecksumMode="ENABLED")
        kept = ("ContentType", "Metadata", "ETag", "StorageClass", "ChecksumSHA256", "LastModified")
        tags = s3.get_object_tagging(**at)["TagSet"]
        objects.append((got["Body"].read(), {name: got.get(name) for name in kept}, tags))
    return [
        versions["Versions"],
        versions["DeleteMarkers"],
        objects,
        s3.get_object(Bucket="work", Key="mezzanine")["Body"].read(),
        client("dynamodb").scan(TableName="pairs")["Items"],
        received["Messages"],
        logs.get_log_events(logGroupName="/aws/lambda/f", logStreamName="s")["events"],
        logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"],
        client("ssm").get_parameter(Name="/presets")["Parameter"],
    ]


def test_calls_answer_as_before(before: list[Any]) -> None:
    kept = [each for each in before if isinstance(each, Entry)]
    with empty_account():
        stack()
        again = state()
        assert all(reason is None for _, reason in again.restore(kept))
        assert _facts() == before[len(kept) :]
        assert {each.name for each in entries(again)} == {each.name for each in kept}
        again.resume()
        assert again.router.again == [Undelivered({"source": "aws.s3"}, "arn:rule", "target")]  # type: ignore[attr-defined]


def test_what_changes_is_told_apart() -> None:
    """But for what the deployment keeps for itself: the next one makes it anew."""
    with empty_account():
        stack()
        s3, sqs, held = client("s3"), client("sqs"), state()
        at = {"Bucket": "photos", "Key": "a.jpg"}
        s3.put_object(**at)
        s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
        url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="first")
        handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
        tags: Any = {"TagSet": [{"Key": "state", "Value": "done"}]}
        changes: tuple[tuple[str | None, Callable[[], Any]], ...] = (
            ("object", lambda: s3.put_object_tagging(**at, Tagging=tags)),
            (
                "queued",
                lambda: sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=600
                ),
            ),
            (None, lambda: s3.put_object(Bucket=ARTIFACTS_BUCKET, Key="code.zip")),
        )
        for kind, change in changes:
            before = {each.key: each.state for each in held.held()}
            change()
            after = {each.key: each.state for each in held.held()}
            found = [
                key[0] for key, said in after.items() if key not in before or before[key] != said
            ]
            assert found == [kind] * (kind is not None)


def test_what_an_execution_has_done_meanwhile_is_told_apart(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = {DEFAULT_ACCOUNT_ID: {REGION: lab.backend}}
    monkeypatch.setattr(module, "stepfunctions_parser_backends", machines)
    first, second = Held(lab, "A"), Held(lab, "B")
    execution = lab.start(chain(A=task(), B=task()))
    states = set()
    for held in (first, second):
        held.wait()
        states |= {each.state for each in state().held() if each.key[0] == "execution"}
        held.go.set()
    lab.router.wait_for(execution.exec_arn)
    assert len(states) == 2


def test_without_its_resource_a_thing_has_no_place(before: list[Any]) -> None:
    kept = [each for each in before if isinstance(each, Entry)]
    with empty_account():
        reasons = [str(reason) for _, reason in state().restore(kept) if reason is not None]
    assert sorted(set(reasons)) == [
        "the bucket photos",
        "the bucket work",
        "the log group /aws/lambda/f",
        "the parameter /presets",
        "the queue letters",
        "the table pairs",
    ]


def test_executions_that_ended_come_back_with_the_definition_that_they_ran() -> None:
    """The machine may have another by now; each says how often it was redriven, and when."""
    before = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    now = before.replace("Succeed", "Fail")
    with empty_account(stepfunctions={"execute_state_machine": True}):
        machine = client("stepfunctions").create_state_machine(
            name="pipeline", definition=now, roleArn="arn:aws:iam::123456789012:role/any"
        )["stateMachineArn"]
        arn = machine.replace(":stateMachine:", ":execution:")
        said = dict.fromkeys(REST) | {
            "role": "any", "input": {"a": 1}, "events": [], "last_events": [0, 0], "variables": {},
            "machine": machine, "definition": _digest(before), "status": "FAILED", "line": "{}",
            "started": "2026-01-31T12:00:00+00:00", "stopped": "2026-01-31T12:00:05+00:00",
        }  # fmt: skip
        redriven = {"redrives": 2, "redriven": "2026-01-31T12:00:03+00:00"}
        kept = [
            Entry("definition", _digest(before), {"definition": before}),
            Entry("execution", f"{arn}:a", said | redriven | {"name": "a"}),
            Entry("execution", f"{arn}:b", said | {"name": "b", "redrives": 0, "redriven": None}),
        ]
        again = state()
        assert list(again.restore(kept)) == [((each.kind, each.name), None) for each in kept]
        found = [each for each in entries(again) if each.kind in {"definition", "execution"}]
    assert sorted(found, key=lambda each: each.name) == sorted(kept, key=lambda each: each.name)


def test_a_table_of_other_keys_is_no_place(before: list[Any]) -> None:
    item = Entry("item", '["pairs", {"S": "a"}, null]', {"attributes": {"image": {"S": "a"}}})
    with empty_account():
        stack()
        ((_, reason),) = state().restore([item])
    assert str(reason) == "the table pairs"


def test_what_the_template_changes_wins_over_what_somebody_had_set(before: list[Any]) -> None:
    """As CloudFormation, which sets a property when its template says something else."""
    kept = [each for each in before if isinstance(each, Entry) and each.kind == "parameter"]
    with empty_account():
        stack(presets="second")
        list(state().restore(kept))
        history = client("ssm").get_parameter_history(Name="/presets")["Parameters"]
    assert [(each["Version"], each["Value"]) for each in history] == [
        (1, "first"),
        (2, "mine"),
        (3, "second"),
    ]


def test_messages_come_back_with_the_counts_of_those_that_were_withheld() -> None:
    inbox, again = Inbox(), Inbox()
    for number in range(11):
        now = datetime.datetime.now(datetime.UTC)
        about = {"execution": "arn:b"}
        inbox.deliver(Message("t", "email", "me@x", None, f"{number}", about, "D", "arn:s", now))
    for _ in range(2):
        inbox.withhold({"execution": "arn:a"})
    with empty_account():
        kept = entries(state(inbox))
        assert all(reason is None for _, reason in state(again).restore(kept))
    assert again.messages() == inbox.messages()
    assert again.per_execution() == {"arn:a": 2, "arn:b": 11}
