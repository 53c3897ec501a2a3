"""What passes between the states: every expression of the definition, evaluated in this process.

What a step gets is read as the contract that its function reads, so a member that is missing,
misspelt or of another step shows here.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from darkroom.contract.model import Contract, dump, parse
from darkroom.contract.results import BackupOriginalTask, MakePdfTask, Report, ResizeTask

from tests.support.definition import (
    EXECUTION,
    MACHINE,
    context,
    evaluated,
    handler,
    states,
)  # fmt: skip

Json = dict[str, Any]

REQUEST = {"source": {"bucket": "my-photos", "key": "a.jpg"}, "notify": False}
SOURCE = {"bucket": "my-photos", "key": "a.jpg", "versionId": "v1", "etag": "e1"}
IMAGE = {"format": "png", "contentType": "image/png", "width": 64, "height": 48, "bytes": 4096}
MADE = {"contentType": "image/jpeg", "bytes": 7, "sha256": "0a", "width": 30, "height": 20}
RENDITIONS = [MADE | {"name": n, "bucket": "outputs", "key": f"a.jpg/{n}"} for n in ("s", "m")]
DOCUMENT = MADE | {"name": "document", "bucket": "outputs", "key": "a.jpg/document.pdf", "pages": 2}
BACKUP = {"bucket": "backups", "key": "a.jpg", "bytes": 4096, "etag": "e1", "versionId": "b1"}
PREPARED: Json = {
    "source": SOURCE,
    "image": IMAGE,
    "mezzanine": {"bucket": "the-work", "key": "mezzanines/x"},
    "original": {"bucket": "the-work", "key": "originals/x", "etag": "e1"},
    "renditions": [
        {"name": name, "key": f"a.jpg/{name}.jpg", "width": 30, "height": 20, "format": "jpeg"}
        | {"preset": {"name": name, "width": 30, "quality": quality}}
        for name, quality in (("s", 70), ("m", 75), ("l", 90))
    ],
    "documentKey": "a.jpg/document.pdf",
    "pdf": {"pageSize": "A4", "margin": 36.0},
    "notify": False,
}
FAILURE = {"state": "Prepare", "error": "CorruptImage", "message": "It is torn."}
CLAIMED = {"image": "my-photos/a.jpg", "claim": "1763723474001"}  # as DynamoDB writes numbers
ALL = CLAIMED | {
    "prepared": PREPARED, "renditions": RENDITIONS, "document": DOCUMENT, "backup": BACKUP,
    "failure": FAILURE,
}  # fmt: skip


def payload(state: str, given: Any = None, of_execution: Json | None = None) -> Any:
    """Return the input that a Lambda task gives its function."""
    arguments = states()[state]["Arguments"]
    at = context(REQUEST, **of_execution or {})
    found = evaluated(arguments["Payload"], {"input": given, "context": at}, **ALL)
    assert found["execution"] == EXECUTION
    return found["input"]


def read(given: Any, model: type[Contract]) -> Any:
    """Return what a function makes of its input, as JSON-like data."""
    return json.loads(json.dumps(dump(parse(given, model))))


# ---------------------------------------------------------------------------- what a step gets


def test_prepare_gets_the_execution_s_own_input() -> None:
    assert payload("Prepare", "whatever the state before passed on") == REQUEST


def test_resize_gets_one_rendition_of_the_plan() -> None:
    mapped = states()["ResizeImages"]
    items = evaluated(mapped["Items"], {"input": None, "context": context()}, **ALL)
    assert items == PREPARED["renditions"]
    for item in items:
        at = context() | {"Map": {"Item": {"Value": item}}}
        selected = evaluated(mapped["ItemSelector"], {"input": None, "context": at}, **ALL)
        assert read(payload("Resize", selected), ResizeTask) == {
            "source": SOURCE,
            "claim": "1763723474001",
            "mezzanine": PREPARED["mezzanine"],
            "rendition": item,
        }


def test_make_pdf_gets_its_part_of_the_plan() -> None:
    assert read(payload("MakePdf"), MakePdfTask) == {
        "source": SOURCE,
        "claim": "1763723474001",
        "mezzanine": PREPARED["mezzanine"],
        "documentKey": "a.jpg/document.pdf",
        "pdf": {"pageSize": "A4", "margin": 36.0},
    }


def test_backup_original_gets_the_copy_that_prepare_took() -> None:
    assert read(payload("BackupOriginal"), BackupOriginalTask) == {
        "source": SOURCE,
        "original": PREPARED["original"],
        "image": IMAGE,
    }


COMMON = {
    "execution": EXECUTION,
    "stateMachine": MACHINE,
    "startedAt": "2026-01-31T12:00:00.123Z",
    "input": REQUEST,
    "image": "my-photos/a.jpg",
    "redriveCount": "0",
}


def test_notify_is_told_of_a_success() -> None:
    made = {"source": SOURCE, "image": IMAGE, "renditions": RENDITIONS, "document": DOCUMENT,
            "backup": BACKUP}  # fmt: skip
    report = read(payload("NotifySuccess"), Report)
    assert report == COMMON | {"outcome": "COMPLETE", "made": made, "notify": False}


def test_notify_is_told_of_a_failure() -> None:
    report = read(payload("NotifyFailure"), Report)
    assert report == COMMON | {"outcome": "FAILED", "failure": FAILURE}


@pytest.mark.parametrize("state", ["NotifySuccess", "NotifyFailure"])
def test_notify_is_told_of_a_redrive(state: str) -> None:
    """The context object counts them; an emulator, and a first run of Express, have no count."""
    assert payload(state)["redriveCount"] == 0
    assert payload(state, of_execution={"RedriveCount": 0})["redriveCount"] == 0
    assert payload(state, of_execution={"RedriveCount": 2})["redriveCount"] == 2


# ---------------------------------------------------------------------------- what a step leaves


def after(state: str, result: Any, given: Any = None) -> Json:
    """Return the variables that a state assigns."""
    found: Json = evaluated(
        states()[state]["Assign"], {"input": given, "result": result, "context": context()}
    )
    return found


def left(state: str, result: Any, given: Any = None) -> Any:
    """Return the output of a state."""
    template = states()[state].get("Output", "{% $states.result %}")
    return evaluated(template, {"input": given, "result": result, "context": context()}, **ALL)


def test_the_plan_is_kept_and_shown() -> None:
    answer = {"StatusCode": 200, "Payload": PREPARED}
    assert after("Prepare", answer) == {"prepared": PREPARED}
    assert left("Prepare", answer) == PREPARED


@pytest.mark.parametrize("state", ["Resize", "MakePdf", "BackupOriginal"])
def test_a_step_s_output_is_what_its_function_returned(state: str) -> None:
    assert left(state, {"StatusCode": 200, "Payload": DOCUMENT}) == DOCUMENT


@pytest.mark.parametrize("made", [RENDITIONS, RENDITIONS[:1]], ids=["two", "one"])
def test_renditions_are_a_list_however_many(made: list[Json]) -> None:
    assert after("ResizeImages", made) == {"renditions": made}


def test_the_branches_results_are_told_apart() -> None:
    assert after("Archive", [DOCUMENT, BACKUP]) == {"document": DOCUMENT, "backup": BACKUP}
    first, second = (branch["StartAt"] for branch in states()["Archive"]["Branches"])
    assert (first, second) == ("MakePdf", "BackupOriginal")


@pytest.mark.parametrize("state", ["ClaimImage", "RecordResult"])
def test_the_record_stays_out_of_the_next_state_s_input(state: str) -> None:
    assert left(state, {"Attributes": {}}, given=REQUEST) == REQUEST


def test_an_execution_tells_its_outcome() -> None:
    made = {"source": SOURCE, "image": IMAGE, "renditions": RENDITIONS, "document": DOCUMENT,
            "backup": BACKUP}  # fmt: skip
    assert left("NotifySuccess", {"Payload": {}}) == {"outcome": "COMPLETE"} | made
    assert left("AlreadyProcessed", None) == {"outcome": "ALREADY_PROCESSED"}
    assert left("Superseded", None) == {"outcome": "SUPERSEDED", "image": "my-photos/a.jpg"}


# ---------------------------------------------------------------------------- failures


def caught(state: str, error: str, cause: str = "") -> Json:
    """Return the variables that a state's Catch assigns for an error."""
    clause = handler(state, "Catch", error)
    assert clause is not None
    told = {"errorOutput": {"Error": error, "Cause": cause}}
    found: Json = evaluated(clause.get("Assign", {}), told)
    return found


