"""The four steps, against S3 in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import msgspec
import pypdfium2
import pytest
from darkroom import __version__
from darkroom.aws.objects import Objects
from darkroom.aws.parameters import Parameters
from darkroom.contract.errors import ImageTooLarge, InvalidRequest, SourceNotFound, Superseded
from darkroom.contract.limits import Limits
from darkroom.contract.model import dump, parse
from darkroom.contract.objects import Source
from darkroom.contract.presets import PdfOptions
from darkroom.contract.results import (
    BackupOriginalTask,
    MakePdfTask,
    Number,
    Output,
    Prepared,
    ResizeTask,
)
from darkroom.image.sandbox import parent
from darkroom.steps.backup_original import backup_original
from darkroom.steps.make_pdf import make_pdf
from darkroom.steps.prepare import prepare
from darkroom.steps.resize import resize
from darkroom.steps.settings import BackupOriginalSettings, OutputSettings, PrepareSettings

from tests.support import aws
from tests.support.images import encoded, opened, photo, picture

SETTINGS = PrepareSettings(
    source_bucket="the-source", work_bucket="the-work", presets_parameter="/presets"
)
PRESETS = '[{"name": "small", "width": 300, "height": 300}, {"name": "large", "width": 1200}]'


@pytest.fixture
def s3() -> Iterator[Any]:
    with aws.empty_account():
        client = aws.client("s3")
        for bucket in ("the-source", "the-work", "the-output", "the-backup"):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket="the-source", Key="a/b.jpg", Body=photo(640, 480))
        yield client


def parameters(value: str = PRESETS) -> Parameters:
    client = MagicMock()
    client.get_parameter.return_value = {"Parameter": {"Value": value}}
    return Parameters(client)


def run_prepare(
    s3: Any, deployed: str = PRESETS, limits: Limits | None = None, **request: Any
) -> Prepared:
    given = {"source": {"bucket": "the-source", "key": "a/b.jpg"}} | request
    return prepare(given, "run-1", Objects(s3), parameters(deployed), SETTINGS, limits or Limits())


def resize_task(prepared: Prepared, number: int = 0, claim: int = 1) -> ResizeTask:
    return ResizeTask(
        source=prepared.source,
        claim=Number(claim),
        mezzanine=prepared.mezzanine,
        rendition=prepared.renditions[number],
    )


def pdf_task(prepared: Prepared, claim: int = 1) -> MakePdfTask:
    return MakePdfTask(
        source=prepared.source,
        claim=Number(claim),
        mezzanine=prepared.mezzanine,
        document_key=prepared.document_key,
        pdf=prepared.pdf,
    )


def test_prepare_plans_every_deployed_preset(s3: Any) -> None:
    prepared = run_prepare(s3)
    assert [(r.name, r.key, r.width, r.height) for r in prepared.renditions] == [
        ("small", "a/b.jpg/small.jpg", 300, 225),
        ("large", "a/b.jpg/large.jpg", 640, 480),
    ]
    assert prepared.document_key == "a/b.jpg/document.pdf"
    assert prepared.source.etag
    assert s3.head_object(Bucket="the-work", Key=prepared.mezzanine.key)["ContentLength"] > 0


@pytest.mark.parametrize(
    ("key", "happened"),
    [("a/b.jpg", ["the decoder starts", "the object is fetched"]), ("", [])],
    ids=["valid", "invalid"],
)
def test_the_decoder_loads_while_the_object_is_fetched_if_anything_is_to_be_decoded(
    monkeypatch: pytest.MonkeyPatch, key: str, happened: list[str]
) -> None:
    found: list[str] = []

    def fetch(*_: object) -> None:
        found.append("the object is fetched")
        raise SourceNotFound

    monkeypatch.setattr(parent, "start", lambda: found.append("the decoder starts"))
    storage = MagicMock(read_source=fetch)
    request = {"source": {"bucket": "the-source", "key": key}}

    with pytest.raises(SourceNotFound if key else InvalidRequest):
        prepare(request, "run-1", storage, parameters(), SETTINGS, Limits())

    assert found == happened


def test_prepare_keeps_what_later_steps_need_in_the_work_bucket(s3: Any) -> None:
    """Both under keys of the execution's own, and both say which upload they are of."""
    s3.put_bucket_versioning(Bucket="the-source", VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(Bucket="the-source", Key="a/b.jpg", Body=photo(320, 240))
    etag, version = put["ETag"].strip('"'), put["VersionId"]
    s3.put_object(Bucket="the-source", Key="a/b.jpg", Body=photo(240, 320))
    source = {"bucket": "the-source", "key": "a/b.jpg", "versionId": version}
    prepared = run_prepare(s3, source=source)
    assert prepared.source == Source("the-source", "a/b.jpg", version, etag)
    assert (prepared.image.width, prepared.image.height) == (320, 240)
    mezzanine = s3.head_object(Bucket="the-work", Key=prepared.mezzanine.key)
    original = s3.get_object(Bucket="the-work", Key=prepared.original.key)
    assert prepared.mezzanine.bucket == prepared.original.bucket == "the-work"
    assert prepared.mezzanine.key.endswith("/run-1")
    assert prepared.original.key.endswith("/run-1")
    assert mezzanine["ContentType"] == "application/x-darkroom-mezzanine"
    assert mezzanine["Metadata"] == {
        "source-etag": etag, "source-version-id": version, "darkroom-version": __version__,
    }  # fmt: skip
    assert original["Body"].read() == photo(320, 240)
    # Work is not versioned: the etag is what pins the copy for the backup.
    assert (prepared.original.version_id, prepared.original.etag) == (None, etag)


def test_prepare_passes_the_wishes_on(s3: Any) -> None:
    assert (run_prepare(s3).pdf, run_prepare(s3).notify) == (PdfOptions(), True)
    prepared = run_prepare(s3, pdf={"pageSize": "A4", "quality": 33}, notify=False)
    assert (prepared.pdf, prepared.notify) == (PdfOptions(page_size="A4", quality=33), False)


def test_the_pdf_has_the_quality_that_was_asked_for(s3: Any) -> None:
    """Its pages are made where the original is decoded, by Prepare."""
    s3.put_object(Bucket="the-source", Key="a.png", Body=encoded(picture(160, 120), "PNG"))
    storage, settings = Objects(s3), OutputSettings(output_bucket="the-output")
    rough, fine = (
        make_pdf(
            pdf_task(
                run_prepare(
                    s3, source={"bucket": "the-source", "key": "a.png"}, pdf={"quality": quality}
                )
            ),
            storage,
            settings,
        ).bytes
        for quality in (5, 95)
    )
    assert rough < 0.7 * fine


def test_a_name_and_a_type_that_contradict_the_bytes_are_told(s3: Any) -> None:
    data = photo(64, 48)
    for key, content_type in (("a.png", "image/jpeg"), ("a.jpg", "image/png")):
        s3.put_object(Bucket="the-source", Key=key, Body=data, ContentType=content_type)
        mismatch = run_prepare(s3, source={"bucket": "the-source", "key": key}).image.mismatch
        assert mismatch is not None
        assert "png" in mismatch.lower()
    s3.put_object(Bucket="the-source", Key="a.jpg", Body=data, ContentType="image/jpeg")
    assert run_prepare(s3, source={"bucket": "the-source", "key": "a.jpg"}).image.mismatch is None


def test_the_deployment_s_limits_hold_for_the_image_and_for_a_watermark(s3: Any) -> None:
    s3.put_object(Bucket="the-source", Key="logo.png", Body=b"x" * 100_000)
    marked = {"image": {"bucket": "the-source", "key": "logo.png"}}
    with pytest.raises(ImageTooLarge, match="max_pixels"):
        run_prepare(s3, limits=Limits(max_pixels=640 * 480 - 1))
    with pytest.raises(ImageTooLarge, match=r"100,000 bytes.*99,999 \(max_bytes"):
        run_prepare(s3, limits=Limits(max_bytes=99_999), watermark=marked)


def test_a_key_that_leaves_no_room_is_refused_before_anything_is_read() -> None:
    storage = MagicMock()
    given = {"source": {"bucket": "the-source", "key": "k" * 1024}}
    with pytest.raises(InvalidRequest, match="shorter key"):
        prepare(given, "run-1", storage, parameters(), SETTINGS, Limits())
    assert storage.mock_calls == []


def test_a_request_overrides_the_deployed_presets(s3: Any) -> None:
    (rendition,) = run_prepare(s3, presets=[{"name": "own", "width": 10}]).renditions
    assert rendition.name == "own"


def test_a_watermark_of_the_request_is_on_every_preset(s3: Any) -> None:
    prepared = run_prepare(s3, watermark={"text": "mine"})
    marks = [rendition.preset.watermark for rendition in prepared.renditions]
    assert [mark.text for mark in marks if mark is not None] == ["mine", "mine"]
    own = [{"name": "own", "width": 10, "watermark": {"text": "the preset's"}}]
    (kept,) = run_prepare(s3, presets=own).renditions
    (replaced,) = run_prepare(s3, presets=own, watermark={"text": "the run's"}).renditions
    assert kept.preset.watermark is not None
    assert replaced.preset.watermark is not None
    assert (kept.preset.watermark.text, replaced.preset.watermark.text) == (
        "the preset's", "the run's"
    )  # fmt: skip


def test_a_watermark_picture_comes_from_s3(s3: Any) -> None:
    s3.put_object(Bucket="the-source", Key="logo.png", Body=encoded(picture(40, 20), "PNG"))
    marked = {"image": {"bucket": "the-source", "key": "logo.png"}, "opacity": 1.0}
    storage, settings = Objects(s3), OutputSettings(output_bucket="the-output")
    seen = []
    for options in ({"watermark": marked}, {}):
        prepared = run_prepare(s3, **options)
        output = resize(resize_task(prepared), storage, settings)
        seen.append(s3.get_object(Bucket="the-output", Key=output.key)["Body"].read())
    assert seen[0] != seen[1]


def test_a_watermark_picture_that_is_missing_is_named(s3: Any) -> None:
    with pytest.raises(SourceNotFound, match=r"nowhere\.png"):
        run_prepare(s3, watermark={"image": {"bucket": "the-source", "key": "nowhere.png"}})


@pytest.mark.parametrize("value", ["not json", "null", "[]", '[{"name": "x"}]', '{"a": 1}'])
def test_wrong_deployed_presets_name_the_parameter(value: str) -> None:
    with pytest.raises(
        InvalidRequest, match=r"^The deployed presets \(SSM parameter /presets\): Expected"
    ):
        run_prepare(MagicMock(), deployed=value)


def test_nothing_is_read_for_a_wrong_request() -> None:
    storage = MagicMock()
    with pytest.raises(InvalidRequest):
        prepare({"sauce": {}}, "run-1", storage, parameters(), SETTINGS, Limits())
    assert storage.mock_calls == []


def test_only_the_source_bucket_is_a_source() -> None:
    storage = MagicMock()
    given = {"source": {"bucket": "another", "key": "a/b.jpg"}}
    with pytest.raises(InvalidRequest) as caught:
        prepare(given, "run-1", storage, parameters(), SETTINGS, Limits())
    assert str(caught.value) == (
        'Expected the source bucket, "the-source", in \'source.bucket\', but received "another". '
        "Copy the image there, or upload it."
    )
    assert storage.mock_calls == []


def test_resize_and_make_pdf_tell_what_they_wrote(s3: Any) -> None:
    prepared = run_prepare(s3)
    storage, settings = Objects(s3), OutputSettings(output_bucket="the-output")
    small = resize(resize_task(prepared, claim=7), storage, settings)
    pdf = make_pdf(pdf_task(prepared, claim=7), storage, settings)
    for name, key, content_type, made in (
        ("small", "a/b.jpg/small.jpg", "image/jpeg", small),
        ("document", "a/b.jpg/document.pdf", "application/pdf", pdf),
    ):
        found = s3.get_object(Bucket="the-output", Key=key)
        data = found["Body"].read()
        size = opened(data).size if made is small else (480, 360)  # in points, of 96 an inch
        assert made == Output(
            name=name,
            bucket="the-output",
            key=key,
            content_type=content_type,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            width=size[0],
            height=size[1],
            pages=None if made is small else 1,
            quality=80,
        )
        assert found["ContentType"] == content_type
        assert found["Metadata"] == {
            "source-etag": prepared.source.etag, "darkroom-version": __version__, "claim": "7",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "title"), [("a/b.jpg", "b.jpg"), ("top.jpg", "top.jpg"), ("a/", "a/")]
)
def test_a_pdf_is_titled_by_its_file(s3: Any, key: str, title: str) -> None:
    s3.put_object(Bucket="the-source", Key=key, Body=photo(64, 48))
    prepared = run_prepare(s3, source={"bucket": "the-source", "key": key})
    make_pdf(pdf_task(prepared), Objects(s3), OutputSettings(output_bucket="the-output"))
    data = s3.get_object(Bucket="the-output", Key=f"{key}/document.pdf")["Body"].read()
    assert pypdfium2.PdfDocument(data).get_metadata_value("Title") == title


