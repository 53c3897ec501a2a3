"""What an execution's end is called."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from darkroom_ops.present.outcomes import LABELS, ending


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
