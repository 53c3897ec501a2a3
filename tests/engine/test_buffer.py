"""Uploads that wait in a queue: so many at once as was asked for, and none is lost.

In a process of its own, since each has one engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT

PROGRAM = """
import contextlib, json
from pathlib import Path
from darkroom_ops import dlq
from darkroom_ops.engine import Engine
from darkroom_ops.engine.engine import SUBSCRIBERS
from darkroom_ops.engine.lambda_ import event_sources
from darkroom_ops.engine.protocols import ServiceError, ServiceFault
from tests.support.chaos import Chaos, Plan
from tests.support.images import photo

event_sources.RETRY_SECONDS = 0
told = {}
options = SUBSCRIBERS | {"BufferConcurrency": "2", "KeyScope": "everything"}
with Engine(Path("template.yaml"), parameters=options, skip_waits=True) as engine:
    at, put = engine.deployment, engine.router.put

    def upload(*keys):
        for key in keys:
            at.s3.put_object(
                Bucket=at.source_bucket_name, Key=f"uploads/{key}.jpg", Body=photo(160, 120)
            )
        assert engine.wait_idle(100)

    def outcomes():
        records = at.dynamodb.scan(TableName=at.images_table_name)["Items"]
        return {each["image"]["S"].rpartition("/")[2]: each["status"]["S"] for each in records}

    now, statuses, most = set(), [], 0
    def watch(event):
        global most
        if event["source"] == "aws.states":
            arn, status = event["detail"]["executionArn"], event["detail"]["status"]
            statuses.append(status)
            now.add(arn) if status == "RUNNING" else now.discard(arn)
            most = max(most, len(now))
        put(event)

    engine.router.put = watch
    upload(*range(4))
    engine.router.put = put
    told["most"], told["statuses"], told["outcomes"] = most, statuses, outcomes()

    start = f"{at.stack}-start"
    refused = ServiceFault(ServiceError(400, "StateMachineDoesNotExist", "gone"))
    asked = []
    def refuse(call, _):
        if call.principal == start and call.operation == "StartExecution":
            asked.append(call)
            return refused
        return None
    engine.inject_fault = refuse
    twice = {"deadLetterTargetArn": at.sqs.get_queue_attributes(
        QueueUrl=at.events_dead_letter_queue_url, AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"], "maxReceiveCount": 2}
    at.sqs.set_queue_attributes(
        QueueUrl=at.buffer_queue_url, Attributes={"RedrivePolicy": json.dumps(twice)}
    )
    upload("refused")
    engine.inject_fault = None
    (letter,) = dlq.dead_letters(at)
    told["letter"] = [letter.about, letter.why, len(asked)]
    told["not started"] = "refused.jpg" in outcomes()
    at.sqs.set_queue_attributes(
        QueueUrl=at.buffer_queue_url,
        Attributes={"RedrivePolicy": json.dumps(twice | {"maxReceiveCount": 10})},
    )
    (sent,) = dlq.redrive(at)
    assert engine.wait_idle(100)
    told["sent again"] = [sent.error, outcomes()["refused.jpg"], len(dlq.dead_letters(at))]

    chaos = Chaos(engine, Plan(seed=1, uploads=2)).run(100)
    told["chaos"] = [list(map(str, chaos.findings)), chaos.outcomes.total(), chaos.kills]
    told["denied"] = [str(each) for each in engine.authorizer.denials]
    told["used"] = sorted({grant.action for grant in engine.authorizer.used
                           if "StartFunctionRole" in grant.owner})
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> Any:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout.splitlines()[-1])


def test_so_many_at_once_as_was_asked_for_and_each_once(told: Any) -> None:
    assert told["most"] == 2
    assert sorted(told["statuses"]) == ["RUNNING"] * 4 + ["SUCCEEDED"] * 4
    assert told["outcomes"] == {f"{number}.jpg": "COMPLETE" for number in range(4)}


def test_what_cannot_be_started_goes_to_the_dead_letters_and_back(told: Any) -> None:
    """After as many receptions as the queue's redrive policy says."""
    about, why, times = told["letter"]
    assert about.endswith("/uploads/refused.jpg")
    assert why == "The buffer's function Start failed on it again and again: its log says why"
    assert times == 2
    assert told["not started"] is False
    assert told["sent again"] == [None, "COMPLETE", 0]


def test_chaos_leaves_every_upload_with_one_outcome(told: Any) -> None:
    findings, outcomes, kills = told["chaos"]
    assert findings == []
    assert outcomes >= 2
    assert kills > 0


def test_start_is_allowed_what_it_needs(told: Any) -> None:
    assert told["denied"] == []
    assert told["used"] == [
        "kms:Decrypt",
        "sqs:ChangeMessageVisibility",
        "states:DescribeExecution",
        "states:StartExecution",
    ]
