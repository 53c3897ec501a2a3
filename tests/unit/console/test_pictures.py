"""What an execution has made, and what browsers may be shown."""

from __future__ import annotations

from typing import Any

import pytest
from darkroom.contract.presets import FocalPoint, Preset
from darkroom.image.geometry import place

from darkroom_ops.console import pictures
from darkroom_ops.console.pictures import drawable, in_full, shown
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
    assert place((40, 10), in_full((40, 10), Preset(name="a", width=9))).canvas == (20, 5)
