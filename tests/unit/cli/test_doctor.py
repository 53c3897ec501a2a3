"""`darkroom doctor`: with a picture sent through, and what it asks AWS for the project."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError

from darkroom_ops.doctor.findings import Finding
from tests.unit.cli.conftest import darkroom

LEFT = Finding("warning", "smoke", "Could not remove it.", "aws s3 rm")
BROKEN = Finding("broken", "smoke", "The picture failed.", "darkroom show")


@pytest.mark.parametrize(
    ("refused", "left", "code"), [([], [], 0), (["no"], [], 1), ([], [LEFT], 1)]
)
def test_what_was_refused_or_is_left_ends_with_1_and_the_file_is_written(
    executions: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    refused: list[str], left: list[Finding], code: int,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    asked = SimpleNamespace(refused=refused, left=left, file=lambda: "{}")
    monkeypatch.setattr("darkroom_ops.doctor.contact.Contact", lambda *_: asked)

    exit_code, text = darkroom("doctor", "--contact", "--json")

    said = json.loads(text)
    assert (exit_code, said["refused"], len(said["left"])) == (code, refused, len(left))
    assert Path(said["file"]).read_text() == "{}"


def refused(code: str) -> ClientError:
    said: Any = {"Error": {"Code": code, "Message": "no"}}
    return ClientError(said, "PutObject")


@pytest.fixture
def sent(executions: Any, monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """A picture's way through a stack that is well; when it ends, something is left of it."""
    made = MagicMock(left=[])
    made.__exit__.side_effect = lambda *_: made.left.append(LEFT)
    monkeypatch.setattr("darkroom_ops.doctor.smoke.Smoke", lambda *_, **__: made)
    monkeypatch.setattr("darkroom_ops.doctor.examine.examine", lambda *_: [])
    return made


def test_what_is_found_on_a_picture_s_way_is_told_with_what_is_left_of_it(sent: MagicMock) -> None:
    for found, said in (
        ([LEFT], [LEFT.says, LEFT.says]),
        ([BROKEN], [BROKEN.says, LEFT.says]),  # worst first
        (refused("AccessDenied"), [LEFT.says, "Could not look at smoke: needs the permission"]),
    ):
        sent.left.clear()
        sent.findings.side_effect = [found]
        code, text = darkroom("doctor", "--smoke", "--json")
        told = [each["says"] for each in json.loads(text)["findings"]]
        assert code == 1
        assert all(one.startswith(other) for one, other in zip(told, said, strict=True))


def test_trouble_on_a_picture_s_way_that_is_no_refusal_is_none_of_the_stack_s(
    sent: MagicMock,
) -> None:
    sent.findings.side_effect = refused("InternalError")

    code, text = darkroom("doctor", "--smoke", "--json")

    assert (code, json.loads(text)["error"]) == (2, "InternalError")
    assert sent.__exit__.called
