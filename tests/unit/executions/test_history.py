"""Passages through states, from a few events that are written here one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from darkroom_ops.executions.history import (
    Attempt,
    Redrive,
    StateRun,
    latest,
    message_of,
    parsed,
    states,
)
from darkroom_ops.executions.model import Execution, changes, read
from tests.unit.recorded import at

Event = dict[str, Any]


class History:
    """Events, each a second after the one before, and by default caused by it."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, kind: str, details: Event | None = None, *, after: int | None = None) -> int:
        """Add an event; its details are named after its type, unless that has none."""
        number = len(self.events) + 1
        event = {
            "id": number,
            "previousEventId": number - 1 if after is None else after,
            "type": kind,
            "timestamp": at(number),
        }
        if details is not None:
            name = "State" + kind.rpartition("State")[2] if "State" in kind else kind
            event[f"{name[0].lower()}{name[1:]}EventDetails"] = details
        self.events.append(event)
        return number

    def enter(self, name: str, kind: str = "Task", given: str = "", **how: int) -> int:
        return self.add(f"{kind}StateEntered", {"name": name, "input": given}, **how)

    def leave(self, name: str, kind: str = "Task", **how: int) -> int:
        return self.add(f"{kind}StateExited", {"name": name, "output": "{}"}, **how)

    def call(self, parameters: str = "") -> int:
        called = {"resourceType": "lambda", "resource": "invoke", "parameters": parameters}
        self.add("TaskScheduled", called)
        return self.add("TaskStarted", {})

    @property
    def states(self) -> tuple[StateRun, ...]:
        return states(self.events)


@pytest.fixture
def history() -> History:
    found = History()
    found.add("ExecutionStarted", {})
    return found


def test_a_call_is_timed_from_its_start_and_its_state_from_its_entry(history: History) -> None:
    history.enter("Prepare", given='{"a": 1}')  # at 2 s
    history.call()  # at 4 s
    history.add("TaskSucceeded", {})
    history.leave("Prepare")

    (state,) = history.states

    assert (state.id, state.name, state.type) == (2, "Prepare", "Task")
    assert (state.entered, state.exited, state.seconds) == (at(2), at(6), 4.0)
    assert (state.input, state.output) == ('{"a": 1}', "{}")
    assert (state.parent, state.item, state.error, state.cause) == (None, None, None, None)
    (attempt,) = state.attempts
    assert (attempt.started, attempt.ended, attempt.seconds) == (at(4), at(5), 1.0)
    assert (attempt.error, attempt.cause, attempt.aborted) == (None, None, False)


def test_what_runs_has_taken_no_time_yet(history: History) -> None:
    history.enter("Prepare")
    history.call()

    (state,) = history.states

    assert (state.exited, state.seconds, state.output, state.retries) == (None, None, None, 0)
    assert (state.attempts[0].ended, state.attempts[0].seconds) == (None, 0.0)


@pytest.mark.parametrize(
    ("parameters", "function"),
    [
        ('{"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:resize"}', "resize"),
        ('{"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:resize:7"}', "resize"),
        ('{"FunctionName": "resize"}', "resize"),
        ('{"FunctionName": "resize:live"}', "resize"),
        ('{"FunctionName": ""}', None),
        ('{"TableName": "images"}', None),
        ('["FunctionName"]', None),
        ('{"FunctionName": "cut', None),
        ("", None),
    ],
)
def test_a_call_names_its_function(history: History, parameters: str, function: str | None) -> None:
    history.enter("Prepare")
    history.call(parameters)

    (attempt,) = history.states[0].attempts

    assert attempt == Attempt("lambda:invoke", function, parameters, at(4))


def test_a_call_of_which_nothing_is_said_is_a_call(history: History) -> None:
    history.enter("Prepare")
    history.add("TaskScheduled")

    assert history.states[0].attempts == (Attempt(":", None, "", at(3)),)


