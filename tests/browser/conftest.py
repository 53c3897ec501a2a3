"""A real browser on the real console and engine. Skipped where Playwright or Chromium is absent."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

try:
    from playwright.sync_api import expect
except ImportError:  # then no test gets a page
    expect = None

from darkroom_ops.console.serve import serving
from tests.support.pipeline import Pipeline

LIMIT_MILLISECONDS = 120_000
"""What a page is waited for; only a page that hangs takes as long."""

WIDTHS = (1024, 1440)
"""Of windows in which nothing may wrap."""

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""Debian's chromium-headless-shell first: it draws the same and takes half of the processor."""

CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
ARGUMENTS = [
    "--no-sandbox",  # CI runs as root, which Chromium's sandbox refuses
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",  # a process for each page takes a tenth more of the processor
]

Measured = Callable[[Any], AbstractContextManager[Any]]


# What a closed page left undone is told whenever Python collects its garbage: to any other test.
logging.getLogger("asyncio").addFilter(
    lambda record: (
        "was destroyed but it is pending" not in record.getMessage()
        and "exception was never retrieved" not in record.getMessage()
    )
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One for all. Playwright's event loop then counts as running in the main thread."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium-headless-shell")
    expect.set_options(timeout=LIMIT_MILLISECONDS)
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def console(deployed: Pipeline) -> Iterator[str]:
    if deployed.engine is None:
        pytest.skip("needs the inside of the local engine")
    with serving(deployed.at, deployed.engine.inbox, 0) as address:
        yield address


@pytest.fixture
def violations() -> Callable[..., list[Any]]:
    """What axe finds in a page, light on a screen and dark on a phone, and what is too wide.

    The rule, and the first elements that break it. The page is loaded once for both.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    told = "found.violations.map(each => [each.id, each.nodes.slice(0, 3).map(node => node.html)])"

    def run(page: Any, schemes: Sequence[str] = ("light", "dark")) -> list[Any]:
        page.evaluate(axe.axe_script)
        found: list[Any] = []
        for scheme in schemes:
            width = {"light": 1280, "dark": 360}[scheme]
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size({"width": width, "height": 740})
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found += [(scheme, f"{wide} pixels too wide")] if wide > 0 else []
            options = {"resultTypes": ["violations"]}
            found += page.evaluate(f"given => axe.run(given).then(found => {told})", options)
        return found

    return run


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Measure what a page runs, if coverage is asked for."""
    plugin = request.config.pluginmanager.get_plugin("javascript")
    return plugin.measured if plugin else contextlib.nullcontext


@pytest.fixture
def latency(request: pytest.FixtureRequest) -> int:
    """Milliseconds that each answer takes on its way to a page."""
    return int(request.config.getoption("--latency"))


@pytest.fixture(scope="module")
def desk(browser: Any, console: str) -> Iterator[Kept]:
    yield from _kept(browser, console)


@pytest.fixture(scope="module")
def hand(browser: Any, console: str) -> Iterator[Kept]:
    yield from _kept(browser, console, viewport={"width": 360, "height": 740}, has_touch=True)


@pytest.fixture
def page(desk: Kept, measured: Measured, latency: int) -> Iterator[Any]:
    """A page whose errors fail the test; what its context keeps is as new.

    But for a clock, which stays in a context: a test that installs one takes `alone`.
    """
    desk.forget()
    yield from _opened(desk.context, measured, latency)


@pytest.fixture
def phone(hand: Kept, measured: Measured, latency: int) -> Iterator[Any]:
    hand.forget()
    yield from _opened(hand.context, measured, latency)


@pytest.fixture
def alone(browser: Any, console: str, measured: Measured, latency: int) -> Iterator[Any]:
    """A page in a context of its own."""
    context = signed_in(browser, console)
    yield from _opened(context, measured, latency)
    context.close()


@pytest.fixture
def opened(browser: Any, console: str) -> Iterator[Callable[..., Any]]:
    """Open pages in contexts of their own, as with another colour scheme."""
    contexts = []

    def new(**options: Any) -> Any:
        contexts.append(signed_in(browser, console, **options))
        return contexts[-1].new_page()

    yield new
    for context in contexts:
        context.close()


def signed_in(browser: Any, console: str, **options: Any) -> Any:
    """Return a context of the browser in which the console's address was opened once.

    Nothing moves in it: what pulses for ever takes half a processor.
    """
    context = browser.new_context(base_url=console, **{"reduced_motion": "reduce"} | options)
    assert context.request.get(console).ok
    return context


class Kept:
    """A context that pages share one after the other: a new one starts a process each time.

    It keeps a page of the console's, and so that process, which all its pages share.
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        self._page = context.new_page()
        self._page.goto("/static/theme.js")
        self._devtools = context.new_cdp_session(self._page)

    def forget(self) -> None:
        """Forget what earlier pages left: storage, permissions, and answers that are cached."""
        self._page.evaluate("localStorage.clear()")
        self.context.clear_permissions()
        self._devtools.send("Network.clearBrowserCache")
        for disabled in (True, False):  # the first drops what the process has in memory
            self._devtools.send("Network.setCacheDisabled", {"cacheDisabled": disabled})


def _kept(browser: Any, console: str, **options: Any) -> Iterator[Kept]:
    context = signed_in(browser, console, **options)
    yield Kept(context)
    context.close()


def _opened(context: Any, measured: Measured, latency: int) -> Iterator[Any]:
    before = len(context.pages)
    found = context.new_page()
    found.set_default_timeout(LIMIT_MILLISECONDS)
    slow = {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
    context.new_cdp_session(found).send("Network.emulateNetworkConditions", slow)
    errors: list[str] = []
    found.on("pageerror", lambda error: errors.append(str(error)))
    # A breach of the content security policy is told in the browser's console.
    found.on(
        "console",
        lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None,
    )
    with measured(found):
        yield found
    for each in context.pages[before:]:
        each.close()
    assert errors == []
