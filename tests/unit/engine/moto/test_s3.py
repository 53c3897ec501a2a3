"""Uploads become events."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

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
    key = SimpleNamespace(name="a.jpg", size=7, etag='"e7a9"', version_id="v1")
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
