"""The waits of retries."""

from __future__ import annotations

import pytest

from darkroom_ops.engine.stepfunctions import retries
from darkroom_ops.engine.stepfunctions.retries import RetryWaits


@pytest.mark.parametrize(("skip", "slept"), [(False, [2.0, 0.5]), (True, [])])
def test_waits_are_recorded_and_taken_unless_they_are_skipped(
    skip: bool, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[float] = []
    monkeypatch.setattr(retries.time, "sleep", taken.append)
    waits = RetryWaits(skip=skip)
    for seconds in (2.0, 0.5):
        waits.wait(seconds)
    assert (waits.seconds, taken) == ([2.0, 0.5], slept)
