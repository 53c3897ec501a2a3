"""The input contract: what is accepted, and what the refusal says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.fields import MAX_RENDITIONS
from darkroom.contract.model import Contract, dump, parse
from darkroom.contract.objects import Source
from darkroom.contract.presets import FocalPoint, PdfOptions, Preset, parse_presets
from darkroom.contract.requests import event_source, parse_request, rerun_request, schema
from darkroom.contract.results import MakePdfTask, Report, ResizeTask

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


def test_what_is_not_asked_for_is_as_documented() -> None:
    request = parse_request({"source": SOURCE, "watermark": {"text": "x"}})
    assert request.pdf == PdfOptions(page_size="fit", margin=0, quality=80, metadata="credit")
    mark = request.watermark
    assert mark is not None
    assert (mark.position, mark.opacity, mark.scale) == ("bottom-right", 0.5, 0.25)
    assert (mark.margin, mark.color, mark.image) == (0.03, "#ffffff", None)
    (preset,) = (
        parse_request({"source": SOURCE, "presets": [{"name": "p", "width": 1}]}).presets or ()
    )
    assert (preset.height, preset.fit, preset.enlarge) == (None, "inside", False)
    assert (preset.format, preset.quality, preset.background) == ("auto", 80, "#ffffff")
    assert (preset.watermark, preset.metadata) == (None, "credit")


LIMITS = {
    # where: the last values that are taken, and the first that are not
    "source.bucket": (["abc", "a" * 63, "0-a.b9"], ["ab", "a" * 64, "-bc", "ab-", "aBc", "a_c"]),
    "source.key": (["k", "k" * 1024], ["", "k" * 1025]),
    "source.versionId": (["v"], [""]),
    "source.etag": (["e"], [""]),
    "notify": ([True, False], ["true", 1, None]),
    "preset.width": ([1, 16_383], [0, 16_384, 1.5]),
    "preset.height": ([1, 16_383], [0, 16_384]),
    "preset.fit": (["inside", "cover", "contain", "fill"], ["crop"]),
    "preset.enlarge": ([True], [1]),
    "preset.format": (["auto", "jpeg", "png", "webp", "avif", "original"], ["gif", "jpg"]),
    "preset.quality": ([1, 100, "auto"], [0, 101, 72.5, "best", None]),
    "preset.effort": (["normal", "high"], ["low", 4]),
    "preset.background": (["#0aF9fA"], ["#0aF9f", "#0aF9fA0", "#ggffff", "red"]),
    "preset.metadata": (["credit", "none"], ["all"]),
    "preset.name": (["a", "0", "a_-9", "a" * 32], ["", "a" * 33, "A", "-a", "_a", "a/b", "a."]),
    "watermark.text": (["x", "x" * 200], ["", "x" * 201]),
    "watermark.position": (
        ["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom",
         "bottom-right"],
        ["middle"],
    ),
    "watermark.opacity": ([0, 1], [-0.01, 1.01]),
    "watermark.scale": ([0.001, 1], [0, 1.01]),
    "watermark.margin": ([0, 0.5], [-0.01, 0.51]),
    "watermark.color": (["#000000"], ["black"]),
    "pdf.pageSize": (["fit", "A4", "Letter"], ["A5"]),
    "pdf.margin": ([0, 200], [-0.1, 200.1]),
    "pdf.quality": ([1, 100, "auto"], [0, 101, "best"]),
    "pdf.metadata": (["credit", "none"], [""]),
}  # fmt: skip


def asking(where: str, value: Any) -> dict[str, Any]:
    """Return a request that is right but, perhaps, for one field."""
    part, _, field = where.rpartition(".")
    whole: dict[str, dict[str, Any]] = {
        "": {},
        "source": dict(SOURCE),
        "preset": {"name": "p", "width": 9, "height": 9},
        "watermark": {"text": "x"},
        "pdf": {},
    }
    whole[part][field] = value
    parts = {name: whole[name] for name in ("source", "watermark", "pdf")}
    return parts | {"presets": [whole["preset"]]} | whole[""]


@pytest.mark.parametrize("where", LIMITS)
def test_a_field_is_taken_up_to_its_limit_and_not_beyond(where: str) -> None:
    taken, refused = LIMITS[where]
    for value in taken:
        assert parse_request(asking(where, value)), value
    for value in refused:
        with pytest.raises(InvalidRequest, match=where.rpartition(".")[2]):
            parse_request(asking(where, value))


def test_as_many_presets_as_a_map_can_take() -> None:
    presets = [{"name": f"p{index}", "width": 1} for index in range(20)]
    assert len(parse_request({"source": SOURCE, "presets": presets}).presets or ()) == 20


@pytest.mark.parametrize("fit", ["cover", "contain", "fill"])
@pytest.mark.parametrize("side", ["width", "height"])
def test_only_inside_does_with_one_side(fit: str, side: str) -> None:
    preset = {"name": "p", side: 9}
    assert parse_request({"source": SOURCE, "presets": [preset]})
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"source": SOURCE, "presets": [preset | {"fit": fit}]})
    assert str(caught.value) == (
        f"Expected presets[0] ('p') to have both width and height, as fit '{fit}' needs, but "
        "received only one."
    )


@pytest.mark.parametrize("model", Contract.__subclasses__())
def test_a_model_cannot_change_and_takes_only_what_it_knows(model: type[Contract]) -> None:
    config = model.__struct_config__
    assert config.frozen
    assert config.forbid_unknown_fields
    assert config.omit_defaults


@pytest.mark.parametrize("outcome", ["COMPLETE", "FAILED", "TIMED_OUT", "ABORTED"])
def test_a_report_is_about_an_end(outcome: str) -> None:
    given = {"execution": "e", "stateMachine": "m", "startedAt": "s", "input": None, "image": "i"}
    assert parse(given | {"outcome": outcome}, Report).outcome == outcome
    with pytest.raises(InvalidRequest, match="'outcome'"):
        parse(given | {"outcome": "RUNNING"}, Report)


@pytest.mark.parametrize("letter", ["k", "é", "\U0001f4f7"])
def test_a_key_has_so_many_bytes_as_s3_allows(letter: str) -> None:
    size = len(letter.encode())
    key = letter * (1024 // size)
    assert parse_request({"source": SOURCE | {"key": key}}).source.key == key
    with pytest.raises(InvalidRequest, match=r"1,?024.*source\.key"):
        parse_request({"source": SOURCE | {"key": key + "k"}})


def test_a_key_of_too_many_bytes_is_counted() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"source": SOURCE | {"key": "é" * 513}})
    said = str(caught.value)
    assert said.startswith(
        "Expected an S3 object key of at most 1,024 bytes of UTF-8 in 'source.key', but received "
        "1,026 bytes: "
    )
    assert said.endswith(" No object has such a key: check the spelling.")


NUMBERS = ["1763723474001", "1.763723474001E12", 1_763_723_474_001, 1_763_723_474_001.0]


@pytest.mark.parametrize("given", NUMBERS)
def test_a_number_of_the_state_machine_is_taken_in_every_form(given: Any) -> None:
    """DynamoDB's text is passed on; how JSONata writes long numbers is documented nowhere."""
    at = {"bucket": "my-bucket", "key": "any"}
    task = {"source": SOURCE, "claim": given, "mezzanine": at, "documentKey": "any", "pdf": {}}
    assert int(parse(task, MakePdfTask).claim) == 1_763_723_474_001
    rendition = {"name": "p", "key": "any", "width": 1, "height": 1, "format": "jpeg"}
    task = {name: task[name] for name in ("source", "claim", "mezzanine")}
    task |= {"rendition": rendition | {"preset": {"name": "p"}}}
    assert int(parse(task, ResizeTask).claim) == 1_763_723_474_001
    ended = {"outcome": "FAILED", "execution": "e", "stateMachine": "m", "startedAt": "s",
             "input": None, "image": "i", "redriveCount": given}  # fmt: skip
    assert int(parse(ended, Report).redrive_count) == 1_763_723_474_001


