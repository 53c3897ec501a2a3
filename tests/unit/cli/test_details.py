"""What `darkroom show` shows of an execution and its states."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from darkroom_ops.cli import details
from darkroom_ops.executions.model import SourceObject
from tests.unit.cli.conftest import darkroom
from tests.unit.recorded import at, partly, recorded

AWS: Any = SimpleNamespace(endpoint=None, stack="photos")


def shown(show: Any) -> str:
    screen = Console(file=io.StringIO(), width=200, color_system=None)
    show(screen)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.mark.parametrize(("number", "said"), [(0, "stopped"), (1, "ok")])
def test_a_call_says_how_it_ended(number: int, said: str) -> None:
    runs = details.states_named(recorded("redriven"), "Resize small")

    text = shown(
        lambda screen: details.show_states(screen, (runs[number],), given=True, made=False)
    )

    assert re.search(rf"Call 1  lambda:invoke  \d\.\d\d s  {said}\n", text)


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize(
    ("name", "ends_as", "code"),
    [
        ("complete", None, 0),
        ("corrupt", None, 1),
        ("running", "complete", 0),
        ("running", "corrupt", 1),
        ("running", "running", 0),  # whoever followed it left
    ],
)
def test_who_follows_hears_how_it_ends(
    executions: Any, monkeypatch: pytest.MonkeyPatch,
    name: str, ends_as: str | None, code: int, follow: bool,
) -> None:  # fmt: skip
    whole = {each: recorded(each) for each in ("complete", "corrupt")}
    whole["running"] = partly("complete", 9)
    executions.whole, executions.cost = whole, lambda _: None
    executions.search, executions.find = executions.find, None  # a part of the key is enough
    followed: list[str] = []

    def wait(_: Any, arn: str, screen: Any) -> Any:
        assert screen.quiet
        followed.append(arn)
        return whole[str(ends_as)]

    monkeypatch.setattr("darkroom_ops.cli.progress.followed", wait)
    exit_code, text = darkroom("show", name, "--json", *(["--follow"] if follow else []))
    assert exit_code == (code if follow else 0)
    assert followed == ([whole["running"].arn] if follow and ends_as else [])
    end = whole[ends_as if follow and ends_as else name]
    assert json.loads(text)["status"] == end.status


def test_what_hides_in_an_execution_is_shown() -> None:
    (run,) = (each for each in recorded("corrupt").states if each.name == "Prepare")
    calls = tuple(
        dataclasses.replace(each, error="E\u202e", cause='"why\u202e"') for each in run.attempts
    )
    state = dataclasses.replace(run, input='{"key": "k\u202e"}', attempts=calls)
    source = SourceObject("bucket", "a\u202e.jpg", "v\u202e")
    execution = dataclasses.replace(
        recorded("corrupt"), source=source, error="X\u202e", cause="because\u202e", states=(state,)
    )

    text = shown(lambda screen: details.show_whole(screen, AWS, execution, None))
    text += shown(lambda screen: details.show_states(screen, (state,), given=True, made=True))

    for said in ("E", "why", "k", "a", "v", "X", "because"):
        assert rf"{said}\u202e" in text
    assert "\u202e" not in text


def test_a_redrive_is_told_with_its_time_and_its_pause() -> None:
    execution = recorded("redriven")

    text = shown(lambda screen: details.show_whole(screen, AWS, execution, None))

    (redrive,) = execution.redrives
    when = f"{redrive.resumed.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    assert f"Redriven   {when}, 2.0 s after it had ended" in text
    assert f"Started    {at(0).astimezone():%Y-%m-%d %H:%M:%S %Z} by the upload's event" in text