def described(error: str, cause: str, state: str = "Prepare") -> Json:
    failed = {"state": state, "error": error, "cause": cause}
    found: Json = evaluated(states()["DescribeFailure"]["Assign"], {}, failed=failed)["failure"]
    return found


@pytest.mark.parametrize("state", ["Prepare", "ResizeImages", "Archive", "RecordResult"])
def test_a_failure_names_its_state(state: str) -> None:
    assert caught(state, "AnyError", "why") == {
        "failed": {"state": state, "error": "AnyError", "cause": "why"}
    }


def test_a_failed_claim_leaves_no_image_to_record() -> None:
    found = caught("ClaimImage", "DynamoDB.ValidationException", "why")
    assert (found.pop("image"), found.pop("before")) == ("unknown", {})
    assert found == {
        "failed": {"state": "ClaimImage", "error": "DynamoDB.ValidationException", "cause": "why"}
    }


def test_a_success_that_nobody_heard_of_is_a_failure_of_its_own() -> None:
    failure = caught("NotifySuccess", "DeliveryError", "The topic is gone.")["failure"]
    assert (failure["state"], failure["error"]) == ("NotifySuccess", "NotificationFailed")
    assert failure["message"].startswith("All outputs are made and recorded, but")
    assert failure["message"].endswith(": DeliveryError")


