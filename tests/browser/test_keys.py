"""The keyboard, in Chromium."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import pytest

from tests.browser.conftest import expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline, Run


@pytest.fixture(scope="module")
def two(deployed: Pipeline) -> tuple[Run, Run]:
    """Two executions; the second is the newer one."""
    folder = f"keys-{secrets.token_hex(4)}"
    first, second = (deployed.upload(photo(64, 64), f"{folder}/{name}.jpg") for name in "ab")
    return first, second


@pytest.fixture
def both(two: tuple[Run, Run]) -> str:
    """The address of a list of the two."""
    key = json.loads(two[0].described["input"])["detail"]["object"]["key"]
    return f"/?image=/{key.split('/')[-2]}/"


def test_j_and_k_go_from_row_to_row_and_enter_opens_one(
    page: Any, two: tuple[Run, Run], both: str
) -> None:
    page.goto(both)
    expect(page.locator("#list tbody tr")).to_have_count(2)
    first, second = (page.locator(f"#x-{run.name} .whole") for run in two)
    page.keyboard.press("j")
    expect(second).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")  # there are no more
    expect(first).to_be_focused()
    page.keyboard.press("k")
    expect(second).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator(f"#x-{two[1].name} input")).to_be_checked()
    page.locator("[data-count]", has_text="1 chosen").wait_for()
    page.goto(both)
    page.keyboard.press("j")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(two[1].name))
    page.keyboard.press("r")
    page.wait_for_url(re.compile(f"{two[1].name}/rerun"))


def test_r_re_runs_the_row_or_the_execution(page: Any, two: tuple[Run, Run], both: str) -> None:
    # No content: the browser stays on the page.
    page.route("**/rerun", lambda route: route.fulfill(status=204))
    page.goto(both)
    expect(page.locator("#list tbody tr")).to_have_count(2)
    page.keyboard.press("k")
    expect(page.locator(f"#x-{two[0].name} .whole")).to_be_focused()
    with page.expect_request(f"**/{two[0].name}/rerun"):
        page.keyboard.press("r")
    page.goto(f"/executions/{two[1].name}")
    page.locator(".tabs").wait_for()
    with page.expect_request(f"**/{two[1].name}/rerun"):
        page.keyboard.press("r")
    page.goto("/")


def test_the_palette_goes_where_it_says(page: Any, two: tuple[Run, Run]) -> None:
    page.route("**/find?*", lambda route: route.fulfill(status=204))
    page.goto("/start")
    page.locator("[data-live].on").wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("a b")
    with page.expect_request("**/find?q=a%20b"):
        page.locator("#palette li", has_text="Find").click()
    dark = "() => document.documentElement.dataset.theme"
    page.keyboard.press("Control+k")
    page.keyboard.type("light and dark")
    page.keyboard.press("Enter")
    expect(page.locator("#palette")).to_be_hidden()
    assert page.evaluate(dark) in {"light", "dark"}
    page.goto("/start")


def test_the_keys_are_shown_and_do_nothing_while_one_types(page: Any, two: tuple[Run, Run]) -> None:
    page.goto("/start")
    page.keyboard.press("j")  # there are no rows
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Shortcuts")
    expect(keys).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(keys).to_be_hidden()
    page.get_by_role("button", name="Show the shortcuts").click()
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("j?")
    expect(page.locator("#go")).to_have_value("j?")
    expect(keys).to_be_hidden()


def test_the_palette_finds_what_the_page_offers(page: Any, two: tuple[Run, Run]) -> None:
    page.goto(f"/executions/{two[0].name}")
    page.locator(".tabs").wait_for()
    page.keyboard.press("Control+k")
    palette, options = page.locator("#palette"), page.locator("#palette li")
    expect(palette).to_be_visible()
    page.keyboard.press("Control+k")  # it is open already
    expect(options.filter(has_text=re.compile("^Re-run"))).to_have_count(1)  # button and tab
    expect(options.filter(has_text="Every run of this image")).to_have_count(1)
    page.keyboard.type("even")
    expect(options.first).to_have_text("Events")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_text("Find “even”")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/events$"))
    page.keyboard.press("Control+k")
    page.keyboard.type("/keys/")
    page.locator("#palette li", has_text="Find").click()
    page.wait_for_url(re.compile("image=%2Fkeys%2F"))
    page.keyboard.press("Control+k")
    page.keyboard.type("show the shortcuts")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()


def test_folded_json_is_searched(page: Any, two: tuple[Run, Run]) -> None:
    page.goto(f"/executions/{two[0].name}")
    card = page.get_by_role("region", name="Output")
    card.get_by_text("JSON").click()
    field = card.get_by_role("searchbox", name="Search in Output")
    field.fill("COMPLETE")
    expect(card.get_by_role("status")).to_have_text("1 found")
    assert page.evaluate("CSS.highlights.get('found').size") == 1
    field.fill("nothing like it")
    expect(card.get_by_role("status")).to_have_text("Not found")
    field.fill("")
    expect(card.get_by_role("status")).to_have_text("")
    card.get_by_text("JSON").click()
    card.get_by_text("JSON").click()
    expect(card.get_by_role("searchbox")).to_have_count(1)
