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
    Superseded,
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


def test_a_claim_replaces_what_an_older_one_wrote_and_its_own(s3: Any) -> None:
    storage, ref = Storage(s3), ObjectRef(bucket=BUCKET, key="out")
    for claim, data in ((1, b"one"), (2, b"two"), (2, b"two again")):
        storage.write(ref, data, "image/jpeg", {}, claim)
    assert storage.read(ref) == b"two again"
    assert s3.head_object(Bucket=BUCKET, Key="out")["Metadata"] == {"claim": "2"}


def test_a_claim_never_replaces_what_a_newer_one_wrote(s3: Any) -> None:
    storage, ref = Storage(s3), ObjectRef(bucket=BUCKET, key="out")
    storage.write(ref, b"new", "image/jpeg", {}, 20)
    with pytest.raises(Superseded, match="newer run"):
        storage.write(ref, b"old", "image/jpeg", {}, 3)
    assert storage.read(ref) == b"new"


def test_an_output_without_a_claim_is_older_than_any(s3: Any) -> None:
    storage, ref = Storage(s3), ObjectRef(bucket=BUCKET, key="out")
    storage.write(ref, b"by hand", "image/jpeg", {})
    storage.write(ref, b"claimed", "image/jpeg", {}, 1)
    assert storage.read(ref) == b"claimed"


def test_a_newer_write_between_the_look_and_the_write_is_seen(s3: Any) -> None:
    """S3 refuses to replace another object than the one that was looked at."""
    storage, ref = Storage(s3), ObjectRef(bucket=BUCKET, key="out")
    put, other = s3.put_object, Storage(s3)

    def late(**kwargs: Any) -> Any:
        s3.put_object = put
        other.write(ref, b"newer", "image/jpeg", {}, 9)
        return put(**kwargs)

    s3.put_object = late
    try:
        with pytest.raises(Superseded):
            storage.write(ref, b"older", "image/jpeg", {}, 8)
    finally:
        s3.put_object = put
    assert storage.read(ref) == b"newer"


def test_a_folder_is_listed_without_those_below_it(s3: Any) -> None:
    for key in ("a.jpg/small.jpg", "a.jpg/b.jpg/small.jpg", "a.jpgx/small.jpg"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"123")
    (found,) = Storage(s3).listed(BUCKET, "a.jpg/")
    assert (found.key, found.bytes) == ("a.jpg/small.jpg", 3)


def test_a_copy_is_pinned_and_compared(s3: Any) -> None:
    put = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"second")
    etag = put["ETag"].strip('"')
    source = Source(bucket=BUCKET, key="k", version_id=put["VersionId"], etag=etag)
    backup = Storage(s3).copy(source, 5, ObjectRef(bucket=BUCKET, key="copy"))
    assert (backup.bytes, backup.etag) == (5, etag)
    assert s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == b"first"


def test_a_copy_that_differs_is_an_error(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")
    with pytest.raises(StorageError, match="differs from the original"):
        Storage(s3).copy(Source(bucket=BUCKET, key="k"), 4, ObjectRef(bucket=BUCKET, key="copy"))


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
