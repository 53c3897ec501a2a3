"""Why an execution failed, in the terminal and in the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.contract.advice import STATUS_REASONS, exhausted

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
