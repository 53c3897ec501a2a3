"""The fault matrix, run against the real state machine: see faults.yaml.

A sample of it; all of it with ``--all``.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from darkroom.contract.errors import DarkroomError, by_class

from tests.conftest import ROOT
from tests.statemachine.matrix import MATRIX, OVERCOME, Case, cases, sample, summary
from tests.support.images import photo
from tests.support.pipeline import Json, Pipeline, Run
from tests.support.reading import parsed

Canned = Callable[..., None]

TOLD = {"failed", "failed unrecorded"}


@pytest.fixture
def source(pipeline: Pipeline) -> Json:
    return {"bucket": pipeline.at.source_bucket_name, "key": f"faults/{time.time_ns()}.jpg"}


def lambda_cause(error: str, message: str) -> str:
    return json.dumps({"errorMessage": message, "errorType": error, "stackTrace": []})


def first_of_the_map(given: Any) -> bool:
    """Choose one iteration, so that the others' attempts are not counted."""
    return not isinstance(given, dict) or given.get("rendition", {}).get("name", "small") == "small"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        first = set(sample())
        again = pytest.mark.again("an error of the same class, at its limits")
        metafunc.parametrize(
            "case",
            [pytest.param(each, marks=() if each in first else again) for each in cases()],
            ids=str,
        )


def test_a_fault(pipeline: Pipeline, canned: Canned, source: Json, case: Case) -> None:
    if case.state in {"RecordFailure", "NotifyFailure"}:
        pipeline.fail("Prepare", "CorruptImage", cause=lambda_cause("CorruptImage", "It is torn."))
    fault = pipeline.fail(
        case.state, case.error, "It broke.", times=case.times, when=first_of_the_map
    )
    canned(source)
    run = pipeline.start({"source": source})
    pipeline.settle()

    taken = case.retries + 1 if case.times is None else case.times
    waits = case.longest_waits(taken)
    assert fault.taken == taken
    assert len(pipeline.waits) == len(waits)
    assert all(0 <= wait <= top for wait, top in zip(pipeline.waits, waits, strict=True))
    assert_ending(pipeline, run, source, case)


def assert_ending(pipeline: Pipeline, run: Run, source: Json, case: Case) -> None:
    """Check status, error, record and messages."""
    if case.ending == OVERCOME:
        failing = case.state in {"RecordFailure", "NotifyFailure"}
        word = "FAILED" if failing else "COMPLETE"
        expected: Json = {
            "status": "FAILED" if failing else "SUCCEEDED",
            "error": "CorruptImage",
            "output": word,
            "record": word,
            "messages": [word],
        }
    else:
        expected = MATRIX["endings"][case.ending]
    assert run.status == expected["status"]
    if run.status == "FAILED":
        error = case.error if expected["error"] == "same" else expected["error"]
        caught = run.states[-1] in {"ImageFailed", "AlertNotSent"}
        assert run.error == (error.replace("States.", "States") if caught else error)
    else:
        assert run.output["outcome"] == expected["output"]
    record = pipeline.record(source)
    assert (record["status"] if record else None) == expected["record"]
    sent = pipeline.messages(run, expected=len(expected["messages"]))
    assert [message["outcome"] for message in sent] == expected["messages"]
    assert len(pipeline.inbox(run, "email")) == len(sent)
    if sent and record and "announced" in record:
        assert record["announced"].split()[1] == run.arn


# ---------------------------------------------------------------------- what lies in the bucket

SIZES = {"small.jpg", "large.jpg"}
EVERY = SIZES | {"medium.jpg", "document.pdf"}
LEFT = {
    "ClaimImage": set(),
    "Prepare": set(),
    "Resize": SIZES,
    "MakePdf": SIZES | {"medium.jpg"},
    "BackupOriginal": EVERY,
    "RecordResult": EVERY,
    "NotifySuccess": EVERY,
}


@pytest.mark.parametrize("state", LEFT)
def test_what_a_failure_leaves_is_whole_and_named(pipeline: Pipeline, state: str) -> None:
    """With the real functions: only whole outputs, and the alert says which."""
    error = "DynamoDB.ValidationException" if state[:5] in {"Claim", "Recor"} else "AccessDenied"
    pipeline.fail(state, error, "Not allowed.", when=one_size)
    run = pipeline.start_manual(photo(400, 300))
    outputs = pipeline.outputs(json.loads(run.described["input"])["source"])
    # A sibling may be stopped before it has written.
    assert set(outputs) <= LEFT[state]
    assert set(outputs) == LEFT[state] or state in {"Resize", "MakePdf", "BackupOriginal"}
    for name, data in outputs.items():
        assert data.endswith(b"%%EOF\n" if name.endswith("pdf") else b"\xff\xd9")
    (email,) = pipeline.inbox(run, "email")
    if state == "NotifySuccess":
        assert "All are complete and recorded." in email.text
    elif not LEFT[state]:
        assert "Outputs    This run made none." in email.text
    elif state == "RecordResult":
        listed = re.search(r"Made so far: (.*)\. Use none", email.text)
        assert listed is not None
        assert set(listed[1].split(", ")) == LEFT[state]


