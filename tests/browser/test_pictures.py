"""The pictures of an execution, as they are drawn."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import WIDTHS, expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline, Run

PRESETS = [
    {"name": "small", "width": 40},
    {"name": "medium", "width": 80, "format": "webp"},
    {"name": "tall", "width": 40, "height": 320, "fit": "fill", "enlarge": True},
]


@pytest.fixture(scope="module")
def scaled(deployed: Pipeline) -> Run:
    return deployed.start_manual(photo(200, 160), "scaled.jpg", presets=PRESETS)


def drawn(page: Any, selector: str) -> list[tuple[int, int]]:
    """Return how large pictures are drawn, once they are there."""
    images = page.locator(selector)
    images.evaluate_all("all => Promise.all(all.map(i => i.decode()))")
    found = images.evaluate_all(
        "all => all.map(i => { const b = i.getBoundingClientRect(); return [b.width, b.height]; })"
    )
    return [(round(width), round(height)) for width, height in found]


def test_renditions_are_drawn_to_one_scale_that_fits_their_frames(page: Any, scaled: Run) -> None:
    page.goto(f"/executions/{scaled.name}")
    prints = ".prints figure:not(.paper)"
    expect(page.locator(prints)).to_have_count(3)
    small, medium, tall = drawn(page, f"{prints} img")
    assert small[0] == pytest.approx(medium[0] / 2, abs=1)
    assert small[0] == pytest.approx(tall[0], abs=1)
    assert tall[1] == pytest.approx(10 * small[1], rel=0.1)
    frame = page.locator(f"{prints} .frame").last.bounding_box()
    assert tall[1] <= frame["height"]
    expect(page.locator(prints).nth(1)).to_contain_text("WebP")
    expect(page.locator(".all")).to_contain_text("drawn to one scale")


def test_names_stand_in_one_line_whatever_is_said_below(page: Any, deployed: Pipeline) -> None:
    presets = [{"name": "small", "width": 40}, {"name": "wide", "width": 9000}]
    run = deployed.start_manual(photo(200, 160), "named.jpg", presets=presets)
    page.goto(f"/executions/{run.name}")
    expect(page.locator(".prints .note")).to_contain_text("the source is smaller")
    expect(page.locator(".prints figure")).to_have_count(3)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        figures = page.locator(".prints figure").evaluate_all(
            "all => all.map(f => [f.querySelector('b').offsetTop - f.offsetTop,"
            " f.scrollWidth - f.clientWidth])"
        )
        assert figures == [figures[0]] * 3, width
        assert figures[0][1] == 0, width  # nothing is cut off


def test_two_executions_are_drawn_to_one_scale(page: Any, scaled: Run) -> None:
    page.goto(f"/compare?one={scaled.name}&other={scaled.name}")
    left_small, right_small, left_medium, *_ = drawn(page, ".sides .frame:not(.paper) img")
    assert left_small == right_small
    assert left_small[0] == pytest.approx(left_medium[0] / 2, abs=1)


def test_a_phone_says_that_the_graph_goes_on_beside_its_card(phone: Any, scaled: Run) -> None:
    phone.goto(f"/executions/{scaled.name}")
    graph, hint = phone.locator("#graph"), phone.locator(".sideways")
    phone.locator("#graph svg").wait_for()
    expect(graph).to_contain_class("more-left more-right")
    expect(hint).to_be_visible()
    graph.evaluate("g => { g.scrollLeft = 0; }")
    expect(graph).not_to_contain_class("more-left")
    expect(graph).to_contain_class("more-right")
    graph.evaluate("g => { g.scrollLeft = g.scrollWidth; }")
    expect(graph).to_contain_class("more-left")
    expect(graph).not_to_contain_class("more-right")
    phone.get_by_role("button", name="Fit").click()
    expect(graph).not_to_contain_class("more-left")
    expect(hint).to_be_hidden()


def test_keys_are_told_where_there_is_a_keyboard(page: Any, phone: Any, scaled: Run) -> None:
    address = f"/executions/{scaled.name}/view/small"
    page.goto(address)
    expect(page.locator(".viewer .keys")).to_be_visible()
    phone.goto(address)
    expect(phone.locator("[data-said]")).to_contain_text("source at")
    expect(phone.locator(".viewer .keys")).to_be_hidden()