@pytest.mark.parametrize("kind", ["TaskFailed", "TaskTimedOut", "TaskStartFailed"])
def test_a_retry_forgives_the_failure_and_keeps_it_with_its_call(
    history: History, kind: str
) -> None:
    history.enter("Prepare")
    history.call()
    history.add(kind, {"error": "StorageError", "cause": "throttled"})
    (waiting,) = history.states
    assert (waiting.error, waiting.cause, waiting.exited) == ("StorageError", "throttled", None)

    history.call()
    history.add("TaskSucceeded", {})
    history.leave("Prepare")

    (state,) = history.states
    assert (state.error, state.cause, state.retries) == (None, None, 1)
    assert [(a.error, a.cause, a.seconds) for a in state.attempts] == [
        ("StorageError", "throttled", 1.0),
        (None, None, 1.0),
    ]


def test_each_call_keeps_its_own_failure(history: History) -> None:
    history.enter("Prepare")
    for number in range(3):
        history.call()
        history.add("TaskFailed", {"error": f"Error{number}", "cause": f"cause {number}"})

    (state,) = history.states

    assert [(a.error, a.cause, a.started, a.ended) for a in state.attempts] == [
        ("Error0", "cause 0", at(4), at(5)),
        ("Error1", "cause 1", at(7), at(8)),
        ("Error2", "cause 2", at(10), at(11)),
    ]
    assert (state.error, state.retries) == ("Error2", 2)


def test_what_comes_after_a_call_changes_nothing_of_it(history: History) -> None:
    history.enter("Prepare")
    history.call()
    history.add("TaskSucceeded", {})
    (before,) = history.states[0].attempts
    history.add("MapIterationSucceeded", {})
    history.add("MapRunStarted", {})
    history.add("EvaluationFailed", {"error": "States.QueryEvaluationError", "cause": "undefined"})

    (state,) = history.states

    assert state.attempts == (before,)
    assert (state.error, state.cause) == ("States.QueryEvaluationError", "undefined")


def test_what_calls_nothing_succeeds_and_fails_as_well(history: History) -> None:
    history.enter("Describe", "Pass")
    history.add("MapIterationSucceeded", {})
    history.add("MapRunStarted", {})
    history.add("EvaluationFailed", {"error": "States.QueryEvaluationError"})

    (state,) = history.states

    assert (state.attempts, state.error) == ((), "States.QueryEvaluationError")


@pytest.mark.parametrize("kind", ["ExecutionTimedOut", "ExecutionAborted"])
def test_an_execution_that_is_over_ends_what_is_open(history: History, kind: str) -> None:
    """Nobody waits for its call any more, though that may go on."""
    history.enter("Before", "Pass")
    history.leave("Before", "Pass")
    history.enter("Around", "Parallel")
    history.enter("Prepare")
    history.call()
    end = history.add(kind, {"error": "States.Timeout"})

    before, *left = history.states

    assert (before.exited, before.aborted) == (at(3), False)
    assert [(s.error, s.exited, s.aborted) for s in left] == [(None, at(end), True)] * 2
    assert [(c.ended, c.aborted, c.error) for c in left[-1].attempts] == [(at(end), True, None)]
    told = changes(None, reading(history, "ABORTED"))
    assert [c.kind for c in told if c.kind != "entered"] == ["exited", "aborted", "aborted"]


def test_a_call_that_had_ended_before_the_execution_stays_as_it_was(history: History) -> None:
    history.enter("Prepare")
    history.call()
    failed = history.add("TaskFailed", {"error": "X"})
    end = history.add("ExecutionAborted", {})

    (state,) = history.states
    assert (state.exited, state.aborted) == (at(end), True)
    assert [(c.ended, c.aborted, c.error) for c in state.attempts] == [(at(failed), False, "X")]


def test_a_map_that_is_entered_once_more_is_no_item_of_its_own(history: History) -> None:
    history.enter("Each", "Map")
    history.add("MapIterationStarted", {"index": 1})
    history.enter("Resize")
    history.add("ExecutionAborted", {})
    history.add("ExecutionRedriven", {})
    history.enter("Each", "Map")

    assert [(s.name, s.parent, s.item) for s in history.states] == [
        ("Each", None, None), ("Resize", 2, 1), ("Each", None, None),
    ]  # fmt: skip


def test_nothing_stays_open_when_the_execution_succeeds(history: History) -> None:
    history.enter("Around", "Parallel")
    end = history.add("ExecutionSucceeded", {})

    assert [state.exited for state in history.states] == [at(end)]


