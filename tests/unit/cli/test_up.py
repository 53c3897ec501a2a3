"""What `darkroom up` shows as it happens."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops.cli import address, local
from darkroom_ops.cli.up import _Screen, _started, _Watch
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


def test_an_engine_is_started_as_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With its port, the parameters of the template, and the folder that keeps its data."""
    asked = []

    @contextlib.contextmanager
    def start(port: int, **given: Any) -> Iterator[None]:
        asked.append((port, given["parameters"], given["data"]))
        yield

    monkeypatch.setattr(local, "start", start)
    monkeypatch.setattr(address, "secret_key", lambda: "s")
    parameters = ["BufferConcurrency=5", "WorkflowType=EXPRESS"]
    with _started(4571, parameters, tmp_path):
        assert asked == [(4571, parameters, tmp_path)]


def test_what_no_list_has_is_told_by_its_messages_alone() -> None:
    """Step Functions lists no execution of Express; asked for it, the engine says so, as AWS."""
    stop, told = threading.Event(), []

    def describe(**_: str) -> dict[str, str]:
        stop.wait = lambda _: bool(told)  # type: ignore[method-assign, assignment]
        return {"type": "EXPRESS"}

    def listed(**_: str) -> None:
        pytest.fail("there is no list")

    client = SimpleNamespace(describe_state_machine=describe, list_executions=listed)
    engine: Any = SimpleNamespace(
        deployment=SimpleNamespace(stepfunctions=client, state_machine_arn="arn:m"),
        inbox=SimpleNamespace(messages=lambda: ["one"]),
        kept=SimpleNamespace(executions=[], messages=0),
    )
    output: Any = SimpleNamespace(message=told.append)
    watch = _Watch(engine, output, stop)
    watch.run()
    assert (told, watch.error) == (["one"], None)
