"""Rows of the list that are chosen, and what is done to them, in Chromium."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

from tests.browser.conftest import expect
from tests.support.images import photo
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
    page.get_by_role("button", name="Clear").click()
    expect(chosen).to_be_hidden()
    page.locator("[data-page]").check()
    expect(page.locator("[data-count]")).to_have_text("3 chosen")
    page.locator("[data-page]").uncheck()
    boxes.nth(0).check()
    page.get_by_role("button", name="Choose all 3").click()
    expect(boxes.nth(1)).to_be_checked()
    expect(boxes.nth(1)).to_be_disabled()
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
    expect(page.locator(".reasons")).to_have_text("1 it succeeded")


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
