"""The graph of the state machine, in Chromium: its size, and states that were not entered."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import expect
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
    page.unroute("**/definitions/*")
    page.route("**/definitions/*", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.locator(".node[data-name=ImageFailed]").click()
    expect(panel.locator("h2")).to_have_text("Prepare")
