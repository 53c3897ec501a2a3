"""Reading executions, from histories that the engine recorded and some that only AWS writes."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st

from darkroom_ops.executions.history import Attempt, StateRun
from darkroom_ops.executions.model import (
    Execution,
    Image,
    Made,
    SourceObject,
    changes,
    read,
    source_of,
)
from darkroom_ops.executions.watch import Watcher, find_started, follow
from tests.support.properties import given
from tests.unit.recorded import at, partly, recorded, recording

RENDITIONS = ["small", "medium", "large"]


def names(execution: Execution) -> list[str]:
    return [state.name for state in execution.states]


FIELDS = (
    "source", "bucket", "key", "versionId", "image", "renditions", "document", "backup", "status",
    "outcome", "detail-type", "detail", "object", "size", "name", "format", "width", "height",
    "bytes", "pages", "etag", "quality",
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), each, max_size=5)
    ),
    max_leaves=25,
)
TEXTS = VALUES.map(json.dumps) | st.text(max_size=20)


@given(asked=TEXTS, made=TEXTS, status=st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED"]))
def test_an_execution_is_read_whatever_its_input_and_output_say(
    asked: str, made: str, status: str
) -> None:
    """Anybody may start one with any JSON: it must not take the others of a list with it."""
    described = {"executionArn": f"{'a:' * 6}m:n", "name": "n", "status": status,
                 "startDate": at(0), "input": asked, "output": made}  # fmt: skip
    assert read(described, []).status == status


# ---------------------------------------------------------------------------- outcomes


def test_a_complete_execution_says_what_it_made() -> None:
    execution = recorded("complete")

    assert (execution.status, execution.outcome) == ("SUCCEEDED", "COMPLETE")
    assert (execution.error, execution.failed_state) == (None, None)
    assert [made.name for made in execution.renditions] == RENDITIONS
    assert [(m.width, m.height) for m in execution.renditions] == [
        (300, 200),
        (600, 400),
        (640, 427),
    ]
    assert execution.document is not None
    assert (execution.document.key, execution.document.pages) == (
        "uploads/rocket.jpg/document.pdf",
        1,
    )
    assert execution.backup is not None
    assert execution.backup.key == "uploads/rocket.jpg"
    assert execution.image is not None
    assert (execution.image.width, execution.image.bytes) == (640, 112_525)
    assert [made.key.rpartition("/")[2] for made in execution.outputs] == [
        "small.jpg",
        "medium.jpg",
        "large.jpg",
        "document.pdf",
    ]


@pytest.mark.parametrize(
    ("name", "outcome", "error", "failed", "transitions"),
    [
        ("complete", "COMPLETE", None, None, 11),
        ("duplicate", "ALREADY_PROCESSED", None, None, 2),
        ("corrupt", "FAILED", "CorruptImage", "Prepare", 6),
        ("item_failed", "FAILED", "ImageTooLarge", "Resize", 10),
        ("timed_out", "FAILED", "StatesTimeout", "Prepare", 7),  # one of them is the retry
        ("retried", "COMPLETE", None, None, 12),  # 11, and the retry
        ("silent", "COMPLETE", None, None, 9),  # one rendition
    ],
)
def test_outcome_and_billed_transitions(
    name: str, outcome: str, error: str | None, failed: str | None, transitions: int
) -> None:
    execution = recorded(name)

    assert (execution.outcome, execution.error) == (outcome, error)
    assert (execution.failed_state.name if execution.failed_state else None) == failed
    assert execution.transitions == transitions


def test_a_timed_out_execution_is_a_failure_without_a_guilty_state() -> None:
    described, events = recording("complete")
    described |= {"status": "TIMED_OUT", "output": None}

    execution = read(described, events[:9])

    assert (execution.outcome, execution.ended, execution.failed_state) == ("FAILED", True, None)
    assert execution.transitions == 2


def test_the_failure_is_that_of_the_innermost_state_and_keeps_its_words() -> None:
    failed = recorded("item_failed").failed_state

    assert failed is not None
    assert (failed.name, failed.rendition, failed.error) == ("Resize", "medium", "ImageTooLarge")
    assert failed.cause is not None
    assert "Too many pixels." in failed.cause


def test_a_failed_item_has_ended_and_fails_the_map_around_it() -> None:
    states = {(s.name, s.rendition): s for s in recorded("item_failed").states}

    item, around = states["Resize", "medium"], states["ResizeImages", None]
    assert item.exited is not None
    assert (around.error, around.exited is not None) == ("ImageTooLarge", True)


def test_a_claim_that_another_holds_is_no_failure() -> None:
    claim = recorded("duplicate").states[0]

    assert (claim.name, claim.handled) == ("ClaimImage", True)


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        ('{"outcome": "SUPERSEDED", "image": "bucket/uploads/rocket.jpg"}', "SUPERSEDED"),
        ('{"renditions": "none", "document": [], "backup": 3, "image": null}', "COMPLETE"),
        ('{"renditions": [{}, 1, {"name": "small"}], "image": {"format": "jpeg"}}', "COMPLETE"),
        ('["an older version"]', "COMPLETE"),
        ("{cut", "COMPLETE"),
    ],
)
def test_an_output_of_another_shape_is_read_as_far_as_it_goes(output: str, outcome: str) -> None:
    described, events = recording("complete")

    execution = read(described | {"output": output}, events)

    assert (execution.outcome, execution.outputs) == (outcome, ())
    assert (execution.image, execution.backup) == (None, None)


def test_where_only_the_history_says_when_an_execution_ended_it_is_its_last_event() -> None:
    described, events = recording("complete")
    del described["stopDate"]
    events[-1]["timestamp"] += datetime.timedelta(seconds=1)

    assert read(described, events).stopped == events[-1]["timestamp"]
    assert read(described, []).stopped is None
    assert read(described | {"status": "RUNNING"}, events).stopped is None
    assert read(described | {"stopDate": at(2)}, events).stopped == at(2)


def test_what_is_described_is_told() -> None:
    described, _ = recording("corrupt")

    execution = read(described, [])

    assert (execution.arn, execution.name) == (described["executionArn"], described["name"])
    assert (execution.error, execution.cause) == (described["error"], described["cause"])
    assert (execution.started, execution.stopped) == (
        described["startDate"], described["stopDate"],
    )  # fmt: skip
    assert (execution.states, execution.transitions, execution.failed_state) == ((), 0, None)
    assert execution.output is None
    assert isinstance(execution.input, dict)


def test_a_duration_is_never_negative_and_grows_while_it_runs() -> None:
    described, _ = recording("complete")
    running = {key: value for key, value in described.items() if key != "stopDate"}
    now = datetime.datetime.now(datetime.UTC)

    def seconds(started: datetime.datetime, **more: Any) -> float:
        return read(running | {"status": "RUNNING", "startDate": started} | more, []).seconds

    assert seconds(now - datetime.timedelta(hours=1)) == pytest.approx(3600, abs=60)
    assert seconds(now + datetime.timedelta(hours=1)) == 0
    assert seconds(at(3), stopDate=at(5)) == 2
    assert seconds(at(5), stopDate=at(3)) == 0


MADE = {
    "name": "small", "bucket": "b", "key": "k", "bytes": 7, "contentType": "image/jpeg",
    "width": 3, "height": 2, "pages": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "made"),
    [
        ({}, Made("small", "b", "k", 7, "image/jpeg", 3, 2, 1)),
        (
            {"contentType": None, "width": None, "height": None, "pages": None},
            Made("small", "b", "k", 7, ""),
        ),
        ({"quality": 72}, Made("small", "b", "k", 7, "image/jpeg", 3, 2, 1, 72)),
        ({"note": "No."}, Made("small", "b", "k", 7, "image/jpeg", 3, 2, 1, note="No.")),
        ({"sha256": "ab"}, Made("small", "b", "k", 7, "image/jpeg", 3, 2, 1, sha256="ab")),
        ({"bytes": 0}, Made("small", "b", "k", 0, "image/jpeg", 3, 2, 1)),
        ({"name": None}, None),
        ({"name": ""}, None),
        ({"bucket": None}, None),
        ({"key": 3}, None),
        ({"bytes": "7"}, None),
    ],
)
def test_what_was_made_is_told_if_it_can_be_found(
    changed: dict[str, Any], made: Made | None
) -> None:
    described, _ = recording("complete")
    output = {"renditions": [MADE | changed], "document": MADE, "backup": MADE}

    execution = read(described | {"output": json.dumps(output)}, [])

    assert execution.renditions == ((made,) if made else ())
    whole = Made("small", "b", "k", 7, "image/jpeg", 3, 2, 1)
    assert execution.document == dataclasses.replace(whole, name="document")
    assert execution.backup == dataclasses.replace(whole, name="original")
    assert execution.outputs == (*execution.renditions, execution.document)


@pytest.mark.parametrize(
    ("changed", "image"),
    [
        ({}, Image("png", 3, 2, 7)),
        ({"width": "3"}, None),
        ({"height": None}, None),
        ({"bytes": None}, None),
    ],
)
def test_an_image_is_told_with_all_that_is_known_of_it(
    changed: dict[str, Any], image: Image | None
) -> None:
    described, _ = recording("complete")
    found = {"format": "png", "width": 3, "height": 2, "bytes": 7} | changed

    assert read(described | {"output": json.dumps({"image": found})}, []).image == image


@pytest.mark.parametrize(
    ("status", "output", "outcome"),
    [
        ("RUNNING", {"outcome": "COMPLETE"}, None),
        ("SUCCEEDED", {}, "COMPLETE"),
        ("SUCCEEDED", {"outcome": ""}, "COMPLETE"),
        ("SUCCEEDED", {"outcome": 3}, "COMPLETE"),
        ("SUCCEEDED", {"outcome": "SUPERSEDED"}, "SUPERSEDED"),
        ("ABORTED", {"outcome": "COMPLETE"}, "FAILED"),
        ("TIMED_OUT", {}, "FAILED"),
    ],
)
def test_an_outcome_is_that_of_the_output_or_of_the_status(
    status: str, output: dict[str, Any], outcome: str | None
) -> None:
    described, _ = recording("complete")

    execution = read(described | {"status": status, "output": json.dumps(output)}, [])

    assert (execution.outcome, execution.ended) == (outcome, status != "RUNNING")


# ---------------------------------------------------------------------------- states


def test_every_state_is_there_once_with_a_duration() -> None:
    execution = recorded("complete")

    assert Counter(names(execution)) == Counter(
        ["ClaimImage", "Prepare", "ResizeImages", *["Resize"] * 3, "Archive", "MakePdf",
         "BackupOriginal", "RecordResult", "NotifySuccess"]
    )  # fmt: skip
    assert all(state.seconds is not None for state in execution.states)
    assert (
        0
        < execution.seconds
        == pytest.approx(recording("complete")[0]["stopDate"].timestamp() - at(0).timestamp())
    )


def test_states_inside_a_map_know_their_item_and_those_after_it_do_not() -> None:
    execution = recorded("complete")
    by_id = {state.id: state for state in execution.states}

    resized = {
        state.rendition: (state.item, by_id[state.parent or 0].name)
        for state in execution.states
        if state.name == "Resize"
    }
    assert resized == {
        "small": (0, "ResizeImages"),
        "medium": (1, "ResizeImages"),
        "large": (2, "ResizeImages"),
    }
    archived = {
        s.name: by_id[s.parent].name for s in execution.states if s.parent and s.item is None
    }
    assert archived == {"MakePdf": "Archive", "BackupOriginal": "Archive"}
    assert all(state.parent is None for state in execution.states if state.name == "RecordResult")


def test_a_retry_is_an_attempt_of_its_state_alone() -> None:
    execution = recorded("retried")

    attempts = {
        state.rendition: [attempt.error for attempt in state.attempts]
        for state in execution.states
        if state.name == "Resize"
    }
    assert attempts == {"small": [None], "medium": ["StorageError", None], "large": [None]}
    assert sum(state.retries for state in execution.states) == 1
    assert all(state.error is None for state in execution.states)


def test_calls_name_their_function_their_service_and_how_long_they_may_take() -> None:
    called = {
        state.name: (call.resource, call.function, call.limit)
        for state in recorded("complete").states
        for call in state.attempts
    }

    assert called["Prepare"] == ("lambda:invoke", "darkroom-prepare", 180)
    assert called["ClaimImage"] == ("dynamodb:updateItem", None, 30)
    assert called["NotifySuccess"] == ("lambda:invoke", "darkroom-notify", 120)


def test_a_call_ends_with_itself_and_not_with_what_is_around_it() -> None:
    described, events = recording("complete")
    for event in events:
        event["timestamp"] = at(10.0)
        if event["type"].endswith("Succeeded"):
            event["timestamp"] = at(12.0 if event["type"] == "TaskSucceeded" else 20.0)

    found = {state.name: state.attempts for state in read(described, events).states}

    assert {attempt.seconds for attempts in found.values() for attempt in attempts} == {2.0}


def test_branches_that_interleave_keep_their_own_durations() -> None:
    described, events = recording("complete")
    started = {"MakePdf": 10.0, "BackupOriginal": 11.0}
    ended = {"MakePdf": 17.0, "BackupOriginal": 13.0}
    owner: dict[int, str] = {}
    for event in events:
        entered = event.get("stateEnteredEventDetails", {}).get("name")
        name = entered if entered in started else owner.get(event["previousEventId"])
        if name is None or event["type"].startswith("Parallel"):
            continue
        owner[event["id"]] = name
        late = event["type"] in {"TaskSucceeded", "TaskStateExited"}
        event["timestamp"] = at(ended[name] if late else started[name])
        if event["type"] == "TaskStateExited":
            del owner[event["id"]]

    found = {state.name: state.seconds for state in read(described, events).states}

    assert (found["MakePdf"], found["BackupOriginal"]) == (7.0, 2.0)


def test_an_aborted_branch_has_ended() -> None:
    """AWS ends the other branches with an event that the engine does not write."""
    described, events = recording("item_failed")
    cut = next(e["id"] for e in events if e["type"] == "MapStateFailed")
    open_item = next(
        e for e in events
        if e["type"] == "TaskStarted" and e["id"] < cut
        and not any(o["previousEventId"] == e["id"] and o["id"] < cut for o in events)
    )  # fmt: skip
    aborted = {
        "id": 1000,
        "previousEventId": open_item["id"],
        "type": "TaskStateAborted",
        "timestamp": at(9.0),
    }

    execution = read(described, [*events[:cut], aborted])

    exits = [state.exited for state in execution.states if state.name == "Resize"]
    assert at(9.0) in exits


def test_a_query_that_fails_after_the_call_fails_the_state_not_the_call() -> None:
    described, events = recording("complete")
    upto = next(i for i, e in enumerate(events) if e["type"] == "TaskSucceeded")
    failed = {
        "id": events[upto]["id"] + 1,
        "previousEventId": events[upto]["id"],
        "type": "EvaluationFailed",
        "timestamp": at(9.0),
        "evaluationFailedEventDetails": {
            "error": "States.QueryEvaluationError",
            "cause": "it is undefined",
            "state": "ClaimImage",
        },
    }

    (claim,) = read(described | {"status": "FAILED"}, [*events[: upto + 1], failed]).states

    assert (claim.error, claim.attempts[0].error) == ("States.QueryEvaluationError", None)


def test_a_history_without_data_is_read_too() -> None:
    described, events = recording("complete")
    for event in events:
        for details in (value for key, value in event.items() if key.endswith("EventDetails")):
            for field in ("input", "output", "parameters"):
                details.pop(field, None)

    execution = read(described, events)

    assert execution.transitions == 11
    assert {state.rendition for state in execution.states} == {None}


# ---------------------------------------------------------------------------- source


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"source": {"bucket": "b", "key": "k"}}, SourceObject("b", "k")),
        (
            {"source": {"bucket": "b", "key": "k", "versionId": "v", "etag": "e"}, "notify": False},
            SourceObject("b", "k", "v", "e"),
        ),
        (
            {
                "detail-type": "Object Created",
                "source": "aws.s3",
                "detail": {
                    "bucket": {"name": "b"},
                    "object": {"key": "k", "version-id": "v", "etag": "e"},
                },
            },
            SourceObject("b", "k", "v", "e"),
        ),
        ({"detail-type": "Object Created", "source": "aws.s3", "detail": "nothing"}, None),
        ({"source": "photo.jpg"}, None),
        ({"source": {"bucket": 1, "key": "k"}}, None),
        ({"source": {"bucket": "b", "key": 1}}, None),
        (["source"], None),
        (None, None),
    ],
)  # fmt: skip
def test_source(payload: object, expected: SourceObject | None) -> None:
    assert source_of(payload) == expected


# ---------------------------------------------------------------------------- changes


def test_changes_tell_every_state_once_however_often_one_looks() -> None:
    total = len(recording("retried")[1])
    told: Counter[tuple[str, str, str | None]] = Counter()
    before = None
    for events in [*range(1, total), total]:
        now = partly("retried", events) if events < total else recorded("retried")
        told.update((c.kind, c.state.name, c.state.rendition) for c in changes(before, now))
        before = now

    at_once = Counter(
        (c.kind, c.state.name, c.state.rendition) for c in changes(None, recorded("retried"))
    )
    assert told[("retried", "Resize", "medium")] == 1
    assert told[("exited", "Resize", "medium")] == 1
    assert told == at_once


def test_a_state_that_waits_for_its_retry_has_not_failed_yet() -> None:
    events = recording("retried")[1]
    failed = next(i for i, event in enumerate(events) if event["type"] == "TaskFailed")

    waits = partly("retried", failed + 1)

    assert [s.exited for s in waits.states if s.error] == [None]
    assert not [c for c in changes(partly("retried", failed), waits) if c.kind == "failed"]


def test_a_failed_state_is_told_as_failed() -> None:
    kinds = {
        c.state.name: c.kind for c in changes(None, recorded("corrupt")) if c.kind != "entered"
    }

    assert kinds["Prepare"] == "failed"
    assert kinds["ImageFailed"] == "exited"
    assert kinds["NotifyFailure"] == "exited"


# ---------------------------------------------------------------------------- asking


class Recorded:
    """A Step Functions client that plays recordings: every look shows a few events more."""

    def __init__(self, *names: str, step: int = 1000) -> None:
        self.names = list(names)
        self.step = step
        self.asked: Counter[str] = Counter()
        self.listed = 0

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.asked[executionArn] += 1
        described, events = recording(executionArn)
        if self._shown(executionArn) < len(events):
            return described | {"status": "RUNNING", "output": None, "executionArn": executionArn}
        return described | {"executionArn": executionArn}

    def _shown(self, name: str) -> int:
        return (self.asked[name] + self.listed) * self.step

    def get_paginator(self, operation: str) -> Any:
        client = self

        class Paginator:
            def paginate(self, **arguments: Any) -> Any:
                if operation == "list_executions":
                    client.listed += 1
                    for name in reversed(client.names):
                        described, events = recording(name)
                        ended = client._shown(name) >= len(events)
                        status = described["status"] if ended else "RUNNING"
                        listed = {"executionArn": name, "status": status, "startDate": at(0)}
                        yield {"executions": [listed]}
                    return
                name = arguments["executionArn"]
                events = recording(name)[1][: client._shown(name)]
                for index in range(0, len(events), 7):
                    yield {"events": events[index : index + 7]}

        return Paginator()


def test_follow_tells_everything_and_stops_at_the_end() -> None:
    seen = list(follow(Recorded("complete", step=9), "complete", interval=0))  # type: ignore[arg-type]

    assert [execution.ended for execution, _ in seen] == [False] * (len(seen) - 1) + [True]
    entered = [c.state.name for _, happened in seen for c in happened if c.kind == "entered"]
    assert Counter(entered) == Counter(names(recorded("complete")))


def test_an_upload_is_found_by_its_very_version() -> None:
    client = Recorded("corrupt", "complete", "duplicate", "silent")
    source = recorded("complete").source
    assert source is not None

    # The newest one for this version; a person's request for the same object is not the upload's.
    assert find_started(client, "machine", source, at(0), seconds=0) == "duplicate"  # type: ignore[arg-type]
    other = SourceObject(source.bucket, source.key, "another version")
    assert find_started(client, "machine", other, at(0), seconds=0) is None  # type: ignore[arg-type]


def test_executions_from_long_before_the_upload_are_not_asked_for() -> None:
    client = Recorded("complete")
    source = recorded("complete").source
    assert source is not None

    late = at(0) + datetime.timedelta(hours=1)

    assert find_started(client, "machine", source, late, seconds=0) is None  # type: ignore[arg-type]
    assert not client.asked


def test_a_watcher_tells_each_start_and_each_end_once() -> None:
    client = Recorded("complete", "corrupt", step=20)
    watcher = Watcher(client, "machine")  # type: ignore[arg-type]

    told = [[(e.arn, e.outcome) for e in watcher.poll()] for _ in range(4)]

    # Two looks, 40 events, are the end of the corrupt one, and not yet of the other.
    assert told[0] == [("complete", None), ("corrupt", "FAILED")]
    assert [event for poll in told[1:] for event in poll] == [("complete", "COMPLETE")]


def test_how_often_it_was_redriven_is_known_without_its_history() -> None:
    described, _ = recording("redriven")

    assert read(described, []).redriven == 1
    assert recorded("complete").redriven == 0


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([], None),
        (["Map X"], "Map X"),
        (["Map X", "Task X"], "Task X"),
        (["Map X", "Task X aborted"], "Task X aborted"),
        (["Map X", "Task X aborted", "Other X"], "Other X"),
        (["Task", "Other X aborted", "Third X aborted"], "Other X aborted"),
        (["Task X", "Other X"], "Task X"),
        (["Task DynamoDB.ConditionalCheckFailedException"], None),
    ],
)
def test_what_ended_a_run_is_the_first_task_that_failed_by_itself(
    states: list[str], found: str | None
) -> None:
    """A Map has no call, a state that was aborted ended nothing, and an answer is no failure."""
    runs = {}
    for number, said in enumerate(states, 1):
        name, *more = said.split()
        runs[said] = StateRun(
            number, name, "Task", at(0), at(1), error=more[0] if more else None,
            attempts=() if name == "Map" else (Attempt("lambda:invoke", "f", "", at(0), at(1)),),
            aborted="aborted" in more,
        )  # fmt: skip
    execution = dataclasses.replace(recorded("complete"), states=tuple(runs.values()))

    assert execution.failed_state is (runs[found] if found else None)


@pytest.mark.parametrize(
    ("types", "caught"),
    [([], False), (["Fail"], True), (["Task", "Fail"], True), (["Task"], False)],
)
def test_a_failure_that_the_workflow_handled_ended_in_a_fail_state(
    types: list[str], caught: bool
) -> None:
    states = tuple(StateRun(n, "a", each, at(0)) for n, each in enumerate(types))
    assert dataclasses.replace(recorded("complete"), states=states).caught is caught
