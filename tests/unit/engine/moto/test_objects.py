"""What is said of objects, packed, is as moto would say it; their bytes are in a file."""

from __future__ import annotations

import copy
import datetime
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.config import Config
from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends
from moto.utilities.tagging_service import TaggingService

from darkroom_ops.engine.moto import objects
from darkroom_ops.engine.spool import Spooled
from tests.support.aws import empty_account
from tests.unit.engine.moto.lab import ACCOUNT, Json, Lab, hooked, in_memory
from tests.unit.engine.moto.probes import probe


def keeps_in_memory() -> bool:
    key = FakeKey("a.jpg", b"bytes", ACCOUNT, "us-east-1")
    assert key.value == b"bytes"
    return isinstance(key._value_buffer, tempfile.SpooledTemporaryFile)


def test_the_bytes_of_objects_are_in_a_file(lab: Lab) -> None:
    assert not keeps_in_memory()


@probe(objects.Files)
def test_plain_moto_keeps_the_bytes_of_objects_in_memory() -> bool:
    return keeps_in_memory()


GIVEN: Json = {
    "name": "a.jpg", "value": b"x", "account_id": ACCOUNT, "region_name": "eu-west-1",
    "bucket_name": "photos", "is_versioned": True, "version_id": "v1",
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "more", [{}, {"is_versioned": False, "storage": "STANDARD_IA", "lock_mode": "GOVERNANCE"}]
)
def test_an_object_says_what_plain_moto_would(lab: Lab, more: Json, *, packed: bool) -> None:
    plain: Any = object.__new__(FakeKey)
    objects.key.original(plain, **(GIVEN | more))
    key = FakeKey(**(GIVEN | more))
    if packed:
        objects.pack(key)
    for name, value in vars(plain).items():
        if name not in {
            "_time_progressed",
            "last_modified",
            "lock",
            "_value_buffer",
            "acl",
            "_etag",
        }:
            assert getattr(key, name) == value, name
    assert key.etag == plain.etag
    assert key.acl is not None
    assert key.acl.to_config_dict() == plain.acl.to_config_dict()
    assert key.value == b"x"
    key.set_acl(None)
    assert (key.acl, FakeKey(**GIVEN).acl is not None) == (None, True)
    with pytest.raises(AttributeError, match="unheard"):
        key.unheard  # noqa: B018 - reading it is the test


def test_an_object_is_not_read_again_for_its_etag(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Spooled, "read")
    assert FakeKey(**GIVEN).etag == '"9dd4e461268c8034f5c8564e155c67a6"'
    assert FakeKey(**GIVEN | {"etag": "of-its-parts-2"}).etag == '"of-its-parts-2"'


def test_an_object_remembers_only_what_is_its_own(lab: Lab) -> None:
    key, *later = (FakeKey(**GIVEN) for _ in range(objects.NEW + 1))
    assert set(vars(key)) == {"name", "_value_buffer", "_packed"}
    assert not any("_packed" in vars(each) for each in later)
    key.set_metadata({"a": "b"})
    key.set_acl(None)
    key.advance()
    assert set(vars(key)) == {"name", "_value_buffer", "_packed", "acl", "_tick"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("website_redirect_location", "/b.jpg"),
        ("_expiry", datetime.datetime(2024, 2, 29, 12, 0, 0, 1)),
        ("last_modified", datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC)),
        ("_version_id", None),
        ("checksum_parts", 3),
        ("_is_versioned", False),
        ("tomorrow's", object()),
    ],
)
def test_an_object_says_what_it_is_told_later(lab: Lab, name: str, value: object) -> None:
    key = FakeKey(**GIVEN)
    modified = key.last_modified
    for change in (lambda: None, lambda: objects.pack(key), lambda: setattr(key, name, None)):
        change()
        setattr(key, name, value)
        assert getattr(key, name) == value
    objects.pack(key)
    assert getattr(key, name) == value
    if name != "last_modified":
        assert key.last_modified == modified
    assert key.etag == FakeKey(**GIVEN).etag


