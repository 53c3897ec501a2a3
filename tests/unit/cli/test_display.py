"""What is shown of an execution that has ended."""

from __future__ import annotations

import dataclasses
import io
from unittest.mock import Mock

import pytest
from rich.console import Console
from rich.text import Text

from darkroom_ops.cli import advice, display
from darkroom_ops.executions.cost import estimate
from tests.unit.recorded import MEMORY, recorded


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("complete", ["COMPLETE  uploads/rocket.jpg", "11 transitions", "per 1,000"]),
        ("duplicate", ["ALREADY PROCESSED  uploads/rocket.jpg", "nothing to do"]),
        ("corrupt", ["FAILED  uploads/corrupt.jpg", "6 transitions"]),
    ],
)
def test_the_summary_says_the_outcome(name: str, words: list[str]) -> None:
    execution = recorded(name)

    text = display.summary(execution, estimate(execution, MEMORY)).plain

    assert all(word in text for word in words)


@pytest.mark.parametrize(
    ("status", "outcome", "error"),
    [("TIMED_OUT", "TIMED OUT", "ExecutionTimedOut"), ("ABORTED", "ABORTED", "ExecutionAborted")],
)
def test_what_ended_as_a_whole_is_called_as_in_its_alert(
    status: str, outcome: str, error: str
) -> None:
    ended = {"status": status, "error": None, "cause": None, "states": ()}
    execution = dataclasses.replace(recorded("corrupt"), **ended)

    assert display.summary(execution, None).plain.startswith(f"{outcome}  uploads/corrupt.jpg")
    assert advice.failure(Mock(), execution).plain.startswith(f"{error}\n")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_command_is_never_broken(*, terminal: bool) -> None:
    screen = display.Screen(
        file=io.StringIO(), width=30, height=50, force_terminal=terminal, color_system=None
    )

    command = "darkroom rerun 12345678-1234 --newest"
    display.say(screen, Text(f"Once what is wrong has been put right:\n\n{command}"))

    *said, last = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert last == f"  {command}"
    assert all(line.startswith("  ") for line in said if line.strip())
    assert (max(map(len, said)) <= 30) is terminal


def test_whole_lines_are_broken_between_words_at_a_terminal() -> None:
    screen = display.Screen(
        file=io.StringIO(), width=24, height=50, force_terminal=True, color_system=None
    )
    screen.print(Text("  Started  2026 by the upload's event"), soft_wrap=True)
    screen.print("  2 went. To go on: darkroom rerun --from here", soft_wrap=True)
    assert screen.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "  Started  2026 by the",
        "           upload's",
        "           event",
        "  2 went. To go on:",
        "  darkroom rerun --from here",
    ]


def test_what_a_rendition_could_not_be_is_told() -> None:
    execution = recorded("complete")
    first, *others = execution.renditions
    small = dataclasses.replace(first, note="9 x 9 was asked for")
    told = dataclasses.replace(execution, renditions=(small, *others))

    assert str(display.results(told)[-1]).startswith("  small   9 x 9 was asked for\n  In ")
    outputs = display.as_json(told, None)["outputs"]
    assert [each["note"] for each in outputs] == [small.note, None, None, None]  # type: ignore[attr-defined]


def test_the_quality_that_was_chosen_is_told() -> None:
    execution = recorded("complete")
    first, *others = execution.renditions
    told = dataclasses.replace(
        execution, renditions=(dataclasses.replace(first, quality=72), *others)
    )

    screen = Console(file=io.StringIO(), width=120)
    screen.print(*display.results(told))
    lines = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0].rstrip().endswith("Quality")
    assert [line.rstrip().endswith(" 72") for line in lines[2:5]] == [True, False, False]
    outputs = display.as_json(told, None)["outputs"]
    assert [each["quality"] for each in outputs] == [72, None, None, None]  # type: ignore[attr-defined]


def test_that_something_takes_a_moment_is_told_on_a_terminal() -> None:
    out = io.StringIO()
    shown = Console(file=out, force_terminal=True, width=100, _environ={"TERM": "xterm"})

    with display.waiting(shown, "Looking"):
        pass

    assert " Looking" in Text.from_ansi(out.getvalue()).plain


@pytest.mark.parametrize("terminal", [True, False])
def test_how_far_it_is_is_told_on_a_terminal(*, terminal: bool) -> None:
    out = io.StringIO()
    shown = Console(file=out, force_terminal=terminal, width=100, _environ={"TERM": "xterm"})

    with display.counting(shown, "Reading executions") as count:
        for number in range(1, 1038):
            count(number)

    said = "Reading executions: 1,025 so far. Ctrl-C shows what is known"
    assert (said in out.getvalue(), "1,026" in out.getvalue()) == (terminal, False)
    assert terminal or not out.getvalue()
