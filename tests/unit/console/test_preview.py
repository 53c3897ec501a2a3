"""What a re-run would make: planned, warned of, and made one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

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
from darkroom_ops.console.preview import Overtaken, Previews, Resize, shortcomings, too_slow
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


def test_a_name_that_is_not_planned_shows_the_first(sources: Any) -> None:
    previews = Previews(sources, Room(MIB))
    assert previews.make(REQUEST, "gone", "page").rendition.name == "small"
    assert previews.make(REQUEST, None, "page").rendition.name == "small"


def test_a_source_is_got_and_decoded_once(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    got, decoded = [], []
    real_get, real_decode = sources.s3.get_object, preview.parent.decode
    sources.s3.get_object = lambda **given: got.append(given) or real_get(**given)  # type: ignore[func-returns-value]

    def decode(*given: Any) -> Any:
        decoded.append(given)
        return real_decode(*given)

    monkeypatch.setattr(preview.parent, "decode", decode)
    previews = Previews(sources, Room(MIB))
    for name in ("small", "large", "small"):
        previews.make(REQUEST, name, "page")
    assert (len(got), len(decoded)) == (1, 1)
    previews.make(REQUEST | {"presets": [{"name": "a", "width": 9}]}, None, "page")
    assert (len(got), len(decoded)) == (1, 2)

    sources.s3.put_object(Bucket="sources", Key="a/b.jpg", Body=photo(40, 60))
    assert previews.make(REQUEST, None, "page").rendition.width == 40
    assert len(got) == 2


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

    def ask(name: str, page: str) -> None:
        try:
            with previews._turn(page):
                turns.append(name)
        except Overtaken:
            turns.append(f"{name} overtaken")

    with previews._turn("first"):
        for name, page in (("a", "one"), ("b", "two"), ("c", "one")):
            before = previews._asked.get(page)
            threads.append(threading.Thread(target=ask, args=(name, page)))
            threads[-1].start()
            until(lambda page=page, before=before: previews._asked.get(page) != before or None)  # type: ignore[misc]
    for thread in threads:
        thread.join()
    assert sorted(turns) == ["a overtaken", "b", "c"]


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
    [(29.9, 1769, None), (30.0, 1769, "30 s with 1,769 MB"), (29.9, 3000, None),
     (14.0, 885, None), (15.1, 885, "30 s with 885 MB")],
)  # fmt: skip
def test_time_that_will_not_do_is_said_before(
    seconds: float, memory_mb: int, said: str | None
) -> None:
    found = too_slow(planned((9, 9), width=9), seconds, Resize(60, memory_mb))
    if said is None:
        assert found is None
    else:
        assert found is not None
        assert said in found
        assert "the function stops after 60 s" in found


def test_a_preview_is_answered_and_its_picture_is_there(
    client: Any, context: Any, sources: Any
) -> None:
    context.previews = Previews(sources, Room(MIB))
    body = '{"source": {"bucket": "sources", "key": "a/b.jpg"}}'
    answer = client.post("/preview?name=large&page=p", content=body, headers=OURS)
    told = answer.json()
    assert answer.status_code == 200
    assert (told["names"], told["name"]) == (["small", "large"], "large")
    assert (told["width"], told["height"], told["format"]) == (80, 60, "JPEG")
    picture = client.get(told["picture"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert client.get("/previews/none").status_code == 404

    for body, code, said in (
        ("{", 422, "Expected JSON"),
        ('{"source": {"bucket": "elsewhere", "key": "a"}}', 422, "Expected the source bucket"),
        (" " * 262_145, 413, "Expected at most 262,144 bytes"),
    ):
        answer = client.post("/preview", content=body, headers=OURS)
        assert answer.status_code == code
        assert said in answer.json()["message"]
    context.previews = SimpleNamespace(make=MagicMock(side_effect=Overtaken))
    good = '{"source": {"bucket": "sources", "key": "a"}}'
    assert client.post("/preview", content=good, headers=OURS).status_code == 409
