"""The notes of a release: the changelog's own words, or what keeps it from being one."""

from __future__ import annotations

from typing import Any

import pytest
from darkroom import __version__

from tools.checks.release import NotReady, main, notes

CHANGELOG = """\
# Changelog

## Unreleased

- Later.

## 1.10.0 - 2026-02-28

### Added

- A lamp that is described
  in two lines.
  - Its bulb.

### Fixed

- A leak.

## 1.1.0 - 2026-01-31
"""


def test_they_are_the_section_of_the_version_a_line_for_each_entry() -> None:
    assert notes(["v1.10.0"], CHANGELOG, "1.10.0") == (
        "### Added\n\n- A lamp that is described in two lines.\n  - Its bulb.\n\n"
        "### Fixed\n\n- A leak.\n"
    )


@pytest.mark.parametrize("tags", [["v1.1.0"], ["1.10.0"], ["v1.10.0-rc1"], [], ["v1.10.0", "v2"]])
def test_another_tag_is_refused(tags: list[str]) -> None:
    with pytest.raises(NotReady, match=r"Expected the tag v1\.10\.0, but received (v|1|none)"):
        notes(tags, CHANGELOG, "1.10.0")


@pytest.mark.parametrize(
    ("version", "changelog", "said"),
    [
        (
            "2.0.0",
            CHANGELOG,
            "“## 2.0.0 - YYYY-MM-DD” in CHANGELOG.md, but it has Unreleased, 1.10",
        ),
        ("2.0.0", "# Changelog\n", "but it has none"),
        ("1.0", "## 100 - 2026-01-31\n\n- A dot is a dot.\n", "but it has 100 - 2026-01-31"),
        ("1.0.0", "## 1.0.0\n\n- No date.\n", "Expected a section “## 1.0.0 - YYYY-MM-DD”"),
        ("1.1.0", CHANGELOG, "Expected CHANGELOG.md to say what 1.1.0 changes: it is empty"),
    ],
)
def test_a_changelog_without_it_is_refused(version: str, changelog: str, said: str) -> None:
    with pytest.raises(NotReady) as refused:
        notes([f"v{version}"], changelog, version)
    assert said in str(refused.value)


def test_what_is_missing_is_said_and_nothing_is_printed(capsys: Any) -> None:
    assert main(["v0.0.0"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Expected the tag v{__version__}, but received v0.0.0. Tag the commit")