def test_an_older_claim_replaces_no_output_of_a_newer_one(s3: Any) -> None:
    prepared = run_prepare(s3)
    storage, settings = Objects(s3), OutputSettings(output_bucket="the-output")
    resize(resize_task(prepared, claim=2), storage, settings)
    make_pdf(pdf_task(prepared, claim=2), storage, settings)
    with pytest.raises(Superseded):
        resize(resize_task(prepared, claim=1), storage, settings)
    with pytest.raises(Superseded):
        make_pdf(pdf_task(prepared, claim=1), storage, settings)


def test_steps_are_idempotent(s3: Any) -> None:
    """The same source and presets give the same bytes, run after run."""
    storage, settings = Objects(s3), OutputSettings(output_bucket="the-output")
    digests = []
    for _ in range(2):
        prepared = run_prepare(s3)
        digests += [resize(resize_task(prepared, n), storage, settings).sha256 for n in range(2)]
    assert digests[:2] == digests[2:]


def test_back_up_copies_the_original(s3: Any) -> None:
    prepared = run_prepare(s3)
    backup = backup_original(
        BackupOriginalTask(
            source=prepared.source, original=prepared.original, image=prepared.image
        ),
        Objects(s3),
        BackupOriginalSettings(backup_bucket="the-backup"),
    )
    copied = s3.get_object(Bucket=backup.bucket, Key=backup.key)["Body"].read()
    assert copied == photo(640, 480)
    assert (backup.bucket, backup.key) == ("the-backup", "a/b.jpg")
    assert (backup.bytes, backup.etag) == (len(copied), prepared.source.etag)


def test_what_prepare_returns_is_what_the_next_step_takes(s3: Any) -> None:
    """Through JSON and the state machine's own selection of fields."""
    prepared = json.loads(json.dumps(dump(run_prepare(s3))))
    for rendition in prepared["renditions"]:
        task = {
            "source": prepared["source"],
            "claim": 1,
            "mezzanine": prepared["mezzanine"],
            "rendition": rendition,
        }
        assert parse(task, ResizeTask).rendition.name == rendition["name"]


def test_resize_tells_what_the_source_was_too_small_for(s3: Any) -> None:
    task = resize_task(run_prepare(s3))
    wide = msgspec.structs.replace(task.rendition.preset, width=9000, height=None)
    asked = msgspec.structs.replace(task.rendition, preset=wide)
    settings = OutputSettings(output_bucket="the-output")

    made = resize(msgspec.structs.replace(task, rendition=asked), Objects(s3), settings)

    assert made.note == "width 9000 was asked for, but the source is smaller"