def test_an_execution_that_fails_ends_what_is_around_its_failure(history: History) -> None:
    history.enter("Around", "Parallel")
    history.enter("Prepare")
    end = history.add("ExecutionFailed", {"error": "X"})

    assert [(s.exited, s.aborted) for s in history.states] == [(at(end), True), (at(end), False)]


def reading(history: History, status: str) -> Execution:
    return read(
        {"executionArn": "e", "name": "e", "status": status, "startDate": at(0)}, history.events
    )


@pytest.mark.parametrize("kind", ["Map", "Parallel"])
def test_siblings_that_are_aborted_end_with_what_is_around_them(
    history: History, kind: str
) -> None:
    """On AWS, the events of an abort follow the failure: they lead to the state that failed."""
    around = history.enter("Around", kind)
    start = history.add(f"{kind}StateStarted", {"length": 3}, after=around)
    history.enter("Waits", after=start)
    history.call()
    history.add("TaskFailed", {"error": "StorageError"})
    inner = history.enter("Inner", "Parallel", after=start)
    history.enter("Runs", after=inner)
    history.call()
    history.enter("Done", "Pass", after=start)
    done = history.leave("Done", "Pass")
    history.enter("Fails", after=start)
    history.call()
    failure = history.add("TaskFailed", {"error": "ImageTooLarge", "cause": "big"})
    for _ in range(3):
        aborted = history.add("TaskStateAborted", after=failure)
    end = history.add(f"{kind}StateFailed", after=failure)
    history.leave("Around", kind)
    history.enter("Next", "Pass")

    found = {state.name: (state.exited, state.aborted, state.error) for state in history.states}

    assert found == {
        "Around": (at(end + 1), False, "ImageTooLarge"),
        "Waits": (at(end), True, "StorageError"),
        "Inner": (at(end), True, None),
        "Runs": (at(end), True, None),
        "Done": (at(done), False, None),
        "Fails": (at(aborted), False, "ImageTooLarge"),
        "Next": (None, False, None),
    }
    failed = reading(history, "RUNNING").failed_state
    assert failed is not None
    assert failed.name == "Fails"


def test_a_sibling_that_ends_all_the_same_was_not_aborted(history: History) -> None:
    """The engine's go on."""
    around = history.enter("Around", "Parallel")
    slow = history.enter("Slow")
    history.enter("Fails", after=around)
    history.add("ParallelStateFailed")
    history.leave("Slow", after=slow)

    assert [(s.name, s.aborted) for s in history.states if s.name == "Slow"] == [("Slow", False)]


def test_a_sibling_that_goes_on_does_not_open_what_has_ended(history: History) -> None:
    history.enter("Around", "Parallel")
    slow = history.enter("Slow")
    end = history.leave("Around", "Parallel")
    history.add("TaskScheduled", {}, after=slow)

    assert history.states[0].exited == at(end)


@pytest.mark.parametrize("again", ["call", "enter"])
def test_a_redrive_opens_what_it_goes_on_in(history: History, again: str) -> None:
    """AWS schedules a task anew without entering it again."""
    history.enter("Around", "Parallel")
    history.enter("Within", "Map")
    inside = history.enter("Inside")
    history.call()
    history.add("TaskFailed", {"error": "StorageError"})
    end = history.add("ExecutionTimedOut", {})
    history.add("ExecutionRedriven", {"redriveCount": 1}, after=inside)
    assert {(s.exited, s.aborted) for s in history.states} == {(at(end), True)}

    if again == "call":
        history.add("TaskScheduled", {})
    else:
        history.enter("Another")

    *around, last = (s for s in history.states if again == "call" or s.name != "Inside")
    assert {(s.exited, s.aborted) for s in around} == {(None, False)}
    assert (last.exited, last.aborted, last.error) == (None, False, None)


def resumed_by_entering() -> History:
    """What the engine writes of a stop in a Map and its redrive: the Map is entered once more."""
    history = History()
    history.add("ExecutionStarted", {})
    for again in (False, True):
        history.enter("Images", "Map")
        history.add("MapIterationStarted", {"index": 1})
        history.enter("Resize")
        history.call()
        if not again:
            history.add("ExecutionAborted", {})
            history.add("ExecutionRedriven", {"redriveCount": 1}, after=2)
    history.add("TaskSucceeded", {})
    history.leave("Resize")
    history.leave("Images", "Map")
    history.enter("Last", "Pass")
    history.leave("Last", "Pass")
    return history


