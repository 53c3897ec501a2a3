"""Chaos end to end: whatever fails, every upload ends in exactly one outcome.

``make chaos`` runs the long one: 500 keys and a new seed; ``ARGS=--seed=7`` repeats one. Any seed
must pass.
"""

from __future__ import annotations

import random

import pytest

from darkroom_ops.engine import Engine
from tests.support.chaos import Chaos, Plan

LONG_SECONDS = 1800.0
SHORT_SECONDS = 300.0


@pytest.mark.again("tests/statemachine/test_faults.py and test_claims.py: each trouble by itself")
def test_every_upload_ends_in_one_outcome(
    engine: Engine, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    uploads = request.config.getoption("--uploads")
    seed = request.config.getoption("--seed") or random.SystemRandom().randrange(1, 10**6)
    plan = Plan(seed=seed, uploads=uploads)
    aftermath = Chaos(engine, plan).run(SHORT_SECONDS if uploads <= 50 else LONG_SECONDS)
    with capsys.disabled():
        if uploads > 50:
            print(f"\nseed {seed}, {uploads} keys\n{aftermath.report()}")
    assert aftermath.findings == [], f"seed {seed}\n{aftermath.report()}"
    assert aftermath.outcomes["COMPLETE"] > uploads / 3, f"seed {seed}\n{aftermath.report()}"
    assert aftermath.kills > 0
    assert aftermath.faults.total() > 0
