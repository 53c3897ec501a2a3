"""The page of a re-run: the form beside the JSON, and what is said before it is started."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline, Run

NINE = [
    "top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom",
    "bottom-right",
]  # fmt: skip


@pytest.fixture(scope="module")
def ready(deployed: Pipeline) -> Run:
    return deployed.upload(photo(), "ready.jpg")


@pytest.fixture
def editor(page: Any, ready: Run) -> Any:
    page.goto(f"/executions/{ready.name}/rerun")
    return page


def given(page: Any) -> Any:
    return json.loads(page.locator("#input").input_value())


def says(page: Any, what: dict[str, Any]) -> None:
    """Expect the input to have these fields beside its source."""
    found = given(page)
    del found["source"]
    assert found == what


def put(page: Any, **fields: Any) -> None:
    page.locator("#input").fill(json.dumps({"source": given(page)["source"]} | fields))


def valid(page: Any) -> None:
    expect(page.locator("[data-verdict]")).to_have_text("This input is valid.")


def row(page: Any, number: int) -> Any:
    return page.locator("[data-rows] > li").nth(number)


def test_renditions_are_rows_that_are_added_changed_and_removed(editor: Any) -> None:
    assert "presets" not in given(editor)
    expect(editor.locator("[data-deployed]")).to_contain_text("small, medium, large")
    editor.get_by_role("button", name="Ask for others").click()
    expect(editor.locator("[data-rows] > li")).to_have_count(3)
    expect(row(editor, 0).get_by_label("Name")).to_be_focused()
    first = row(editor, 0)
    first.get_by_label("Name").fill("hero")
    first.get_by_label("Width").fill("120")
    first.get_by_label("Height").fill("")
    first.locator("[data-kind=format]").select_option("webp")
    first.get_by_label("Quality").fill("65")
    editor.get_by_role("button", name="Remove medium").click()
    expect(editor.get_by_role("button", name="Remove large")).to_be_focused()
    editor.get_by_role("button", name="Add a rendition").click()
    added = row(editor, 2)
    expect(added.get_by_label("Name")).to_be_focused()
    added.get_by_label("Fit").select_option("cover")
    added.get_by_label("Position").select_option("top")
    added.locator("[data-kind=auto]").check()
    expect(added.get_by_label("Quality")).to_be_disabled()
    says(
        editor,
        {
            "presets": [
                {"name": "hero", "width": 120, "format": "webp", "quality": 65},
                {"name": "large", "width": 1200, "height": 1200},
                {"name": "rendition-3", "width": 300, "height": 300, "fit": "cover",
                 "position": "top", "quality": "auto"},
            ]
        },
    )  # fmt: skip
    valid(editor)
    expect(first.locator("legend")).to_have_text("hero")
    added.locator("[data-kind=auto]").uncheck()
    added.get_by_label("Position").select_option("point")
    added.get_by_label("From the left").fill("0.25")
    assert given(editor)["presets"][2]["position"] == {"x": 0.25, "y": 0.5}
    added.get_by_label("Fit").select_option("inside")
    assert given(editor)["presets"][2] == {
        "name": "rendition-3", "width": 300, "height": 300, "fit": "inside",
    }  # fmt: skip
    expect(added.get_by_label("Position")).to_be_hidden()
    for name in ("hero", "large", "rendition-3"):
        editor.get_by_role("button", name=f"Remove {name}").click()
    expect(editor.get_by_role("button", name="Ask for others")).to_be_focused()
    says(editor, {})


def test_a_format_may_be_several(editor: Any) -> None:
    put(editor, presets=[{"name": "a", "width": 9}])
    shown = row(editor, 0)
    several = shown.get_by_role("group", name="Formats")
    expect(several).to_be_hidden()
    shown.locator("[data-kind=format]").select_option("several")
    several.get_by_role("checkbox", name="avif").check()
    assert given(editor)["presets"] == [{"name": "a", "width": 9, "format": ["auto", "avif"]}]
    several.get_by_role("checkbox", name="auto").uncheck()
    assert given(editor)["presets"][0]["format"] == ["avif"]
    shown.locator("[data-kind=format]").select_option("png")
    expect(several).to_be_hidden()
    assert given(editor)["presets"][0]["format"] == "png"


def test_the_form_follows_the_json_and_keeps_what_it_does_not_know(editor: Any) -> None:
    preset = {"name": "a", "width": 9, "effort": "high", "format": ["jpeg", "webp"], "new": [1]}
    put(editor, presets=[preset], future={"x": 1})
    shown = row(editor, 0)
    expect(shown.get_by_label("Width")).to_have_value("9")
    expect(shown.locator("[data-others]")).to_have_text("Also in the JSON: effort, new")
    expect(shown.get_by_role("checkbox", name="webp")).to_be_checked()
    expect(shown.get_by_role("checkbox", name="png")).not_to_be_checked()
    shown.get_by_label("Width").fill("10")
    says(editor, {"presets": [preset | {"width": 10}], "future": {"x": 1}})
    # What is none of the choices, and no number, is shown as it is.
    put(editor, presets=[{"name": "a", "width": "wide", "fit": "stretch", "position": 5}])
    expect(shown.get_by_label("Width")).to_have_value("wide")
    expect(shown.get_by_label("Fit")).to_have_value("stretch")
    expect(shown.get_by_label("Position")).to_have_value("5")
    expect(editor.locator("[data-verdict]")).to_contain_text("presets[0].width")
    shown.get_by_label("Fit").select_option("cover")
    put(editor, presets=[5, {"name": "b", "width": 1}])
    expect(row(editor, 0).get_by_label("Width")).to_be_disabled()
    expect(row(editor, 1).get_by_label("Width")).to_have_value("1")
    put(editor, presets="all")
    expect(editor.locator("[data-odd]").first).to_contain_text("must be a list")
    editor.get_by_role("button", name="Use the deployed ones").click()
    says(editor, {})
    expect(editor.get_by_role("button", name="Ask for others")).to_be_focused()


def test_what_is_unseen_stays_escaped_when_the_form_changes_the_json(editor: Any) -> None:
    """A key may hide what it says; the JSON means the same however it is written."""
    text, key = editor.locator("#input"), "a\u202egpj.exe\u200b\U000e0020\u00e4"
    asked = {
        "source": {"bucket": "b", "key": key},
        "presets": [{"name": "a\u200b", "fit": "\u202e"}],
    }
    text.fill(json.dumps(asked, ensure_ascii=False))
    first = row(editor, 0)
    expect(first.locator("legend")).to_have_text(r"a\u200b")
    expect(first.get_by_label("Fit").locator("option:checked")).to_have_text(r"\u202e")
    first.get_by_label("Width").fill("10")
    asked["presets"][0]["width"] = 10  # type: ignore[index]
    assert given(editor) == asked
    assert r'"key": "a\u202egpj.exe\u200b\udb40\udc20ä"' in text.input_value()


def test_invalid_json_leaves_the_form_as_it_was(editor: Any) -> None:
    put(editor, presets=[{"name": "a", "width": 9}])
    width = row(editor, 0).get_by_label("Width")
    expect(width).to_have_value("9")
    text = editor.locator("#input")
    for broken in ("{", "[]", "5"):
        text.fill(broken)
        expect(width).to_be_disabled()
        expect(width).to_have_value("9")
        expect(editor.locator("[data-verdict]")).to_contain_text("Expected")
        expect(text).to_have_attribute("aria-invalid", "true")
    editor.get_by_role("button", name="Discard").click()
    expect(editor.get_by_role("button", name="Ask for others")).to_be_enabled()
    valid(editor)
    expect(text).to_have_attribute("aria-invalid", "false")


def test_a_watermark_is_placed_on_nine_fields(editor: Any) -> None:
    kind = editor.get_by_label("On every rendition")
    kind.select_option("text")
    says(editor, {"watermark": {"text": "© Darkroom"}})
    editor.get_by_label("Text", exact=True).fill("Mine")
    grid = editor.get_by_role("group", name="Position")
    assert [each.get_attribute("aria-label") for each in grid.get_by_role("radio").all()] == NINE
    expect(grid.get_by_role("radio", name="bottom-right")).to_be_checked()
    grid.get_by_role("radio", name="bottom-right").focus()
    editor.keyboard.press("ArrowLeft")
    editor.get_by_label("Opacity").fill("0.8")
    editor.get_by_label("Colour").fill("#ff0000")
    mark = {"text": "Mine", "position": "bottom", "opacity": 0.8, "color": "#ff0000"}
    says(editor, {"watermark": mark})
    valid(editor)
    kind.select_option("image")
    bucket = given(editor)["source"]["bucket"]
    editor.get_by_label("Key").fill("logo.png")
    del mark["text"]
    says(editor, {"watermark": {"image": {"bucket": bucket, "key": "logo.png"}} | mark})
    expect(editor.get_by_label("Colour")).to_be_hidden()
    kind.select_option("")
    says(editor, {})


def test_the_pdf_and_the_message_are_asked_for(editor: Any) -> None:
    own = editor.get_by_label("With options of its own")
    own.check()
    says(editor, {"pdf": {}})
    editor.locator("[data-pdf] select").first.select_option("A4")
    editor.get_by_label("Margin, points").fill("36")
    editor.locator("[data-pdf]").locator("[data-kind=auto]").check()
    editor.get_by_label("Metadata").select_option("none")
    editor.get_by_label("Tell people").uncheck()
    pdf = {"pageSize": "A4", "margin": 36, "quality": "auto", "metadata": "none"}
    says(editor, {"pdf": pdf, "notify": False})
    expect(editor.locator("[data-command]")).to_contain_text(re.compile(r'"notify": ?false'))
    own.uncheck()
    editor.get_by_label("Tell people").check()
    says(editor, {})


def test_nothing_is_started_by_a_slip_of_the_keyboard(editor: Any) -> None:
    editor.evaluate(
        "document.addEventListener('submit',"
        " e => { e.preventDefault(); e.stopPropagation(); window.submitted = true; }, true)"
    )  # before the page's own script
    editor.get_by_role("button", name="Ask for others").click()
    editor.keyboard.press("Enter")
    editor.locator("#input").press("Enter")  # a line of its own
    assert editor.evaluate("window.submitted") is None
    row(editor, 0).get_by_label("Name").press("Control+Enter")
    assert editor.evaluate("window.submitted")


def test_a_console_that_does_not_answer_is_said(editor: Any) -> None:
    editor.route("**/check", lambda route: route.abort())
    editor.locator("#input").fill("{}")
    expect(editor.locator("[data-verdict]")).to_contain_text("The console does not answer.")


def test_a_rendition_is_seen_before_it_is_started(editor: Any) -> None:
    shown, said = editor.locator("[data-shown]"), editor.locator("[data-said]")
    expect(said).to_have_text(re.compile("^300 × 225, [0-9.]+ KB, JPEG, quality 80$"))  # noqa: RUF001
    assert shown.evaluate("i => [i.naturalWidth, i.naturalHeight]") == [300, 225]
    needs = editor.locator("[data-needs]")
    expect(needs).to_have_text(
        re.compile(
            "^Resize needs (about|less than) .+ s of its 60 s, and at most [0-9]+ of its 1280 MB.$"
        )
    )
    which = editor.locator("[data-which]")
    which.select_option("large")
    expect(shown).to_have_attribute("alt", "Rendition large, as it would be")
    warnings = editor.locator("[data-warnings]")
    expect(warnings).to_contain_text("large: 1200 x 1200 was asked for, but the source is smaller")
    two = [{"name": "a", "width": 9}, {"name": "b", "width": 40, "height": 10, "fit": "cover"}]
    put(editor, presets=two)
    expect(said).to_contain_text("9 × 7, ")  # noqa: RUF001
    expect(warnings).to_have_text("b: 67 % of the picture's height is cut off.")
    row(editor, 1).get_by_label("Name").focus()
    expect(said).to_contain_text("40 × 10, ")  # noqa: RUF001
    put(editor, presets=[{"name": "a"}])
    expect(said).to_contain_text("to have a width or a height, in pixels")
    expect(warnings).to_be_empty()
    expect(needs).to_be_empty()
    put(editor, watermark={"image": {"bucket": given(editor)["source"]["bucket"], "key": "none"}})
    expect(said).to_contain_text("none")


def test_what_is_asked_for_last_is_shown(editor: Any) -> None:
    said = editor.locator("[data-said]")
    expect(said).to_contain_text("300 × 225")  # noqa: RUF001
    held: list[Any] = []
    editor.route("**/preview?*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    for number, width in enumerate((20, 40), 1):
        put(editor, presets=[{"name": "a", "width": width}])
        while len(held) < number:
            editor.wait_for_timeout(20)
    first, last = (int(parse_qs(urlsplit(each.request.url).query)["turn"][0]) for each in held)
    assert first < last  # so that the console knows, whichever comes first
    held[1].continue_()
    expect(said).to_contain_text("40 × 30, ")  # noqa: RUF001
    editor.unroute("**/preview?*")
    editor.route("**/previews/*", lambda route: route.abort())
    put(editor, presets=[{"name": "a", "width": 60}])
    expect(said).to_contain_text("60 × 45, ")  # noqa: RUF001
    expect(editor.locator("[data-shown]")).to_be_hidden()  # a picture that is not there
    editor.route("**/preview?*", lambda route: route.abort())
    put(editor, presets=[{"name": "a", "width": 50}])
    expect(said).to_have_text("No preview, as the console did not answer.")


def test_a_draft_survives_leaving_until_it_is_discarded_or_started(editor: Any, ready: Run) -> None:
    address, draft = f"/executions/{ready.name}/rerun", editor.locator("[data-draft]")
    expect(draft).to_be_hidden()
    put(editor, notify=False)
    expect(draft).to_have_text(re.compile("^Draft of [0-2][0-9]:[0-5][0-9] · Discard$"))
    editor.goto("/")
    editor.goto(address)
    expect(draft).to_contain_text("Draft of")
    expect(editor.get_by_label("Tell people")).not_to_be_checked()
    editor.get_by_role("button", name="Discard").click()
    expect(draft).to_be_hidden()
    editor.goto(address)
    expect(editor.get_by_label("Tell people")).to_be_checked()
    expect(draft).to_be_hidden()
    put(editor, notify="no")
    editor.get_by_role("button", name="Start").click()
    expect(editor.locator("[data-verdict]")).to_contain_text("Expected")
    editor.goto(address)
    expect(draft).to_contain_text("Draft of")
    put(editor, presets=[{"name": "tiny", "width": 5}], notify=False)
    valid(editor)  # else the bar with the button changes its height under the pointer
    editor.get_by_role("button", name="Start").click()
    editor.wait_for_url(lambda url: "/executions/" in url and ready.name not in url)
    editor.get_by_role("img", name="Rendition tiny").wait_for()
    editor.goto(address)
    expect(draft).to_be_hidden()


def test_what_is_not_started_is_not_lost(editor: Any, ready: Run) -> None:
    editor.route(
        "**/rerun",
        lambda route: route.abort() if route.request.method == "POST" else route.continue_(),
    )
    put(editor, notify=False)
    before = editor.locator("#input").input_value()
    editor.get_by_role("button", name="Start").click()
    expect(editor.locator("[data-verdict]")).to_contain_text("The console does not answer.")
    expect(editor.locator("#input")).to_have_value(before)
    editor.evaluate("localStorage.setItem('drafts', 'nonsense')")
    editor.goto(f"/executions/{ready.name}/rerun")
    expect(editor.locator("[data-draft]")).to_be_hidden()
    drafts = {f"other-{n}": {"text": "{}", "at": n} for n in range(10)}
    editor.evaluate("all => localStorage.setItem('drafts', JSON.stringify(all))", drafts)
    put(editor, notify=False)
    expect(editor.locator("[data-draft]")).to_contain_text("Draft of")
    kept = editor.evaluate("Object.keys(JSON.parse(localStorage.getItem('drafts')))")
    assert len(kept) == 10  # the oldest made room
    assert {f"other-{n}" for n in range(1, 10)} < set(kept)


def test_a_check_does_not_write_over_a_start_that_was_refused(editor: Any) -> None:
    """It was asked before, and is answered after."""
    held: list[Any] = []
    editor.route("**/check", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    put(editor, notify=False)
    while not held:
        editor.wait_for_timeout(20)
    refused = json.dumps({"message": "Refused for a reason."})
    editor.route(
        "**/rerun",
        lambda route: (
            route.fulfill(status=400, body=refused, content_type="application/json")
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    editor.get_by_role("button", name="Start").click()
    expect(editor.locator("[data-verdict]")).to_have_text("Refused for a reason.")
    with editor.expect_response("**/check") as answered:
        held[0].continue_()
    answered.value.finished()
    editor.evaluate("new Promise((done) => setTimeout(done))")
    expect(editor.locator("[data-verdict]")).to_have_text("Refused for a reason.")


def test_the_form_fits_a_phone(phone: Any, ready: Run) -> None:
    phone.goto(f"/executions/{ready.name}/rerun")
    phone.get_by_role("button", name="Ask for others").tap()
    phone.get_by_label("On every rendition").select_option("text")
    phone.get_by_label("With options of its own").check()
    shown = row(phone, 0)
    shown.get_by_label("Fit").select_option("cover")
    shown.get_by_label("Position").select_option("point")
    shown.locator("[data-kind=format]").select_option("several")
    expect(shown.get_by_label("From the top")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    expect(phone.get_by_role("button", name="Start")).to_be_in_viewport()


def test_no_field_of_a_rendition_is_alone_in_its_line(editor: Any) -> None:
    editor.get_by_role("button", name="Ask for others").click()
    fields = row(editor, 0).locator(".fields > .field:visible")
    expect(fields).to_have_count(6)
    for width in (1024, 1320, 1440):
        editor.set_viewport_size({"width": width, "height": 900})
        tops = fields.evaluate_all("all => all.map(each => each.offsetTop)")
        assert sorted(map(tops.count, set(tops))) == [3, 3], width


def test_axe_finds_nothing_in_the_form(
    opened: Callable[..., Any], ready: Run, violations: Callable[[Any], list[Any]]
) -> None:
    page = opened(bypass_csp=True)
    page.goto(f"/executions/{ready.name}/rerun")
    page.get_by_role("button", name="Ask for others").click()
    page.get_by_label("On every rendition").select_option("text")
    page.get_by_label("With options of its own").check()
    row(page, 0).get_by_label("Fit").select_option("cover")
    row(page, 0).locator("[data-kind=format]").select_option("several")
    valid(page)
    assert violations(page) == []
