"""The record is the lock: which event runs, which is a duplicate, which is stale."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.pipeline import Json, Pipeline

Canned = Callable[..., None]


def event(source: Json, sequencer: str, **item: Any) -> Json:
    """Return an S3 event, as the rule passes it on."""
    named = {"key": source["key"], "size": 4096, "etag": "abc", "sequencer": sequencer}
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"bucket": {"name": source["bucket"]}, "object": named | item},
    }


@pytest.fixture
def source(pipeline: Pipeline, canned: Canned, request: pytest.FixtureRequest) -> Json:
    """An object that is only named: every function succeeds with a canned result."""
    found = {
        "bucket": pipeline.at.source_bucket_name,
        "key": f"claims/{request.node.name}/{time.time_ns()}.jpg",
    }
    canned(found)
    return found


def test_a_duplicate_changes_nothing_and_tells_nobody(pipeline: Pipeline, source: Json) -> None:
    first = pipeline.start(event(source, "0A"))
    record = pipeline.record(source)
    second = pipeline.start(event(source, "0A"))
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert second.states == ["ClaimImage", "AlreadyProcessed"]
    assert second.output == {"outcome": "ALREADY_PROCESSED"}
    assert pipeline.record(source) == record
    assert pipeline.messages(second, expected=0) == []


def test_an_older_event_that_arrives_late_is_stale(pipeline: Pipeline, source: Json) -> None:
    pipeline.start(event(source, "0B"))
    late = pipeline.start(event(source, "0A"))
    assert late.states == ["ClaimImage", "AlreadyProcessed"]


def test_a_newer_upload_runs(pipeline: Pipeline, source: Json) -> None:
    pipeline.start(event(source, "0A"))
    newer = pipeline.start(event(source, "0B"))
    record = pipeline.record(source)
    assert newer.output["outcome"] == "COMPLETE"
    assert record is not None
    assert record["execution"] == newer.arn


@pytest.mark.parametrize(("older", "newer"), [("0A", "0A1"), ("00FF", "01"), ("9", "A")])
def test_sequencers_are_compared_right_padded(
    pipeline: Pipeline, source: Json, older: str, newer: str
) -> None:
    pipeline.start(event(source, newer))
    assert pipeline.start(event(source, older)).states[-1] == "AlreadyProcessed"
    assert pipeline.start(event(source, newer)).states[-1] == "AlreadyProcessed"


def test_a_failed_event_may_run_again(pipeline: Pipeline, source: Json, canned: Canned) -> None:
    pipeline.reset()
    pipeline.fail("Prepare", "CorruptImage")
    failed = pipeline.start(event(source, "0A"))
    pipeline.reset()
    canned(source)
    again = pipeline.start(event(source, "0A"))
    record = pipeline.record(source)
    assert (failed.status, again.output["outcome"]) == ("FAILED", "COMPLETE")
    assert record is not None
    assert record["status"] == "COMPLETE"
    assert "error" not in record


def test_an_upload_being_worked_on_is_not_worked_on_twice(pipeline: Pipeline, source: Json) -> None:
    claim(pipeline, source, lease=time.time() + 600)
    assert pipeline.start(event(source, "0A")).states[-1] == "AlreadyProcessed"


def test_a_lease_that_ran_out_is_taken_over(pipeline: Pipeline, source: Json) -> None:
    claim(pipeline, source, lease=time.time() - 1)
    assert pipeline.start(event(source, "0A")).output["outcome"] == "COMPLETE"


def test_a_lease_that_ran_out_does_not_make_an_old_event_new(
    pipeline: Pipeline, source: Json
) -> None:
    claim(pipeline, source, lease=time.time() - 1)
    assert pipeline.start(event(source, "09")).states[-1] == "AlreadyProcessed"


def test_a_retried_claim_meets_itself(pipeline: Pipeline, source: Json) -> None:
    """The write arrived, its answer was lost: the retry must not find itself a duplicate."""
    name = f"meets-itself-{time.time_ns()}"
    arn = f"{pipeline.at.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
    claim(pipeline, source, lease=time.time() + 600, execution=arn)
    pipeline.fail("ClaimImage", "DynamoDB.SdkClientException", times=1)
    assert pipeline.start(event(source, "0A"), name).output["outcome"] == "COMPLETE"


def test_a_person_may_always_run_an_image_again(pipeline: Pipeline, source: Json) -> None:
    pipeline.start(event(source, "0A"))
    again = pipeline.start({"source": source})
    record = pipeline.record(source)
    assert again.output["outcome"] == "COMPLETE"
    assert record is not None
    assert record["execution"] == again.arn


def test_a_request_at_fault_leaves_the_record_as_it_found_it(
    pipeline: Pipeline, source: Json
) -> None:
    """Hand-made, and never checked: the image is what it was, and the person is told."""
    pipeline.start(event(source, "0A"))
    record = pipeline.record(source)
    pipeline.reset()
    wrong = pipeline.start({"source": source, "pdf": {"margin": -1}})
    (message,) = pipeline.messages(wrong)
    assert (wrong.error, message["error"]) == ("InvalidRequest", "InvalidRequest")
    assert record is not None
    assert record["status"] == "COMPLETE"
    assert pipeline.record(source) == record


def test_a_request_for_another_bucket_takes_no_record(pipeline: Pipeline, source: Json) -> None:
    folder, _, name = f"{source['bucket']}/{source['key']}".rpartition("/")
    pipeline.reset()
    run = pipeline.start({"source": {"bucket": folder, "key": name}})
    record = pipeline.record_of(f"invalid request/{run.name}")
    assert run.error == "InvalidRequest"
    assert record is not None
    assert record["status"] == "FAILED"
    assert pipeline.record(source) is None


def test_a_folder_of_the_console_is_no_image_and_no_alert(pipeline: Pipeline) -> None:
    """As its button "Create folder" makes it."""
    source = pipeline.put(b"", name="")
    run = pipeline.run_of(source)
    assert source["key"].endswith("/")
    assert (run.states[-1], run.output) == ("AlreadyProcessed", {"outcome": "ALREADY_PROCESSED"})
    assert pipeline.record(source) is None
    assert pipeline.messages(run, expected=0) == []


def test_an_invented_sequencer_keeps_no_later_upload_away(pipeline: Pipeline, source: Json) -> None:
    assert pipeline.start(event(source, "ZZZ")).output["outcome"] == "COMPLETE"
    assert pipeline.start(event(source, "0A")).output["outcome"] == "COMPLETE"
    assert pipeline.start(event(source, "ZZZ")).states[-1] == "AlreadyProcessed"


def test_a_run_by_hand_never_lowers_the_sequencer(pipeline: Pipeline, source: Json) -> None:
    pipeline.start(event(source, "0B"))
    pipeline.start({"source": source})
    assert pipeline.start(event(source, "0A")).states[-1] == "AlreadyProcessed"
    assert pipeline.start(event(source, "0C")).output["outcome"] == "COMPLETE"


def test_the_event_of_an_image_first_run_by_hand_still_runs(
    pipeline: Pipeline, source: Json
) -> None:
    pipeline.start({"source": source})
    assert pipeline.start(event(source, "0A")).output["outcome"] == "COMPLETE"


def test_an_execution_that_lost_its_claim_has_no_last_word(
    pipeline: Pipeline, source: Json
) -> None:
    """A newer upload claimed the record while this execution was still at work."""
    overtaken = pipeline.give("NotifySuccess", {"MessageId": "never sent"})

    def overtake(_: Any) -> bool:
        claim(pipeline, source, lease=time.time() + 600, execution="newer", sequencer="0B")
        return False

    pipeline.fail("RecordResult", "never", when=overtake)
    run = pipeline.start(event(source, "0A"))
    record = pipeline.record(source)
    assert run.states[-2:] == ["RecordResult", "Superseded"]
    assert run.output["outcome"] == "SUPERSEDED"
    assert overtaken.taken == 0
    assert record is not None
    assert (record["execution"], record["status"]) == ("newer", "IN_PROGRESS")
    assert pipeline.messages(run, expected=0) == []


def claim(
    pipeline: Pipeline,
    source: Json,
    *,
    lease: float,
    execution: str = "another",
    sequencer: str = "0A",
) -> None:
    """Write the record of an execution that is still running, or was killed."""
    pipeline.at.dynamodb.put_item(
        TableName=pipeline.at.images_table_name,
        Item={
            "image": {"S": f"{source['bucket']}/{source['key']}"},
            "status": {"S": "IN_PROGRESS"},
            "execution": {"S": execution},
            "sequencer": {"S": sequencer.ljust(64, "0")},
            "leaseUntil": {"N": str(int(lease))},
        },
    )
