"""The S3 adapter: what it reads and writes, and the names it gives to failures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from darkroom.contracts import ObjectRef, Source
from darkroom.errors import (
    AccessDenied,
    DarkroomError,
    ImageTooLarge,
    SourceChanged,
    SourceNotFound,
    StorageError,
)
from darkroom.limits import Limits
from darkroom.storage import Parameters, Storage
from moto import mock_aws

BUCKET = "a-bucket"
LIMITS = Limits(max_bytes=100)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


def failing(error: Exception) -> Storage:
    client = MagicMock()
    for method in ("get_object", "put_object", "copy", "head_object"):
        getattr(client, method).side_effect = error
    return Storage(client)


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "why"}}, "Any")


def test_the_version_that_the_event_named_is_read(s3: Any) -> None:
    first = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"second")
    storage = Storage(s3)
    old = storage.read_source(Source(bucket=BUCKET, key="k", version_id=first), LIMITS)
    new = storage.read_source(Source(bucket=BUCKET, key="k"), LIMITS)
    assert (old.data, old.version_id) == (b"first", first)
    assert new.data == b"second"
    assert new.etag == hashlib.md5(b"second").hexdigest()  # noqa: S324 - S3's etag


def test_a_replaced_object_is_not_taken_for_the_other(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")["ETag"].strip('"')
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"second")
    with pytest.raises(SourceChanged, match="replaced"):
        Storage(s3).read_source(Source(bucket=BUCKET, key="k", etag=etag), LIMITS)


def test_a_missing_object_is_named(s3: Any) -> None:
    with pytest.raises(SourceNotFound, match="s3://a-bucket/nowhere does not exist"):
        Storage(s3).read_source(Source(bucket=BUCKET, key="nowhere"), LIMITS)


def test_a_large_object_is_refused_unread(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 101)
    with pytest.raises(ImageTooLarge, match=r"101 bytes.*100"):
        Storage(s3).read_source(Source(bucket=BUCKET, key="k"), LIMITS)


def test_what_is_written_is_read_back(s3: Any) -> None:
    ref = ObjectRef(bucket=BUCKET, key="out/é.jpg")
    storage = Storage(s3)
    digest = storage.write(ref, b"data", "image/jpeg", {"source-etag": "abc"})
    head = s3.head_object(Bucket=BUCKET, Key="out/é.jpg", ChecksumMode="ENABLED")
    assert storage.read(ref) == b"data"
    assert digest == hashlib.sha256(b"data").hexdigest()
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"] == {"source-etag": "abc"}


def test_a_copy_is_pinned_and_compared(s3: Any) -> None:
    put = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"second")
    etag = put["ETag"].strip('"')
    source = Source(bucket=BUCKET, key="k", version_id=put["VersionId"], etag=etag)
    backup = Storage(s3).copy_source(source, 5, ObjectRef(bucket=BUCKET, key="copy"))
    assert (backup.bytes, backup.etag) == (5, etag)
    assert s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == b"first"


def test_a_copy_that_differs_is_an_error(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")
    with pytest.raises(StorageError, match="differs from the original"):
        Storage(s3).copy_source(
            Source(bucket=BUCKET, key="k"), 4, ObjectRef(bucket=BUCKET, key="copy")
        )


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("NoSuchKey", SourceNotFound),
        ("NoSuchVersion", SourceNotFound),
        ("404", SourceNotFound),
        ("PreconditionFailed", SourceChanged),
        ("412", SourceChanged),
        ("AccessDenied", AccessDenied),
        ("403", AccessDenied),
        ("SlowDown", StorageError),
        ("InternalError", StorageError),
        ("503", StorageError),
    ],
)
def test_service_errors_get_our_names(code: str, error: type[DarkroomError]) -> None:
    storage = failing(client_error(code))
    with pytest.raises(error, match="s3://a-bucket/k"):
        storage.read_source(Source(bucket=BUCKET, key="k"), LIMITS)
    with pytest.raises(error, match="s3://a-bucket/k"):
        storage.write(ObjectRef(bucket=BUCKET, key="k"), b"", "image/jpeg", {})


def test_no_answer_is_transient() -> None:
    storage = failing(ConnectTimeoutError(endpoint_url="https://s3"))
    with pytest.raises(StorageError, match="could not be reached"):
        storage.read(ObjectRef(bucket=BUCKET, key="k"))


def test_parameters_are_kept_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    client = MagicMock()
    client.get_parameter.side_effect = [
        {"Parameter": {"Value": "one"}},
        {"Parameter": {"Value": "two"}},
    ]
    now = 1000.0
    monkeypatch.setattr("darkroom.storage.time.monotonic", lambda: now)
    parameters = Parameters(client)
    assert [parameters.read("/p"), parameters.read("/p")] == ["one", "one"]
    now += 61
    assert parameters.read("/p") == "two"


def test_a_parameter_that_cannot_be_read_is_classified() -> None:
    client = MagicMock()
    client.get_parameter.side_effect = client_error("AccessDeniedException")
    with pytest.raises(AccessDenied, match="/darkroom/presets"):
        Parameters(client).read("/darkroom/presets")
