"""What `darkroom show` shows of an execution and its states."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from darkroom_ops.cli import details
from tests.unit.recorded import at, recorded

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


def test_a_redrive_is_told_with_its_time_and_its_pause() -> None:
    execution = recorded("redriven")

    text = shown(lambda screen: details.show_whole(screen, AWS, execution, None))

    (redrive,) = execution.redrives
    when = f"{redrive.resumed.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    assert f"Redriven   {when}, 2.0 s after it had ended" in text
    assert f"Started    {at(0).astimezone():%Y-%m-%d %H:%M:%S %Z} by the upload's event" in text
