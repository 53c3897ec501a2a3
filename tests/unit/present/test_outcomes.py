"""What an execution's end is called."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from darkroom_ops.present.outcomes import LABELS, NOTES, ending, error_of


@pytest.mark.parametrize(
    ("status", "outcome", "label"),
    [
        ("SUCCEEDED", "COMPLETE", "Complete"),
        ("SUCCEEDED", "ALREADY_PROCESSED", "Already processed"),
        ("SUCCEEDED", "SUPERSEDED", "Superseded"),
        ("FAILED", "FAILED", "Failed"),
        ("FAILED", None, "Failed"),
        ("RUNNING", None, "Running"),
        ("PENDING_REDRIVE", None, "Waits for redrive"),
        ("TIMED_OUT", None, "Timed out"),
        ("ABORTED", None, "Stopped"),
        ("TIMED_OUT", "COMPLETE", "Timed out"),  # it had told of its outcome, and did not end
        ("ABORTED", "FAILED", "Stopped"),
    ],
)
def test_an_execution_s_end_has_a_name(status: str, outcome: str | None, label: str) -> None:
    assert LABELS[ending(SimpleNamespace(status=status, outcome=outcome))] == label


@pytest.mark.parametrize(
    ("status", "error", "called"),
    [
        ("FAILED", "CorruptImage", "CorruptImage"),
        ("FAILED", None, "FAILED"),
        ("ABORTED", "Stopped", "Stopped"),
        ("ABORTED", None, "ExecutionAborted"),
        ("TIMED_OUT", None, "ExecutionTimedOut"),
    ],
)
def test_what_failed_has_an_error(status: str, error: str | None, called: str) -> None:
    assert error_of(SimpleNamespace(status=status, error=error)) == called


def test_an_end_without_outputs_is_explained() -> None:
    assert {LABELS[name]: note.rpartition(":")[2] for name, note in NOTES.items()} == {
        "Already processed": " there is nothing to do.",
        "Superseded": " its execution tells the outcome.",
    }
