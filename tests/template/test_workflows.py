"""The workflows of GitHub: what they run is fixed, and they hold no key."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: object) -> None:
    """A tag can be moved to other code; a commit cannot."""
    text = path.read_text()  # type: ignore[attr-defined]
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_the_jobs_of_ci_share_the_gate_and_repeat_nothing() -> None:
    """Their targets are those of .ci/run; only the tests run on every supported Python."""
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    ran = {
        name: [step["run"] for step in job["steps"] if "run" in step]
        for name, job in ci["jobs"].items()
    }
    gate = re.search(r"set -- (.+)", (ROOT / ".ci" / "run").read_text())
    assert gate is not None
    (shared,) = ran["check"]
    assert ran["test"] == [".ci/run test"]
    assert sorted([*shared.removeprefix(".ci/run ").split(), "test"]) == sorted(gate[1].split())
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    pythons = ci["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert declared == f">={pythons[0]}"
    assert pythons == ["3.11", "3.12", "3.13"]
    assert "strategy" not in ci["jobs"]["check"]
    assert ci["permissions"] == {"contents": "read"}


def test_deploying_needs_a_role_and_no_key() -> None:
    text = (ROOT / ".github" / "workflows" / "deploy.yml").read_text()
    deploy = yaml.safe_load(text)
    assert deploy["permissions"]["id-token"] == "write"
    assert "role-to-assume" in text
    assert "secrets." not in text
