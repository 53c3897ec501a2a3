"""Stopping an execution."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tests.unit.cli.conftest import darkroom
from tests.unit.recorded import partly, recorded


def test_a_running_execution_is_stopped_with_a_reason(executions: Any) -> None:
    running = partly("complete", 9)
    executions.whole = {"it": running}

    code, text = darkroom("stop", "it", "--reason", "wrong photo")
    assert code == 0
    assert executions.stopped == {
        "executionArn": running.arn, "error": "Stopped", "cause": "wrong photo",
    }  # fmt: skip
    assert running.source
    assert text.startswith(f"Stopped  {running.source.key}\n")
    assert f"darkroom redrive {running.name} --stack photos" in text
    assert f"darkroom rerun {running.name} --stack photos" in text

    code, text = darkroom("stop", "it", "--json")
    assert executions.stopped["cause"] == "An operator stopped it."
    assert json.loads(text) == {
        "execution": running.arn,
        "status": "ABORTED",
        "commands": {
            "resume": f"darkroom redrive {running.name} --stack photos",
            "rerun": f"darkroom rerun {running.name} --stack photos",
        },
    }


@pytest.mark.parametrize(
    ("status", "ended"), [("SUCCEEDED", "ALREADY PROCESSED"), ("TIMED_OUT", "TIMED OUT")]
)
def test_what_has_ended_is_not_stopped(executions: Any, status: str, ended: str) -> None:
    executions.whole = {"it": dataclasses.replace(recorded("duplicate"), status=status)}

    code, text = darkroom("stop", "it", "--json")

    assert code == 2
    assert f"has ended already: {ended}. See `darkroom show" in json.loads(text)["message"]
    assert executions.stopped == {}


@pytest.mark.parametrize(
    ("words", "typed", "asked", "cause"),
    [
        ((), "wrong photo\n", True, "wrong photo"),
        ((), "\n", True, "An operator stopped it."),
        (("--reason", " wrong photo "), "another\n", False, "wrong photo"),
        (("--json",), "wrong photo\n", False, "An operator stopped it."),  # a program reads it
    ],
)
def test_a_person_who_gave_no_reason_is_asked_for_one(
    executions: Any,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    typed: str,
    asked: bool,
    cause: str,
) -> None:
    executions.whole = {"it": partly("complete", 9)}
    monkeypatch.setattr("darkroom_ops.cli.stop.people_read", lambda: True)

    code, text = darkroom("stop", "it", *words, typed=typed)

    assert (code, "Why?" in text) == (0, asked)
    assert executions.stopped["cause"] == cause
