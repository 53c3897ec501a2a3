"""What the demo holds to be as expected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darkroom_ops.cli.demonstration import Sample, samples
from darkroom_ops.executions.model import Execution
from tests.unit.recorded import partly, recorded

ROCKET = Sample("rocket.jpg", "a photo", height=200)


def problems(sample: Sample, execution: Execution | None) -> list[str]:
    return list(replace(sample, execution=execution).problems())


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        (ROCKET, "complete"),
        (Sample("corrupt.jpg", "", outcome="FAILED", error="CorruptImage"), "corrupt"),
        (Sample("rocket.jpg", "", outcome="ALREADY_PROCESSED"), "duplicate"),
    ],
)
def test_the_expected_outcome_is_no_problem(sample: Sample, name: str) -> None:
    assert problems(sample, recorded(name)) == []


@pytest.mark.parametrize(
    ("sample", "name", "words"),
    [
        (ROCKET, "corrupt", ["expected COMPLETE", "FAILED CorruptImage", "cannot be decoded"]),
        (ROCKET, "duplicate", ["expected COMPLETE", "ALREADY_PROCESSED"]),
        (replace(ROCKET, outcome="ALREADY_PROCESSED"), "complete", ["it ended COMPLETE"]),
        (
            replace(ROCKET, outcome="FAILED", error="CorruptImage"),
            "timed_out",
            ["expected FAILED CorruptImage", "FAILED StatesTimeout"],
        ),
        (replace(ROCKET, height=300), "complete", ["expected small to be 300 x 300", "300 x 200"]),
        (replace(ROCKET, suffix=".webp"), "complete", ["expected .webp", "small.jpg"]),
        (ROCKET, "silent", ["expected small, medium, large", "thumb"]),
    ],
)
def test_anything_else_is_one_and_says_what_came(
    sample: Sample, name: str, words: list[str]
) -> None:
    (problem,) = problems(sample, recorded(name))

    assert problem.startswith("rocket.jpg: ")
    assert all(word in problem for word in words), problem


def test_no_execution_or_no_end_is_a_problem() -> None:
    assert len(problems(ROCKET, None)) == 1
    assert len(problems(ROCKET, partly("complete", 20))) == 1


def test_the_demo_shows_what_the_workflow_is_for() -> None:
    shown = samples()

    assert [sample.outcome for sample in shown].count("COMPLETE") >= 3
    assert {sample.outcome for sample in shown} == {"COMPLETE", "FAILED", "ALREADY_PROCESSED"}
    assert any(sample.suffix == ".webp" for sample in shown)
    assert shown[-1].name in {sample.name for sample in shown[:-1]}