def told(message: str) -> str:
    """Return the cause of a function's failure, as Lambda composes it."""
    return json.dumps({"errorMessage": message, "errorType": "X", "stackTrace": ["a", "b"]})


@pytest.mark.parametrize(
    ("error", "cause", "message"),
    [
        ("CorruptImage", told("It is torn."), "It is torn."),
        ("CorruptImage", told('A "quoted" \\ é 猫\n😀'), 'A "quoted" \\ é 猫\n😀'),
        ("CorruptImage", told(""), ""),
        ("CorruptImage", '{"errorMessage":\n  "spaced"}', "spaced"),
        ("CorruptImage", "No JSON.", "No JSON."),
        ("CorruptImage", "x" * 1001, "x" * 1000),
        ("KeyError", "", "The step Prepare gave no reason."),
        ("States.Timeout", "whatever", "The step Prepare did not finish in its time."),
        ("Sandbox.Timedout", told("2026 Task timed out"),
         "The step Prepare did not finish in its time."),
        ("Runtime.ExitError", told("exit status 137"),
         "The step Prepare ran out of memory, or its process died."),
        ("Lambda.Unknown", "x", "The step Prepare ran out of memory, or its process died."),
        ("Lambda.ServiceException", "Service said no.", "Service said no."),
    ],
)  # fmt: skip
def test_a_failure_is_put_into_words(error: str, cause: str, message: str) -> None:
    found = described(error, cause)
    assert (found["state"], found["message"]) == ("Prepare", message)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ("States.Timeout", "StatesTimeout"),
        ("CorruptImage", "CorruptImage"),
        ("Lambda.Unknown", "Lambda.Unknown"),
    ],
)
def test_an_error_s_name_may_be_a_fail_state_s(error: str, name: str) -> None:
    """None may begin with "States." (Amazon States Language, Errors)."""
    assert described(error, "why", "Archive")["error"] == name


@pytest.mark.parametrize("state", ["ImageFailed", "AlertNotSent"])
def test_an_execution_fails_with_its_error_and_reason(state: str) -> None:
    fail = {part: states()[state][part] for part in ("Error", "Cause")}
    assert evaluated(fail, {}, failure=FAILURE) == {"Error": "CorruptImage", "Cause": "It is torn."}
