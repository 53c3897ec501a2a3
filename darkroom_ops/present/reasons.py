"""Why an execution failed and what helps, in the terminal and in the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.contract.advice import STATUS_REASONS, Advice, advise, exhausted
from darkroom.contract.requests import is_event

if TYPE_CHECKING:
    from darkroom_ops.executions.model import Execution


def reason(execution: Execution, memory: str = "") -> str:
    """Say why an execution failed; empty where nobody gave a reason.

    Of what ran out of time or memory, the history knows more than the workflow could say, and the
    log knows which memory was used.
    """
    state = execution.failed_state
    if state is not None and state.error is not None and state.attempts and execution.caught:
        said = exhausted(
            state.error,
            step=state.name,
            item=state.makes,
            cause=state.cause or "",
            limit=state.attempts[-1].limit,
            attempts=len(state.attempts),
            memory=memory,
        )
        if said is not None:
            return said
    return execution.cause or STATUS_REASONS.get(execution.status, "")


def advised(execution: Execution) -> Advice:
    """Return whether trying a failed execution again helps, and by what."""
    uploaded = is_event(execution.input)
    return advise(execution.error or "", caught=execution.caught, uploaded=uploaded)