LIKE = 'A request looks like {"source": {"bucket": "my-bucket", "key": "uploads/photo.jpg"}}.'
SPELLING = "Remove it or correct its spelling; events/request.schema.json lists every field."
UNCHANGED = 'Send the event unchanged, or use {"source": {"bucket": "…", "key": "…"}}.'


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (None, "Expected an object in the input, but received null."),
        ([], "Expected an object in the input, but received []."),
        ({}, f"Missing required field `source` in the input. {LIKE}"),
        ({"source": {}}, f"Missing required field `bucket` in 'source'. {LIKE}"),
        ({"source": SOURCE, "sise": 1}, f"Received unknown field `sise` in the input. {SPELLING}"),
        (
            {"source": SOURCE, "pdf": {"size": 1}},
            f"Received unknown field `size` in 'pdf'. {SPELLING}",
        ),
        (
            {"source": SOURCE | {"key": ""}},
            "Expected text of at least 1 character in 'source.key', but received \"\".",
        ),
        (
            {"source": SOURCE | {"bucket": "A_B"}},
            "Expected the name of an S3 bucket in 'source.bucket', but received \"A_B\".",
        ),
        (
            {"source": SOURCE | {"bucket": "ab"}},
            "Expected text of at least 3 characters in 'source.bucket', but received \"ab\".",
        ),
        (
            {"source": SOURCE, "watermark": {"text": "x", "color": "red"}},
            "Expected a colour as #rrggbb in 'watermark.color', but received \"red\".",
        ),
        (
            {"source": SOURCE, "watermark": {"text": "x", "opacity": 3}},
            "Expected a number of at most 1 in 'watermark.opacity', but received 3.",
        ),
        (
            {"source": SOURCE, "notify": "yes"},
            "Expected true or false in 'notify', but received \"yes\".",
        ),
        (
            {"source": SOURCE, "presets": []},
            "Expected a list of at least 1 item in 'presets', but received [].",
        ),
        (
            {"source": SOURCE, "presets": ({"name": "p", "width": 0},)},  # as models are dumped
            "Expected a whole number of at least 1 in 'presets[0].width', but received 0.",
        ),
        (
            {"source": SOURCE, "pdf": {"pageSize": "A5"}},
            "Expected one of fit, A4, Letter in 'pdf.pageSize', but received \"A5\".",
        ),
        (
            {"source": SOURCE, "watermark": {}},
            "Expected watermark to have either a text or an image, but received neither.",
        ),
        (
            {"source": SOURCE, "watermark": {"text": "x", "image": SOURCE}},
            "Expected watermark to have either a text or an image, but received both.",
        ),
        ({"detail-type": "Object Created"}, f"received 'Object Created' without them. {UNCHANGED}"),
        (
            {"detail-type": "x", "detail": {"bucket": "b", "object": {"key": "k"}}},
            f"detail.object.key, but received 'x' without them. {UNCHANGED}",
        ),
        (
            {"detail-type": "x", "detail": {"bucket": {"name": "my-bucket"}, "object": "k"}},
            f"but received 'x' without them. {UNCHANGED}",
        ),
        (
            {"detail-type": "x", "detail": {"bucket": {"name": "my-bucket"}, "object": {}}},
            f"Missing required field `key` in 'source'. {LIKE}",
        ),
    ],
)
def test_a_refusal_names_the_field_and_what_came(payload: Any, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(payload)
    assert str(caught.value).endswith(says)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"width": 0},
            "Expected a whole number of at least 1 in 'presets[0].width', but received 0.",
        ),
        (
            {"width": 16384},
            "Expected a whole number of at most 16383 in 'presets[0].width', but received 16384.",
        ),
        ({"width": 1.5}, "Expected a whole number in 'presets[0].width', but received 1.5."),
        ({"width": None}, "to have a width or a height, in pixels, but received neither"),
        ({"fit": "crop"}, "one of inside, cover, contain, fill in 'presets[0].fit'"),
        (
            {"fit": 7},
            "Expected one of inside, cover, contain, fill in 'presets[0].fit', but received 7.",
        ),
        ({"fit": "cover"}, "both width and height, as fit 'cover' needs"),
        (
            {"position": "centre"},
            (
                "one of top-left, top, top-right, left, center, right, bottom-left, bottom, "
                'bottom-right, attention, entropy, or a focal point such as {"x": 0.5, "y": 0.2}, '
                "in 'presets[0].position', but received \"centre\"."
            ),
        ),
        ({"position": 5}, "or a focal point such as"),
        ({"position": {"x": 1.01, "y": 0}}, "in 'presets[0].position.x', but received 1.01."),
        ({"position": {"x": 0, "y": -0.01}}, "in 'presets[0].position.y', but received -0.01."),
        (
            {"position": {"x": 0.5}},
            (
                "Missing required field `y` in 'presets[0].position'. A focal point looks like "
                '{"x": 0.5, "y": 0.2}.'
            ),
        ),
        (
            {"height": 9, "position": "top"},
            (
                "Expected presets[0] ('p') to have fit 'cover', as its position needs, but "
                "received fit 'inside', which crops nothing. Set fit to 'cover', or leave position "
                "out."
            ),
        ),
        ({"height": 9, "fit": "contain", "position": "attention"}, "received fit 'contain'"),
        ({"height": 9, "fit": "fill", "position": {"x": 0, "y": 0}}, "received fit 'fill'"),
        (
            {"format": "gif"},
            (
                "Expected one of auto, jpeg, png, webp, avif, original, or a list of some of them, "
                "in 'presets[0].format', but received \"gif\"."
            ),
        ),
        ({"format": []}, "or a list of some of them, in 'presets[0].format', but received []."),
        ({"format": 7}, "or a list of some of them, in 'presets[0].format', but received 7."),
        (
            {"format": ["webp", "gif"]},
            (
                "Expected one of auto, jpeg, png, webp, avif, original in 'presets[0].format[1]', "
                'but received "gif".'
            ),
        ),
        (
            {"format": ["webp", "jpeg", "webp"]},
            (
                "Expected presets[0] ('p') to name each format once, but received 'webp' again. "
                "Leave one of them out."
            ),
        ),
        (
            {"name": "document"},
            (
                "Expected presets[0].name to be another than 'document', which is the PDF's. "
                "Rename the preset."
            ),
        ),
        (
            {"quality": 0},
            "a whole number from 1 to 100, or auto, in 'presets[0].quality', but received 0.",
        ),
        ({"effort": "low"}, "Expected one of normal, high in 'presets[0].effort', but received"),
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


