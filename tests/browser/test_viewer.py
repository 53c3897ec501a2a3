"""The viewer: source and rendition, one over the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from darkroom_ops.console import pictures, tiles
from tests.browser.conftest import expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline, Run

PRESETS = [
    {"name": "square", "width": 100, "height": 100, "fit": "cover", "position": "left"},
    {"name": "wide", "width": 200},
    {"name": "dot", "width": 20, "height": 20, "fit": "cover"},
]


@pytest.fixture(scope="module")
def cropped(deployed: Pipeline) -> Run:
    return deployed.start_manual(photo(400, 300), "cropped.jpg", presets=PRESETS)


def size(page: Any, which: str) -> Any:
    image = page.locator(f"[data-{which}]")
    return image.evaluate("i => i.decode().then(() => [i.naturalWidth, i.naturalHeight])")


def shown(page: Any) -> int:
    """Return how wide the pictures are shown."""
    return int(page.locator("[data-sheet]").evaluate("s => Math.round(s.offsetWidth)"))


def test_source_and_rendition_lie_over_each_other_and_zoom_alike(page: Any, cropped: Run) -> None:
    page.goto(f"/executions/{cropped.name}")
    page.get_by_role("img", name="Rendition square").click()
    page.wait_for_url(re.compile("/view/square$"))
    assert size(page, "rendition") == [100, 100]
    assert size(page, "source") == [300, 300]  # what the square shows, with the source's pixels
    said = page.locator("[data-said]")
    expect(said).to_have_text("Rendition at 100 %, source at 33 %")
    page.get_by_role("button", name="Source 1:1").click()
    expect(said).to_have_text("Rendition at 300 %, source at 100 %")
    assert shown(page) == 300
    rendition = page.locator("[data-rendition]")
    expect(rendition).to_have_css("image-rendering", "pixelated")  # one sees what there is
    page.keyboard.press("1")
    assert shown(page) == 100
    expect(rendition).to_have_css("image-rendering", "auto")
    for modifier in ("Control", "Meta", "Alt"):  # what the browser does then is its own
        page.keyboard.press(f"{modifier}+Equal")
    assert shown(page) == 100
    page.keyboard.press("+")
    assert shown(page) == 141
    page.keyboard.press("-")
    assert shown(page) == 100
    page.keyboard.press("0")
    assert shown(page) > 300  # as large as the window
    page.get_by_role("button", name="Rendition 1:1").click()
    page.locator("#go").press_sequentially("0-1")  # what is typed elsewhere zooms nothing
    expect(page.locator("#go")).to_have_value("0-1")
    assert shown(page) == 100
    stage = page.locator("[data-stage]")
    stage.hover()
    page.mouse.wheel(0, -400)
    expect(said).not_to_have_text("Rendition at 100 %, source at 33 %")
    assert shown(page) > 100
    expect(page.locator(".compared")).to_contain_text("400 × 300")  # noqa: RUF001
    expect(page.locator(".compared")).to_contain_text("-92 %")


def test_what_fits_the_window_fits_it_after_a_phone_is_turned(page: Any, cropped: Run) -> None:
    page.set_viewport_size({"width": 740, "height": 800})
    page.goto(f"/executions/{cropped.name}/view/wide")
    said = page.locator("[data-said]")
    expect(said).to_contain_text("Rendition at 100 %")
    page.set_viewport_size({"width": 180, "height": 800})
    expect(said).not_to_contain_text("Rendition at 100 %")
    page.set_viewport_size({"width": 740, "height": 800})
    expect(said).to_contain_text("Rendition at 100 %")
    page.get_by_role("button", name="Source 1:1").click()
    expect(said).to_contain_text("Rendition at 200 %")
    page.set_viewport_size({"width": 180, "height": 800})
    expect(page.locator("[data-sheet]")).to_have_css("width", "400px")  # as was asked for
    page.get_by_role("button", name="Fit").click()
    page.set_viewport_size({"width": 740, "height": 800})
    expect(said).to_contain_text("Rendition at 100 %")
    page.get_by_role("button", name="Fit").click()
    expect(said).not_to_contain_text("Rendition at 100 %")
    enlarged = shown(page)
    page.set_viewport_size({"width": 500, "height": 800})
    expect(page.locator("[data-sheet]")).not_to_have_css("width", f"{enlarged}px")
    assert shown(page) > 200


def test_the_slider_says_how_much_is_the_source(page: Any, cropped: Run) -> None:
    page.goto(f"/executions/{cropped.name}/view/square")
    source, slider = page.locator("[data-source]"), page.locator("[data-slider]")
    page.keyboard.press("1")
    expect(source).to_have_css("clip-path", "inset(0px 50% 0px 0px)")
    slider.fill("100")
    expect(source).to_have_css("clip-path", "inset(0px 0% 0px 0px)")
    slider.fill("0")
    expect(source).to_have_css("clip-path", "inset(0px 100% 0px 0px)")
    slider.fill("48")
    before = source.get_attribute("style")
    page.set_viewport_size({"width": 1000, "height": 700})  # 48 % of the window is elsewhere now
    expect(source).not_to_have_attribute("style", before)
    slider.fill("0")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("1")  # there, arrows are the slider's
    assert page.url.endswith("/square")


def test_a_far_larger_source_is_shown_pixel_by_pixel_too(page: Any, cropped: Run) -> None:
    page.goto(f"/executions/{cropped.name}/view/dot")
    page.get_by_role("button", name="Source 1:1").click()
    said = page.locator("[data-said]")
    expect(said).to_have_text("Rendition at 1500 %, source at 100 %")
    for _ in range(9):
        page.keyboard.press("+")
    expect(said).to_have_text("Rendition at 24000 %, source at 1600 %")


def test_dragging_moves_what_is_larger_than_the_window(page: Any, cropped: Run) -> None:
    page.goto(f"/executions/{cropped.name}/view/wide")
    for _ in range(8):
        page.keyboard.press("+")
    stage = page.locator("[data-stage]")
    left = "s => Math.round(s.scrollLeft)"
    before = stage.evaluate(left)
    box = stage.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 50, y)
    page.mouse.up()
    page.mouse.move(x + 200, y)
    assert stage.evaluate(left) == before + 50
    page.set_viewport_size({"width": 700, "height": 700})
    page.keyboard.press("0")
    assert shown(page) <= 700


def test_arrows_lead_to_the_other_renditions_and_all_are_downloaded(
    page: Any, cropped: Run
) -> None:
    page.goto(f"/executions/{cropped.name}/view/square")
    page.keyboard.press("ArrowLeft")  # there is none
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("/view/wide$"))
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("/view/square$"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    assert download.value.suggested_filename == "cropped.jpg.zip"


def test_a_source_that_is_gone_says_so(page: Any, cropped: Run) -> None:
    page.route("**/pictures/source-*", lambda route: route.fulfill(status=404, body="It is gone."))
    page.goto(f"/executions/{cropped.name}/view/wide")
    expect(page.locator("[data-said]")).to_have_text("It is gone.")
    page.keyboard.press("+")
    expect(page.locator("[data-said]")).to_have_text("It is gone.")
    page.unroute("**/pictures/source-*")
    page.route("**/pictures/output-*", lambda route: route.abort())
    page.reload()
    expect(page.locator("[data-said]")).to_have_text("It cannot be shown.")


def test_axe_finds_nothing_in_the_viewer(
    opened: Callable[..., Any], cropped: Run, violations: Callable[[Any], list[Any]]
) -> None:
    page = opened(bypass_csp=True)
    page.goto(f"/executions/{cropped.name}/view/square")
    expect(page.locator("[data-said]")).to_contain_text("source at")
    assert violations(page) == []


TILES = """stage => [...stage.querySelectorAll("[data-tiles]")].map(layer => [...layer.children].map(i => {
  const [box, at] = [i.getBoundingClientRect(), stage.querySelector("[data-sheet]").getBoundingClientRect()];
  return [new URL(i.src).pathname.split("/").slice(-3).join("/"), "there" in i.dataset,
          Math.round(box.x - at.x), Math.round(box.y - at.y),
          i.naturalWidth - Math.round(box.width), i.naturalHeight - Math.round(box.height)];
}).sort())"""  # noqa: E501


def test_a_large_source_has_all_its_pixels_where_it_is_looked_at(
    page: Any, cropped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 300 * 300 // 4)
    monkeypatch.setattr(tiles, "SIDE", 128)
    page.set_viewport_size({"width": 420, "height": 400})  # the window shows 0.44 of its height
    page.goto(f"/executions/{cropped.name}/view/square")
    expect(page.locator("[data-said]")).to_contain_text("Rendition at")
    page.get_by_role("button", name="Source 1:1").click()
    page.locator("[data-stage]").evaluate("s => s.scrollTo(0, 0)")
    last = page.locator("[data-of-source] img[src$='source-square/256/128']")
    expect(last).to_have_attribute("data-there", "")
    expect(page.locator("[data-of-source] img[src$='/256']")).to_have_count(0)  # lies below
    expect(page.locator("[data-said]")).to_have_text("Rendition at 300 %, source at 100 %")
    laid = page.locator("[data-stage]").evaluate(TILES)[-1]
    assert [each[1:] for each in laid] == [
        [True, x, y, 0, 0] for x in (0, 128, 256) for y in (0, 128)
    ]
    page.keyboard.press("1")  # the copy does: it has as many pixels as are shown
    expect(page.locator("[data-of-source] img")).to_have_count(0)


def test_tiles_leave_the_browser_connections_for_other_questions(
    page: Any, cropped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 300 * 300 // 4)
    monkeypatch.setattr(tiles, "SIDE", 128)
    held: list[Any] = []

    def answer(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/pictures/source-square/**", answer)
    page.goto(f"/executions/{cropped.name}/view/square")
    page.get_by_role("button", name="Source 1:1").click()
    expect(page.locator("[data-of-source] img:nth-child(2)")).to_be_attached()
    expect(page.locator("[data-said]")).to_contain_text("loading every pixel")
    expect(page.locator("[data-of-source] img[src]")).to_have_count(1)  # the others wait for it
    held[0].continue_()
    expect(page.locator("[data-said]")).to_have_text("Rendition at 300 %, source at 100 %")
    expect(page.locator("[data-of-source] img:not([data-there])")).to_have_count(0)


def test_a_large_rendition_has_all_its_pixels_too(
    page: Any, cropped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 2500)
    page.goto(f"/executions/{cropped.name}/view/square")
    assert size(page, "rendition") == [50, 50]
    page.keyboard.press("1")
    expect(page.locator("[data-tiles]:not([data-of-source]) img[data-there]")).to_have_count(1)
    laid = page.locator("[data-stage]").evaluate(TILES)[0]
    assert laid == [["output-square/0/0", True, 0, 0, 0, 0]]


def test_why_a_large_picture_has_no_more_pixels_is_said(
    page: Any, cropped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "VIEWED_PIXELS", 300 * 300 // 4)
    page.route("**/pictures/source-square/**", lambda r: r.fulfill(status=404, body="It is gone."))
    page.goto(f"/executions/{cropped.name}/view/square")
    page.get_by_role("button", name="Source 1:1").click()
    expect(page.locator("[data-said]")).to_have_text("It is gone.")
    expect(page.locator("[data-source]")).to_be_visible()  # the copy stays
