"""The workflows of GitHub: what they run is fixed, and they hold no key."""

from __future__ import annotations

import re

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


def test_ci_runs_the_gate_on_every_supported_python() -> None:
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = ci["jobs"]["check-and-test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert ci["permissions"] == {"contents": "read"}


def test_deploying_needs_a_role_and_no_key() -> None:
    text = (ROOT / ".github" / "workflows" / "deploy.yml").read_text()
    deploy = yaml.safe_load(text)
    assert deploy["permissions"]["id-token"] == "write"
    assert "role-to-assume" in text
    assert "secrets." not in text
