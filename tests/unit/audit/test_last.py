"""What this machine remembers of the last audit of a stack."""

from __future__ import annotations

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops.audit import last


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Darkroom's folder, which is not there yet."""
    monkeypatch.setenv("DARKROOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def stack(identity: str) -> Any:
    return SimpleNamespace(stack_id=identity)


def test_an_audit_is_remembered_for_its_stack_alone() -> None:
    began = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    last.keep(stack("one"), 3, {"lost": 1})
    last.keep(stack("two"), 5, {})
    last.keep(stack("one"), 4, {"lost": 2, "orphan": 1})

    found = last.last(stack("one"))
    other = last.last(stack("two"))

    assert found is not None
    assert (found.images, found.findings) == (4, {"lost": 2, "orphan": 1})
    assert began <= datetime.datetime.fromisoformat(found.at) <= datetime.datetime.now(datetime.UTC)
    assert other is not None
    assert (other.images, other.findings) == (5, {})
    assert last.last(stack("three")) is None


def test_audits_lie_in_a_folder_of_darkrooms_by_a_name_of_16_characters(home: Path) -> None:
    last.keep(stack("one"), 3, {})
    (kept,) = home.rglob("*.json")
    # The first 16 of `printf one | sha256sum`.
    assert kept == home / "audits" / "7692c3ad3540bb80.json"
    assert kept.read_text().endswith("}\n")


@pytest.mark.parametrize("damaged", ["", "[]", "1", '{"at": "now"}', '{"at": "", "more": 1}'])
def test_what_cannot_be_read_is_no_audit(home: Path, damaged: str) -> None:
    last.keep(stack("one"), 3, {})
    (kept,) = home.rglob("*.json")
    kept.write_text(damaged)
    assert last.last(stack("one")) is None
    last.keep(stack("one"), 3, {})
    assert last.last(stack("one")) is not None


def test_an_audit_that_cannot_be_remembered_has_ended_all_the_same(home: Path) -> None:
    home.write_text("a file in the folder's place")
    last.keep(stack("one"), 3, {})
    assert last.last(stack("one")) is None