@pytest.mark.parametrize(
    ("position", "kept"),
    [
        ("bottom-left", "bottom-left"),
        ("attention", "attention"),
        ("entropy", "entropy"),
        ({"x": 0, "y": 1}, FocalPoint(x=0, y=1)),
        ({"x": 0.25, "y": 0.75}, FocalPoint(x=0.25, y=0.75)),
    ],
)
def test_a_crop_has_a_position(position: object, kept: object) -> None:
    preset = {"name": "p", "width": 100, "height": 9, "fit": "cover", "position": position}
    (read,) = parse_request({"source": SOURCE, "presets": [preset]}).presets or ()
    assert read.position == kept
    assert dump(read)["position"] == position


def test_the_middle_is_shown_by_default_and_may_be_named_for_any_fit() -> None:
    for fit in ("inside", "cover", "contain", "fill"):
        preset = {"name": "p", "width": 100, "height": 9, "fit": fit}
        given = parse_request({"source": SOURCE, "presets": [preset | {"position": "center"}]})
        assert given == parse_request({"source": SOURCE, "presets": [preset]})


def test_the_position_of_a_mark_is_no_crop() -> None:
    """It has the nine places only, and its refusal says so."""
    mark = {"text": "x", "position": "attention"}
    for field in ({"watermark": mark}, {"presets": [{"name": "p", "width": 1, "watermark": mark}]}):
        with pytest.raises(InvalidRequest, match=r"bottom-right in '.*watermark\.position'"):
            parse_request({"source": SOURCE, **field})