def test_what_follows_a_redrive_is_beside_what_was_stopped() -> None:
    history = resumed_by_entering()

    first, _, second, _, last = history.states

    assert [(s.parent, s.item) for s in history.states] == [
        (None, None), (first.id, 1), (None, None), (second.id, 1), (None, None),
    ]  # fmt: skip
    assert latest(history.states) == history.states[2:]
    assert last.name == "Last"


def test_a_passage_that_was_made_once_more_failed_nothing() -> None:
    history = resumed_by_entering()
    failed = history.events[6]
    failed["type"], failed["taskFailedEventDetails"] = "TaskFailed", {"error": "StorageError"}

    assert reading(history, "FAILED").failed_state is None


def test_a_redrive_is_told_with_its_pause() -> None:
    history = resumed_by_entering()

    execution = reading(history, "SUCCEEDED")

    assert execution.redrives == (Redrive(at(7), at(8)),)
    assert execution.paused == 1.0
    assert reading(History(), "RUNNING").redrives == ()


def test_a_pause_is_no_part_of_what_went_on_after_it(history: History) -> None:
    history.enter("Around", "Parallel")
    inside = history.enter("Inside")
    history.call()  # at 5 s
    for again in (1, 2):  # ends at 6 s and at 10 s
        history.add("ExecutionAborted", {})
        history.add("ExecutionRedriven", {"redriveCount": again}, after=inside)
        history.call()  # scheduled two seconds after the end
    history.add("TaskSucceeded", {})
    history.leave("Inside")  # at 15 s
    history.leave("Around", "Parallel")

    around, within = history.states

    assert (around.seconds, within.seconds) == (16 - 2 - 4, 15 - 3 - 4)
    assert reading(history, "SUCCEEDED").paused == 1.0 + 1.0
    assert [(c.started, c.ended, c.aborted) for c in within.attempts] == [
        (at(5), at(6), True), (at(9), at(10), True), (at(13), at(14), False),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["TaskSucceeded", "TaskFailed"])
def test_a_call_that_ends_all_the_same_was_not_aborted(history: History, kind: str) -> None:
    """The engine's go on."""
    around = history.enter("Around", "Parallel")
    history.enter("Slow")
    slow = history.call()
    history.enter("Fails", after=around)
    history.add("ParallelStateFailed")
    end = history.add(kind, {}, after=slow)

    (call,) = next(state for state in history.states if state.name == "Slow").attempts

    assert (call.ended, call.aborted) == (at(end), False)


def test_the_end_of_one_map_ends_nothing_outside_of_it(history: History) -> None:
    outer = history.enter("Outer", "Parallel")
    inner = history.enter("Inner", "Map")
    history.enter("Beside", after=outer)
    history.add("MapStateFailed", after=inner)

    assert not any(state.aborted for state in history.states)


def test_a_failure_without_a_name_is_called_by_its_event(history: History) -> None:
    history.enter("Prepare")
    history.call()
    history.add("TaskTimedOut")

    (state,) = history.states

    assert (state.error, state.cause, state.attempts[0].error) == (
        "TaskTimedOut", None, "TaskTimedOut",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "handled"),
    [("DynamoDB.ConditionalCheckFailedException", True), ("StorageError", False)],
)
def test_only_a_taken_claim_is_an_answer(history: History, error: str, handled: bool) -> None:
    history.enter("ClaimImage")
    history.call()
    history.add("TaskFailed", {"error": error})

    assert history.states[0].handled is handled


def test_a_failure_of_the_execution_is_not_one_of_its_state(history: History) -> None:
    history.enter("ImageFailed", "Fail")
    history.add("ExecutionFailed", {"error": "CorruptImage", "cause": "It is torn."})

    (state,) = history.states

    assert (state.type, state.error, state.exited) == ("Fail", None, at(3))


