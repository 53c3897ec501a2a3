"""The console as an operator uses it: in Chromium, on the real engine."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline, Run


@pytest.fixture(scope="module")
def complete(deployed: Pipeline) -> Run:
    return deployed.upload(photo(), "complete.jpg")


@pytest.fixture(scope="module")
def failed(deployed: Pipeline) -> Run:
    """A person's request with an impossible preset."""
    presets = [{"name": "poster", "width": 480, "fit": "stretch"}]
    return deployed.start_manual(photo(), "broken.jpg", presets=presets)


def test_an_upload_turns_the_graph_green_live(page: Any, pipeline: Pipeline) -> None:
    gate = threading.Event()
    # MakePdf waits until the page has been seen to wait for it.
    pipeline.fail("MakePdf", "StorageError", times=0, when=lambda _: not gate.wait(120))
    try:
        page.goto("/")
        file = {"name": "live.jpg", "mimeType": "image/jpeg", "buffer": photo(800, 500)}
        page.locator("[data-files]").set_input_files(file)
        page.wait_for_url(re.compile("/executions/"))
        page.locator(".node.is-succeeded[data-name=ResizeImages]").wait_for()
        page.locator(".node.is-running[data-name=MakePdf]").wait_for()
        expect(page.locator(".badge.is-running").first).to_have_text("Running")
        page.evaluate("window.sameDocument = true")
    finally:
        gate.set()
    page.locator(".node.is-succeeded[data-name=NotifySuccess]").wait_for()
    page.locator("#head .badge.is-complete").wait_for()
    assert page.evaluate("window.sameDocument"), "the page was loaded anew"
    expect(page.locator(".node.is-running, .node.is-failed")).to_have_count(0)
    expect(page.locator(".dots .is-succeeded")).to_have_count(3)  # the Map's items
    shown = page.locator("#pictures figure")
    expect(shown).to_have_count(5)  # source, three renditions, PDF
    # Not wait_for_function: as soon as it has to wait, it needs eval, which the policy forbids.
    page.evaluate(
        "Promise.all([...document.querySelectorAll('#pictures img')].map(i => i.decode()))"
    )
    widths = page.eval_on_selector_all(
        ".prints figure:not(.paper) img", "all => all.map(i => i.naturalWidth)"
    )
    assert widths == [300, 600, 800]
    assert "300 × 188" in shown.nth(1).inner_text()  # noqa: RUF001


def test_from_an_alert_to_a_new_rendition(page: Any, failed: Run) -> None:
    page.goto("/inbox")
    page.get_by_role("link", name=re.compile(r"FAILED: InvalidRequest.*broken")).first.click()
    message = page.locator(".message")
    expect(message).to_contain_text("stretch")
    message.get_by_role("link", name="Open its execution").click()
    page.wait_for_url(re.compile(failed.name))
    said = page.locator(".why").first
    expect(said).to_contain_text("Expected one of inside, cover, contain, fill")
    page.locator(".node.is-failed[data-name=Prepare]").wait_for()
    page.get_by_role("link", name="Re-run …").click()
    editor, verdict = page.locator("#input"), page.locator("[data-verdict]")
    # As it was, it is as wrong as before, in the same words.
    editor.press("End")
    editor.type(" ")
    page.locator(".verdict.bad").wait_for()
    expect(verdict).to_have_text(failed.cause)
    asked = json.loads(editor.input_value())
    asked["presets"] = [{"name": "poster", "width": 200, "height": 200, "fit": "cover"}]
    editor.fill(json.dumps(asked))
    page.locator(".verdict.good").wait_for()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(lambda url: "/executions/" in url and failed.name not in url)
    page.locator("#head .badge.is-complete").wait_for()
    image = page.get_by_role("img", name="Rendition poster")
    image.wait_for()
    image.evaluate("i => i.decode()")
    size = image.evaluate("i => [i.naturalWidth, i.naturalHeight]")
    assert size == [200, 200]


def test_a_state_shows_its_work(page: Any, complete: Run) -> None:
    page.goto(f"/executions/{complete.name}")
    page.locator("[data-name=Resize].is-succeeded").click()
    panel = page.locator("#state")
    panel.get_by_role("link", name="medium").click()
    panel.locator("h2 em", has_text="medium").wait_for()
    expect(panel).to_contain_text('"width": 600')
    panel.locator(".logs", has_text="done").wait_for()
    page.locator("#timeline a", has_text="MakePdf").click()
    panel.locator("h2", has_text="MakePdf").wait_for()
    expect(panel).to_contain_text("darkroom-make-pdf")


