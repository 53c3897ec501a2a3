"""The four steps, against S3 in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from darkroom import contracts, steps
from darkroom.contracts import Prepared
from darkroom.errors import InvalidRequest, SourceNotFound
from darkroom.limits import Limits
from darkroom.settings import BackupSettings, OutputSettings, PrepareSettings
from darkroom.storage import Parameters, Storage
from moto import mock_aws

from tests.support.images import encoded, opened, photo, picture

SETTINGS = PrepareSettings(work_bucket="the-work", presets_parameter="/presets")
PRESETS = '[{"name": "small", "width": 300, "height": 300}, {"name": "large", "width": 1200}]'


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in ("the-source", "the-work", "the-output", "the-backup"):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket="the-source", Key="a/b.jpg", Body=photo(640, 480))
        yield client


def parameters(value: str = PRESETS) -> Parameters:
    client = MagicMock()
    client.get_parameter.return_value = {"Parameter": {"Value": value}}
    return Parameters(client)


def prepare(s3: Any, deployed: str = PRESETS, **request: Any) -> Prepared:
    given = {"source": {"bucket": "the-source", "key": "a/b.jpg"}} | request
    return steps.prepare(given, "run-1", Storage(s3), parameters(deployed), SETTINGS, Limits())


def test_prepare_plans_every_deployed_preset(s3: Any) -> None:
    prepared = prepare(s3)
    assert [(r.name, r.key, r.width, r.height) for r in prepared.renditions] == [
        ("small", "a/b.jpg/small.jpg", 300, 225),
        ("large", "a/b.jpg/large.jpg", 640, 480),
    ]
    assert prepared.document_key == "a/b.jpg/document.pdf"
    assert prepared.source.etag
    assert s3.head_object(Bucket="the-work", Key=prepared.mezzanine.key)["ContentLength"] > 0


def test_a_request_overrides_the_deployed_presets(s3: Any) -> None:
    (rendition,) = prepare(s3, presets=[{"name": "own", "width": 10}]).renditions
    assert rendition.name == "own"


def test_a_watermark_of_the_request_is_on_every_preset(s3: Any) -> None:
    prepared = prepare(s3, watermark={"text": "mine"})
    marks = [rendition.preset.watermark for rendition in prepared.renditions]
    assert [mark.text for mark in marks if mark is not None] == ["mine", "mine"]


def test_a_watermark_picture_comes_from_s3(s3: Any) -> None:
    s3.put_object(Bucket="the-source", Key="logo.png", Body=encoded(picture(40, 20), "PNG"))
    marked = {"image": {"bucket": "the-source", "key": "logo.png"}, "opacity": 1.0}
    storage, settings = Storage(s3), OutputSettings(output_bucket="the-output")
    seen = []
    for options in ({"watermark": marked}, {}):
        prepared = prepare(s3, **options)
        task = contracts.ResizeTask(
            source=prepared.source,
            claim=1,
            mezzanine=prepared.mezzanine,
            rendition=prepared.renditions[0],
        )
        output = steps.resize(task, storage, settings)
        seen.append(s3.get_object(Bucket="the-output", Key=output.key)["Body"].read())
    assert seen[0] != seen[1]


def test_a_watermark_picture_that_is_missing_is_named(s3: Any) -> None:
    with pytest.raises(SourceNotFound, match=r"nowhere\.png"):
        prepare(s3, watermark={"image": {"bucket": "the-source", "key": "nowhere.png"}})


@pytest.mark.parametrize("value", ["not json", "null", "[]", '[{"name": "x"}]', '{"a": 1}'])
def test_wrong_deployed_presets_name_the_parameter(s3: Any, value: str) -> None:
    with pytest.raises(InvalidRequest, match="/presets"):
        prepare(s3, deployed=value)


def test_nothing_is_read_for_a_wrong_request(s3: Any) -> None:
    storage = MagicMock()
    with pytest.raises(InvalidRequest):
        steps.prepare({"sauce": {}}, "run-1", storage, parameters(), SETTINGS, Limits())
    assert storage.mock_calls == []


def test_resize_and_make_pdf_write_what_they_say(s3: Any) -> None:
    prepared = prepare(s3)
    storage, settings = Storage(s3), OutputSettings(output_bucket="the-output")
    task = contracts.ResizeTask(
        source=prepared.source,
        claim=1,
        mezzanine=prepared.mezzanine,
        rendition=prepared.renditions[0],
    )
    small = steps.resize(task, storage, settings)
    pdf = steps.make_pdf(
        contracts.PdfTask(
            source=prepared.source,
            claim=1,
            mezzanine=prepared.mezzanine,
            document_key=prepared.document_key,
            pdf=prepared.pdf,
        ),
        storage,
        settings,
    )
    data = s3.get_object(Bucket="the-output", Key=small.key)["Body"].read()
    assert (small.width, small.height, small.bytes) == (*opened(data).size, len(data))
    assert (pdf.content_type, pdf.pages) == ("application/pdf", 1)


def test_steps_are_idempotent(s3: Any) -> None:
    """The same source and presets give the same bytes, run after run."""
    storage, settings = Storage(s3), OutputSettings(output_bucket="the-output")
    digests = []
    for _ in range(2):
        prepared = prepare(s3)
        for rendition in prepared.renditions:
            task = contracts.ResizeTask(
                source=prepared.source, claim=1, mezzanine=prepared.mezzanine, rendition=rendition
            )
            digests.append(steps.resize(task, storage, settings).sha256)
    assert digests[:2] == digests[2:]


def test_back_up_copies_the_original(s3: Any) -> None:
    prepared = prepare(s3)
    backup = steps.back_up(
        contracts.BackupTask(
            source=prepared.source, original=prepared.original, image=prepared.image
        ),
        Storage(s3),
        BackupSettings(backup_bucket="the-backup"),
    )
    copied = s3.get_object(Bucket=backup.bucket, Key=backup.key)["Body"].read()
    assert copied == photo(640, 480)


def test_what_prepare_returns_is_what_the_next_step_takes(s3: Any) -> None:
    """Through JSON and the state machine's own selection of fields."""
    prepared = json.loads(json.dumps(contracts.dump(prepare(s3))))
    for rendition in prepared["renditions"]:
        task = {
            "source": prepared["source"],
            "claim": 1,
            "mezzanine": prepared["mezzanine"],
            "rendition": rendition,
        }
        assert contracts.parse(task, contracts.ResizeTask).rendition.name == rendition["name"]
