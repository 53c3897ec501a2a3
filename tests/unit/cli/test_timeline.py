"""The bars of an execution's states."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from darkroom_ops.cli.timeline import LEGEND, timeline
from darkroom_ops.executions.model import Execution
from tests.unit.recorded import partly, recorded


def drawn(execution: Execution, width: int = 100) -> list[str]:
    screen = Console(file=io.StringIO(), width=width, color_system=None)
    screen.print(timeline(execution, width))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().splitlines()


def row(lines: list[str], name: str) -> str:
    return next(line for line in lines if re.match(rf" +{name} ", line))


def bar(line: str) -> tuple[int, int]:
    """Return where a bar begins and ends."""
    cells = [index for index, cell in enumerate(line) if cell in "━─┄✗"]
    return cells[0], cells[-1]


def test_states_follow_each_other_and_those_inside_lie_within() -> None:
    lines = drawn(recorded("complete"))

    order = ["ClaimImage", "Prepare", "ResizeImages", "Archive", "RecordResult", "NotifySuccess"]
    begins = [bar(row(lines, name))[0] for name in order]
    assert begins == sorted(begins)
    around = bar(row(lines, "ResizeImages"))
    for name in ("small", "medium", "large"):
        begin, end = bar(row(lines, f"  Resize {name}"))
        assert around[0] <= begin <= end <= around[1]
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(("width", "times"), [(80, ["Start", "Took"]), (64, ["Took"]), (52, [])])
def test_a_narrow_screen_does_without_times_rather_than_cutting_them(
    width: int, times: list[str]
) -> None:
    lines = drawn(recorded("corrupt"), width)

    assert re.findall("Start|Took", lines[0]) == times
    assert row(lines, "Prepare").rstrip().endswith("CorruptImage")
    assert "…" not in "".join(lines)


def test_a_retry_shows_the_call_that_failed() -> None:
    lines = drawn(recorded("retried"))

    assert "1 retry" in row(lines, "  Resize medium")
    assert "✗" in row(lines, "  Resize medium")
    assert lines[-1].rstrip() == LEGEND


def test_a_failure_is_marked_where_it_happened_and_its_siblings_as_stopped() -> None:
    lines = drawn(recorded("item_failed"))

    assert re.search(r"✗ +ImageTooLarge", row(lines, "  Resize medium"))
    assert row(lines, "ResizeImages").rstrip().endswith("ImageTooLarge")
    assert row(lines, "  Resize small").rstrip().endswith("stopped")
    assert bar(row(lines, "  Resize small"))[1] <= bar(row(lines, "ResizeImages"))[1]


def test_a_claim_that_another_holds_is_no_failure() -> None:
    lines = drawn(recorded("duplicate"))

    assert "✗" not in "".join(lines)
    assert "another execution has it" in row(lines, "ClaimImage")


def test_what_runs_says_so() -> None:
    assert "runs" in "".join(drawn(partly("complete", 20)))


def test_a_narrow_terminal_still_gets_bars() -> None:
    assert all(len(line) <= 80 for line in drawn(recorded("complete"), width=80))


def test_a_redrive_is_named_in_whole_where_there_is_little_room() -> None:
    lines = drawn(recorded("redriven"), width=50)

    assert any("redriven" in line for line in lines)
    assert not any("…" in line for line in lines)


def test_a_redrive_divides_the_rows_and_its_pause_is_folded() -> None:
    lines = drawn(recorded("redriven"))

    (divider,) = (index for index, line in enumerate(lines) if "redriven 2.0 s later" in line)
    stopped = [line for line in lines[:divider] if line.rstrip().endswith("stopped")]
    assert len(stopped) == 4
    assert not any("stopped" in line for line in lines[divider:])
    assert lines[0].split() == ["State", "Start", "Took", "0", "s", "1.0", "s"]
    (until,) = {bar(line)[1] for line in stopped}
    assert bar(lines[divider + 1])[0] - until in {0, 1}
