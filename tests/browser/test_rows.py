"""Rows of the list that are chosen, and what is done to them, in Chromium."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.browser.conftest import WIDTHS, expect
from tests.support.images import photo, truncated
from tests.support.pipeline import Pipeline


def test_rows_are_chosen_and_re_run_after_a_plan(page: Any, pipeline: Pipeline) -> None:
    for name in ("one", "two", "three"):
        pipeline.upload(photo(64, 64), f"chosen/{name}.jpg")
    page.goto("/?image=/chosen/")
    boxes = page.locator("#list input[name=execution]")
    expect(boxes).to_have_count(3)
    chosen = page.locator("[data-chosen]")
    expect(chosen).to_be_hidden()
    boxes.nth(0).check()
    expect(page.locator("[data-count]")).to_have_text("1 chosen")
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator("[data-count]")).to_have_text("3 chosen")
    boxes.nth(1).uncheck()
    expect(page.locator("[data-page]")).to_be_checked(checked=False)
    expect(page.locator("[data-page]")).to_have_js_property("indeterminate", True)
    page.get_by_role("button", name="Clear").click()
    expect(chosen).to_be_hidden()
    page.locator("[data-page]").check()
    expect(page.locator("[data-count]")).to_have_text("3 chosen")
    expect(page.locator("[data-all]")).to_be_hidden()  # all that match are chosen
    page.locator("[data-page]").uncheck()
    boxes.nth(0).check()
    page.get_by_role("button", name="Choose all 3").click()
    expect(boxes.nth(1)).to_be_checked()
    expect(boxes.nth(1)).to_be_disabled()
    page.get_by_role("button", name="Clear").click()
    expect(boxes.nth(1)).to_be_enabled()
    expect(chosen).to_be_hidden()
    boxes.nth(0).check()
    page.get_by_role("button", name="Choose all 3").click()
    chosen.get_by_role("button", name="Re-run …").click()
    page.wait_for_url(re.compile("/bulk/"))
    expect(page.locator("h1")).to_have_text("Re-run 3 executions?")
    page.get_by_role("button", name="Re-run 3").click()
    expect(page.locator("h1")).to_have_text("3 executions run again")
    expect(page.locator(".outcomes li")).to_have_count(3)


def test_what_is_chosen_stays_so_when_new_rows_push_it_away(page: Any, pipeline: Pipeline) -> None:
    run = pipeline.upload(photo(64, 64), "pushed/first.jpg")
    page.goto("/?image=/pushed/")
    page.locator(f"#x-{run.name} input").check()
    page.mouse.move(0, 0)
    page.locator("h1").click()
    pipeline.upload(photo(65, 64), "pushed/second.jpg")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    expect(page.locator(f"#x-{run.name} input")).to_be_checked()
    # As on a page of its own: the row is gone, and what was chosen is not.
    page.evaluate("id => document.getElementById(id).remove()", f"x-{run.name}")
    page.get_by_role("button", name="Redrive …").click()
    page.wait_for_url(re.compile("/bulk/"))
    expect(page.locator(".reasons")).to_have_text("1 left out: succeeded")


def test_all_of_a_page_are_chosen_on_a_phone(phone: Any, pipeline: Pipeline) -> None:
    run = pipeline.upload(photo(64, 64), "phone/one.jpg")
    phone.goto("/?image=/phone/")
    expect(phone.get_by_text("Drop images")).to_be_hidden()  # fingers choose them
    expect(phone.locator(f"#x-{run.name} time")).to_be_visible()
    phone.get_by_text("Choose all on this page").click()
    expect(phone.locator("[data-count]")).to_have_text("1 chosen")


def test_a_row_is_in_line_and_has_an_icon_where_no_picture_is(
    page: Any, pipeline: Pipeline
) -> None:
    good = pipeline.upload(photo(64, 64), "inline/good.jpg")
    pipeline.upload(truncated(), "inline/bad.jpg")
    # As that of an image whose outputs a later run has replaced.
    page.route("**/pictures/thumbnail", lambda route: route.fulfill(status=404))
    page.goto("/?image=/inline/")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    expect(page.locator(f"#x-{good.name} .thumb > svg")).to_be_visible()
    ends = "rows => rows.map(row => [...row.cells].map(c => c.getBoundingClientRect().bottom))"
    for row in page.locator("#list tbody tr").evaluate_all(ends):
        assert len(set(row)) == 1


def test_an_error_stands_beside_its_outcome(page: Any, pipeline: Pipeline) -> None:
    long = f"{'a-long-folder-of-a-customer/' * 3}IMG_20240512_1843221234567890_HDR_{'end-' * 6}.jpg"
    run = pipeline.upload(truncated(), f"beside/{long}")
    page.goto("/?image=/beside/")
    how = page.locator(f"#x-{run.name} .how")
    expect(how.locator(".error-name")).to_have_text("CorruptImage")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        tops = how.locator(".badge, .error-name").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().top)"
        )
        assert max(tops) - min(tops) < 10, width
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width


def test_filters_and_search_are_in_line(page: Any, pipeline: Pipeline) -> None:
    pipeline.upload(truncated(), "filters/bad.jpg")
    page.goto("/?image=/filters/")
    export, step = page.locator(".export"), page.locator("#facet-step")
    export.wait_for()
    step.wait_for()

    def top(selector: str) -> set[int]:
        return set(page.locator(selector).evaluate_all("all => all.map(e => e.offsetTop)"))

    middle = "e => e.getBoundingClientRect().top + e.offsetHeight / 2"
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert len(top(".chips a")) == 1, width
        assert len(top(".by-image input:not([type=hidden]), .by-image button")) == 1, width
        assert len(top(".facet")) == 1, width
        assert export.evaluate(middle) == pytest.approx(step.evaluate(middle), abs=1), width
        assert export.evaluate("e => e.getClientRects().length") == 1, width


LISTENS = """() => {
  const toast = document.querySelector("[data-toast]");
  const tell = () => toast.textContent && console.log(toast.textContent);
  new MutationObserver(tell).observe(toast, { childList: true });
}"""
"""A page whose successor is held cannot be asked, nor clicked and waited for: it tells."""


def test_a_look_that_takes_long_says_that_it_looks(page: Any) -> None:
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.goto("/")
    page.route(re.compile(r"/\?"), hold)
    page.evaluate(LISTENS)
    with page.expect_console_message(lambda said: said.text == "Looking …"):
        page.get_by_role("link", name="Failed").evaluate("link => link.click()")
    held.pop().continue_()
    page.wait_for_url(re.compile("status=FAILED"))
    expect(page.locator("[data-toast]")).to_be_hidden()
    page.get_by_label("Search", exact=True).fill("no such thing")
    page.evaluate(LISTENS)
    with page.expect_console_message(lambda said: said.text == "Looking …"):
        page.locator(".by-image").evaluate("form => form.requestSubmit()")
    held.pop().continue_()
    expect(page.get_by_role("heading", name="No matches for")).to_be_visible()
    expect(page.locator("[data-toast]")).to_be_hidden()


def test_only_what_is_live_has_a_live_dot(page: Any) -> None:
    page.goto("/presets")
    expect(page.locator("[data-live]")).to_be_hidden()
    page.goto("/")
    expect(page.locator("[data-live].on")).to_be_visible()


def test_a_long_look_is_stopped(page: Any) -> None:
    looking = (
        '<div id="pager"><p class="looking">Looked through 9<button type="button" '
        "data-stop-looking>Stop</button></p></div>"
    )
    event = f"event: parts\ndata: {json.dumps({'pager': looking})}\n\nevent: hold\ndata: {{}}\n\n"
    headers = {"content-type": "text/event-stream"}
    page.route("**/live**", lambda route: route.fulfill(headers=headers, body=event))
    page.goto("/")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator(".looking")).to_have_count(0)
    expect(page.locator("[data-live]")).to_have_class("pulse")


def test_the_button_says_what_is_to_be_done_to_those_that_are_chosen(
    page: Any, pipeline: Pipeline
) -> None:
    run = pipeline.upload(photo(64, 64), "button/one.jpg")
    # No content: the browser stays on the page.
    page.route("**/bulk?*", lambda route: route.fulfill(status=204))
    page.goto("/?image=/button/")
    page.locator(f"#x-{run.name} input").check()
    with page.expect_request("**/bulk?*") as one:
        page.get_by_role("button", name="Redrive …").click()
    assert parse_qs(one.value.post_data) == {"execution": [run.name], "action": ["redrive"]}
    with page.expect_request("**/bulk?*") as other:
        page.get_by_role("button", name="Re-run …").click()
    assert parse_qs(other.value.post_data) == {"execution": [run.name], "action": ["rerun"]}
    page.goto("/?image=/button/")
    page.locator("[data-page]").check()
    page.locator("[data-count]", has_text="1 chosen").wait_for()
    page.evaluate("id => document.getElementById(id).remove()", f"x-{run.name}")
    with page.expect_request("**/bulk?*") as gone:
        page.get_by_role("button", name="Stop …").click()
    assert parse_qs(gone.value.post_data) == {"execution": [run.name], "action": ["stop"]}
    page.goto("/")
