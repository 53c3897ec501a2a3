"""Parameters of the template: allowed as CloudFormation allows them, refused in words."""

from __future__ import annotations

import re

import pytest

from darkroom_ops.engine.parameters import read
from tests.support import stack

DECLARED = stack.source()["Parameters"]
CONCURRENCY = DECLARED["BufferConcurrency"]["ConstraintDescription"]
DAYS = "1, 3, 5, 7, 14, 30, 60, 90, 180, 365"


@pytest.mark.parametrize(
    "given",
    [
        "BufferConcurrency=2", "BufferConcurrency=1000", "BufferConcurrency=0",
        "WorkflowType=EXPRESS", "LogRetentionDays=7", "BackupLockDays=0", "AlertEmail=",
        "AlertEmail=a=b@example.com", "SourcePrefix=in/", "AlertPhoneFaults=both",
    ],
)  # fmt: skip
def test_what_the_template_allows_is_taken(given: str) -> None:
    name, _, value = given.partition("=")
    assert read([given], DECLARED) == {name: value}


def test_several_are_taken_and_the_last_one_holds() -> None:
    given = ["LogLevel=DEBUG", "SourcePrefix=in/", "LogLevel=ERROR"]
    assert read(given, DECLARED) == {"LogLevel": "ERROR", "SourcePrefix": "in/"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("BufferConcurrency", "Expected a parameter as Name=Value, got 'BufferConcurrency'."),
        (
            "BufferConcurency=2",
            "The template has no parameter 'BufferConcurency'. Did you mean BufferConcurrency?",
        ),
        (
            "BufferConcurrency=1",
            f"The parameter BufferConcurrency cannot be '1'. {CONCURRENCY}",
        ),
        (
            "BufferConcurrency=2\n",
            f"The parameter BufferConcurrency cannot be '2\\n'. {CONCURRENCY}",
        ),
        (
            "WorkflowType=express",
            "The parameter WorkflowType cannot be 'express'. Expected one of STANDARD, EXPRESS.",
        ),
        (
            "LogRetentionDays=8",
            f"The parameter LogRetentionDays cannot be '8'. Expected one of {DAYS}.",
        ),
        ("BackupLockDays=-1", "The parameter BackupLockDays cannot be '-1'. Expected 0 or more."),
        ("BackupLockDays=a", "The parameter BackupLockDays cannot be 'a'. Expected a number."),
        ("BackupLockDays=", "The parameter BackupLockDays cannot be ''. Expected a number."),
    ],
)
def test_what_the_template_does_not_allow_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        read(["SourcePrefix=in/", given], DECLARED)


def test_what_is_like_none_is_told_all() -> None:
    with pytest.raises(ValueError, match=r"no parameter 'x'\. It has AlertEmail, .+, SourcePrefix"):
        read(["x=1"], DECLARED)


def test_a_pattern_without_a_description_is_told() -> None:
    with pytest.raises(ValueError, match=r"cannot be 'b'\. Expected what matches a\+\.$"):
        read(["Name=b"], {"Name": {"Type": "String", "AllowedPattern": "a+"}})
