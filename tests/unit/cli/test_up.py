"""What `darkroom up` shows as it happens."""

from __future__ import annotations

import dataclasses
import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops.cli.up import _Screen
from darkroom_ops.engine.inbox import Message
from darkroom_ops.executions.model import SourceObject
from tests.unit.cli.conftest import screen
from tests.unit.recorded import recorded

HOSTILE = "a\x1b]0;b\x07\u202e\u200b"
SEEN = r"a\x1b]0;b\x07\u202e\u200b"


@pytest.mark.parametrize("subject", [HOSTILE, None])
def test_a_message_is_told_in_one_line_that_no_terminal_obeys(subject: str | None) -> None:
    shown = screen(200)
    message = Message(
        topic="alerts", protocol="email", recipient=HOSTILE, subject=subject, text=HOSTILE,
        attributes={}, sender="any", subscription="arn", time=datetime.datetime.now(datetime.UTC),
    )  # fmt: skip
    _Screen(shown, usual=True).message(message)
    said = shown.export_text()
    assert said.endswith(f"  e-mail            to {SEEN}: {SEEN}\n")


def test_an_execution_is_told_in_one_line_that_no_terminal_obeys() -> None:
    shown = screen(200)
    hostile = dataclasses.replace(
        recorded("complete"), source=SourceObject("bucket", HOSTILE), error=HOSTILE
    )
    _Screen(shown, usual=True).execution(hostile)
    said = shown.export_text()
    assert said.count("\n") == 1
    assert said.count(SEEN) == 2
    assert said.isascii()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, ""),
        (1, "\nKept from before: 1 execution.\n"),
        (2, "\nKept from before: 2 executions.\n"),
    ],
)
def test_what_is_kept_is_counted(number: int, said: str) -> None:
    shown = screen(200)
    engine: Any = SimpleNamespace(kept=SimpleNamespace(executions=range(number), unplaced={}))
    _Screen(shown, usual=True)._kept(engine)
    assert shown.export_text() == said


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_only_what_works_is_suggested(kind: str) -> None:
    """Of Express, there is no list, and nothing can be followed."""
    deployment = SimpleNamespace(
        outputs={"SourceBucketName": "photos", "SourcePrefix": "in/", "StateMachineArn": "arn:m"},
        exports={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        state_machine_arn="arn:m",
        stepfunctions=SimpleNamespace(describe_state_machine=lambda **_: {"type": kind}),
    )
    shown = screen(200)
    engine: Any = SimpleNamespace(deployment=deployment, endpoint="http://127.0.0.1:1")
    _Screen(shown, usual=True)._examples(engine)
    said = shown.export_text()
    assert "aws s3 cp samples/rocket.jpg s3://photos/in/\n" in said
    for each in (
        "list-executions --state-machine-arn arn:m\n",
        "darkroom run samples/rocket.jpg\n",
    ):
        assert (each in said) is (kind == "STANDARD")
