"""Uploads become events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree

import pytest
from moto.core.responses import ActionResult
from moto.s3.exceptions import NoSuchUpload, S3ClientError
from moto.s3.models import MultipartDict, S3Backend
from moto.s3.responses import S3Response

from darkroom_ops.engine import eventbridge
from darkroom_ops.engine.moto import s3
from tests.support.aws import client
from tests.unit.engine.moto.lab import ACCOUNT, Json, Lab
from tests.unit.engine.moto.probes import listening_queue, probe


@pytest.mark.parametrize(
    ("versioning", "version"), [("Enabled", "v1"), ("Suspended", None), (None, None)]
)
def test_an_upload_is_told_with_its_version(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, versioning: str | None, version: str | None
) -> None:
    monkeypatch.setattr(eventbridge, "object_created", lambda **given: {"created": given})
    bucket = SimpleNamespace(name="photos", region_name="eu-west-1", versioning_status=versioning)
    key = SimpleNamespace(name="a.jpg", size=7, etag='"e7a9"', version_id="v1", multipart=None)
    s3.send_event.replacement(ACCOUNT, bucket, "s3:ObjectCreated:Put", key)
    s3.send_event.replacement(ACCOUNT, bucket, "s3:ObjectRemoved:Delete", key)
    assert lab.router.events == [
        {
            "created": {
                "account": ACCOUNT, "region": "eu-west-1", "bucket": "photos", "key": "a.jpg",
                "size": 7, "etag": "e7a9", "version": version, "reason": "Put",
            }
        }
    ]  # fmt: skip


def test_a_multipart_upload_is_told_once_as_the_version_that_it_made(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when another upload to the key comes between: its own event tells of that."""
    monkeypatch.setattr(eventbridge, "object_created", lambda **given: given)
    bucket = SimpleNamespace(name="photos", region_name="any", versioning_status="Enabled")
    made, later = (
        SimpleNamespace(name="a.jpg", size=7, etag="any", version_id=version, multipart=multipart)
        for version, multipart in (("v1", object()), ("v2", None))
    )
    for reason, key in (("Put", made), ("Put", later), ("CompleteMultipartUpload", later)):
        s3.send_event.replacement(ACCOUNT, bucket, f"s3:ObjectCreated:{reason}", key)
    assert [(event["reason"], event["version"]) for event in lab.router.events] == [
        ("Put", "v2"),
        ("CompleteMultipartUpload", "v1"),
    ]


@probe(s3.send_event)
def test_plain_moto_sends_other_events() -> bool:
    storage = client("s3")
    storage.create_bucket(Bucket="probe")
    bridge: Json = {"EventBridgeConfiguration": {}}
    storage.put_bucket_notification_configuration(Bucket="probe", NotificationConfiguration=bridge)
    received = listening_queue({"source": ["aws.s3"]})
    for key in ("a", "b"):
        storage.put_object(Bucket="probe", Key=key, Body=b"x")
    items = [event["detail"]["object"] for event in received()]
    return "etag" not in items[0] or items[0]["sequencer"] == items[1]["sequencer"]


def test_a_bucket_says_that_it_sends_its_events() -> None:
    """In both of XML's forms of an empty element, and beside what else it is told."""
    for body, told in (
        ("<NotificationConfiguration/>", None),
        ('<NotificationConfiguration xmlns="x"/>', {}),
        ('<NotificationConfiguration xmlns="x"></NotificationConfiguration>', {}),
        ("<NotificationConfiguration><a/></NotificationConfiguration>", {}),
    ):
        configured = SimpleNamespace(event_bridge=told)
        response = SimpleNamespace(
            backend=SimpleNamespace(
                get_bucket_notification_configuration=lambda _, c=configured: c
            ),
            bucket_name="photos",
        )
        answer = (200, {"a": "b"}, body)
        with patch.object(s3.bucket_notification, "original", lambda _, a=answer: a):
            status, headers, said = s3.bucket_notification.replacement(response)
        assert (status, headers) == (200, {"a": "b"})
        names = [each.tag.rpartition("}")[2] for each in ElementTree.fromstring(said)]  # noqa: S314 - ours
        assert ("EventBridgeConfiguration" in names) is (told is not None)
        assert ("a" in names) is ("<a/>" in body)


@probe(s3.bucket_notification)
def test_plain_moto_does_not_say_that_a_bucket_sends_its_events() -> bool:
    storage = client("s3")
    storage.create_bucket(Bucket="told")
    bridge: Json = {"EventBridgeConfiguration": {}}
    storage.put_bucket_notification_configuration(Bucket="told", NotificationConfiguration=bridge)
    said = storage.get_bucket_notification_configuration(Bucket="told")
    return "EventBridgeConfiguration" not in said


