"""What fails, how often it is tried, and how it ends: the real machine, with faults injected."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from darkroom.errors import PermanentError, by_class

from tests.support.pipeline import Json, Pipeline, Run

Canned = Callable[..., None]

FUNCTIONS = ("Prepare", "Resize", "MakePdf", "BackupOriginal")
CAUGHT_AT = {"Prepare": "Prepare", "Resize": "ResizeImages"} | dict.fromkeys(
    ("MakePdf", "BackupOriginal"), "Archive"
)

# Attempts after the first, by error, as the Retry blocks say.
TRANSIENT = {
    "Lambda.ServiceException": 6,
    "Lambda.TooManyRequestsException": 6,
    "StorageError": 4,
    "Runtime.ExitError": 1,
    "Sandbox.Timedout": 1,
    "States.Timeout": 1,
}


@pytest.fixture
def source(pipeline: Pipeline) -> Json:
    return {"bucket": pipeline.at.source_bucket_name, "key": f"failures/{time.time_ns()}.jpg"}


def lambda_cause(error: str, message: str) -> str:
    return json.dumps({"errorMessage": message, "errorType": error, "stackTrace": []})


def assert_failed_once(pipeline: Pipeline, run: Run, source: Json, error: str) -> Json:
    """Check all that a failure owes: status, record, one alert on each channel."""
    record = pipeline.record(source)
    (message,) = pipeline.messages(run)
    assert (run.status, run.error) == ("FAILED", error)
    assert run.states[-4:] == ["DescribeFailure", "RecordFailure", "NotifyFailure", "ImageFailed"]
    assert record is not None
    assert (record["status"], record["error"]) == ("FAILED", error)
    assert (message["outcome"], message["error"]) == ("FAILED", error)
    assert len(pipeline.inbox(run, "email")) == 1
    return message


@pytest.mark.parametrize("state", FUNCTIONS)
@pytest.mark.parametrize("error", sorted(by_class(PermanentError)))
def test_a_permanent_error_is_never_retried(
    pipeline: Pipeline, canned: Canned, source: Json, state: str, error: str
) -> None:
    canned(source, but=(state,))
    fault = pipeline.fail(state, error, cause=lambda_cause(error, "The image is blue."), times=1)
    run = pipeline.start({"source": source})
    message = assert_failed_once(pipeline, run, source, error)
    assert fault.taken == 1
    assert pipeline.waits == []
    assert message["message"] == run.cause == "The image is blue."
    assert message["state"] == CAUGHT_AT[state]
    assert message["permanent"] is True


@pytest.mark.parametrize("state", FUNCTIONS)
@pytest.mark.parametrize(("error", "retries"), TRANSIENT.items())
def test_a_transient_error_is_retried_and_overcome(
    pipeline: Pipeline, canned: Canned, source: Json, state: str, error: str, retries: int
) -> None:
    fault = pipeline.fail(state, error, times=retries)
    canned(source)
    run = pipeline.start({"source": source})
    assert run.output["outcome"] == "COMPLETE"
    assert fault.taken == retries == len(pipeline.waits)
    assert all(0 <= wait <= 30 for wait in pipeline.waits)


@pytest.mark.parametrize("state", FUNCTIONS)
@pytest.mark.parametrize(("error", "retries"), TRANSIENT.items())
def test_a_transient_error_that_lasts_ends_in_an_alert(
    pipeline: Pipeline, canned: Canned, source: Json, state: str, error: str, retries: int
) -> None:
    fault = pipeline.fail(state, error, cause="it went wrong", when=_one_of_the_map)
    canned(source)
    run = pipeline.start({"source": source})
    message = assert_failed_once(pipeline, run, source, error.replace("States.", "States"))
    assert fault.taken == retries + 1
    assert message["permanent"] is False


def test_waits_grow_and_are_random(pipeline: Pipeline, canned: Canned, source: Json) -> None:
    ceilings = [2, 4, 8, 16, 30, 30]
    seen: list[float] = []
    for _ in range(3):
        pipeline.reset()
        pipeline.fail("Prepare", "Lambda.ServiceException", times=6)
        canned(source)
        pipeline.start({"source": source})
        assert all(0 <= wait <= top for wait, top in zip(pipeline.waits, ceilings, strict=True))
        seen += pipeline.waits
    assert len(set(seen)) == 18


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("ClaimImage", "DynamoDB.ProvisionedThroughputExceededException"),
        ("RecordResult", "DynamoDB.ThrottlingException"),
        ("NotifySuccess", "SNS.ThrottledException"),
        ("NotifySuccess", "SNS.InternalErrorException"),
    ],
)
def test_services_are_retried_too(
    pipeline: Pipeline, canned: Canned, source: Json, state: str, error: str
) -> None:
    fault = pipeline.fail(state, error, times=5)
    canned(source)
    run = pipeline.start({"source": source})
    assert run.output["outcome"] == "COMPLETE"
    assert fault.taken == 5 == len(pipeline.waits)


def test_a_claim_that_cannot_be_made_alerts(
    pipeline: Pipeline, canned: Canned, source: Json
) -> None:
    canned(source)
    pipeline.fail("ClaimImage", "DynamoDB.AmazonDynamoDBException", cause="no such table")
    run = pipeline.start({"source": source})
    (message,) = pipeline.messages(run)
    assert run.error == "DynamoDB.AmazonDynamoDBException"
    assert message["source"] == source
    assert message["message"] == "no such table"
    assert "Prepare" not in run.states


def test_one_failing_size_fails_the_image(pipeline: Pipeline, canned: Canned, source: Json) -> None:
    fault = pipeline.fail(
        "Resize",
        "AccessDenied",
        cause=lambda_cause("AccessDenied", "The output may not be written."),
        when=lambda item: item["rendition"]["name"] == "medium",
    )
    canned(source)
    run = pipeline.start({"source": source})
    assert_failed_once(pipeline, run, source, "AccessDenied")
    assert fault.taken == 1
    assert "Archive" not in run.states


def test_a_record_that_cannot_be_written_alerts(
    pipeline: Pipeline, canned: Canned, source: Json
) -> None:
    canned(source)
    fault = pipeline.fail("RecordResult", "DynamoDB.SdkClientException", cause="no answer")
    run = pipeline.start({"source": source})
    message = assert_failed_once(pipeline, run, source, "DynamoDB.SdkClientException")
    assert fault.taken == 6
    assert message["permanent"] is False


def test_a_lost_success_message_leaves_the_image_complete(
    pipeline: Pipeline, canned: Canned, source: Json
) -> None:
    canned(source)
    pipeline.fail("NotifySuccess", "SNS.AuthorizationErrorException", cause="not allowed")
    run = pipeline.start({"source": source})
    (message,) = pipeline.messages(run)
    record = pipeline.record(source)
    assert (run.status, run.error) == ("FAILED", "NotificationFailed")
    assert record is not None
    assert record["status"] == "COMPLETE"
    assert message["error"] == "NotificationFailed"
    assert "All are complete and recorded." in pipeline.inbox(run, "email")[0].text


def test_the_alert_goes_out_though_the_record_cannot_be_written(
    pipeline: Pipeline, canned: Canned, source: Json
) -> None:
    canned(source, but=("Prepare",))
    pipeline.fail("Prepare", "CorruptImage", cause="broken")
    pipeline.fail("RecordFailure", "DynamoDB.SdkClientException")
    run = pipeline.start({"source": source})
    assert run.error == "CorruptImage"
    assert pipeline.messages(run)[0]["error"] == "CorruptImage"


def test_a_failure_stays_a_failure_though_nobody_can_be_told(
    pipeline: Pipeline, canned: Canned, source: Json
) -> None:
    canned(source, but=("Prepare",))
    pipeline.fail("Prepare", "CorruptImage", cause="broken")
    pipeline.fail("NotifyFailure", "SNS.AuthorizationErrorException")
    run = pipeline.start({"source": source})
    record = pipeline.record(source)
    assert (run.status, run.error, run.cause) == ("FAILED", "CorruptImage", "broken")
    assert record is not None
    assert record["status"] == "FAILED"


def test_a_malformed_result_of_prepare_is_a_failure(
    pipeline: Pipeline, canned: Canned, source: Json
) -> None:
    canned(source, but=("Prepare",))
    pipeline.give_payload("Prepare", {"unexpected": True})
    run = pipeline.start({"source": source})
    assert run.status == "FAILED"
    assert run.error == "StatesQueryEvaluationError"
    assert len(pipeline.messages(run)) == 1


def _one_of_the_map(given: Any) -> bool:
    """Choose one iteration of the Map, so that the others' attempts are not counted."""
    return not isinstance(given, dict) or given.get("rendition", {}).get("name", "small") == "small"