def test_a_hostile_key_runs_nothing(page: Any, pipeline: Pipeline) -> None:
    name = "<img src=x onerror=window.hacked=1>'\"&</script><script>window.hacked=1</script>.jpg"
    run = pipeline.upload(photo(64, 64), name)
    for path in ("/", f"/executions/{run.name}/rerun", f"/executions/{run.name}/events", "/inbox"):
        page.goto(path)
        assert page.evaluate("window.hacked") is None
    page.goto(f"/executions/{run.name}")
    page.locator(".node.is-succeeded[data-name=NotifySuccess]").wait_for()
    expect(page.locator("h1")).to_have_text("script>.jpg")  # behind the last slash
    assert page.evaluate("window.hacked") is None


def test_everything_is_reached_by_keyboard(page: Any, complete: Run) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.wait_for_url("**#main")
    page.keyboard.press("/")
    page.keyboard.type(complete.arn)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(complete.name))
    node = page.locator(".node[data-name=Archive]")
    node.wait_for()
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.dataset?.name ?? ''")
        seen.add(name)
        if name == "Archive":
            break
    assert {"ClaimImage", "Prepare", "Archive"} <= seen
    page.keyboard.press("Enter")
    page.locator("#state h2", has_text="Archive").wait_for()
    expect(page.locator("#state")).to_be_focused()
    # What was never entered opens with its definition.
    page.locator(".node[data-name=ImageFailed]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#state h2")).to_have_text("ImageFailed")
    expect(page.locator("#state pre")).to_contain_text('"Type": "Fail"')


def test_a_phone_needs_no_sideways_scrolling(
    phone: Any, pipeline: Pipeline, complete: Run, failed: Run
) -> None:
    longest = "DynamoDB.ItemCollectionSizeLimitExceededException"
    pipeline.fail("ClaimImage", longest, "It is full.")
    pipeline.start({"source": {"bucket": pipeline.at.source_bucket_name, "key": "a" * 200}})
    base = f"/executions/{complete.name}"
    for path in (
        "/",
        base,
        f"/executions/{failed.name}",
        f"{base}/events",
        f"{base}/rerun",
        "/inbox",
        "/presets",
    ):
        phone.goto(path)
        if path.count("/") == 2:
            phone.locator("#graph svg").wait_for()
        settle(phone)
        width = phone.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
        if path == "/inbox":  # a place for a message, where none is chosen, is none on a phone
            expect(phone.get_by_text("Choose a message")).to_be_hidden()
        # Nor within a part of the page, where nobody looks for it.
        within = "all => all.map(e => e.scrollWidth - e.clientWidth)"
        assert not any(phone.locator(".scroll:has(.events)").evaluate_all(within)), path


def settle(page: Any) -> None:
    """Wait until a page's live parts have been brought up to date."""
    for part in page.locator("[data-stream]").all():
        part.and_(page.locator("[aria-busy=false]")).wait_for()


def test_axe_finds_nothing(
    opened: Callable[..., Any],
    pipeline: Pipeline,
    complete: Run,
    failed: Run,
    violations: Callable[..., list[Any]],
) -> None:
    """In the pages that no other file of tests asks about, and every colour in the dark."""
    pipeline.settle()  # what others left under way would change the pages
    page = opened(bypass_csp=True)
    base, bad = f"/executions/{complete.name}", f"/executions/{failed.name}"
    for path in ("/start", "/", base, "/inbox", "/bulk", bad, f"{bad}/events"):
        if path == "/bulk":
            page.goto(f"/?image={complete.name}")
            page.locator("[data-page]").check()
            page.get_by_role("button", name="Re-run …").click()
            page.get_by_role("heading", name="Re-run 1 execution?").wait_for()
        else:
            page.goto(path)
        if path.count("/") == 2:
            page.locator("#graph svg").wait_for()
        if path == "/inbox":
            page.locator(".messages a").first.click()
            page.wait_for_url(re.compile("message="))
        settle(page)
        dark = path in {"/start", "/bulk", bad}
        assert violations(page, ["light", "dark"] if dark else ["light"]) == [], path
        page.set_viewport_size({"width": 1280, "height": 740})