def test_a_part_of_an_unknown_upload_is_refused(lab: Lab) -> None:
    """S3 API reference, UploadPart. Clients repeat a call for a 500."""
    with pytest.raises(NoSuchUpload) as refused:
        MultipartDict()["gone"]
    assert (refused.value.code, refused.value.upload_id) == ("NoSuchUpload", "gone")


@probe(s3.unknown_upload)
def test_plain_moto_fails_in_a_part_of_an_unknown_upload() -> bool:
    try:
        MultipartDict()["gone"]
    except KeyError:
        return True
    return False


def keyed(key: str) -> str:
    response: Any = SimpleNamespace(
        get_safe_path=lambda: f"/photos/{key}",
        subdomain_based_buckets=lambda _: False,
        request=None,
    )
    return str(S3Response.parse_key_name(response))


@pytest.mark.parametrize("key", ["a" * 1024, "é" * 512, "\udc80" * 341])
def test_a_key_has_1024_bytes_at_most(lab: Lab, key: str) -> None:
    assert keyed(key) == key
    with pytest.raises(S3ClientError) as refused:
        keyed(f"{key}aa")
    assert (refused.value.code, refused.value.message) == (
        "KeyTooLongError",
        "Your key is too long",
    )


@probe(s3.key_name)
def test_plain_moto_takes_any_key() -> bool:
    return len(keyed("a" * 1025)) == 1025


def listed(token: str | None = None) -> Any:
    """Return the second page of a bucket's folders, by its token or another one."""
    backend = S3Backend("us-east-1", ACCOUNT)
    bucket = SimpleNamespace(keys=dict.fromkeys(("a/1", "b/2")))
    asked = {"bucket": bucket, "prefix": None, "delimiter": "/", "start_after": None, "max_keys": 1}
    _, _, given = backend.list_objects_v2(**asked, continuation_token=None)
    return backend.list_objects_v2(**asked, continuation_token=token or given)[0]


def test_a_list_goes_on_with_its_own_tokens_alone(lab: Lab) -> None:
    """No reference has the error; it is in threads of aws/aws-sdk-js-v3 and versity/versitygw."""
    assert listed() == ["b/"]
    with pytest.raises(S3ClientError) as refused:
        listed("no token")
    assert (refused.value.code, refused.value.message) == (
        "InvalidArgument",
        "The continuation token provided is incorrect",
    )


@probe(s3.list_objects)
def test_plain_moto_fails_at_a_wrong_token() -> bool:
    with pytest.raises(TypeError):
        listed("no token")
    return True


class _Listing:
    """A response that lists versions, and is asked for them encoded or not."""

    def __init__(self, **asked: list[str]) -> None:
        self.querystring = asked

    def serialized(self, answer: ActionResult) -> Any:
        return answer.result

    def list_object_versions(self) -> Any:
        said = {"Prefix": "é", "Delimiter": " ", "KeyMarker": None, "NextKeyMarker": "é/b"}
        rows = {name: [{"Key": "é%+"}] for name in ("Versions", "DeleteMarkers")}
        return self.serialized(
            ActionResult(said | rows | {"CommonPrefixes": [{"Prefix": "é "}], "Name": "é"})
        )


def test_keys_of_versions_are_encoded_with_all_that_they_are_listed_by() -> None:
    with patch.object(s3.list_versions, "original", _Listing.list_object_versions):
        found = s3.list_versions.replacement(_Listing(**{"encoding-type": ["url"]}))
        plain = s3.list_versions.replacement(_Listing())
    assert found == {
        "EncodingType": "url", "Name": "é", "Prefix": "%C3%A9", "Delimiter": "%20",
        "KeyMarker": "", "NextKeyMarker": "%C3%A9/b", "Versions": [{"Key": "%C3%A9%25%2B"}],
        "DeleteMarkers": [{"Key": "%C3%A9%25%2B"}], "CommonPrefixes": [{"Prefix": "%C3%A9%20"}],
    }  # fmt: skip
    assert (plain["Prefix"], "EncodingType" in plain) == ("é", False)


@probe(s3.list_versions)
def test_plain_moto_does_not_encode_keys_of_versions() -> bool:
    storage = client("s3")
    storage.create_bucket(Bucket="listed")
    storage.put_object(Bucket="listed", Key="a%41", Body=b"x")
    (version,) = storage.list_object_versions(Bucket="listed", EncodingType="url")["Versions"]
    return bool(version["Key"] == "a%41")


def named(host: str) -> Any:
    return S3Response.subdomain_based_buckets(SimpleNamespace(headers={"host": host}))


def test_no_host_names_a_bucket(lab: Lab) -> None:
    assert named("photos.example.com") is False


@probe(s3.names_bucket)
def test_plain_moto_looks_whether_the_host_names_a_bucket() -> bool:
    return bool(named("photos.example.com"))
