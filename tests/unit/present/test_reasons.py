"""Why an execution failed, from its history."""

from __future__ import annotations

import dataclasses

from darkroom_ops.executions.model import Execution
from darkroom_ops.present.reasons import reason
from tests.unit.recorded import recorded


def item_failed(error: str) -> Execution:
    """Return an execution whose rendition "medium" failed with an error."""
    found = recorded("item_failed")
    states = tuple(
        dataclasses.replace(state, error=error) if state.rendition == "medium" else state
        for state in found.states
    )
    return dataclasses.replace(found, states=states)


def test_a_time_out_names_the_item_the_limit_and_the_attempts() -> None:
    assert reason(recorded("timed_out")) == (
        "Prepare did not finish within 180 s, in each of 2 attempts."
    )
    assert reason(item_failed("States.Timeout")) == (
        "Resize of medium (600 x 400, JPEG) did not finish within 120 s, in 1 attempt."
    )


def test_memory_is_said_as_the_log_has_it() -> None:
    said = reason(item_failed("Runtime.ExitError"), "used 1280 of 1280 MB")

    assert said == (
        "Resize of medium (600 x 400, JPEG) ran out of memory, or its process died, in 1 attempt. "
        "It used 1280 of 1280 MB."
    )


def test_every_other_reason_is_the_execution_s_own() -> None:
    assert reason(recorded("corrupt")) == recorded("corrupt").cause
    stopped = dataclasses.replace(recorded("complete"), status="ABORTED", cause=None)
    assert reason(stopped) == "Somebody, or a program, stopped the execution."
    assert reason(recorded("complete")) == ""


def test_what_nobody_caught_ended_for_a_reason_of_its_own() -> None:
    found = recorded("timed_out")
    whole = dataclasses.replace(found, status="TIMED_OUT", cause=None, states=found.states[:2])

    assert reason(whole) == "The execution as a whole did not finish in its time."
