"""An image's own page: its executions, and two of them side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline, Run


@pytest.fixture(scope="module")
def runs(deployed: Pipeline) -> tuple[Run, Run]:
    """An upload, and a re-run of it with one smaller rendition."""
    source = deployed.put(photo(400, 300), "again.jpg")
    first = deployed.run_of(source)
    presets = [{"name": "small", "width": 90}]
    return first, deployed.start({"source": source, "presets": presets})


def test_an_execution_leads_to_the_newer_one_and_both_are_compared(
    page: Any, runs: tuple[Run, Run]
) -> None:
    first, second = runs
    page.goto(f"/executions/{first.name}")
    expect(page.locator(".newer")).to_contain_text(second.name)
    page.goto(f"/executions/{second.name}")
    expect(page.locator(".newer")).to_have_count(0)
    page.get_by_role("link", name="Every run of this image").click()
    page.wait_for_url(re.compile("/image"))
    rows = page.locator(".run-list tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text(second.name)
    expect(rows.nth(1)).to_contain_text(first.name)
    page.get_by_role("button", name="Compare left and right").click()
    page.wait_for_url(re.compile("/compare"))
    heads = page.locator(".sides thead a")
    expect(heads).to_have_text([first.name, second.name])
    small = page.locator(".sides tr", has_text="small")
    expect(small).to_contain_text("90 × 68")  # noqa: RUF001
    expect(small).to_contain_text("A later run has replaced it.")
    expect(page.locator(".diff ins").filter(has_text="presets")).to_have_count(1)


def test_a_single_execution_is_not_offered_for_comparison(page: Any, deployed: Pipeline) -> None:
    run = deployed.upload(photo(64, 64), "single.jpg")
    key = json.loads(run.described["input"])["detail"]["object"]["key"]
    page.goto(f"/image?key={key}")
    expect(page.locator(".run-list tbody tr")).to_contain_text(run.name)
    expect(page.locator(".run-list input, .runs button")).to_have_count(0)
    expect(page.locator(".run-list th").first).to_have_text("Execution")


def test_axe_finds_nothing_in_an_image_and_a_comparison(
    opened: Callable[..., Any], runs: tuple[Run, Run], violations: Callable[[Any], list[Any]]
) -> None:
    page = opened(bypass_csp=True)
    first, second = runs
    key = json.loads(first.described["input"])["detail"]["object"]["key"]
    for path in (f"/image?key={key}", f"/compare?one={first.name}&other={second.name}"):
        page.goto(path)
        assert violations(page) == [], path