def test_a_failure_ends_its_state_when_the_execution_fails(history: History) -> None:
    history.enter("Prepare")
    history.call()
    history.add("TaskFailed", {"error": "CorruptImage", "cause": "torn"})
    history.add("ExecutionFailed", {"error": "CorruptImage"})

    (state,) = history.states

    assert (state.error, state.cause, state.exited) == ("CorruptImage", "torn", at(6))


def test_a_state_that_has_ended_ends_once(history: History) -> None:
    history.enter("Prepare")
    history.leave("Prepare")
    history.add("ExecutionFailed", {})

    assert history.states[0].exited == at(3)


def test_an_aborted_state_ends_without_an_error(history: History) -> None:
    history.enter("Prepare")
    history.call()
    history.add("TaskStateAborted")

    (state,) = history.states

    assert (state.exited, state.error) == (at(5), None)


def test_a_state_is_inside_of_the_nearest_map_or_parallel_that_is_open(history: History) -> None:
    outer = history.enter("Outer", "Parallel")
    history.enter("Before", "Pass")
    history.leave("Before", "Pass")
    inner = history.enter("Each", "Map")
    history.add("MapStateStarted", {"length": 3})
    history.add("MapIterationStarted", {"index": 2})
    history.enter("Item", "Pass", '{"rendition": {"name": "small"}}')
    history.leave("Item", "Pass")
    history.enter("Next", "Pass")
    history.leave("Next", "Pass")
    history.leave("Each", "Map")
    history.enter("Branch", "Pass")
    history.leave("Branch", "Pass")
    history.leave("Outer", "Parallel")
    history.enter("After", "Pass")

    found = {state.name: (state.parent, state.item) for state in history.states}

    assert found == {
        "Outer": (None, None),
        "Before": (outer, None),
        "Each": (outer, None),
        "Item": (inner, 2),
        "Next": (inner, 2),
        "Branch": (outer, None),
        "After": (None, None),
    }
    assert [s.rendition for s in history.states if s.item is not None] == ["small", None]
    assert {state.retries for state in history.states} == {0}


def test_the_item_of_an_outer_map_is_not_that_of_what_is_in_an_inner_one(history: History) -> None:
    history.enter("Outer", "Map")
    history.add("MapIterationStarted", {"index": 1})
    inner = history.enter("Inner", "Parallel")
    history.enter("Branch", "Pass")

    found = {state.name: (state.parent, state.item) for state in history.states}

    assert (found["Inner"], found["Branch"]) == ((2, 1), (inner, None))


def test_an_item_after_another_map_in_it_is_its_own(history: History) -> None:
    outer = history.enter("Outer", "Map")
    history.add("MapIterationStarted", {"index": 1})
    history.enter("Inner", "Map")
    history.add("MapIterationStarted", {"index": 5})
    history.leave("Inner", "Map")
    history.enter("Last", "Pass")

    last = history.states[-1]

    assert (last.parent, last.item) == (outer, 1)


def test_an_item_that_begins_when_another_has_ended_is_its_own(history: History) -> None:
    history.enter("Outer", "Map")
    for index in range(3):
        history.add("MapIterationStarted", {"index": index})
        history.enter("Item", "Pass")
        history.leave("Item", "Pass")

    assert [state.item for state in history.states] == [None, 0, 1, 2]


@pytest.mark.parametrize(
    ("given", "rendition"),
    [
        ({"rendition": {"name": "small"}}, "small"),
        ({"rendition": {"name": 3}}, None),
        ({"rendition": "small"}, None),
        ({}, None),
        (["rendition"], None),
    ],
)
def test_an_item_is_known_by_its_rendition(
    history: History, given: object, rendition: str | None
) -> None:
    history.enter("Outer", "Map")
    history.add("MapIterationStarted", {"index": 0})
    history.enter("Resize", given=json.dumps(given))

    assert history.states[-1].rendition == rendition


def test_an_item_says_what_it_makes(history: History) -> None:
    task = {"rendition": {"name": "small", "width": 30, "height": 20, "format": "webp"}}
    history.enter("Resize", given=json.dumps(task))
    history.enter("Outer", "Map")
    history.add("MapIterationStarted", {"index": 0})
    history.enter("Resize", given=json.dumps(task))

    assert [state.makes for state in history.states] == ["", "", "small (30 x 20, WebP)"]


