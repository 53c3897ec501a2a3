"""Real images through the deployed pipeline: on the engine, another emulator or AWS.

``make test-e2e`` runs them alone; ``ENDPOINT=`` or ``STACK=`` chooses where.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.images import encoded, opened, photo, picture, transparent, truncated
from tests.support.pipeline import Json, Pipeline, Run, until

pytestmark = pytest.mark.e2e

AT_ONCE = 8

AGAIN = pytest.mark.again("the other rows; tests/unit/image and tests/unit/contract")
"""Of rows that differ in what Prepare makes of a file or a request, which has tests of its own."""


def test_an_upload_becomes_every_output(pipeline: Pipeline) -> None:
    source = pipeline.put(photo(1600, 1200))
    run = pipeline.run_of(source)
    outputs = pipeline.outputs(source)
    assert run.status == "SUCCEEDED"
    assert {
        name: opened(data).size for name, data in outputs.items() if name != "document.pdf"
    } == {
        "small.jpg": (300, 225),
        "medium.jpg": (600, 450),
        "large.jpg": (1200, 900),
    }
    assert outputs["document.pdf"].startswith(b"%PDF-")
    assert pipeline.messages(run)[0]["outcome"] == "COMPLETE"


def test_small_images_are_not_enlarged(pipeline: Pipeline) -> None:
    source = pipeline.put(photo(320, 240))
    pipeline.run_of(source)
    assert opened(pipeline.outputs(source)["large.jpg"]).size == (320, 240)


@pytest.mark.parametrize(
    "orientation", [6, *(pytest.param(other, marks=AGAIN) for other in (1, 2, 3, 4, 5, 7, 8))]
)
def test_a_sideways_photo_is_turned_upright(pipeline: Pipeline, orientation: int) -> None:
    """The red corner of the picture is at the top left, whichever way the camera was held."""
    from PIL import Image, ImageOps

    upright = picture(640, 480)
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = upright
    for turn in range(1, 9):
        # Find how the camera stored it: the orientation that transposes back to upright.
        candidate = _stored(upright, turn)
        check = candidate.copy()
        check.getexif()[0x0112] = orientation
        if ImageOps.exif_transpose(check).tobytes() == upright.tobytes():
            turned = candidate
            break
    run = pipeline.start_manual(
        encoded(turned, exif=exif), presets=[{"name": "small", "width": 300, "height": 300}]
    )
    (rendition,) = run.output["renditions"]
    small = opened(
        pipeline.at.s3.get_object(Bucket=rendition["bucket"], Key=rendition["key"])["Body"].read()
    )
    red, green, blue = small.convert("RGB").getpixel((8, 8))
    assert small.size == (300, 225)
    assert red > 200
    assert max(green, blue) < 100


def _stored(image: Any, turn: int) -> Any:
    from PIL.Image import Transpose

    turns = [None, *Transpose]
    return image if turn == 1 else image.transpose(turns[turn - 1])


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_other_formats_become_jpeg(pipeline: Pipeline, image_format: str) -> None:
    source = pipeline.put(encoded(picture(), image_format), f"photo.{image_format.lower()}")
    run = pipeline.run_of(source)
    assert run.output["image"]["format"] == image_format.lower()
    assert opened(pipeline.outputs(source)["small.jpg"]).format == "JPEG"


def test_transparency_is_kept(pipeline: Pipeline) -> None:
    source = pipeline.put(transparent(), "logo.png")
    pipeline.run_of(source)
    small = opened(pipeline.outputs(source)["small.webp"]).convert("RGBA")
    assert small.getpixel((20, 100))[3] == 255
    assert small.getpixel((280, 100))[3] == 0


# ---------------------------------------------------------------------------- bad input


def assert_refused(pipeline: Pipeline, run: Run, error: str, *, says: str) -> Json:
    """Check what every refusal owes: its own name, one alert in words, and nothing made."""
    (message,) = pipeline.messages(run)
    assert (run.status, run.error) == ("FAILED", error)
    assert says in run.cause
    assert "vips" not in run.cause.lower()  # a library's name tells an uploader nothing
    assert message["error"] == error
    assert message["message"] == run.cause
    return message


@pytest.mark.parametrize(
    ("name", "data", "error", "says"),
    [
        ("empty.jpg", b"", "CorruptImage", "empty"),
        ("notes.jpg", b"Dear diary, today I resized images.\n", "UnsupportedImage", "image"),
        ("truncated.jpg", truncated(), "CorruptImage", "JPEG"),
    ],
    ids=["zero bytes", "text named .jpg", "truncated"],
)
def test_a_file_that_is_no_image_is_refused(
    pipeline: Pipeline, name: str, data: bytes, error: str, says: str
) -> None:
    source = pipeline.put(data, name)
    run = pipeline.run_of(source)
    message = assert_refused(pipeline, run, error, says=says)
    record = pipeline.record(source)
    assert message["source"]["key"] == source["key"]
    assert pipeline.outputs(source) == {}
    assert record is not None
    assert (record["status"], record["error"]) == ("FAILED", error)
    original = pipeline.at.s3.get_object(Bucket=source["bucket"], Key=source["key"])
    assert original["Body"].read() == data


def test_a_refused_upload_may_be_mended(pipeline: Pipeline) -> None:
    """Both ways: by a new upload under the same key, and by running the same input again."""
    source = pipeline.put(truncated())
    failed = pipeline.run_of(source)
    pipeline.put_at(source["key"], photo())

    def second() -> str | None:
        found = [arn for arn in pipeline.executions(source["key"]) if arn != failed.arn]
        return found[0] if found else None

    mended = pipeline.wait(until(second))
    again = pipeline.start(json.loads(failed.described["input"]))
    assert mended.output["outcome"] == "COMPLETE"
    assert set(pipeline.outputs(source)) == {"small.jpg", "medium.jpg", "large.jpg", "document.pdf"}
    # The failed upload is older than the one that completed: its event is stale now.
    assert again.output["outcome"] == "ALREADY_PROCESSED"


def test_a_missing_object_is_refused(pipeline: Pipeline) -> None:
    source = {"bucket": pipeline.at.source_bucket_name, "key": "manual/nowhere.jpg"}
    run = pipeline.start({"source": source})
    assert_refused(pipeline, run, "SourceNotFound", says="manual/nowhere.jpg")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({}, "`source`"),
        ({"sorce": {}}, "`sorce`"),
        ([1, 2], "object"),
        ({"source": {"bucket": "some-bucket"}}, "`key`"),
        ({"source": {"bucket": "some-bucket", "key": 7}}, "received 7"),
        ({"source": "photo.jpg"}, "'source'"),
        ({"detail-type": "Object Created", "source": "aws.s3", "detail": {}}, "detail.bucket.name"),
    ],
)
def test_a_wrong_request_is_refused(pipeline: Pipeline, request_: Any, says: str) -> None:
    run = pipeline.start(request_)
    assert_refused(pipeline, run, "InvalidRequest", says=says)
    record = pipeline.record_of(f"invalid request/{run.name}")
    if isinstance(request_, dict) and "key" not in str(request_.get("source")):
        assert record is not None
        assert record["status"] == "FAILED"


@pytest.mark.parametrize(
    ("preset", "says"),
    [
        ({"name": "huge", "width": 10**9}, "received 1000000000"),
        *(
            pytest.param(*each, marks=AGAIN)
            for each in (
                ({"name": "none", "width": 0}, "received 0"),
                ({"name": "minus", "width": -1}, "received -1"),
                ({"name": "words", "width": "wide"}, 'received "wide"'),
                ({"name": "../escape", "width": 10}, "presets[0].name"),
                ({"name": "nothing"}, "width or a height"),
                ({"name": "odd", "width": 10, "fit": "stretch"}, "stretch"),
                ({"name": "half", "width": 10, "fit": "cover"}, "both width and height"),
                ({"name": "loud", "width": 10, "quality": 101}, "received 101"),
            )
        ),
    ],
)
def test_an_absurd_preset_is_refused(pipeline: Pipeline, preset: Json, says: str) -> None:
    source = {"bucket": pipeline.at.source_bucket_name, "key": "manual/never-read.jpg"}
    run = pipeline.start({"source": source, "presets": [preset]})
    assert_refused(pipeline, run, "InvalidRequest", says=says)


# ---------------------------------------------------------------------------- many at once


def test_uploads_at_once_and_as_many_duplicates(pipeline: Pipeline) -> None:
    sources = [pipeline.put(photo(200 + index, 150), f"{index}.jpg") for index in range(AT_ONCE)]
    runs = [pipeline.run_of(source) for source in sources]
    records = [pipeline.record(source) for source in sources]
    assert [run.output["outcome"] for run in runs] == ["COMPLETE"] * AT_ONCE
    for index, (source, run, record) in enumerate(zip(sources, runs, records, strict=True)):
        assert pipeline.executions(source["key"]) == [run.arn]
        assert record is not None
        assert (record["execution"], record["width"]) == (run.arn, 200 + index)
        assert len(pipeline.messages(run)) == 1

    duplicates = [pipeline.start(json.loads(run.described["input"])) for run in runs]
    assert [run.output["outcome"] for run in duplicates] == ["ALREADY_PROCESSED"] * AT_ONCE
    assert [pipeline.record(source) for source in sources] == records
    for run in duplicates:
        assert pipeline.messages(run, expected=0) == []
