"""What the auditor reads of a deployment, in S3, DynamoDB and Step Functions as moto plays them."""

from __future__ import annotations

import datetime
import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from darkroom.contract.record import ImageRecord

from darkroom_ops.audit.evidence import StackEvidence, Upload, mailbox
from darkroom_ops.deployment import MESSAGES
from tests.support.aws import client, empty_account

TABLE = "images"
NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
ROLE = "arn:aws:iam::123456789012:role/darkroom"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def clients() -> Iterator[SimpleNamespace]:
    """Clients of an empty account; the keys of each test are its own."""
    with empty_account():
        made = SimpleNamespace(
            s3=client("s3"),
            dynamodb=client("dynamodb"),
            stepfunctions=client("stepfunctions"),
        )
        made.dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "image", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        made.machine = made.stepfunctions.create_state_machine(
            name="pipeline",
            definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
            roleArn=ROLE,
        )["stateMachineArn"]
        yield made


@pytest.fixture
def at(clients: SimpleNamespace) -> SimpleNamespace:
    """A deployment with buckets of its own; that of sources keeps versions."""
    name = f"test-{next(_numbers)}"
    for kind in ("source", "output"):
        clients.s3.create_bucket(Bucket=f"{name}-{kind}")
    clients.s3.put_bucket_versioning(
        Bucket=f"{name}-source", VersioningConfiguration={"Status": "Enabled"}
    )
    return SimpleNamespace(
        s3=clients.s3,
        dynamodb=clients.dynamodb,
        stepfunctions=clients.stepfunctions,
        source_bucket_name=f"{name}-source",
        output_bucket_name=f"{name}-output",
        images_table_name=TABLE,
        state_machine_arn=clients.machine,
        stack="photos",
        endpoint=None,
    )


@pytest.fixture
def evidence(at: Any) -> StackEvidence:
    return StackEvidence(at)


def put(at: SimpleNamespace, key: str, data: bytes = b"x", **more: Any) -> Upload:
    """Put a source object and return it as it should be found."""
    done = at.s3.put_object(Bucket=at.source_bucket_name, Key=key, Body=data, **more)
    head = at.s3.head_object(Bucket=at.source_bucket_name, Key=key)
    etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
    bucket = at.source_bucket_name
    return Upload(bucket, key, etag, done.get("VersionId"), head["LastModified"])


# ---------------------------------------------------------------------------- uploads


def test_uploads_are_the_newest_versions_and_no_folders(at: Any, evidence: StackEvidence) -> None:
    put(at, "uploads/a.jpg", b"older")
    newest, other = put(at, "uploads/a.jpg", b"newer"), put(at, "uploads/b.jpg")
    put(at, "uploads/folder/", b"")
    odd = put(at, "uploads/no folder/", b"picture")
    empty = put(at, "uploads/nothing.jpg", b"")
    put(at, "elsewhere/a.jpg")
    put(at, "uploads/deleted.jpg")
    at.s3.delete_object(Bucket=at.source_bucket_name, Key="uploads/deleted.jpg")

    found = list(evidence.uploads("uploads/"))

    assert found == [newest, other, odd, empty]
    assert found[0].version


def test_uploads_to_a_bucket_without_versions_have_none(at: Any) -> None:
    at.source_bucket_name = at.output_bucket_name
    upload = put(at, "uploads/a.jpg")
    evidence = StackEvidence(at)

    assert upload.version is None
    assert list(evidence.uploads("")) == [upload]
    assert evidence.newest(upload.bucket, upload.key) == upload


def test_an_upload_is_found_again_as_it_was_listed(at: Any, evidence: StackEvidence) -> None:
    put(at, "uploads/a.jpg", b"older")
    put(at, "uploads/a.jpg", b"newer")
    (listed,) = evidence.uploads("")

    assert evidence.newest(listed.bucket, listed.key) == listed
    at.s3.delete_object(Bucket=listed.bucket, Key=listed.key)
    assert evidence.newest(listed.bucket, listed.key) is None


