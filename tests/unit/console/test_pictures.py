"""What an execution has made, and what browsers may be shown."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from darkroom.contract.model import dump
from darkroom.contract.presets import FocalPoint, Preset
from darkroom.contract.results import ImageInfo
from darkroom.image.geometry import place
from darkroom.image.plan import plan

from darkroom_ops.console import pictures
from darkroom_ops.console.pictures import (
    as_viewed,
    drawable,
    drawn,
    format_name,
    in_full,
    longest_side,
    of_source,
    shown,
    viewed,
)
from darkroom_ops.executions.model import Made
from tests.support.images import encoded, picture
from tests.unit.recorded import recorded


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
    assert viewed((1000, 1)) == (316, 1)
    monkeypatch.undo()
    assert viewed((16_383, 10)) == (16_383, 10)
    assert viewed((30_000, 400)) == (16_383, 218)  # no preset asks for more


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


@pytest.mark.parametrize(
    ("kind", "name"),
    [("jpeg", "JPEG"), ("image/jpeg", "JPEG"), ("webp", "WebP"), ("image/webp", "WebP"),
     ("image/avif", "AVIF"), ("svg", "SVG"), ("application/pdf", "application/pdf"), ("", "")],
)  # fmt: skip
def test_formats_are_called_as_people_call_them(kind: str, name: str) -> None:
    assert format_name(kind) == name
