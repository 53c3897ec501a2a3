"""Why an execution failed, from its history."""

from __future__ import annotations

import dataclasses
from typing import Any

from darkroom_ops.executions.model import Execution
from darkroom_ops.present.reasons import reason
from tests.unit.recorded import recorded


def item_failed(error: str, **changed: Any) -> Execution:
    """Return an execution whose rendition "medium" failed with an error."""
    found = recorded("item_failed")
    states = tuple(
        dataclasses.replace(state, error=error, **changed) if state.rendition == "medium" else state
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


def test_memory_that_nobody_knows_is_not_told() -> None:
    assert reason(item_failed("Runtime.ExitError")).endswith("or its process died, in 1 attempt.")


def test_a_function_s_own_limit_is_in_what_lambda_said() -> None:
    said = reason(item_failed("Sandbox.Timedout", cause="Error: Task timed out after 3.00 seconds"))
    assert "did not finish within 3 s, in 1 attempt." in said


def test_the_limit_is_that_of_the_last_attempt() -> None:
    (attempt,) = (
        each.attempts[0] for each in recorded("item_failed").states if each.rendition == "medium"
    )
    attempts = tuple(dataclasses.replace(attempt, limit=limit) for limit in (7, 8))
    said = reason(item_failed("States.Timeout", attempts=attempts))
    assert "did not finish within 8 s, in each of 2 attempts." in said


def test_what_was_never_tried_tells_nothing_of_its_limit() -> None:
    """As where its input could not be made."""
    found = item_failed("States.Timeout", attempts=())
    assert reason(found) == found.cause


def test_every_other_reason_is_the_execution_s_own() -> None:
    assert reason(recorded("corrupt")) == recorded("corrupt").cause
    stopped = dataclasses.replace(recorded("complete"), status="ABORTED", cause=None)
    assert reason(stopped) == "Somebody, or a program, stopped the execution."
    assert reason(recorded("complete")) == ""


def test_what_nobody_caught_ended_for_a_reason_of_its_own() -> None:
    found = recorded("timed_out")
    whole = dataclasses.replace(found, status="TIMED_OUT", cause=None, states=found.states[:2])

    assert reason(whole) == "The execution as a whole did not finish in its time."