def test_each_object_has_the_time_when_it_was_written(at: Any, evidence: StackEvidence) -> None:
    head = {"ETag": '"etag"', "LastModified": NOON}
    version = head | {"Key": "a.jpg", "VersionId": "v1", "IsLatest": True, "Size": 1}
    with Stubber(at.s3) as stub:
        stub.add_response("list_object_versions", {"Versions": [version]})
        stub.add_response("head_object", head)
        stub.add_response("list_objects_v2", {"Contents": [{"Key": "a.jpg", "LastModified": NOON}]})
        assert [each.modified for each in evidence.uploads("")] == [NOON]
        again = evidence.newest("source", "a.jpg")
        assert again
        assert again.modified == NOON
        assert list(evidence.outputs("")) == [("a.jpg", NOON)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_every_page_of_a_bucket_is_read(
    at: Any, evidence: StackEvidence, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    keys = [f"uploads/{number}.jpg" for number in range(count)]
    for key in keys:
        put(at, key)
        at.s3.put_object(Bucket=at.output_bucket_name, Key=key, Body=b"x")

    assert [each.key for each in evidence.uploads("uploads/")] == keys
    assert [key for key, _ in evidence.outputs("uploads/")] == keys


def test_an_empty_bucket_holds_nothing(evidence: StackEvidence) -> None:
    assert list(evidence.uploads("uploads/")) == []
    assert list(evidence.outputs("uploads/")) == []


# ---------------------------------------------------------------------------- outputs


def test_outputs_are_those_with_the_prefix(at: Any, evidence: StackEvidence) -> None:
    bucket = at.output_bucket_name
    for key in ("uploads/a.jpg/small.jpg", "elsewhere/b.jpg"):
        at.s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    assert [key for key, _ in evidence.outputs("uploads/")] == ["uploads/a.jpg/small.jpg"]


@pytest.mark.parametrize("checksum", [{"ChecksumAlgorithm": "SHA256"}, {}])
def test_an_output_has_the_sha_256_of_its_bytes(
    at: Any, evidence: StackEvidence, checksum: Any
) -> None:
    data = b"0123456789" * 200_000  # more than one chunk
    at.s3.put_object(
        Bucket=at.output_bucket_name, Key="a", Body=data, Metadata={"claim": "3"}, **checksum
    )

    found = evidence.output("a")

    assert found is not None
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert (found.bytes, found.metadata) == (2_000_000, {"claim": "3"})


def test_the_sha_256_that_s3_knows_is_taken_without_reading_the_bytes(
    at: Any, evidence: StackEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.s3.put_object(Bucket=at.output_bucket_name, Key="a", Body=b"x", ChecksumAlgorithm="SHA256")
    monkeypatch.delattr(type(at.s3), "get_object")

    found = evidence.output("a")

    assert found is not None
    assert found.sha256 == hashlib.sha256(b"x").hexdigest()


def test_an_output_that_is_not_there_is_none(evidence: StackEvidence) -> None:
    assert evidence.output("missing") is None


def test_an_output_that_goes_before_its_bytes_are_read_is_none(
    at: Any, evidence: StackEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.s3.put_object(Bucket=at.output_bucket_name, Key="a", Body=b"x")
    read = at.s3.get_object

    def gone(**asked: Any) -> Any:
        at.s3.delete_object(**asked)
        return read(**asked)

    monkeypatch.setattr(at.s3, "get_object", gone)

    assert evidence.output("a") is None


# ---------------------------------------------------------------------------- backups


def test_a_backup_is_looked_for_by_its_version(at: Any, evidence: StackEvidence) -> None:
    bucket = at.source_bucket_name
    first, second = (
        at.s3.put_object(Bucket=bucket, Key="a", Body=data) for data in (b"older", b"new")
    )

    def sizes(*versions: str) -> list[int | None]:
        found = (evidence.stored(bucket, "a", version) for version in versions)
        return [each and each.bytes for each in found]

    assert sizes(first["VersionId"], second["VersionId"], "") == [5, 3, 3]
    assert evidence.stored(bucket, "a") == evidence.stored(bucket, "a", second["VersionId"])
    stored = evidence.stored(bucket, "a", first["VersionId"])
    assert stored is not None
    assert f'"{stored.etag}"' == first["ETag"]
    assert stored.sha256 == ""
    at.s3.delete_object(Bucket=bucket, Key="a", VersionId=first["VersionId"])
    assert sizes(first["VersionId"], second["VersionId"]) == [None, 3]
    assert evidence.stored(bucket, "missing", "") is None


@pytest.mark.parametrize("code", ["404", "NoSuchKey", "NotFound", "NoSuchVersion"])
def test_whatever_s3_calls_it_what_is_gone_is_none(
    at: Any, evidence: StackEvidence, code: str
) -> None:
    with Stubber(at.s3) as stub:
        for _ in range(3):
            stub.add_client_error("head_object", code)
        assert evidence.output("a") is None
        assert evidence.stored("bucket", "a", "") is None
        assert evidence.newest("bucket", "a") is None


def test_what_may_not_be_read_is_no_finding(at: Any, evidence: StackEvidence) -> None:
    with Stubber(at.s3) as stub:
        stub.add_client_error("head_object", "403")
        with pytest.raises(ClientError, match="403"):
            evidence.output("a")


# ---------------------------------------------------------------------------- records


@pytest.mark.parametrize("count", [0, 1, 100, 101])
def test_records_are_read_a_hundred_at_a_time(at: Any, evidence: StackEvidence, count: int) -> None:
    bucket = at.source_bucket_name
    images = [f"{bucket}/{number}.jpg" for number in range(count)]
    known = {*images[:2], *images[-1:]}
    for image in known:
        at.dynamodb.put_item(TableName=TABLE, Item={"image": {"S": image}, "claim": {"N": "3"}})

    found = evidence.records(image for image in images + images)

    assert found == {image: ImageRecord(image=image, claim=3) for image in known}


def test_a_batch_that_dynamodb_answers_in_parts_is_read_whole(
    at: Any, evidence: StackEvidence
) -> None:
    def item(name: str) -> Any:
        return {"image": {"S": name}}

    def asked(*names: str) -> Any:
        keys = [item(name) for name in names]
        return {"RequestItems": {TABLE: {"Keys": keys, "ConsistentRead": True}}}

    many = [f"a{number:02}" for number in range(100)]
    with Stubber(at.dynamodb) as stub:
        stub.add_response(
            "batch_get_item",
            {
                "Responses": {TABLE: [item(name) for name in many[2:]]},
                "UnprocessedKeys": {TABLE: {"Keys": [item("a00"), item("a01")]}},
            },
            asked(*many),
        )
        stub.add_response(
            "batch_get_item",
            {
                "Responses": {TABLE: [item("b")]},
                "UnprocessedKeys": {TABLE: {"Keys": [item("a00"), item("a01")]}},
            },
            asked("b", "a00", "a01"),
        )
        last = asked("a00", "a01")
        left = {TABLE: {"Keys": [item("a00"), item("a01")]}}
        none = {"Responses": {}, "UnprocessedKeys": left}
        stub.add_response("batch_get_item", none, last)
        stub.add_response("batch_get_item", {"Responses": {TABLE: [item("a00")]}}, last)

        assert sorted(evidence.records([*many, "b", "a00"])) == ["a00", *many[2:], "b"]


# ---------------------------------------------------------------------------- executions


def test_executions_and_their_status(at: Any, evidence: StackEvidence) -> None:
    arns = [
        at.stepfunctions.start_execution(
            stateMachineArn=at.state_machine_arn,
            input=json.dumps({"source": {"bucket": "b", "key": f"{number}.jpg"}}),
        )["executionArn"]
        for number in range(3)
    ]
    at.stepfunctions.stop_execution(executionArn=arns[1])

    assert [evidence.status(arn) for arn in arns] == ["RUNNING", "ABORTED", "RUNNING"]
    found = {each.arn: each for each in evidence.executions()}
    assert set(found) == set(arns)
    assert [found[arn].outcome for arn in arns] == [None, "FAILED", None]
    assert [str(found[arn].source and found[arn].source.key) for arn in arns] == [
        "0.jpg", "1.jpg", "2.jpg",
    ]  # fmt: skip


def test_an_execution_that_was_forgotten_meanwhile_is_left_out(
    at: Any, evidence: StackEvidence
) -> None:
    """It may be forgotten between the list and the question. No other error passes for that."""
    arn = at.state_machine_arn.replace("stateMachine", "execution") + ":gone"
    listed = {
        "executionArn": arn,
        "stateMachineArn": at.state_machine_arn,
        "name": "gone",
        "status": "RUNNING",
        "startDate": NOON,
    }
    with Stubber(at.stepfunctions) as stub:
        stub.add_response("list_executions", {"executions": [listed, listed]})
        stub.add_client_error("describe_execution", "ExecutionDoesNotExist")
        stub.add_response("describe_execution", listed | {"redriveCount": 2})
        assert [each.redriven for each in evidence.executions()] == [2]

        stub.add_response("list_executions", {"executions": [listed]})
        stub.add_client_error("describe_execution", "InternalFailure", http_status_code=500)
        with pytest.raises(ClientError, match="InternalFailure"):
            list(evidence.executions())


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "InvalidArn"])
def test_an_execution_that_is_not_there_has_an_unknown_status(
    at: Any, evidence: StackEvidence, code: str
) -> None:
    with Stubber(at.stepfunctions) as stub:
        stub.add_client_error("describe_execution", code)
        assert evidence.status("arn:gone") == "unknown"


def test_a_refusal_is_not_taken_for_an_unknown_execution(at: Any, evidence: StackEvidence) -> None:
    with Stubber(at.stepfunctions) as stub:
        stub.add_client_error("describe_execution", "AccessDeniedException")
        with pytest.raises(ClientError, match="AccessDenied"):
            evidence.status("arn:gone")


def test_the_command_names_the_image_and_the_stack(evidence: StackEvidence) -> None:
    assert evidence.command("source", "a b.jpg") == (
        "darkroom run 's3://source/a b.jpg' --stack photos"
    )


def test_an_object_is_removed_where_the_stack_is(at: SimpleNamespace) -> None:
    at.aws = lambda *words: f"aws {' '.join(words)} there"
    assert StackEvidence(at).removal("outputs", "a.jpg") == "aws s3 rm s3://outputs/a.jpg there"  # type: ignore[arg-type]


# ---------------------------------------------------------------------------- messages


def counted(at: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, *answers: object) -> Any:
    """Return the mailbox of an engine that says one after the other of its messages."""
    said = iter(answers)

    def get_object(**asked: str) -> dict[str, io.BytesIO]:
        assert asked == {"Bucket": MESSAGES[0], "Key": MESSAGES[1]}
        answer = next(said)
        if isinstance(answer, Exception):
            raise answer
        return {"Body": io.BytesIO(str(answer).encode())}

    at.endpoint = "http://127.0.0.1:1"
    monkeypatch.setattr(at.s3, "get_object", get_object)
    return mailbox(at)  # type: ignore[arg-type]


def test_an_engine_is_asked_anew_for_its_messages(
    at: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = counted(at, monkeypatch, '{"arn:1": 1}', '{"arn:1": 2}', '{"arn:1": 2, "arn:2": 1}')
    assert ask() == {"arn:1": 2}
    assert ask() == {"arn:1": 2, "arn:2": 1}


def test_aws_is_not_asked_for_messages(
    at: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(type(at.s3), "get_object")
    assert mailbox(at) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        ClientError({"Error": {"Code": "NoSuchBucket"}}, "GetObject"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        "<html>",
        "[1]",
    ],
    ids=["no bucket", "no answer", "no JSON", "no counts"],
)
def test_another_emulator_tells_of_no_messages(
    at: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    assert counted(at, monkeypatch, answer) is None
