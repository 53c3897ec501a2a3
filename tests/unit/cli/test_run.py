"""`darkroom run`: what is uploaded and started, and when nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.cli.conftest import ARN, Executions, darkroom


class Running:
    """A stack that runs what it is given, in no time; it remembers what."""

    def __init__(self, executions: Executions, image: Path) -> None:
        self.image = image
        self.put: list[str] = []
        self.awaited: list[Any] = []
        self.followed: list[str] = []
        self.started = executions.started
        at = executions.deployment
        at.source_prefix, at.source_bucket_name = "uploads/", "photos"
        at.s3 = SimpleNamespace(put_object=self._put)

    def _put(self, **given: Any) -> dict[str, str]:
        assert (given["Bucket"], given["Body"]) == ("photos", b"bytes")
        self.put.append(given["Key"])
        return {"ETag": '"e"', "VersionId": "v"}

    def await_(self, _: Any, __: str, source: Any, ___: Any, **____: Any) -> str:
        self.awaited.append((source.key, source.version_id, source.etag))
        return f"{ARN}by-event"

    def follow(self, _: Any, arn: str, *__: Any) -> int:
        self.followed.append(arn.removeprefix(ARN))
        return 0


@pytest.fixture
def running(executions: Executions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Running:
    image = tmp_path / "a\u202e.jpg"
    image.write_bytes(b"bytes")
    made = Running(executions, image)
    monkeypatch.setattr("darkroom_ops.executions.watch.find_started", made.await_)
    monkeypatch.setattr("darkroom_ops.executions.watch.interval", lambda _: 0.0)
    monkeypatch.setattr("darkroom_ops.cli.progress.follow_to_end", made.follow)
    return made


@pytest.mark.parametrize(
    ("words", "key"),
    [([], "uploads/a\u202e.jpg"), (["--key", "uploads/b.jpg"], "uploads/b.jpg")],
)
def test_a_file_below_the_prefix_is_run_by_its_upload(
    running: Running, words: list[str], key: str
) -> None:
    code, text = darkroom("run", str(running.image), *words)

    assert (code, running.put, running.started) == (0, [key], [])
    assert running.awaited == [(key, "v", "e")]
    assert running.followed == ["by-event"]
    assert "\u202e" not in text
    assert r"a\u202e.jpg → s3://photos/uploads/" in text


@pytest.mark.parametrize(
    ("words", "key", "asked"),
    [
        (["--key", "other/b.jpg"], "other/b.jpg", {}),
        (["--watermark", "me"], "manual/a\u202e.jpg", {"watermark": {"text": "me"}}),
        (["--key", "b.jpg", "--input", '{"notify": false}'], "b.jpg", {"notify": False}),
    ],
)
def test_a_file_elsewhere_is_run_at_its_very_version(
    running: Running, words: list[str], key: str, asked: dict[str, Any]
) -> None:
    code, _ = darkroom("run", str(running.image), *words)

    assert (code, running.put, running.awaited) == (0, [key], [])
    source = {"bucket": "photos", "key": key, "versionId": "v"}
    assert running.started == [{"source": source, **asked}]
    assert running.followed == ["started"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["FILE", "--key", "uploads/b.jpg", "--watermark", "me"], "outside of 'uploads/'"),
        (["FILE", "--preset", "Bad=1x1"], "Bad"),
        (["FILE", "--version-id", "v"], "Expected --version-id only with s3://bucket/key"),
        (["FILE", "--input", '{"source": {}}'], "Expected --input to have no 'source'"),
        (["s3://photos/a.jpg", "--key", ""], "Expected --key only with a file"),
        (["s3://photos/", "--watermark", "me"], "Expected s3://bucket/key"),
        (["s3://photos/a.jpg", "--preset", "Bad=1x1"], "Bad"),
    ],
)
def test_what_cannot_be_run_is_neither_uploaded_nor_started(
    running: Running, words: list[str], said: str
) -> None:
    image = {"FILE": str(running.image)}

    code, text = darkroom("run", *(image.get(word, word) for word in words), "--json")

    assert code == 2
    assert said in json.loads(text)["message"]
    assert (running.put, running.started) == ([], [])


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
