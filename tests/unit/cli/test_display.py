"""What is shown of an execution that has ended."""

from __future__ import annotations

import pytest

from darkroom_ops.cli import display
from darkroom_ops.executions.cost import estimate
from tests.unit.recorded import MEMORY, recorded


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("complete", ["COMPLETE  uploads/rocket.jpg", "11 transitions", "per 1,000"]),
        ("duplicate", ["ALREADY PROCESSED  uploads/rocket.jpg", "nothing to do"]),
        ("corrupt", ["FAILED  uploads/corrupt.jpg", "6 transitions"]),
    ],
)
def test_the_summary_says_the_outcome(name: str, words: list[str]) -> None:
    execution = recorded(name)

    text = display.summary(execution, estimate(execution, MEMORY)).plain

    assert all(word in text for word in words)
