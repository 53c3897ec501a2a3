"""The second tier: tests that repeat on the whole system what cheaper ones notice already.

``@pytest.mark.again("which tests notice it")`` leaves a test for ``--all``, which the gate gives.
Never the only test of a behaviour.
"""

from __future__ import annotations

from typing import Any

import pytest

LEFT = "left_for_all"


class Again:
    """Leaves what repeats others out, and says how much that was.

    Parameters
    ----------
    config
        Of this process: one that runs tests, or the one that shares them out.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._left = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._config.getoption("--all"):
            return
        left = [item for item in items if item.get_closest_marker("again")]
        self._left = len(left)
        if left:
            items[:] = [item for item in items if not item.get_closest_marker("again")]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if told is not None:
            told[LEFT] = self._left

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the number from a process of xdist's: each has seen all tests."""
        self._left = getattr(node, "workeroutput", {}).get(LEFT, self._left)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._left:
            terminalreporter.write_line(
                f"{self._left} more tests repeat some of these on the whole system, as the gate "
                'does: make test ARGS="--all"'
            )
