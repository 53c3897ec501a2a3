"""What a re-run would make: planned, warned of, and made one at a time."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from darkroom.aws.objects import Objects
from darkroom.aws.parameters import Parameters
from darkroom.contract.errors import ImageTooLarge, SourceChanged, SourceNotFound
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.model import dump
from darkroom.contract.presets import Preset
from darkroom.contract.results import ImageInfo, Rendition, ResizeTask
from darkroom.image.plan import plan
from darkroom.steps.prepare import prepare
from darkroom.steps.resize import resize
from darkroom.steps.settings import OutputSettings, PrepareSettings

from darkroom_ops.cache import Room
from darkroom_ops.console import preview
from darkroom_ops.console.preview import (
    Needs,
    Overtaken,
    Previews,
    Resize,
    excesses,
    needs,
    shortcomings,
    told,
)
from darkroom_ops.present.words import size
from tests.support import aws
from tests.support.images import photo
from tests.support.pipeline import until
from tests.unit.console.conftest import OURS

PRESETS = '[{"name": "small", "width": 60, "height": 60}, {"name": "large", "width": 90}]'
REQUEST = {"source": {"bucket": "sources", "key": "a/b.jpg"}}


class Sources:
    stack = "photos"
    source_bucket_name = "sources"
    presets_parameter_name = "presets"

    def __init__(self, s3: Any) -> None:
        self.s3 = s3
        self.variables: dict[str, str] = {}
        self.ssm = MagicMock()
        self.ssm.get_parameter.return_value = {"Parameter": {"Value": PRESETS}}
        self.lambda_ = SimpleNamespace(get_function_configuration=self._function)

    def _function(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        assert FunctionName in {"photos-prepare", "photos-resize"}
        environment = {"Environment": {"Variables": self.variables}} if self.variables else {}
        return {"Timeout": 60, "MemorySize": 1280} | environment


@pytest.fixture
def sources() -> Iterator[Any]:
    with aws.empty_account():
        client = aws.client("s3")
        for bucket in ("sources", "work", "outputs"):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket="sources", Key="a/b.jpg", Body=photo(80, 60))
        yield Sources(client)


def test_a_preview_is_the_very_picture_that_an_execution_makes(sources: Any) -> None:
    request = REQUEST | {"watermark": {"text": "Mine"}}
    found = Previews(sources, Room(MIB)).make(request, "large", "page")

    settings = PrepareSettings(
        source_bucket="sources", work_bucket="work", presets_parameter="presets"
    )
    storage = Objects(sources.s3)
    prepared = prepare(request, "run", storage, Parameters(sources.ssm), settings, Limits())
    task = ResizeTask(
        source=prepared.source,
        claim=1,  # type: ignore[arg-type]
        mezzanine=prepared.mezzanine,
        rendition=prepared.renditions[1],
    )
    resize(task, storage, OutputSettings(output_bucket="outputs"))
    stored = sources.s3.get_object(Bucket="outputs", Key="a/b.jpg/large.jpg")["Body"].read()
    assert found.made.data == stored
    assert found.names == ("small", "large")
    assert dump(found.rendition) == dump(prepared.renditions[1])
    (warning,) = found.warnings
    assert warning.endswith("the source is smaller; it becomes 80 x 60.")


def test_what_several_formats_of_a_preset_are_not_is_said_once(sources: Any) -> None:
    several = [{"name": "a", "width": 90, "format": ["jpeg", "webp"]}, {"name": "b", "width": 99}]
    found = Previews(sources, Room(MIB)).make(REQUEST | {"presets": several}, None, "page")
    assert found.names == ("a.jpg", "a.webp", "b")
    assert [each.partition(":")[0] for each in found.warnings] == ["a", "b"]


def test_a_name_that_is_not_planned_shows_the_first(sources: Any) -> None:
    previews = Previews(sources, Room(MIB))
    assert previews.make(REQUEST, "gone", "page").rendition.name == "small"
    assert previews.make(REQUEST, None, "page").rendition.name == "small"


@pytest.mark.parametrize("versioned", [False, True])
def test_a_source_is_got_decoded_and_rendered_once(
    sources: Any, monkeypatch: pytest.MonkeyPatch, versioned: bool
) -> None:
    if versioned:
        sources.s3.put_bucket_versioning(
            Bucket="sources", VersioningConfiguration={"Status": "Enabled"}
        )
        sources.s3.put_object(Bucket="sources", Key="a/b.jpg", Body=photo(80, 60))
    got, decoded = [], []
    real_get, real_decode = sources.s3.get_object, preview.parent.decode

    def get(**given: Any) -> Any:
        got.append(given)
        return real_get(**given)

    def decode(*given: Any) -> Any:
        decoded.append(given)
        return real_decode(*given)

    monkeypatch.setattr(sources.s3, "get_object", get)
    monkeypatch.setattr(preview.parent, "decode", decode)
    rendered = Mock(wraps=preview._render)
    monkeypatch.setattr(preview, "_render", rendered)
    previews = Previews(sources, Room(MIB))
    for name in ("small", "large", "small"):
        previews.make(REQUEST, name, "page")
    assert (len(got), len(decoded), rendered.call_count) == (1, 1, 2)
    previews.make(REQUEST | {"presets": [{"name": "a", "width": 9}]}, None, "page")
    assert (len(got), len(decoded)) == (1, 2)

    sources.s3.put_object(Bucket="sources", Key="a/b.jpg", Body=photo(40, 60))
    assert previews.make(REQUEST, None, "page").rendition.width == 40
    assert len(got) == 2


def test_a_version_that_is_named_is_what_is_got(
    sources: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources.s3.put_bucket_versioning(
        Bucket="sources", VersioningConfiguration={"Status": "Enabled"}
    )
    versions = [
        sources.s3.put_object(Bucket="sources", Key="a/b.jpg", Body=photo(width, 60))["VersionId"]
        for width in (30, 40)
    ]
    previews = Previews(sources, Room(MIB))
    # Nobody has to be asked which one lies there.
    monkeypatch.setattr(sources.s3, "head_object", Mock(side_effect=AssertionError))
    for version, width in zip(versions * 2, (30, 40) * 2, strict=True):
        source = REQUEST["source"] | {"versionId": version}
        assert previews.make({"source": source}, None, "page").rendition.width == width


def test_a_picture_for_which_there_is_no_room_is_told_of(sources: Any) -> None:
    found = Previews(sources, Room(1)).make(REQUEST, "small", "page")
    assert found.made.data.startswith(b"\xff\xd8")
    assert found.warnings[-1] == f"small: {preview.TOO_LARGE}"


def test_what_an_execution_would_fail_with_is_raised(sources: Any) -> None:
    previews = Previews(sources, Room(MIB))
    previews.make(REQUEST, None, "page")
    source = REQUEST["source"]
    with pytest.raises(SourceNotFound):
        previews.make({"source": source | {"key": "none.jpg"}}, None, "page")
    with pytest.raises(SourceChanged):
        previews.make({"source": source | {"etag": "other"}}, None, "page")
    etag = sources.s3.head_object(Bucket="sources", Key="a/b.jpg")["ETag"].strip('"')
    assert previews.make({"source": source | {"etag": etag}}, None, "page").rendition.width == 60
    sources.variables["LIMIT_MAX_PIXELS"] = "4799"
    with pytest.raises(ImageTooLarge, match="4,799"):
        Previews(sources, Room(MIB)).make(REQUEST, None, "page")


def test_of_what_waits_only_the_last_that_a_page_asked_for_is_made(sources: Any) -> None:
    previews = Previews(sources, Room(MIB))
    turns: list[str] = []
    threads: list[threading.Thread] = []

    def ask(name: str, page: str, turn: int) -> None:
        try:
            with previews._turn(page, turn):
                turns.append(name)
        except Overtaken:
            turns.append(f"{name} overtaken")

    with previews._turn("first", 1):
        for name, page, turn in (("a", "one", 1), ("b", "two", 1), ("c", "one", 2)):
            threads.append(threading.Thread(target=ask, args=(name, page, turn)))
            threads[-1].start()
            until(lambda page=page, turn=turn: previews._asked.get(page) == turn or None)  # type: ignore[misc]
    for thread in threads:
        thread.join()
    assert sorted(turns) == ["a overtaken", "b", "c"]
    # What a page asked for before may come after: on another connection, or read more slowly.
    turns.clear()
    ask("late", "one", 1)
    ask("d", "one", 3)
    assert turns == ["late overtaken", "d"]


def planned(size: tuple[int, int], **preset: Any) -> Rendition:
    width, height = size
    image = ImageInfo(format="jpeg", content_type="image/jpeg", width=width, height=height, bytes=1)
    (found,) = plan("a.jpg", image, (Preset(name="a", **preset),))
    return found


@pytest.mark.parametrize(
    ("size", "preset", "said"),
    [
        ((100, 100), {"width": 100}, []),
        ((100, 100), {"width": 101},
         ["a: width 101 was asked for, but the source is smaller; it becomes 100 x 100."]),
        ((200, 100), {"width": 50, "height": 50, "fit": "cover"},
         ["a: 50 % of the picture's width is cut off."]),
        ((100, 200), {"width": 50, "height": 50, "fit": "cover"},
         ["a: 50 % of the picture's height is cut off."]),
        ((1000, 989), {"width": 500, "height": 500, "fit": "cover"},
         ["a: 1 % of the picture's width is cut off."]),
        ((200, 198), {"width": 198, "height": 198, "fit": "cover"},
         ["a: 1 % of the picture's width is cut off."]),
        ((1000, 991), {"width": 500, "height": 500, "fit": "cover"}, []),
        ((200, 100), {"width": 50, "height": 50, "fit": "contain"}, []),
    ],
)  # fmt: skip
def test_what_a_rendition_will_not_be_is_said_before(
    size: tuple[int, int], preset: dict[str, Any], said: list[str]
) -> None:
    assert list(shortcomings(planned(size, **preset), size)) == said


@pytest.mark.parametrize(
    ("seconds", "memory_mb", "said"),
    [(29.9, 1769, None), (30.0, 1769, "30 s with 1769 MB"), (29.9, 3000, None),
     (14.0, 885, None), (15.1, 885, "30 s with 885 MB")],
)  # fmt: skip
def test_time_that_will_not_do_is_said_before(
    seconds: float, memory_mb: int, said: str | None
) -> None:
    found = list(excesses("a", Needs(seconds, 9), Resize(60, memory_mb)))
    if said is None:
        assert found == []
    else:
        (warning,) = found
        assert said in warning
        assert "the function stops after 60 s" in warning


def test_memory_that_will_not_do_is_said_before() -> None:
    function = Resize(60, 512)
    assert list(excesses("a", Needs(1, 512), function)) == []
    (warning,) = excesses("a", Needs(1, 1513), function)
    assert "a: making it may take 1513 MB, and the function has 512." in warning


def test_what_it_takes_is_told() -> None:
    assert told(Needs(2.0, 1234), Resize(60, 1280)) == (
        "Resize needs about 2.8 s of its 60 s, and at most 1234 of its 1280 MB."
    )
    # With the memory of two processors, one is all that it uses.
    assert "about 2.0 s of its 60 s" in told(Needs(2.0, 1234), Resize(60, 2 * preview.VCPU_MB))


TRANSPARENT, OPAQUE = 381 * MIB, 286 * MIB
"""Mezzanines of 100 megapixels."""


@pytest.mark.parametrize(
    ("mezzanine", "size", "preset", "measured"),
    [
        # docs/imaging.md: what was measured, and the function's own libraries
        (TRANSPARENT, (16, 16), {}, 651 + 75),
        (TRANSPARENT, (100, 400), {}, 711 + 75),
        (TRANSPARENT, (2800, 2800), {"format": "webp"}, 923 + 75),
        (TRANSPARENT, (4000, 4000), {"format": "webp"}, 1063 + 75),
        (TRANSPARENT, (4000, 3125), {"format": "avif"}, 880 + 75),
        (TRANSPARENT, (5000, 5000), {"quality": 95}, 749 + 75),
        (TRANSPARENT, (4000, 2499), {"effort": "high"}, 535 + 75),
        (TRANSPARENT, (10_000, 10_000), {"quality": 100}, 1131 + 75),
        (OPAQUE, (10_000, 10_000), {"format": "png"}, 918 + 75),
        (TRANSPARENT, (10_000, 10_000), {"format": "png"}, 1156 + 75),
        (12 * MIB, (2400, 1600), {"format": "avif"}, 184),
        (81 * MIB, (1200, 800), {"format": "avif"}, 230),
        (12 * MIB, (2400, 1600), {"format": "webp"}, 119),
        (12 * MIB, (2400, 1600), {"format": "jpeg", "effort": "high"}, 125),
        (81 * MIB, (6000, 4000), {"format": "png"}, 251),
    ],
)
def test_what_is_estimated_is_as_much_as_was_measured_and_what_the_plan_allows_fits(
    mezzanine: int, size: tuple[int, int], preset: dict[str, Any], measured: int
) -> None:
    rendition = planned(size, width=size[0], height=size[1], **preset)
    found = needs(rendition, mezzanine)
    assert measured <= found.memory_mb
    assert list(excesses("a", found, Resize(60, 1280))) == []


def test_more_pixels_other_formats_and_effort_take_more() -> None:
    def of(width: int, **preset: Any) -> tuple[float, int]:
        found = needs(planned((width, 1000), width=width, **preset), 4000)
        return round(found.cpu_seconds, 2), found.memory_mb

    assert of(2000) == (0.4, 91)
    assert of(4000) == (0.8, 107)
    assert of(2000, format="avif") == (3.4, 127)
    assert of(2000, format="png") == (0.3, 91)
    assert of(2000, effort="high") == (2.6, 95)
    assert of(2000, effort="high", format="webp") == (1.3, 129)
    assert needs(planned((10_000, 10_000), width=10_000), 4000).cpu_seconds == 20
    big = planned((1000, 1000), width=1000)
    assert needs(big, 4_000_000).memory_mb == 87
    assert needs(big, 4_000_001).memory_mb == 90  # it is reduced


def test_every_rendition_is_looked_at_and_of_the_shown_one_is_told(
    sources: Any,
) -> None:
    function = {"Timeout": 60, "MemorySize": 75}
    sources.lambda_.get_function_configuration = lambda **_: function
    assert len(Previews(sources, Room(MIB)).make(REQUEST, "small", "page").warnings) == 1
    function["MemorySize"] = 74
    found = Previews(sources, Room(MIB)).make(REQUEST, "small", "page")
    short = [each for each in found.warnings if "75 MB, and the function has 74" in each]
    assert [each.partition(":")[0] for each in short] == ["small", "large"]
    assert found.needs.endswith("at most 75 of its 74 MB.")


def test_a_preview_is_answered_and_its_picture_is_there(
    client: Any, context: Any, sources: Any
) -> None:
    context.previews = Previews(sources, Room(MIB))
    body = '{"source": {"bucket": "sources", "key": "a/b.jpg"}}'
    answer = client.post("/preview?name=large&page=p", content=body, headers=OURS)
    answered = answer.json()
    assert answer.status_code == 200
    assert (answered["names"], answered["name"]) == (["small", "large"], "large")
    assert re.match("Resize needs (about|less than) [0-9]", answered["needs"])
    assert (answered["width"], answered["height"], answered["format"]) == (80, 60, "JPEG")
    assert answered["quality"] == 80
    assert [each.partition(":")[0] for each in answered["warnings"]] == ["large"]
    picture = client.get(answered["picture"])
    assert answered["bytes"] == size(len(picture.content))
    assert picture.headers["content-type"] == "image/jpeg"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert client.get("/previews/none").status_code == 404

    for body, code, said in (
        ("{", 422, "Expected JSON"),
        ('{"source": {"bucket": "elsewhere", "key": "a"}}', 422, "Expected the source bucket"),
        ('{"source": {"bucket": "a\u202eb", "key": "a"}}', 422, r'received "a\u202eb"'),
        (" " * 262_145, 413, "Expected at most 262,144 bytes"),
    ):
        answer = client.post("/preview", content=body, headers=OURS)
        assert answer.status_code == code
        assert said in answer.json()["message"]
        if code == 422:
            assert answer.json()["error"] == "InvalidRequest"
    context.previews = SimpleNamespace(make=MagicMock(side_effect=Overtaken))
    good = '{"source": {"bucket": "sources", "key": "a"}}'
    for query, asked in (
        ("", (None, "", 0)),
        ("?name=a&page=p&turn=12", ("a", "p", 12)),
        ("?turn=x", (None, "", 0)),
    ):
        answer = client.post(f"/preview{query}", content=good, headers=OURS)
        assert (answer.status_code, answer.json()) == (
            409, {"message": "Another preview was asked for."},
        )  # fmt: skip
        assert context.previews.make.call_args.args[1:] == asked


def test_presets_are_previewed_on_an_image_that_is_named(client: Any, context: Any) -> None:
    """As a re-run of it would name it: without one nothing is read."""
    context.previews = SimpleNamespace(make=MagicMock(side_effect=Overtaken))
    answer = client.post("/presets/preview", content=PRESETS, headers=OURS)
    assert answer.status_code == 422
    assert "source.key" in answer.json()["message"]
    context.previews.make.assert_not_called()
    client.post("/presets/preview?key=a/b.jpg", content=PRESETS, headers=OURS)
    given = context.previews.make.call_args.args[0]
    assert given["source"] == REQUEST["source"]
    assert [each["name"] for each in given["presets"]] == ["small", "large"]


@pytest.mark.parametrize(
    ("seconds", "took"),
    [
        (0.0, "less than 0.1 s"),
        (0.099, "less than 0.1 s"),
        (0.1, "about 0.10 s"),
        (7, "about 7.0 s"),
    ],
)
def test_what_resize_takes_is_told_as_a_figure_that_tells_something(
    seconds: float, took: str
) -> None:
    said = told(Needs(seconds, 75), Resize(60, preview.VCPU_MB))
    assert said == f"Resize needs {took} of its 60 s, and at most 75 of its 1769 MB."