def test_metadata_are_added_and_replaced(lab: Lab) -> None:
    key = FakeKey(**GIVEN)
    key.set_metadata({"x-amz-meta-A": "1", "Content-Encoding": "aws-chunked,gzip"})
    objects.pack(key)
    key.set_metadata({"x-amz-meta-b": "é"})
    assert dict(key.metadata) == {
        "content-type": "binary/octet-stream",
        "x-amz-meta-a": "1",
        "x-amz-meta-b": "é",
        "content-encoding": "gzip",
    }
    key.set_metadata({"Content-Type": "image/png"}, replace=True)
    assert dict(key.metadata) == {"content-type": "image/png"}
    assert key.metadata["Content-Type"] == "image/png"


def test_a_copy_has_its_bytes_when_the_object_is_gone(lab: Lab) -> None:
    """A list of versions is of copies, which are gone before what they are of, or after it."""
    key = FakeKey(**GIVEN)
    copied, gone = copy.deepcopy(key), copy.deepcopy(key)
    gone.dispose()
    assert key.value == b"x"
    copied.is_latest = True
    key.dispose()
    assert (copied.name, copied.version_id, copied.value) == ("a.jpg", "v1", b"x")
    assert not hasattr(key, "is_latest")


def test_an_object_may_outlive_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that only the garbage collector finds may go when the hooks are gone."""
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with hooked(Lab()):
        left = [FakeKey(**GIVEN), copy.deepcopy(FakeKey(**GIVEN))]
    left.clear()
    assert said == []


PATHS = Config(s3={"addressing_style": "path"})
"""The engine's hosts name no buckets."""


def test_versions_are_listed_and_read_after_many_uploads(lab: Lab) -> None:
    with hooked(lab):
        s3 = boto3.client("s3", region_name="us-east-1", config=PATHS)
        s3.create_bucket(Bucket="kept")
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        for number in range(20):
            s3.put_object(
                Bucket="kept",
                Key=f"{number % 10}.jpg",
                Body=bytes([number]) * number,
                ContentType=f"image/{number}",
                Metadata={"number": str(number)},
            )
        listed = s3.list_object_versions(Bucket="kept")["Versions"]
        got = [
            s3.get_object(Bucket="kept", Key=each["Key"], VersionId=each["VersionId"])
            for each in listed
        ]
        for each in listed:
            s3.delete_object(Bucket="kept", Key=each["Key"], VersionId=each["VersionId"])
        assert "Versions" not in s3.list_object_versions(Bucket="kept")
    numbers = [int(each["Metadata"]["number"]) for each in got]
    assert sorted(numbers) == list(range(20))
    assert [each["Body"].read() for each in got] == [bytes([n]) * n for n in numbers]
    assert [each["ContentType"] for each in got] == [f"image/{n}" for n in numbers]
    assert [(each["Key"], each["Size"]) for each in listed] == [
        (f"{n % 10}.jpg", n) for n in numbers
    ]
    assert [each["IsLatest"] for each in listed] == [n >= 10 for n in numbers]
    assert [each["LastModified"] for each in listed] == [
        each["LastModified"].replace(microsecond=listed[at]["LastModified"].microsecond)
        for at, each in enumerate(got)
    ]


@pytest.fixture
def bucket(lab: Lab) -> Iterator[Any]:
    """Yield a versioned bucket, with one object that is no new one."""
    with hooked(lab):
        backend = s3_backends[ACCOUNT]["aws"]
        made = backend.create_bucket("photos", "us-east-1")
        made.versioning_status = "Enabled"
        backend.put_object("photos", "a.jpg", b"bytes")
        settle(made)
        yield made


def settle(bucket: Any) -> None:
    """Have objects settle by making as many as are held for new."""
    backend = s3_backends[ACCOUNT]["aws"]
    for number in range(objects.NEW):
        backend.put_object(bucket.name, f"later/{number}", b"other")


def standing(bucket: Any, name: str) -> list[type]:
    """Return what a bucket has of a key in memory, version by version."""
    return [type(each) for each in bucket.keys._kept(name)]


def test_what_stands_for_an_object_is_small(bucket: Any) -> None:
    assert standing(bucket, "a.jpg") == [objects.Settled]
    settle(bucket)
    assert standing(bucket, "later/0") == [objects.Settled, objects.Object]
    there = set(in_memory(dict.__getitem__(bucket.keys, "a.jpg").said))
    assert not there


def test_an_object_is_there_as_it_was(bucket: Any) -> None:
    key = bucket.keys["a.jpg"]
    assert (key.name, key.value, key.size, key.bucket_name) == ("a.jpg", b"bytes", 5, "photos")
    assert dict(key.metadata) == {"content-type": "binary/octet-stream"}
    key.advance()
    key.dispose()
    copy.deepcopy(key).is_latest = True  # as for a list of versions
    assert standing(bucket, "a.jpg") == [objects.Settled]
    assert bucket.keys["a.jpg"].value == b"bytes"


