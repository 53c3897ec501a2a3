"""What outcomes are called, and what they mean, in the terminal and in the console."""

from __future__ import annotations

from typing import Protocol

from darkroom.contract.advice import STATUS_ERRORS

LABELS = {
    "RUNNING": "Running",
    "PENDING_REDRIVE": "Waits for redrive",
    "COMPLETE": "Complete",
    "ALREADY_PROCESSED": "Already processed",
    "SUPERSEDED": "Superseded",
    "FAILED": "Failed",
    "TIMED_OUT": "Timed out",
    "ABORTED": "Stopped",
}
"""An outcome as the console shows it."""

NOTES = {
    "ALREADY_PROCESSED": "This upload has been processed before, is being processed now, or is a "
    "folder: there is nothing to do.",
    "SUPERSEDED": "A newer upload of the same key, or a later run, took over: its execution tells "
    "the outcome.",
}
"""What an outcome without outputs means."""


ACTIONS = {"rerun": "re-run", "redrive": "redrive", "stop": "stop"}
"""What an action on executions is called."""

DONE = {"rerun": "run again", "redrive": "redriven", "stop": "stopped"}
"""What has been done to an execution, by the action."""


class _Ended(Protocol):
    @property
    def status(self) -> str: ...
    @property
    def outcome(self) -> str | None: ...


class _Failed(Protocol):
    @property
    def status(self) -> str: ...
    @property
    def error(self) -> str | None: ...


def ending(execution: _Ended) -> str:
    """Return the outcome; else, of what timed out, was stopped or runs, the status."""
    if execution.status in STATUS_ERRORS:
        return execution.status
    return execution.outcome or execution.status


def error_of(execution: _Failed) -> str:
    """Return the error; else, of what timed out or was stopped, what an alert would call it."""
    return execution.error or STATUS_ERRORS.get(execution.status, execution.status)
