"""docs/operations.md names whatever can wake somebody."""

from __future__ import annotations

import re

import pytest
from darkroom.contract.errors import DarkroomError, by_class

from tests.conftest import ROOT
from tests.support.reading import parsed
from tests.support.stack import of_type, source

RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
ALARMS = [
    each["AlarmName"]["Fn::Sub"].replace("${AWS::StackName}", "darkroom")
    for each in of_type(source(), "AWS::CloudWatch::Alarm").values()
]
MACHINE = (ROOT / "statemachine" / "image_pipeline.asl.yaml").read_text()


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_has_its_section(name: str) -> None:
    section = RUNBOOK.partition(f"### `{name}`\n")[2].partition("\n#")[0]
    assert section.strip().endswith(".")


def test_no_section_is_about_an_alarm_that_is_gone() -> None:
    assert set(re.findall(r"^### `(.+)`$", RUNBOOK, flags=re.MULTILINE)) == set(ALARMS)


def _named() -> set[str]:
    """Return the errors of our code, and those of AWS that the state machine names."""
    services = set(re.findall(r"\b(?:Lambda|Runtime|Sandbox)\.[A-Z]\w+", MACHINE))
    return by_class(DarkroomError) | services | {"StatesTimeout"}


@pytest.mark.parametrize("name", sorted(_named()))
def test_an_error_has_its_line(name: str) -> None:
    rows = [
        line.strip("| ").split(" | ") for line in RUNBOOK.splitlines() if line.startswith("| `")
    ]
    ((_, means, do),) = [row for row in rows if f"`{name}`" in row[0]]
    assert means
    assert do


def test_every_option_is_explained() -> None:
    parameters = parsed(
        re.search(r"Options\}\n\s+Parameters: (\[.+\])", (ROOT / "template.yaml").read_text())[1]  # type: ignore[index]
    )
    for name in (*parameters, "ExistingSourceBucket"):
        assert re.search(rf"\*\*`{name}", RUNBOOK), name
