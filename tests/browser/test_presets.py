"""The page of the presets: what they would make, what would change, and their versions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from darkroom.contract.presets import parse_presets

from darkroom_ops import presets
from tests.browser.conftest import expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline


@pytest.fixture(scope="module")
def made(deployed: Pipeline) -> str:
    """The key of an image."""
    run = deployed.upload(photo(400, 300), "two  spaces\u202e.jpg")
    key: str = json.loads(run.described["input"])["detail"]["object"]["key"]
    return key


@pytest.fixture
def editor(page: Any, deployed: Pipeline, made: str) -> Iterator[Any]:
    """The page; what is deployed after a test is what was deployed before."""
    before = presets.get(deployed.at).text
    page.goto("/presets")
    page.locator("[data-image]").select_option(made)
    yield page
    if presets.get(deployed.at).text != before:
        presets.put(deployed.at, parse_presets(before))


def put(page: Any, *given: dict[str, Any]) -> None:
    page.locator("#presets").fill(json.dumps(given, indent=2))


def said(page: Any) -> Any:
    return page.locator("[data-preview] [data-said]")


def test_what_is_typed_is_shown_as_it_would_be(editor: Any) -> None:
    chosen = editor.locator("[data-image] option:checked").evaluate("option => option.textContent")
    assert chosen.endswith(r"two  spaces\u202e.jpg")
    put(editor, {"name": "tiny", "width": 40, "format": "webp"}, {"name": "wide", "width": 90})
    expect(said(editor)).to_contain_text("40 × 30")  # noqa: RUF001
    expect(said(editor)).to_contain_text("WebP")
    editor.locator("[data-which]").select_option("wide")
    expect(said(editor)).to_contain_text("90 × 68")  # noqa: RUF001
    image = editor.locator("[data-preview] img")
    expect(image).to_be_visible()
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") == 90
    put(editor, {"name": "huge", "width": 900})
    expect(editor.locator("[data-warnings]")).to_contain_text("the source is smaller")
    editor.locator("#presets").fill('[{"name": "Huge"}]')
    expect(said(editor)).to_contain_text("Expected")
    expect(said(editor)).to_contain_text("Huge")


def test_what_would_change_is_shown_and_then_deployed(editor: Any) -> None:
    put(editor, {"name": "tiny", "width": 40})
    deploy = editor.get_by_role("button", name="Deploy")
    expect(deploy).to_have_count(0)
    look = editor.get_by_role("button", name="Show what would change")
    look.click()
    change = editor.locator("[data-change]")
    expect(change.locator(".added", has_text="tiny")).to_have_count(1)
    expect(change.locator(".removed", has_text="medium")).to_have_count(1)
    put(editor, {"name": "small", "width": 50})  # what was shown is not what would be deployed
    expect(change).to_have_count(0)
    look.click()
    expect(change.locator(".added", has_text="50")).to_have_count(1)
    deploy.click()
    in_force = editor.locator("section", has=editor.locator("#h-now"))
    expect(in_force.locator("tbody tr")).to_have_count(1)
    expect(in_force).to_contain_text("50 × any")  # noqa: RUF001
    expect(editor.locator("#presets")).to_have_value(re.compile('"width": 50'))
    versions = editor.locator("section", has=editor.locator("#h-versions"))
    newest = versions.locator("details").first
    expect(newest).to_contain_text("(in force)")
    newest.locator("summary").click()
    expect(newest.locator(".removed", has_text="medium")).to_be_visible()
    before = versions.locator("details").nth(1)
    before.locator("summary").click()
    before.get_by_role("button", name="Show what going back would change").click()
    expect(change.locator(".added", has_text="medium")).to_have_count(1)
    expect(editor.locator("#presets")).to_have_value(re.compile("medium"))


def test_a_draft_survives_leaving_until_it_is_discarded_or_deployed(editor: Any) -> None:
    draft, text = editor.locator("[data-draft]"), editor.locator("#presets")
    change = editor.locator("[data-change]")
    deployed = text.input_value()
    expect(draft).to_be_hidden()
    put(editor, {"name": "kept", "width": 41})
    expect(draft).to_have_text(re.compile("^Draft of [0-2][0-9]:[0-5][0-9] · Discard$"))
    editor.goto("/inbox")
    editor.goto("/presets")
    expect(text).to_have_value(re.compile('"kept"'))
    expect(draft).to_contain_text("Draft of")
    editor.get_by_role("button", name="Show what would change").click()
    expect(change.locator(".added", has_text="kept")).to_have_count(1)
    expect(draft).to_contain_text("Draft of")  # not deployed yet
    editor.goto("/presets")
    expect(text).to_have_value(re.compile('"kept"'))
    text.fill("[]")
    editor.get_by_role("button", name="Show what would change").click()
    expect(editor.locator("#said")).to_contain_text("Expected")
    editor.get_by_role("button", name="Discard").click()
    expect(draft).to_be_hidden()
    expect(text).to_have_value(deployed)
    expect(editor.locator("#said")).to_have_count(0)  # which was of another text
    editor.goto("/presets")
    expect(text).to_have_value(deployed)
    put(editor, {"name": "kept", "width": 42})
    editor.get_by_role("button", name="Show what would change").click()
    editor.get_by_role("button", name="Deploy").click()
    expect(editor.locator("section", has=editor.locator("#h-now"))).to_contain_text("42 × any")  # noqa: RUF001
    expect(draft).to_be_hidden()
    put(editor, {"name": "next", "width": 43})  # a new draft outlives loading the page again
    expect(draft).to_contain_text("Draft of")
    editor.reload()
    expect(text).to_have_value(re.compile('"next"'))
    editor.get_by_role("button", name="Discard").click()
    expect(draft).to_be_hidden()


def test_what_is_wrong_is_said_and_what_was_typed_stays(editor: Any) -> None:
    text = '[{"name": "small", "width": "wide"}]'
    editor.locator("#presets").fill(text)
    editor.get_by_role("button", name="Show what would change").click()
    expect(editor.locator("#said")).to_contain_text("Expected")
    expect(editor.locator("#said")).to_contain_text("width")
    expect(editor.locator("#presets")).to_have_value(text)
    expect(editor.get_by_role("button", name="Deploy")).to_have_count(0)


def test_where_there_is_no_image_or_no_answer_it_is_said(page: Any, made: str) -> None:
    page.route("**/presets/images", lambda route: route.fulfill(json={"images": []}))
    page.goto("/presets")
    expect(said(page)).to_contain_text("of which there is none yet")
    expect(page.locator("[data-image]")).to_be_hidden()
    page.unroute("**/presets/images")
    page.route("**/presets/images", lambda route: route.abort())
    page.reload()
    expect(said(page)).to_contain_text("the console did not answer")


def test_axe_finds_nothing_in_the_presets(
    opened: Callable[..., Any], made: str, violations: Callable[[Any], list[Any]]
) -> None:
    page = opened(bypass_csp=True)
    page.goto("/presets")
    page.locator("[data-image]").select_option(made)
    put(page, {"name": "tiny", "width": 40})
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator("[data-change]")).to_be_visible()
    page.locator("[data-image]").select_option(made)
    expect(said(page)).to_contain_text("40 × 30")  # noqa: RUF001
    assert violations(page) == []
