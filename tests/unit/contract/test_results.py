"""What passes between the steps."""

from __future__ import annotations

import pytest
from darkroom.contract.presets import Preset
from darkroom.contract.results import Rendition

SMALLER = "was asked for, but the source is smaller"


@pytest.mark.parametrize(
    ("fit", "asked", "made", "says"),
    [
        ("cover", (1200, 300), (418, 105), f"1200 x 300 {SMALLER}"),
        ("cover", (1200, 300), (1200, 300), None),
        ("fill", (1200, 300), (1200, 105), f"1200 x 300 {SMALLER}"),
        ("contain", (1200, 300), (1200, 300), None),
        ("inside", (1200, 300), (1000, 300), None),
        ("inside", (1200, 300), (1200, 120), None),
        ("inside", (1200, 300), (418, 280), f"1200 x 300 {SMALLER}"),
        ("inside", (1200, None), (1199, 300), f"width 1200 {SMALLER}"),
        ("inside", (1200, None), (1200, 300), None),
        ("cover", (None, 300), (400, 299), f"height 300 {SMALLER}"),
        ("cover", (None, 300), (400, 300), None),
    ],
)
def test_a_rendition_says_what_it_could_not_be(
    fit: str, asked: tuple[int | None, int | None], made: tuple[int, int], says: str | None
) -> None:
    preset = Preset(name="wide", width=asked[0], height=asked[1], fit=fit)  # type: ignore[arg-type]
    rendition = Rendition("wide", "k", *made, format="jpeg", preset=preset)

    assert rendition.shortfall == says
