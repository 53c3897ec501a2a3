"""A file that was at fault: from the alert on a phone to the renditions of a corrected copy."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.browser.conftest import expect
from tests.support.images import photo, truncated
from tests.support.pipeline import Pipeline, Run


@pytest.fixture(scope="module")
def corrupt(deployed: Pipeline) -> Run:
    return deployed.upload(truncated(), "cut-off.jpg")


def test_from_an_alert_on_a_phone_to_a_corrected_rendition(
    phone: Any, pipeline: Pipeline, record_testsuite_property: Any
) -> None:
    run = pipeline.upload(truncated(), "to-correct.jpg")
    pipeline.settle()
    phone.goto("/inbox?kind=sms")
    alert = phone.get_by_role("link", name=re.compile("to-correct.jpg")).first
    alert.wait_for()
    began, taps = time.monotonic(), 0

    alert.tap()
    taps += 1
    phone.locator(".message").get_by_role("link", name="Open its execution").tap()
    taps += 1
    button = phone.locator("#head .actions > *").first
    expect(button).to_contain_text("Upload a corrected copy")
    with phone.expect_file_chooser() as chooser:
        button.tap()
    taps += 1
    chosen = {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": photo(400, 300)}
    chooser.value.set_files(chosen)  # the phone's own picker: a tap on the photo
    taps += 1
    phone.wait_for_url(lambda url: "/executions/" in url and run.name not in url)
    phone.locator("#head .badge.is-complete").wait_for()
    rendition = phone.get_by_role("img", name="Rendition small")
    rendition.wait_for()
    assert rendition.evaluate("i => i.decode().then(() => i.naturalWidth)") == 300

    seconds = time.monotonic() - began
    record_testsuite_property("taps from alert to corrected rendition", taps)
    record_testsuite_property("seconds from alert to corrected rendition", round(seconds, 1))
    assert taps <= 5
    key = json.loads(run.described["input"])["detail"]["object"]["key"]
    assert len(pipeline.executions(key)) == 2
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_dead_engine_takes_no_corrected_copy(page: Any, corrupt: Run) -> None:
    page.goto(f"/executions/{corrupt.name}")
    label = page.locator(".actions label")
    expect(label).to_have_css("opacity", "1")
    page.route("**/alive", lambda route: route.abort())
    page.get_by_role("link", name="Events", exact=True).click()  # which asks whether it lives
    expect(label.locator("input")).to_be_disabled()
    expect(label).to_have_css("opacity", "0.5")


def test_a_copy_that_is_not_taken_is_said_and_can_be_sent_again(page: Any, corrupt: Run) -> None:
    answers = [
        {"status": 422, "body": json.dumps({"message": "The file is empty. Choose another."})},
        {"status": 201, "body": json.dumps({"key": "k", "page": None})},
    ]
    page.route("**/source?*", lambda route: route.fulfill(**answers.pop(0)))
    page.goto(f"/executions/{corrupt.name}")
    said, choose = page.locator("[data-sent]"), page.locator("[data-corrects]")
    expect(said).to_contain_text("It goes under this very key, uploads/")
    file = {"name": "a\u202egpj.exe", "mimeType": "image/jpeg", "buffer": b"x"}
    choose.set_input_files(file)
    expect(said).to_have_text(r"a\u202egpj.exe: The file is empty. Choose another.")
    choose.set_input_files([])
    choose.set_input_files(file)
    expect(said).to_have_text(r"a\u202egpj.exe: uploaded. Its execution has not started yet.")


def test_nobody_leaves_while_a_copy_is_sent(page: Any, corrupt: Run) -> None:
    held: list[Any] = []
    page.route("**/source?*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    page.goto(f"/executions/{corrupt.name}")
    file = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"x"}
    page.locator("[data-corrects]").set_input_files(file)
    said = page.locator("[data-sent]")
    expect(said).to_have_text("a.jpg: uploading …")
    leaves = """() => dispatchEvent(new Event("beforeunload", { cancelable: true }))"""
    assert not page.evaluate(leaves)
    with page.context.expect_page():
        page.get_by_role("link", name="Events").click()
    held.pop().abort()
    expect(said).to_have_text("a.jpg: not uploaded, as the console did not answer.")
    assert page.evaluate(leaves)
