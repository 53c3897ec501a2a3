"""What is mutated, by area, and how much of it the tests must notice. The one home of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = "statemachine/image_pipeline.asl.yaml"
_CORE = "layers/darkroom/darkroom/"


@dataclass(frozen=True)
class Area:
    """Files that share a floor.

    Parameters
    ----------
    floor
        The least share of mutants that must be killed, in percent.
    patterns
        The files, as globs; the first area that matches a file has it.
    """

    floor: int
    patterns: tuple[str, ...]


AREAS = {
    "audit": Area(95, ("darkroom_ops/audit/*.py",)),
    "cost": Area(95, ("darkroom_ops/executions/cost.py",)),
    "definition": Area(95, (DEFINITION,)),
    "claims": Area(
        95,
        tuple(
            f"{_CORE}{name}.py" for name in ("steps/notify", "contract/keys", "notify/*", "aws/*")
        ),
    ),
    "steps": Area(
        90,
        tuple(f"{_CORE}{name}.py" for name in ("*", "contract/*", "steps/*", "image/plan")),
    ),
    "image": Area(90, (f"{_CORE}image/**/*.py",)),
    "operations": Area(
        90,
        tuple(
            f"darkroom_ops/{name}*.py"
            for name in ("", "cli/", "doctor/", "executions/", "overview/", "present/")
        ),
    ),
    "console": Area(90, ("darkroom_ops/console/**/*.py",)),
    "engine": Area(90, ("darkroom_ops/engine/**/*.py",)),
}

ELSEWHERE = {
    f"{_CORE}steps/observability.py": ("tests/unit/steps/test_observability.py",),
    f"{_CORE}image/sandbox/child.py": (
        "tests/unit/image/sandbox/test_decode.py",
        "tests/unit/image/sandbox/test_parent.py",
    ),
}
"""Tests of what runs in a process of its own, where no measurement sees it."""


def files() -> dict[str, str]:
    """Return every file that is mutated, with its area."""
    found: dict[str, str] = {}
    for name, area in AREAS.items():
        for pattern in area.patterns:
            for path in sorted(ROOT.glob(pattern)):
                found.setdefault(str(path.relative_to(ROOT)), name)
    return found
