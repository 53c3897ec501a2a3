"""The simulation behind docs/capacity.md: its queues add up, and the documented answers hold."""

from __future__ import annotations

import pytest

from benchmarks.capacity import Stage, simulate

FLOW = [
    Stage("ClaimImage", 0.03, 1, records=1),
    Stage("Prepare", 0.3, 1, concurrency=1, reads=3, writes=2),
    Stage("ResizeImages", 0.14, 4, concurrency=3, reads=6, writes=3),
    Stage("Archive", 0.15, 3, concurrency=2, reads=4, writes=2),
]


@pytest.mark.parametrize("workflow", ["STANDARD", "EXPRESS"])
@pytest.mark.parametrize("rate", [1, 100])
def test_nothing_binds_up_to_a_hundred_a_second(rate: float, workflow: str) -> None:
    found = simulate(rate, 10, workflow, FLOW)
    assert max(found.demand.values()) < 1
    assert found.waiting == pytest.approx(0)
    assert found.seconds < 1  # the stages' own time, and a tick for each


def test_starts_bind_first_on_standard() -> None:
    """1,000 arrive and 300 start in each second, after a bucket of 1,300."""
    found = simulate(1_000, 20, "STANDARD", FLOW)
    assert found.first == "StartExecution"
    assert found.waiting == pytest.approx(20 * (1_000 - 300) - 1_300, rel=0.02)


def test_express_moves_the_limit_to_s3_and_lambda() -> None:
    found = simulate(1_000, 20, "EXPRESS", FLOW)
    assert found.demand["StartExecution"] < 1
    assert found.first == "S3 reads of a prefix"
    assert found.demand["Lambda concurrency"] == pytest.approx(1_000 * (0.3 + 0.42 + 0.3) / 1_000)
