"""What an execution has made, and what browsers may be shown."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from darkroom.contract.errors import CorruptImage
from darkroom.contract.limits import MIB
from darkroom.contract.model import dump
from darkroom.contract.presets import FocalPoint, Preset
from darkroom.contract.results import ImageInfo
from darkroom.image.geometry import place
from darkroom.image.plan import plan
from PIL import Image

from darkroom_ops.cache import Room
from darkroom_ops.console import pictures
from darkroom_ops.console.pictures import (
    NoPicture,
    Picture,
    Pictures,
    as_viewed,
    drawable,
    drawn,
    format_name,
    in_full,
    longest_side,
    of_source,
    places,
    shown,
    viewed,
)
from darkroom_ops.console.tiles import Undecodable
from darkroom_ops.executions.history import StateRun
from darkroom_ops.executions.model import Made
from tests.support.images import encoded, picture
from tests.unit.console.conftest import passage
from tests.unit.recorded import partly, recorded


def test_pictures_are_known_from_the_states_before_the_execution_ends() -> None:
    found = shown(recorded("complete"))
    assert [made.name for made in found.renditions] == ["small", "medium", "large"]
    assert found.document is not None
    assert found.expected == ()
    made = (*found.renditions, found.document)
    assert all(len(each.sha256) == 64 for each in made)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encoded(picture(8, 8)), "image/jpeg"),
        (encoded(picture(8, 8), "PNG"), "image/png"),
        (encoded(picture(8, 8), "WEBP"), "image/webp"),
        (encoded(picture(8, 8), "AVIF"), "image/avif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", None),
        (b"<!doctype html><script>alert(1)</script>", None),
        (b"", None),
    ],
)
def test_only_pictures_are_drawable(data: bytes, kind: str | None) -> None:
    assert drawable(data) == kind


@pytest.mark.parametrize(
    ("source", "preset", "size"),
    [
        ((4000, 3000), {"width": 300}, (4000, 3000)),
        ((4000, 3000), {"width": 300, "height": 300, "fit": "cover"}, (3000, 3000)),
        ((4000, 3000), {"width": 400, "height": 100, "fit": "cover"}, (4000, 1000)),
        ((400, 300), {"width": 100, "height": 100, "fit": "cover"}, (300, 300)),
        ((401, 301), {"width": 100}, (401, 301)),
        ((40, 30), {"width": 80, "height": 80, "fit": "contain"}, (80, 80)),
        ((4000, 3000), {"width": 400, "height": 400, "fit": "contain"}, (4000, 4000)),
        ((4000, 3000), {"width": 400, "height": 400, "fit": "fill"}, (4000, 3000)),
        ((40, 30), {"width": 400, "enlarge": True}, (40, 30)),
        ((1, 30), {"width": 300, "height": 3, "fit": "cover", "enlarge": True}, (1, 1)),
    ],
)
def test_what_a_rendition_shows_is_shown_with_the_pixels_of_the_source(
    source: tuple[int, int], preset: dict[str, Any], size: tuple[int, int]
) -> None:
    found = in_full(source, Preset(name="a", **preset))
    assert place(source, found).canvas == size
    assert (found.watermark, found.enlarge) == (None, False)


def test_the_crop_and_the_background_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    point = FocalPoint(x=0.1, y=0.2)
    asked = Preset(
        name="a", width=9, height=9, fit="cover", position=point, background="#123456", quality=5
    )
    found = in_full((90, 30), asked)
    assert (found.position, found.background, found.quality) == (point, "#123456", 90)
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 100)
    reduced = as_viewed(in_full((40, 10), Preset(name="a", width=9)))
    assert place((40, 10), reduced).canvas == (20, 5)


def test_more_of_the_source_than_is_viewed_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    done = recorded("complete")
    image = ImageInfo(
        format="jpeg", content_type="image/jpeg", width=640, height=427, bytes=112_525
    )
    square = Preset(name="square", width=40, height=40, fit="cover")
    renditions = [dump(each) for each in plan("a.jpg", image, (square,))]
    planned = {"image": dump(image), "renditions": renditions}
    states = [
        dataclasses.replace(run, output=json.dumps(planned)) if run.name == "Prepare" else run
        for run in done.states
    ]
    done = dataclasses.replace(done, states=tuple(states))
    assert of_source(done, "square") == (427, 427)
    assert of_source(done, "none") is None
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 100)
    assert viewed((10, 10)) == (10, 10)
    assert viewed((20, 20)) == (10, 10)
    assert viewed((5, 5)) == (5, 5)
    assert viewed((1000, 1)) == (316, 1)
    monkeypatch.undo()
    assert viewed((16_383, 10)) == (16_383, 10)
    assert viewed((30_000, 400)) == (16_383, 218)  # no preset asks for more
    assert viewed((4000, 4000)) == (4000, 4000)
    assert viewed((4000, 4001)) == (3999, 4000)


def state(state_name: str, **output: object) -> StateRun:
    return passage(1, state_name, output=json.dumps(output))


PLANNED = {"image": {"format": "png", "width": 6, "height": 4, "bytes": 9},
           "renditions": [{"name": "b"}, {"name": "a"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("made", "names", "document", "expected"),
    [
        ([], [], False, ["b", "a", "PDF"]),
        (["a"], ["a"], False, ["b", "PDF"]),
        (["a", "x", "b"], ["b", "a", "x"], False, ["PDF"]),
        (["document"], [], True, ["b", "a"]),
        (["a", "document", "b"], ["b", "a"], True, []),
    ],
)
def test_what_is_made_is_in_the_order_of_the_plan_and_what_is_still_to_come(
    made: list[str], names: list[str], document: bool, expected: list[str]
) -> None:
    outputs = [
        state("Resize", name=name, bucket="b", key=name, bytes=1, sha256="1") for name in made
    ]
    outputs.append(state("Resize", name="unfinished", bucket="b", key="k", bytes=1))
    execution = dataclasses.replace(
        partly("complete", 1), states=(state("Prepare", **PLANNED), *outputs)
    )

    found = shown(execution)

    assert [each.name for each in found.renditions] == names
    assert (found.document is not None, list(found.expected)) == (document, expected)
    assert [found.find(name) is not None for name in [*made, "none"]] == [
        *[True] * len(made),
        False,
    ]
    assert found.image is not None
    assert (found.image.width, found.image.height) == (6, 4)
    assert shown(dataclasses.replace(execution, status="ABORTED")).expected == ()


def test_who_plans_nothing_makes_nothing() -> None:
    for states in ((), (state("Prepare", renditions=None),), (state("Other", **PLANNED),)):
        found = shown(dataclasses.replace(partly("complete", 1), states=states))
        assert found == pictures.Outputs(None, (), None, ())


def made(width: int, height: int) -> Made:
    return Made("a", "b", "c", 1, width=width, height=height)


@pytest.mark.parametrize(
    ("sizes", "ratio", "widths"),
    [
        ([(300, 200), (600, 400), (1200, 800)], 1, [25, 50, 100]),
        ([(300, 1200), (30, 20)], 1, [25, 2.5]),  # the higher one is as high as a square frame
        ([(300, 200), (200, 400)], 1.5, [50, 33.33]),  # 400 are as high as 600 are wide
        ([(80, 60)], 1, [50]),  # none is enlarged
        ([(160, 9), (161, 9)], 1, [99.38, 100]),
    ],
)
def test_renditions_are_drawn_to_one_scale(
    sizes: list[tuple[int, int]], ratio: float, widths: list[float]
) -> None:
    renditions = [made(*size) for size in sizes]
    longest = longest_side(renditions, ratio=ratio)
    assert [drawn(each, longest) for each in renditions] == widths
    assert longest_side([]) == 160
    assert (longest_side([Made("a", "b", "c", 1)]), drawn(Made("a", "b", "c", 1), 160)) == (160, 0)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("jpeg", "JPEG"), ("image/jpeg", "JPEG"), ("webp", "WebP"), ("image/webp", "WebP"),
     ("image/avif", "AVIF"), ("svg", "SVG"), ("application/pdf", "application/pdf"), ("", "")],
)  # fmt: skip
def test_formats_are_called_as_people_call_them(kind: str, name: str) -> None:
    assert format_name(kind) == name


# ---------------------------------------------------------------------------- what is loaded


class Loaded:
    """Pictures of an execution, from a bucket that is a mapping."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **outputs: bytes) -> None:
        self.reads: list[str] = []
        self.bucket = {f"a.jpg/{name}.any": data for name, data in outputs.items()}
        made = {name: self.made(name, data) for name, data in outputs.items()}
        document = made.pop("document", None)
        self.outputs = pictures.Outputs(None, tuple(made.values()), document, ())
        monkeypatch.setattr(pictures, "shown", lambda _: self.outputs)
        at: Any = SimpleNamespace(s3=SimpleNamespace(get_object=self._get))
        self.pictures = Pictures(at, Room(MIB))
        self.execution = recorded("complete")

    @staticmethod
    def made(name: str, data: bytes) -> Made:
        sha256 = hashlib.sha256(data).hexdigest()
        return Made(name, "outputs", f"a.jpg/{name}.any", len(data), sha256=sha256)

    def _get(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803 - boto3's
        assert Bucket == "outputs"
        self.reads.append(Key)
        found = self.bucket.get(Key)
        if not isinstance(found, bytes):
            raise ClientError({"Error": {"Code": str(found or "NoSuchKey")}}, "GetObject")
        return {"Body": io.BytesIO(found)}

    def why(self, name: str) -> str:
        with pytest.raises(NoPicture) as none:
            self.pictures.output(self.execution, name)
        return str(none.value)


JPEG, LARGER = encoded(picture(8, 8)), encoded(picture(80, 80), "PNG")


def test_an_output_is_what_lies_there_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(monkeypatch, small=JPEG, large=LARGER, document=b"%PDF-1.7", odd=b"%PDF-1.7")
    for _ in range(2):
        found = loaded.pictures.output(loaded.execution, "small")
        assert (found.data, found.content_type) == (JPEG, "image/jpeg")
    assert loaded.reads == ["a.jpg/small.any"]
    assert loaded.pictures.output(loaded.execution, "document").content_type == "application/pdf"
    assert loaded.why("odd") == "a.jpg/odd.any is not a picture that browsers draw."
    assert loaded.why("none") == "This execution has made no 'none'."


def test_what_is_not_as_it_was_made_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(monkeypatch, small=JPEG, large=LARGER, medium=JPEG + b"1")
    loaded.bucket["a.jpg/small.any"] = LARGER
    del loaded.bucket["a.jpg/large.any"]
    assert loaded.why("small") == "A later run has replaced it."
    assert loaded.why("large") == "It is no longer stored."
    loaded.bucket["a.jpg/large.any"] = "NoSuchBucket"  # type: ignore[assignment]
    assert loaded.why("large") == "It is no longer stored."
    loaded.bucket["a.jpg/medium.any"] = "SlowDown"  # type: ignore[assignment]
    with pytest.raises(ClientError, match="SlowDown"):
        loaded.pictures.output(loaded.execution, "medium")


@pytest.mark.parametrize(("size", "shown"), [(100 * MIB, True), (100 * MIB + 1, False)])
def test_what_is_too_large_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, size: int, shown: bool
) -> None:
    loaded = Loaded(monkeypatch, small=JPEG)
    (made,) = loaded.outputs.renditions
    told = dataclasses.replace(made, bytes=size)
    loaded.outputs = dataclasses.replace(loaded.outputs, renditions=(told,))
    if shown:
        assert loaded.pictures.output(loaded.execution, "small").data == JPEG
    else:
        assert loaded.why("small") == "a.jpg/small.any is larger than the console shows."
        assert loaded.reads == []


