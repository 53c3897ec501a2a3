"""The graph of the state machine, in Chromium: its size, and states that were not entered."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import WIDTHS, expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline, Run


@pytest.fixture(scope="module")
def drawn(deployed: Pipeline) -> Run:
    return deployed.upload(photo(64, 64), "drawn.jpg")


def width(page: Any) -> float:
    found: float = page.locator("#graph svg").evaluate("s => s.getBoundingClientRect().width")
    return found


def test_it_is_made_larger_and_smaller_and_fits_again(page: Any, drawn: Run) -> None:
    page.goto(f"/executions/{drawn.name}")
    page.locator("#graph svg").wait_for()
    fitting = width(page)
    page.get_by_role("button", name="Larger").click()
    expect(page.locator("#graph svg")).to_have_class("zoomed")
    assert width(page) > fitting
    for _ in range(9):  # there is a smallest size
        page.get_by_role("button", name="Smaller").click()
    assert 0 < width(page) < fitting
    page.get_by_role("button", name="Fit").click()
    expect(page.locator("#graph svg")).not_to_have_class("zoomed")
    assert width(page) == fitting


def test_a_phone_shows_it_in_a_size_that_can_be_read(phone: Any, drawn: Run) -> None:
    phone.goto(f"/executions/{drawn.name}")
    text = phone.locator(".node[data-name=Prepare] text").first
    text.wait_for()
    assert text.evaluate("t => t.getBoundingClientRect().height") >= 12


def test_times_of_attempts_are_in_one_line_on_a_phone(phone: Any, drawn: Run) -> None:
    phone.goto(f"/executions/{drawn.name}")
    calls = phone.locator(".attempts td:nth-child(n + 3)")
    expect(calls.last).to_have_text("succeeded")
    heights = calls.evaluate_all(
        "all => all.map(cell => (r => (r.selectNode(cell.firstChild), r.getClientRects().length))"
        "(document.createRange()))"
    )
    assert set(heights) == {1}


def test_pictures_are_in_one_row(page: Any, drawn: Run) -> None:
    page.goto(f"/executions/{drawn.name}")
    prints = page.locator(".prints > *")
    expect(prints).to_have_count(4)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        tops = prints.evaluate_all("all => all.map(each => each.offsetTop)")
        assert len(set(tops)) == 1, width


def test_a_state_that_was_not_entered_shows_its_definition(page: Any, drawn: Run) -> None:
    page.goto(f"/executions/{drawn.name}")
    page.locator(".node[data-name=ImageFailed]").click()
    panel = page.locator("#state")
    expect(panel.locator("h2")).to_have_text("ImageFailed")
    expect(panel).to_contain_text("not entered")
    expect(page.locator(".node.chosen")).to_have_count(0)
    page.locator(".node[data-name=Prepare]").click()
    expect(panel.locator("h2")).to_have_text("Prepare")
    expect(page).to_have_url(re.compile("state="))
    page.route("**/definitions/*", lambda route: route.fulfill(status=404, body="{}"))
    with page.expect_response(re.compile("/definitions/")):
        page.locator(".node[data-name=ImageFailed]").click()
    expect(panel.locator("h2")).to_have_text("Prepare")
    expect(page.locator("[data-toast]")).to_contain_text("could not be read")
    expect(panel).not_to_have_attribute("aria-busy", "true")
    page.unroute("**/definitions/*")
    page.route("**/definitions/*", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.locator(".node[data-name=ImageFailed]").click()
    expect(panel.locator("h2")).to_have_text("Prepare")


def begin_at(page: Any, run: Run, state: str) -> None:
    """Have a page show a state. By itself it shows the one that took longest, which may be any."""
    page.goto(f"/executions/{run.name}")
    page.locator(f".node[data-name={state}]").click()
    expect(page.locator("#state h2")).to_have_text(state)
    expect(page).to_have_url(re.compile("state="))


def hold(page: Any, address: re.Pattern[str]) -> list[Any]:
    """Hold answers back; return a list that gets what was asked."""
    held: list[Any] = []
    page.route(address, lambda route: held.append(route))  # noqa: PLW0108 - Playwright wants a function
    return held


def reached(page: Any, held: list[Any], number: int) -> None:
    while len(held) < number:
        page.wait_for_timeout(5)


def test_what_is_awaited_is_shown_where_it_was_asked_for(page: Any, drawn: Run) -> None:
    begin_at(page, drawn, "MakePdf")
    panel, node = page.locator("#state"), page.locator(".node[data-name=ClaimImage]")
    held = hold(page, re.compile("/states/[0-9]+$"))
    node.click()
    reached(page, held, 1)
    expect(panel).to_have_attribute("aria-busy", "true")
    expect(node).to_contain_class("opening")
    expect(panel.locator("h2")).to_have_text("MakePdf")
    prepare = page.locator(".timeline a", has_text="Prepare")
    prepare.click()
    reached(page, held, 2)
    expect(prepare).to_contain_class("opening")
    held[0].continue_()  # another state is awaited by now
    expect(node).not_to_contain_class("opening")
    expect(panel).to_have_attribute("aria-busy", "true")
    held[1].continue_()
    expect(panel.locator("h2")).to_have_text("Prepare")
    expect(panel).not_to_have_attribute("aria-busy", "true")
    expect(prepare).not_to_contain_class("opening")


def test_a_state_is_shown_before_its_log_is_there(page: Any, drawn: Run) -> None:
    begin_at(page, drawn, "ClaimImage")
    held = hold(page, re.compile("/logs$"))
    page.locator(".node[data-name=MakePdf]").click()
    panel = page.locator("#state")
    expect(panel.locator("h2")).to_have_text("MakePdf")
    expect(panel).to_contain_text("Reading the log")
    expect(panel).to_be_focused()
    expect(page).to_have_url(re.compile("state="))
    reached(page, held, 1)
    held[0].continue_()
    expect(panel.locator(".logs")).to_be_visible()


def test_a_picture_that_takes_long_is_awaited_visibly(page: Any, drawn: Run) -> None:
    held = hold(page, re.compile("/pictures/source$"))
    page.goto(f"/executions/{drawn.name}", wait_until="domcontentloaded")
    frame = page.locator(".source .frame")
    expect(frame).to_contain_class("developing")
    reached(page, held, 1)
    held[0].continue_()
    expect(frame).not_to_contain_class("developing")