@pytest.mark.parametrize("state", ["Prepare", "Resize", "MakePdf", "BackupOriginal"])
def test_a_fault_that_passes_leaves_nothing_undone(pipeline: Pipeline, state: str) -> None:
    pipeline.fail(state, "StorageError", times=2, when=one_size)
    run = pipeline.start_manual(photo(400, 300))
    source = json.loads(run.described["input"])["source"]
    assert run.output["outcome"] == "COMPLETE"
    assert set(pipeline.outputs(source)) == EVERY
    assert len(pipeline.inbox(run, "email")) == 1


def one_size(given: Any) -> bool:
    return not isinstance(given, dict) or given.get("rendition", {}).get("name") in {None, "medium"}


@pytest.mark.parametrize("failing", [{"small"}, {"small", "large"}, {"small", "medium", "large"}])
def test_a_map_fails_once_however_many_iterations_do(
    pipeline: Pipeline, canned: Canned, source: Json, failing: set[str]
) -> None:
    pipeline.fail(
        "Resize", "AccessDenied", "No.", when=lambda item: item["rendition"]["name"] in failing
    )
    canned(source)
    run = pipeline.start({"source": source})
    pipeline.settle()
    (message,) = pipeline.messages(run)
    record = pipeline.record(source)
    assert (run.status, run.error) == ("FAILED", "AccessDenied")
    assert message["state"] == "ResizeImages"
    assert "Archive" not in run.states
    assert record is not None
    assert record["status"] == "FAILED"


def test_both_branches_may_fail_and_one_alert_goes_out(
    pipeline: Pipeline, canned: Canned, source: Json
) -> None:
    pipeline.fail("MakePdf", "AccessDenied", "No.")
    pipeline.fail("BackupOriginal", "AccessDenied", "No.")
    canned(source)
    run = pipeline.start({"source": source})
    pipeline.settle()
    assert len(pipeline.messages(run)) == 1
    assert pipeline.messages(run)[0]["state"] == "Archive"


# ---------------------------------------------------------------------- results that make no sense


@pytest.mark.parametrize(
    ("state", "result"),
    [
        *(("Prepare", result) for result in (None, [], "done", {"unexpected": True})),
        ("Resize", None),
        ("MakePdf", "done"),
        ("BackupOriginal", {"unexpected": True}),
    ],
    ids=repr,
)
def test_a_malformed_result_is_a_failure(
    pipeline: Pipeline, canned: Canned, source: Json, state: str, result: Any
) -> None:
    """Of Resize, MakePdf and BackupOriginal it shows when the result is recorded."""
    pipeline.give_payload(state, result)
    canned(source)
    run = pipeline.start({"source": source})
    pipeline.settle()
    record = pipeline.record(source)
    assert run.status == "FAILED"
    assert len(pipeline.messages(run)) == 1
    assert record is not None
    assert record["status"] == "FAILED"


def test_a_result_over_the_payload_limit_alerts(
    pipeline: Pipeline, canned: Canned, source: Json
) -> None:
    """262,144 bytes: States.DataLimitExceeded, which no Catch sees."""
    pipeline.give_payload("Prepare", {"text": "x" * 300_000})
    canned(source)
    run = pipeline.start({"source": source})
    pipeline.settle()
    (message,) = pipeline.messages(run)
    record = pipeline.record(source)
    assert (run.status, run.error) == ("FAILED", "States.DataLimitExceeded")
    assert message["error"] == "StatesDataLimitExceeded"
    assert "redrive-execution" in message["commands"][0]
    assert record is not None
    assert record["status"] == "FAILED"


# ---------------------------------------------------------------------- the matrix itself


def test_the_matrix_has_every_task_and_every_error_of_the_code() -> None:
    definition = parsed((ROOT / "statemachine" / "image_pipeline.asl.yaml").read_text())
    text = json.dumps(definition)
    tasks = {line["state"] for line in MATRIX["states"]}
    known = {error for kind in MATRIX["classes"].values() for error in kind["errors"]}
    # NotificationFailed is the machine's own, made of any error of NotifySuccess.
    assert by_class(DarkroomError) - known == {"NotificationFailed"}
    for name in re.findall(r'"(\w+)": {"Comment": "[^"]*", "Type": "Task"', text):
        assert name in tasks
    retried = re.findall(r'"ErrorEquals": \[([^\]]*)\]', text)
    named = {name for group in retried for name in re.findall(r'"([\w.]+)"', group)}
    assert named - known == {"States.ALL"}


def test_the_docs_have_the_matrix_in_numbers() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    assert "\n".join(summary()) in text, "python -m tests.statemachine.matrix prints the table"