@pytest.mark.parametrize("again", [False, True])
def test_an_object_that_has_settled_may_be_changed(bucket: Any, *, again: bool) -> None:
    """By all who hold it, also of two at once, and after it has settled once more."""
    first, second = bucket.keys["a.jpg"], bucket.keys["a.jpg"]
    first.set_metadata({"x-amz-meta-a": "1"})
    assert standing(bucket, "a.jpg") == [type(first)]
    if again:
        settle(bucket)
        assert standing(bucket, "a.jpg") == [objects.Settled]
    second.set_acl(None)
    second.lock_mode = "GOVERNANCE"
    settle(bucket)
    assert standing(bucket, "a.jpg") == [objects.Settled]
    key = bucket.keys["a.jpg"]
    assert (key.metadata["x-amz-meta-a"], key.acl, key.lock_mode) == ("1", None, "GOVERNANCE")
    assert key.value == b"bytes"


def test_whoever_made_an_object_may_change_it_when_it_has_settled(bucket: Any) -> None:
    backend = s3_backends[ACCOUNT]["aws"]
    made = backend.put_object("photos", "b.jpg", b"new")
    settle(bucket)
    assert standing(bucket, "b.jpg") == [objects.Settled]
    made.set_metadata({"x-amz-meta-a": "1"})
    assert bucket.keys["b.jpg"].metadata["x-amz-meta-a"] == "1"
    made.value = b"anew"
    settle(bucket)
    del made
    assert (bucket.keys["b.jpg"].value, bucket.keys["b.jpg"].size) == (b"anew", 4)


def test_versions_are_added_marked_and_deleted_beside_settled_ones(bucket: Any) -> None:
    backend = s3_backends[ACCOUNT]["aws"]
    (old,) = bucket.keys.getlist("a.jpg")
    held = bucket.keys["a.jpg"]
    backend.put_object("photos", "a.jpg", b"newer")
    backend.delete_object("photos", "a.jpg")
    assert standing(bucket, "a.jpg") == [objects.Settled, objects.Object, FakeDeleteMarker]
    held.set_acl(None)  # of what a list from before it has, nothing is lost
    bucket.keys.setlist("a.jpg", [old, *bucket.keys.getlist("a.jpg")[1:]])
    assert [getattr(each, "acl", 0) is None for each in bucket.keys.getlist("a.jpg")] == [
        True, False, False
    ]  # fmt: skip
    newer = bucket.keys.getlist("a.jpg")[1]
    backend.delete_object("photos", "a.jpg", version_id=newer.version_id)
    assert newer.disposed
    backend.delete_object("photos", "a.jpg", version_id=old.version_id)
    assert [type(each) for each in bucket.keys.getlist("a.jpg")] == [FakeDeleteMarker]
    old.set_acl(None)  # too late
    held.set_metadata({"x-amz-meta-a": "1"})
    assert [type(each) for each in bucket.keys.getlist("a.jpg")] == [FakeDeleteMarker]


def test_an_object_that_is_gone_stays_so(bucket: Any) -> None:
    key = bucket.keys["a.jpg"]
    s3_backends[ACCOUNT]["aws"].delete_object("photos", "a.jpg", version_id=key.version_id)
    key.set_acl(None)
    assert "a.jpg" not in bucket.keys
    bucket.keys.pop("later/0")
    assert bucket.keys.getlist("later/0") is None


def test_what_more_is_known_of_an_object_than_is_packed_is_kept(bucket: Any) -> None:
    key = bucket.keys["a.jpg"]
    key.restore(1)
    settle(bucket)
    assert bucket.keys["a.jpg"] is key
    assert key.expiry_date is not None