def test_every_output_is_had_or_said_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(monkeypatch, document=b"%PDF-1.7", small=JPEG, large=LARGER)
    del loaded.bucket["a.jpg/large.any"]
    small, large, document = loaded.pictures.every(loaded.execution)
    assert (small, document) == (("small.any", JPEG), ("document.any", b"%PDF-1.7"))
    assert (large[0], str(large[1])) == ("large.any", "It is no longer stored.")
    loaded.outputs = dataclasses.replace(loaded.outputs, document=None)
    assert [name for name, _ in loaded.pictures.every(loaded.execution)] == [
        "small.any", "large.any",
    ]  # fmt: skip


def test_a_thumbnail_is_the_rendition_of_fewest_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(monkeypatch, large=LARGER, small=JPEG, medium=LARGER + b" ")
    smallest = min((JPEG, LARGER), key=len)
    assert loaded.pictures.thumbnail(loaded.execution).data == smallest
    loaded.outputs = dataclasses.replace(loaded.outputs, renditions=())
    with pytest.raises(NoPicture, match=r"^This execution has made no rendition\.$"):
        loaded.pictures.thumbnail(loaded.execution)


def test_a_document_s_first_page_is_a_picture_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    picture(300, 200).save(out, "PDF", save_all=True, append_images=[picture(50, 200)])
    loaded = Loaded(monkeypatch, document=out.getvalue())
    page = loaded.pictures.page(loaded.execution)
    assert page.content_type == "image/png"
    with Image.open(io.BytesIO(page.data)) as seen:
        assert (seen.format, seen.size) == ("PNG", (1500, 1000))


