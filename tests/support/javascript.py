"""Which parts of the console's scripts its browser tests run, beside the coverage of the Python.

Measured with ``--cov`` by Chromium itself (DevTools protocol, Profiler.takePreciseCoverage); the
floor holds when all browser tests ran. Every process of pytest-xdist hands on what it saw.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

STATIC = Path(__file__).resolve().parents[2] / "darkroom_ops" / "console" / "static"
SCRIPTS = tuple(sorted(path.name for path in STATIC.glob("*.js")))

FLOOR = 0.95
"""Share of the characters of each script, white space apart."""

SHOWN = 70
"""Characters of a part that did not run."""


class Javascript:
    """A plugin of pytest that collects the coverage of scripts.

    Parameters
    ----------
    config
        Of this process; one of pytest-xdist's workers sends what it saw to the first process.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._ran: dict[str, set[int]] = {name: set() for name in SCRIPTS}
        self._worker = hasattr(config, "workeroutput")

    @contextmanager
    def measured(self, page: Any) -> Iterator[None]:
        """Measure what a page runs.

        A page takes its figures with it when another comes: they are asked for before each
        ``goto``. What runs between the last action and a click's navigation is not seen.
        """
        devtools = page.context.new_cdp_session(page)
        devtools.send("Profiler.enable")
        devtools.send("Profiler.startPreciseCoverage", {"callCount": True, "detailed": True})

        def take() -> None:
            for script in devtools.send("Profiler.takePreciseCoverage")["result"]:
                folder, _, name = urlsplit(script["url"]).path.rpartition("/")
                if folder == "/static" and name in self._ran:
                    self._ran[name] |= _ran(script["functions"])

        def goto(*args: Any, **options: Any) -> Any:
            take()
            return go(*args, **options)

        go, page.goto = page.goto, goto
        yield
        take()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand on what this process saw, or fail the session below the floor."""
        if self._worker:
            session.config.workeroutput["javascript"] = {  # type: ignore[attr-defined]
                name: sorted(ran) for name, ran in self._ran.items()
            }
        elif self._below() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what another process saw."""
        for name, ran in getattr(node, "workeroutput", {}).get("javascript", {}).items():
            self._ran[name].update(ran)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the share of each script and the parts that did not run."""
        if self._worker or not any(self._ran.values()):
            return
        terminalreporter.section("coverage of the console's scripts")
        below = self._below()
        for name, ran in self._ran.items():
            text = (STATIC / name).read_text()
            verdict = f"below the floor of {FLOOR:.0%}" if name in below else ""
            terminalreporter.line(f"{name:<12} {_share(text, ran):6.1%}  {verdict}")
            for number, part in _missing(text, ran):
                terminalreporter.line(f"  line {number}: {part}")

    def _below(self) -> list[str]:
        """Return the scripts below the floor; none where no browser ran."""
        if not any(self._ran.values()):
            return []
        return [
            name
            for name, ran in self._ran.items()
            if _share((STATIC / name).read_text(), ran) < FLOOR
        ]


def _ran(functions: list[dict[str, Any]]) -> set[int]:
    """Return the offsets of the characters that ran.

    A range counts for all that is inside it but for the ranges that come later, which are inside.
    """
    counts: dict[int, int] = {}
    for function in functions:
        for each in function["ranges"]:
            within = range(each["startOffset"], each["endOffset"])
            counts.update(dict.fromkeys(within, each["count"]))
    return {offset for offset, count in counts.items() if count}


def _share(text: str, ran: set[int]) -> float:
    solid = [offset for offset, character in enumerate(text) if not character.isspace()]
    return sum(offset in ran for offset in solid) / len(solid)


def _missing(text: str, ran: set[int]) -> list[tuple[int, str]]:
    """Return the lines that did not run as a whole, with the part that did not."""
    found, start = [], 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        part = "".join(c for n, c in enumerate(line, start) if n not in ran).strip()
        if part:
            found.append((number, part[:SHOWN]))
        start += len(line)
    return found
