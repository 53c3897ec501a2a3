"""`darkroom run` when no execution comes of an upload, or none could be followed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.cli.conftest import Executions, darkroom


def test_an_upload_that_starts_nothing_is_told_with_its_causes_and_the_way_on(
    executions: Executions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a new bucket it is too early: S3 takes minutes to begin with events (S3 user guide)."""
    put: dict[str, object] = {}
    at = executions.deployment
    at.source_prefix, at.source_bucket_name, at.upload_rule_name = "uploads/", "photos", "the-rule"
    at.events_dead_letter_queue_url = "https://queue"
    at.s3 = SimpleNamespace(
        put_object=lambda **given: put.update(given) or {"ETag": '"e"', "VersionId": "v"}
    )
    monkeypatch.setattr("darkroom_ops.executions.watch.find_started", lambda *_, **__: None)
    monkeypatch.setattr("darkroom_ops.executions.watch.interval", lambda _: 0.0)
    photo = tmp_path / "a b.jpg"
    photo.write_bytes(b"bytes")

    code, text = darkroom("run", str(photo), "--stack", "photos", "--json")
    said = json.loads(text)["message"]

    assert (code, put["Key"]) == (2, "uploads/a b.jpg")
    assert "s3://photos/uploads/a b.jpg is uploaded, but no execution has begun" in said
    assert "no events for five minutes after a bucket was created" in said
    assert "rule the-rule enabled?" in said
    assert "https://queue" in said
    assert "darkroom run 's3://photos/uploads/a b.jpg' --stack photos" in said


def test_nothing_is_uploaded_or_started_where_no_execution_can_be_followed(
    executions: Executions, tmp_path: Path
) -> None:
    """Express keeps no list: what works there is said instead."""
    at = executions.deployment
    at.source_prefix, at.source_bucket_name, at.s3 = "uploads/", "photos", None
    executions.express = True
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"bytes")

    for image in (str(photo), "s3://photos/uploads/a.jpg"):
        code, text = darkroom("run", image, "--json")
        said = json.loads(text)
        assert (code, said["error"]) == (2, "StateMachineTypeNotSupported")
        assert "Upload images with `aws s3 cp`" in said["message"]
    assert executions.started == []