def test_where_things_lie() -> None:
    done = recorded("complete")
    found = dict(places(done))
    source, backup = done.source, done.backup
    assert source is not None
    assert backup is not None
    first = shown(done).renditions[0]
    assert found == {
        "Source": f"s3://{source.bucket}/{source.key}",
        "Outputs": f"s3://{first.bucket}/{first.key.rpartition('/')[0]}/",
        "Backup": f"s3://{backup.bucket}/{backup.key}",
    }
    assert list(found) == ["Source", "Outputs", "Backup"]


def test_who_names_no_image_has_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(monkeypatch)
    nothing = dataclasses.replace(loaded.execution, source=None)
    with pytest.raises(NoPicture, match=r"^The input names no image\.$"):
        loaded.pictures.source(nothing)


# ---------------------------------------------------------------------------- what is drawn anew


class Drawn:
    """Pictures of an execution whose plan has a square; it remembers what they are made of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rendered: list[tuple[bytes, Preset]] = []
        self.cut: list[Any] = []
        self.tile: Any = b"tile"
        monkeypatch.setattr(pictures, "_rendered", self._rendered)
        self.pictures = Pictures(SimpleNamespace(s3=None), Room(MIB))  # type: ignore[arg-type]
        monkeypatch.setattr(self.pictures, "_stored", lambda source: JPEG + source.key.encode())
        monkeypatch.setattr(self.pictures, "_tiles", SimpleNamespace(cut=self._cut))
        monkeypatch.setattr(self.pictures, "_read", lambda made: LARGER + made.name.encode())
        square = Preset(name="my-square", width=40, height=40, fit="cover", position="left")
        image = ImageInfo(format="jpeg", content_type="image/jpeg", width=64, height=42, bytes=9)
        self.execution = planning(image, square)

    def _rendered(self, data: bytes, preset: Preset) -> Picture:
        self.rendered.append((data, preset))
        return Picture(b"drawn", "image/webp")

    def _cut(self, key: Any, read: Any, large: Any, corner: tuple[int, int]) -> Any:
        self.cut.append((key, read(), large, corner))
        if isinstance(self.tile, Exception):
            raise self.tile
        return self.tile


def planning(image: ImageInfo, /, *presets: Preset, **more: Any) -> Any:
    """Return an execution whose Prepare planned these."""
    done = recorded("complete")
    output = {
        "image": dump(image),
        "renditions": [dump(each) for each in plan("a.jpg", image, presets)],
    } | more
    states = [
        dataclasses.replace(run, output=json.dumps(output)) if run.name == "Prepare" else run
        for run in done.states
    ]
    return dataclasses.replace(done, states=tuple(states), image=None)


@pytest.fixture
def drawn_anew(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    return Drawn(monkeypatch)


def elsewhere(execution: Any) -> Any:
    return dataclasses.replace(
        execution, source=msgspec.structs.replace(execution.source, key="other.jpg")
    )


def test_a_source_is_drawn_once_and_no_larger_than_a_screen(drawn_anew: Drawn) -> None:
    for execution in (drawn_anew.execution, drawn_anew.execution, elsewhere(drawn_anew.execution)):
        assert drawn_anew.pictures.source(execution).data == b"drawn"

    first, second = drawn_anew.rendered
    assert (first[0], second[0]) == (JPEG + b"uploads/rocket.jpg", JPEG + b"other.jpg")
    preset = first[1]
    assert (preset.width, preset.height, preset.fit, preset.quality) == (1600, 1600, "inside", 85)


def test_what_a_rendition_shows_of_the_source_is_drawn_once_with_its_pixels(
    drawn_anew: Drawn,
) -> None:
    for execution in (drawn_anew.execution, drawn_anew.execution, elsewhere(drawn_anew.execution)):
        assert drawn_anew.pictures.beside(execution, "my-square").data == b"drawn"

    first, second = drawn_anew.rendered
    assert (first[0], second[0]) == (JPEG + b"uploads/rocket.jpg", JPEG + b"other.jpg")
    preset = first[1]
    assert (preset.width, preset.height, preset.fit, preset.position) == (42, 42, "cover", "left")
    assert (preset.format, preset.quality) == ("webp", 90)  # never the source's own
    with pytest.raises(NoPicture, match=r"^This execution has planned no 'none'\.$"):
        drawn_anew.pictures.beside(drawn_anew.execution, "none")


def test_of_what_nobody_knows_the_size_nothing_is_shown(drawn_anew: Drawn) -> None:
    image = ImageInfo(format="jpeg", content_type="image/jpeg", width=64, height=42, bytes=9)
    sizeless = planning(image, Preset(name="a", width=9), image=None)
    assert list(pictures.planned(sizeless)) == ["a"]
    assert of_source(sizeless, "a") is None
    with pytest.raises(NoPicture, match=r"^This execution has planned no 'a'\.$"):
        drawn_anew.pictures.beside(sizeless, "a")


def test_a_rendition_is_reduced_to_what_is_viewed(
    drawn_anew: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 150 * 100)
    monkeypatch.setattr(
        drawn_anew.pictures, "output", lambda _, name: Picture(LARGER, f"image/{name}")
    )
    for name in ("small", "small", "medium"):
        assert drawn_anew.pictures.reduced(drawn_anew.execution, name).data == b"drawn"

    small, medium = drawn_anew.rendered
    assert (small[0], small[1].width, small[1].height) == (LARGER, 150, 100)
    assert (medium[0], medium[1].width, medium[1].height) == (LARGER, 150, 100)
    with pytest.raises(NoPicture, match=r"^This execution has made no rendition 'document'\.$"):
        drawn_anew.pictures.reduced(drawn_anew.execution, "document")


@pytest.mark.parametrize(
    ("data", "format_"),
    [(JPEG, "webp"), (encoded(picture(8, 8), "WEBP"), "png"), (LARGER, "auto")],
)
def test_the_source_s_own_format_is_never_sent(
    drawn_anew: Drawn, data: bytes, format_: str
) -> None:
    pictures._reduced(data, Preset(name="a", width=9))
    assert drawn_anew.rendered == [(data, Preset(name="a", width=9, format=format_))]


def test_a_tile_is_cut_of_a_rendition_or_of_what_it_shows(
    drawn_anew: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn_anew.pictures, "output", lambda *_: Picture(LARGER, "image/png"))
    execution = drawn_anew.execution
    for which in ("source-my-square", "output-small"):
        found = drawn_anew.pictures.tile(execution, which, (1, 2))
        assert (found.data, found.content_type) == (b"tile", "image/png")
    drawn_anew.pictures.tile(elsewhere(execution), "source-my-square", (1, 2))

    source, output, other = drawn_anew.cut
    assert source[1] == JPEG + b"uploads/rocket.jpg"
    assert (source[2].size, source[3]) == ((64, 42), (1, 2))
    assert (source[2].shown.width, source[2].shown.height) == (42, 42)
    assert source[0][0].key == "uploads/rocket.jpg"
    assert source[0][1] == "left"  # which of several crops is one picture
    assert other[0] != source[0]
    small = shown(execution).find("small")
    assert small is not None
    assert output[0] == small.sha256
    assert (output[1], output[2].size) == (LARGER, (300, 200))
    assert (output[2].shown.width, output[2].shown.height) == (300, 200)

    for told, said in (
        (None, "The picture ends before this tile."),
        (Undecodable("It is cut off."), "It is cut off."),
        (CorruptImage("It is broken."), "It is broken."),
    ):
        drawn_anew.tile = told
        with pytest.raises(NoPicture) as none:
            drawn_anew.pictures.tile(execution, "output-small", (1, 2))
        assert str(none.value) == said


@pytest.mark.parametrize(
    ("given", "used", "etag"),
    [
        ("given", {"etag": "used"}, "given"),
        (None, {"etag": "used"}, "used"),
        (None, {}, None),
        (None, "nonsense", None),
    ],
)
def test_the_source_is_the_version_that_was_read(
    given: str | None, used: object, etag: str | None
) -> None:
    image = ImageInfo(format="jpeg", content_type="image/jpeg", width=64, height=42, bytes=9)
    execution = planning(image, source=used)
    at = msgspec.structs.replace(execution.source, etag=given, version_id="v1")
    found = pictures._source_of(dataclasses.replace(execution, source=at))
    assert (found.bucket, found.key) == (at.bucket, at.key)
    assert (found.version_id, found.etag) == ("v1", etag)


def test_a_plan_that_another_version_made_is_none() -> None:
    image = ImageInfo(format="jpeg", content_type="image/jpeg", width=64, height=42, bytes=9)
    good = planning(image, Preset(name="a", width=9), Preset(name="b", width=9))
    assert list(pictures.planned(good)) == ["a", "b"]
    assert pictures.planned(planning(image, renditions=[{"name": "a"}])) == {}
    assert pictures.planned(planning(image, renditions=None)) == {}
    assert pictures.planned(dataclasses.replace(good, states=())) == {}


def test_what_has_no_size_is_a_pixel() -> None:
    assert pictures.size_of(Made("a", "b", "c", 1)) == (1, 1)
    assert pictures.size_of(Made("a", "b", "c", 1, width=2, height=3)) == (2, 3)
    for given, size in (({"width": 9}, (9, 1)), ({"height": 9}, (1, 9))):
        found = as_viewed(Preset("a", **given))
        assert (found.width, found.height) == size