def written_and_read_back(s3: Any) -> tuple[int, list[tuple[str, str, bytes]]]:
    """Copy an object and a multipart upload, replace the first, and delete the second.

    Return how often bytes were written for the copies; and their ETags, as the copy and as a look
    at it told, and bytes.
    """
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="whole", Body=b"whole", Metadata={"a": "b"})
    begun = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    part = {"Bucket": "kept", "Key": "parts", "UploadId": begun, "PartNumber": 1}
    etag = s3.upload_part(**part, Body=b"parts")["ETag"]
    s3.complete_multipart_upload(
        Bucket="kept",
        Key="parts",
        UploadId=begun,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
    )
    told = []
    with patch.object(os, "pwrite", side_effect=os.pwrite) as written:
        for name in ("whole", "parts"):
            source = {"Bucket": "kept", "Key": name}
            done = s3.copy_object(Bucket="kept", Key=f"{name} copied", CopySource=source)
            told.append(done["CopyObjectResult"]["ETag"])
    s3.put_object(Bucket="kept", Key="whole", Body=b"other")
    s3.delete_object(Bucket="kept", Key="parts")
    s3.put_object(Bucket="kept", Key="more", Body=b"again")  # where there is space
    got = [s3.get_object(Bucket="kept", Key=f"{name} copied") for name in ("whole", "parts")]
    assert [each["ContentLength"] for each in got] == [5, 5]
    assert got[0]["Metadata"] == {"a": "b"}
    return written.call_count, [
        (etag, each["ETag"], each["Body"].read()) for etag, each in zip(told, got, strict=True)
    ]


def test_a_copy_shares_its_bytes_and_outlives_what_it_is_of(lab: Lab) -> None:
    with hooked(lab):
        s3 = boto3.client("s3", region_name="us-east-1", config=PATHS)
        written, copies = written_and_read_back(s3)
        other = s3.get_object(Bucket="kept", Key="whole")["Body"].read()
    assert (written, other) == (0, b"other")
    assert [body for _, _, body in copies] == [b"whole", b"parts"]
    with empty_account():
        _, plain = written_and_read_back(boto3.client("s3", region_name="us-east-1"))
    assert copies == plain


@probe(objects.copy_object)
def test_plain_moto_reads_a_copy_to_write_it_again() -> bool:
    with empty_account():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="a", Body=b"bytes")
        key = s3_backends[ACCOUNT]["aws"].get_object("kept", "a")
        buffer = type(key._value_buffer)
        with patch.object(buffer, "write", autospec=True, side_effect=buffer.write) as written:
            s3.copy_object(Bucket="kept", Key="b", CopySource={"Bucket": "kept", "Key": "a"})
        return written.call_count == 1


def test_nothing_is_noted_of_objects_without_tags(lab: Lab) -> None:
    tags = TaggingService()
    tags.tag_resource("arn:a", [])
    tags.tag_resource("arn:a", None)
    assert tags.tags == {}
    tags.tag_resource("arn:a", [{"Key": "k", "Value": "v"}])
    tags.tag_resource("arn:a", [])
    assert tags.get_tag_dict_for_resource("arn:a") == {"k": "v"}


@probe(objects.key, objects.of_most, objects.say)
def test_plain_moto_has_all_that_may_be_said_in_each_object() -> bool:
    return "website_redirect_location" in vars(FakeKey(**GIVEN))


@probe(objects.versions)
def test_plain_moto_has_all_objects_in_memory() -> bool:
    with empty_account():
        backend = s3_backends[ACCOUNT]["aws"]
        bucket = backend.create_bucket("photos", "us-east-1")
        key = backend.put_object("photos", "a.jpg", b"bytes")
        settle(bucket)
        return bucket.keys["a.jpg"] is key


@probe(objects.set_metadata)
def test_plain_moto_changes_metadata_where_they_are() -> bool:
    key = FakeKey(**GIVEN)
    before = key.metadata
    key.set_metadata({"a": "b"})
    return "a" in before


@probe(objects.value)
def test_plain_moto_locks_an_object_to_read_it() -> bool:
    key = FakeKey(**GIVEN)
    key.lock.acquire()
    reading = threading.Thread(target=lambda: key.value, daemon=True)
    reading.start()
    reading.join(0.1)
    waits = reading.is_alive()
    key.lock.release()
    reading.join()
    return waits


@probe(objects.copied)
def test_plain_moto_copies_an_object_with_its_bytes() -> bool:
    key = FakeKey(**GIVEN)
    return copy.deepcopy(key)._value_buffer is not key._value_buffer


@probe(objects.tag)
def test_plain_moto_remembers_that_an_object_has_no_tags() -> bool:
    tags = TaggingService()
    tags.tag_resource("arn:a", [])
    return tags.tags == {"arn:a": {}}