def test_what_is_in_no_map_makes_no_rendition(history: History) -> None:
    history.enter("Resize", given='{"rendition": {"name": "small"}}')

    assert history.states[-1].rendition is None


@pytest.mark.parametrize("kind", ["Map", "Parallel"])
def test_a_failure_inside_fails_what_is_around_it(history: History, kind: str) -> None:
    history.enter("Around", kind)
    history.enter("Inside")
    history.call()
    history.add("TaskFailed", {"error": "ImageTooLarge", "cause": "big"})
    history.add(f"{kind}StateFailed")
    history.leave("Around", kind)

    around, inside = history.states

    assert (around.error, around.cause, around.exited) == ("ImageTooLarge", "big", at(8))
    assert (inside.error, inside.exited) == ("ImageTooLarge", at(7))


def test_an_item_that_fails_ends_its_state_and_not_yet_the_map(history: History) -> None:
    history.enter("Around", "Map")
    history.add("MapIterationStarted", {"index": 0})
    history.enter("Inside")
    history.call()
    history.add("TaskFailed", {"error": "ImageTooLarge", "cause": "big"})
    history.add("MapIterationFailed", {"index": 0})

    around, inside = history.states

    assert (inside.error, inside.cause, inside.exited) == ("ImageTooLarge", "big", at(8))
    assert (around.error, around.exited) == (None, None)


def test_only_the_nearest_map_fails(history: History) -> None:
    history.enter("Outer", "Map")
    history.enter("Inner", "Map")
    history.enter("Task")
    history.call()
    history.add("TaskFailed", {"error": "CorruptImage"})
    history.add("MapStateFailed")

    found = {state.name: state.error for state in history.states}

    assert found == {"Outer": None, "Inner": "CorruptImage", "Task": "CorruptImage"}


def test_a_map_that_fails_by_itself_says_so(history: History) -> None:
    history.enter("Around", "Map")
    history.add("MapStateFailed")

    (around,) = history.states

    assert (around.error, around.cause) == ("MapStateFailed", None)


def test_a_map_around_fails_and_not_one_of_another_kind(history: History) -> None:
    history.enter("Outer", "Map")
    history.enter("Inner", "Parallel")
    history.enter("Task")
    history.call()
    history.add("TaskFailed", {"error": "CorruptImage"})
    history.add("MapStateFailed")

    found = {state.name: state.error for state in history.states}

    assert found == {"Outer": "CorruptImage", "Inner": None, "Task": "CorruptImage"}


def test_an_exit_belongs_to_the_state_of_its_name(history: History) -> None:
    history.enter("Around", "Parallel")
    history.enter("Inside", "Pass")
    history.leave("Around", "Parallel")

    around, inside = history.states

    assert (around.exited, around.output) == (at(4), "{}")
    assert (inside.exited, inside.output, inside.aborted) == (at(4), None, True)


def test_what_belongs_to_no_known_state_is_left_out(history: History) -> None:
    """The beginning of a long history may be missing."""
    history.add("TaskSucceeded", {})
    history.leave("Prepare")
    history.add("ExecutionFailed", {})

    assert history.states == ()


def test_what_follows_nothing_belongs_to_no_state() -> None:
    history = History()
    history.enter("Prepare")
    history.add("TaskScheduled", {})
    del history.events[-1]["previousEventId"]

    assert history.states[0].attempts == ()


def test_an_input_that_is_not_told_is_empty(history: History) -> None:
    history.add("TaskStateEntered", {"name": "Prepare"})

    assert history.states[0].input == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": [1]}', {"a": [1]}),
        ("0", 0),
        ("", None),
        (None, None),
        ('{"cut', None),
        ("x", None),
        ("[" * 100_000, None),
    ],  # as deep as somebody liked
)
def test_json_is_read_where_it_is_json(text: str | None, found: object) -> None:
    assert parsed(text) == found


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ('{"errorMessage": "It is cut off.", "stackTrace": []}', "It is cut off."),
        ('{"errorMessage": 5}', '{"errorMessage": 5}'),
        ("[1]", "[1]"),
        ("plain words", "plain words"),
        (None, None),
    ],
)
def test_a_cause_is_a_function_s_message_or_as_it_is(
    cause: str | None, message: str | None
) -> None:
    assert message_of(cause) == message
