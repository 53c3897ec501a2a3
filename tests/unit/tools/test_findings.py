"""What `make check` accepts: named findings only, and only as long as they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.checks.findings import Finding, Suppressions

FOUND = [
    Finding("R1", "AFunction", "why"),
    Finding("R1", "Bucket", "why"),
    Finding("R2", "X", "why"),
]


def accepted(tmp_path: Path, text: str) -> Suppressions:
    path = tmp_path / "suppressions.yaml"
    path.write_text(text)
    return Suppressions.load(path)


def test_a_finding_is_accepted_by_rule_and_resource(tmp_path: Path) -> None:
    given = accepted(tmp_path, 'tool: [{rules: [R1], resources: ["*Function"], reason: why}]')
    assert given.remaining("tool", FOUND) == FOUND[1:]


def test_another_tools_entries_accept_nothing(tmp_path: Path) -> None:
    given = accepted(tmp_path, 'other: [{rules: [R1], resources: ["*"], reason: why}]')
    assert given.remaining("tool", FOUND) == FOUND


def test_an_entry_that_nothing_needs_is_a_finding(tmp_path: Path) -> None:
    given = accepted(tmp_path, "tool: [{rules: [R1, R3], resources: [Bucket], reason: why}]")
    (stale,) = [each for each in given.remaining("tool", FOUND) if each.stale]
    assert (stale.rule, stale.where) == ("R3", "Bucket")


def test_an_entry_needs_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a reason"):
        accepted(tmp_path, "tool: [{rules: [R1], resources: [Bucket]}]")