def test_presets_have_names_of_their_own() -> None:
    presets = [{"name": "q", "width": 3}, {"name": "p", "width": 1}, {"name": "p", "width": 2}]
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"source": SOURCE, "presets": presets})
    assert str(caught.value) == (
        "Expected every preset to have a name of its own, but presets[2].name repeats 'p'. Rename "
        "one of them."
    )


def test_presets_are_not_too_many() -> None:
    presets = [{"name": f"p{index}", "width": 1} for index in range(MAX_RENDITIONS + 1)]
    with pytest.raises(InvalidRequest, match="a list of at most 20 items"):
        parse_request({"source": SOURCE, "presets": presets})


def test_formats_count_as_renditions() -> None:
    def asked(*counts: int) -> dict[str, Any]:
        every = ["jpeg", "png", "webp", "avif"]
        presets = [{"name": f"p{n}", "width": 1, "format": every[:k]} for n, k in enumerate(counts)]
        return {"source": SOURCE, "presets": [*presets, {"name": "q", "width": 1}]}

    assert parse_request(asked(4, 4, 4, 4, 3)).presets
    with pytest.raises(InvalidRequest) as caught:
        parse_request(asked(4, 4, 4, 4, 4))
    assert str(caught.value) == (
        "Expected presets to ask for 20 renditions at most, one for each format of each preset, "
        "but received 21. Leave out presets or formats."
    )


def test_a_list_of_formats_is_kept_in_its_order() -> None:
    preset = {"name": "p", "width": 1, "format": ["webp", "auto"]}
    (read,) = parse_request({"source": SOURCE, "presets": [preset]}).presets or ()
    assert read.formats == ("webp", "auto")
    assert list(dump(read)["format"]) == ["webp", "auto"]
    assert Preset(name="p", width=1, format="png").formats == ("png",)


