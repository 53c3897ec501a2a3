"""What a followed execution looks like, without a terminal and with one."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from rich.console import Console

from darkroom_ops.cli import display
from darkroom_ops.cli.progress import Progress, _line, _running
from darkroom_ops.executions.model import Change, Execution, changes
from darkroom_ops.executions.timeline import depths
from tests.unit.recorded import partly, recorded, recording


def followed(name: str, *, terminal: bool = False) -> str:
    """Return what is printed while an execution is followed event by event."""
    screen = Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system=None)
    total, before = len(recording(name)[1]), None
    with Progress(screen) as progress:
        for events in range(1, total + 1):
            now = partly(name, events) if events < total else recorded(name)
            progress.show(now, changes(before, now))
            before = now
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def lines(text: str) -> list[str]:
    """Return the lines without their durations."""
    return [re.sub(r" +[\d.]+ s", "", line).rstrip() for line in text.splitlines()]


def test_one_line_for_each_state_in_the_order_of_ending() -> None:
    shown = lines(followed("complete"))

    assert shown[:3] == ["  ✓ ClaimImage", "  ✓ Prepare", "  ▸ ResizeImages"]
    assert sorted(shown[3:6]) == [f"    ✓ Resize {name}" for name in ("large", "medium", "small")]
    assert shown[6] == "  ▸ Archive"
    assert sorted(shown[7:9]) == ["    ✓ BackupOriginal", "    ✓ MakePdf"]
    assert shown[9:] == ["  ✓ RecordResult", "  ✓ NotifySuccess"]


def test_a_retry_has_a_line_with_its_reason_and_is_no_failure() -> None:
    text = followed("retried")

    assert re.search("    ↻ Resize medium +tries again after StorageError\n", text)
    assert lines(text).count("    ✓ Resize medium  1 retry") == 1
    assert display.FAILED not in text


def test_a_retry_has_the_reason_of_the_last_attempt_and_shows_what_hides_in_it() -> None:
    (run,) = (each for each in recorded("retried").states if each.retries)
    one, two = (dataclasses.replace(run.attempts[0], error=error) for error in ("A", "B"))
    waits = dataclasses.replace(run, attempts=(one, two), error="B\u202e", exited=None)
    now = dataclasses.replace(recorded("retried"), status="RUNNING", states=(waits,))

    line = _line(Change("retried", waits), 0)
    assert str(line).endswith("tries again after B")
    screen = Console(file=io.StringIO(), width=100, color_system=None)
    screen.print(_running(now, {waits.id: 0}))
    assert isinstance(screen.file, io.StringIO)
    assert r"waits to try again after B\u202e" in screen.file.getvalue()


def test_a_failure_names_the_error_where_it_happened() -> None:
    shown = lines(followed("item_failed"))

    assert "    ✗ Resize medium  ImageTooLarge" in shown
    assert {"    - Resize small  stopped", "    - Resize large  stopped"} <= set(shown)
    assert shown[-3:] == ["  ✓ DescribeFailure", "  ✓ RecordFailure", "  ✓ NotifyFailure"]


def test_a_claim_that_another_holds_is_not_shown_as_a_failure() -> None:
    shown = lines(followed("duplicate"))

    assert shown == ["  ✓ ClaimImage  another execution has it", "  ✓ AlreadyProcessed"]


def test_what_runs_stands_below_with_its_depth_and_what_it_waits_for() -> None:
    def running(now: Execution) -> list[str]:
        screen = Console(file=io.StringIO(), width=100, color_system=None)
        screen.print(_running(now, depths(now.states)))
        assert isinstance(screen.file, io.StringIO)
        return [re.sub("[⠀-⣿]", "*", line).rstrip() for line in screen.file.getvalue().splitlines()]

    assert running(partly("complete", 9)) == ["  * Prepare"]
    assert running(partly("complete", 30)) == ["    * Resize small"]
    assert running(recorded("complete")) == []
    failed = next(
        now
        for now in (partly("retried", events) for events in range(9, 60))
        if any(state.error and state.exited is None for state in now.states)
    )
    assert "    * Resize medium  waits to try again after StorageError" in running(failed)


def test_a_terminal_also_sees_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    plain, live = followed("complete"), followed("complete", terminal=True)

    assert "\x1b" not in plain
    assert "\x1b" in live
    assert all(line in live for line in plain.splitlines())
