"""The input contract: what is accepted, and what the refusal says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from darkroom.contracts import MAX_PRESETS, Preset, Source, dump, parse, parse_request
from darkroom.errors import InvalidRequest

SOURCE = {"bucket": "my-bucket", "key": "uploads/photo.jpg"}


def test_a_source_is_enough() -> None:
    request = parse_request({"source": SOURCE})
    assert request.source == Source(bucket="my-bucket", key="uploads/photo.jpg")
    assert request.presets is None
    assert request.notify is True


def test_an_event_is_a_request() -> None:
    event = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "bucket": {"name": "my-bucket"},
            "object": {"key": "a b+c/é.jpg", "etag": "abc", "version-id": "v1", "size": 3},
        },
    }
    source = parse_request(event).source
    assert source == Source(bucket="my-bucket", key="a b+c/é.jpg", version_id="v1", etag="abc")


def test_options_are_read() -> None:
    request = parse_request(
        {
            "source": SOURCE | {"versionId": "v1"},
            "presets": [{"name": "thumb", "width": 100, "height": 80, "fit": "cover"}],
            "watermark": {"text": "© me", "position": "top"},
            "pdf": {"pageSize": "A4", "margin": 36},
            "notify": False,
        }
    )
    assert request.source.version_id == "v1"
    assert request.presets == (Preset(name="thumb", width=100, height=80, fit="cover"),)
    assert request.watermark is not None
    assert request.watermark.text == "© me"
    assert (request.pdf.page_size, request.notify) == ("A4", False)


def test_what_is_not_set_is_left_out() -> None:
    assert dump(parse_request({"source": SOURCE})) == {"source": SOURCE}


def test_models_cannot_change() -> None:
    source = parse(SOURCE, Source)
    with pytest.raises(AttributeError):
        source.key = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (None, "Expected `object`, got `null` in the input, but received null."),
        ([], "in the input, but received []."),
        ({}, "Missing required field `source` in the input."),
        ({"source": {}}, "Missing required field `bucket` in 'source'."),
        ({"source": SOURCE, "sise": 1}, "Received unknown field `sise` in the input."),
        ({"source": SOURCE | {"key": ""}}, "in 'source.key', but received \"\"."),
        ({"source": SOURCE | {"key": "k" * 1025}}, "length <= 1024"),
        ({"source": SOURCE | {"bucket": "A_B"}}, "Expected the name of an S3 bucket"),
        ({"source": SOURCE, "notify": "yes"}, "`bool`, got `str` in 'notify', but received"),
        ({"source": SOURCE, "presets": []}, "length >= 1 in 'presets', but received []."),
        ({"source": SOURCE, "pdf": {"pageSize": "A5"}}, "one of fit, A4, Letter in 'pdf.pageSize'"),
        ({"source": SOURCE, "watermark": {}}, "either a text or an image, but received neither"),
        (
            {"source": SOURCE, "watermark": {"text": "x", "image": SOURCE}},
            "either a text or an image, but received both",
        ),
        ({"detail-type": "Object Created"}, "detail.bucket.name and detail.object.key"),
        (
            {"detail-type": "x", "detail": {"bucket": {"name": "my-bucket"}, "object": {}}},
            "Missing required field `key` in 'source'.",
        ),
    ],
)
def test_a_refusal_names_the_field_and_what_came(payload: Any, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(payload)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"width": 0}, "Expected `int` >= 1 in 'presets[0].width', but received 0."),
        ({"width": 16384}, "Expected `int` <= 16383 in 'presets[0].width', but received 16384."),
        ({"width": 1.5}, "in 'presets[0].width', but received 1.5."),
        ({"width": None}, "to have a width or a height, in pixels, but received neither"),
        ({"fit": "crop"}, "one of inside, cover, contain, fill in 'presets[0].fit'"),
        ({"fit": "cover"}, "both width and height, as fit 'cover' needs"),
        ({"format": "gif"}, "one of auto, jpeg, png, webp, avif, original"),
        ({"quality": 0}, "in 'presets[0].quality', but received 0."),
        ({"background": "red"}, "a colour as #rrggbb in 'presets[0].background', but received"),
        ({"name": "../x"}, "a name of lower-case letters"),
        ({"watermark": {}}, "presets[0].watermark to have either a text or an image"),
    ],
)
def test_a_preset_is_checked(changes: dict[str, Any], says: str) -> None:
    preset = {"name": "p", "width": 100} | changes
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"source": SOURCE, "presets": [preset]})
    assert says in str(caught.value)


def test_presets_have_names_of_their_own() -> None:
    presets = [{"name": "p", "width": 1}, {"name": "p", "width": 2}]
    with pytest.raises(InvalidRequest, match=r"presets\[1\]\.name repeats 'p'"):
        parse_request({"source": SOURCE, "presets": presets})


def test_presets_are_not_too_many() -> None:
    presets = [{"name": f"p{index}", "width": 1} for index in range(MAX_PRESETS + 1)]
    with pytest.raises(InvalidRequest, match="length <= 20"):
        parse_request({"source": SOURCE, "presets": presets})


def test_what_came_is_cut_short() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"source": SOURCE, "presets": "x" * 10_000})
    assert len(str(caught.value)) < 300


def test_a_dumped_model_is_read_back() -> None:
    request = parse_request({"source": SOURCE, "presets": [{"name": "p", "width": 5}]})
    assert parse_request(msgspec.json.decode(msgspec.json.encode(dump(request)))) == request