@pytest.mark.parametrize(
    ("length", "told"), [(78, f'"{"x" * 78}"'), (79, f'"{"x" * 76}…')], ids=["80", "81"]
)
def test_what_came_is_cut_short(length: int, told: str) -> None:
    """At 80 characters, with the quotes."""
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"source": SOURCE, "presets": "x" * length})
    assert str(caught.value).endswith(f"but received {told}.")


def test_what_came_is_found_in_a_list() -> None:
    presets = [{"name": "p", "width": 1}, {"name": "q", "width": "wide"}]
    with pytest.raises(InvalidRequest, match=r"'presets\[1\]\.width', but received \"wide\"\.$"):
        parse_request({"source": SOURCE, "presets": presets})
    assert parse_request({"source": SOURCE, "presets": (Preset(name="p", width=1),)}).presets


# ---------------------------------------------------------------------------- deployed presets

EXAMPLE = 'An example: [{"name": "small", "width": 300, "height": 300}].'


def test_deployed_presets_are_read() -> None:
    assert parse_presets('[{"name": "p", "width": 5}]') == (Preset(name="p", width=5),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", f"the presets to be JSON, but they are not: Input data was truncated. {EXAMPLE}"),
        ('{"a": 1}', f'Expected the presets to be a list, but received {{"a":1}}. {EXAMPLE}'),
        ("[]", "Expected a list of at least 1 item in 'presets', but received []."),
    ],
)  # fmt: skip
def test_wrong_deployed_presets_are_explained(text: str, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_presets(text)
    assert str(caught.value).endswith(says)


# ---------------------------------------------------------------------------- events and re-runs

ITEM = {"key": "k", "version-id": "v", "etag": "e", "size": 3, "sequencer": "0A"}


@pytest.mark.parametrize(
    ("detail", "source", "again"),
    [
        (
            {"bucket": {"name": "b"}, "object": ITEM},
            {"bucket": "b", "key": "k", "versionId": "v", "etag": "e"},
            {"bucket": "b", "key": "k", "versionId": "v"},
        ),
        ({"bucket": {"name": "b"}, "object": {}}, {"bucket": "b"}, {"bucket": "b"}),
        ({"bucket": {}, "object": {"key": "k"}}, {"key": "k"}, {"key": "k"}),
        ({"bucket": "b", "object": {"key": "k"}}, None, {}),
        ({"bucket": {"name": "b"}}, None, {}),
        ("none", None, {}),
        (None, None, {}),
    ],
)
def test_an_event_names_its_object(detail: Any, source: Any, again: dict[str, str]) -> None:
    """By hand, the version pins it; an unversioned object is taken as it is then."""
    event = {"detail-type": "Object Created", "detail": detail}
    assert event_source(event) == source
    assert rerun_request(event) == {"source": again}


@pytest.mark.parametrize("payload", [{"source": SOURCE, "notify": False}, {"any": 1}])
def test_a_request_is_run_again_as_it_is(payload: dict[str, Any]) -> None:
    assert rerun_request(payload) == payload


@pytest.mark.parametrize("payload", [None, [], "text", 7])
def test_what_is_no_request_is_run_again_as_an_empty_one(payload: Any) -> None:
    assert rerun_request(payload) == {}


def test_a_dumped_model_is_read_back() -> None:
    request = parse_request({"source": SOURCE, "presets": [{"name": "p", "width": 5}]})
    assert parse_request(msgspec.json.decode(msgspec.json.encode(dump(request)))) == request


@pytest.mark.parametrize(
    "given",
    [
        {"source": {"bucket": "my-photos\n", "key": "a.jpg"}},
        {"presets": [{"name": "small\n", "width": 1}]},
        {"watermark": {"text": "x", "color": "#aabbcc\n"}},
    ],
)
def test_a_line_break_does_not_slip_through_at_the_end(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=r"but received .*\\n"):
        parse_request({"source": {"bucket": "my-photos", "key": "a.jpg"}} | given)


def test_the_schema_has_the_ends_of_patterns_as_json_schema_writes_them() -> None:
    text = json.dumps(schema())
    assert "\\Z" not in text
    assert text.count('{0,31}$"') == 1


@pytest.mark.parametrize(
    "given",
    [
        {"source": {"bucket": "my-photos", "key": "a\ud800"}},
        {"source": {"bucket": "\ud800", "key": "a"}},
        {"source": {"bucket": "my-photos", "key": "a"}, "\ud800": 1},
        "\ud800",
    ],
)
def test_what_is_no_text_is_refused_in_words(given: Any) -> None:
    """It ended in a UnicodeEncodeError, which no alert explains."""
    with pytest.raises(InvalidRequest, match="Expected") as caught:
        parse_request(given)
    assert str(caught.value).encode()
