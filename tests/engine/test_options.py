"""An engine from its start to its end, with the template's options on; then one that is EXPRESS.

Uploads wait in a queue: so many at once as was asked for, and none is lost. In a process of its
own, since each has one engine.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.processes import lives

DESCRIPTIONS = "darkroom_ops.engine.lambda_.descriptions"

PROGRAM = (
    f"""
DESCRIPTIONS = {DESCRIPTIONS!r}
"""
    """
import json, sys, urllib.request
from pathlib import Path
from botocore.exceptions import ClientError
from darkroom_ops.engine import Engine

imported = list(sys.modules)

from darkroom_ops import dlq
from darkroom_ops.engine.engine import SUBSCRIBERS
from darkroom_ops.engine.lambda_ import event_sources
from darkroom_ops.engine.protocols import ServiceError, ServiceFault
from tests.support.chaos import Chaos, Plan
from tests.support.images import photo

event_sources.RETRY_SECONDS = 0

def seen(address):
    with urllib.request.urlopen(address) as answer:
        said = answer.headers["Cache-Control"]
        return [answer.status, answer.headers["Content-Type"], said, len(answer.read()) > 1000]

options = SUBSCRIBERS | {
    "ExistingSourceBucket": "photos", "KeyScope": "everything", "ReservedConcurrency": "5",
    "BackupLockDays": "3", "CloudFront": "yes", "BufferConcurrency": "5",
}
with Engine(Path("template.yaml"), parameters=options, skip_waits=True) as engine:
    at, put = engine.deployment, engine.router.put
    at.s3.create_bucket(Bucket="photos")
    at.s3.put_bucket_versioning(
        Bucket="photos", VersioningConfiguration={"Status": "Enabled"}
    )
    at.s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )

    def upload(*keys):
        for key in keys:
            at.s3.put_object(
                Bucket=at.source_bucket_name, Key=f"uploads/{key}.jpg", Body=photo(160, 120)
            )
        assert engine.wait_idle(100)

    def outcomes():
        records = at.dynamodb.scan(TableName=at.images_table_name)["Items"]
        return {each["image"]["S"]: each["status"]["S"] for each in records}

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
    upload(*range(20))
    engine.router.put = put
    keys = at.s3.list_objects_v2(Bucket=at.output_bucket_name, Prefix="uploads/0.jpg/")["Contents"]
    told = {
        "most": most,
        "statuses": statuses,
        "outcomes": outcomes(),
        "front": at.outputs["OutputsUrl"],
        "seen": seen(at.outputs["OutputsUrl"] + "/uploads/0.jpg/small.jpg"),
        "order": [each for each in imported if each in {"moto", DESCRIPTIONS}],
        "bucket": at.source_bucket_name,
        "made": sorted(each["Key"] for each in keys),
        "environments": sorted(engine.functions.pids()),
        "port": engine.port,
    }

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
    told["not started"] = "photos/uploads/refused.jpg" in outcomes()
    at.sqs.set_queue_attributes(
        QueueUrl=at.buffer_queue_url,
        Attributes={"RedrivePolicy": json.dumps(twice | {"maxReceiveCount": 10})},
    )
    (sent,) = dlq.redrive(at)
    assert engine.wait_idle(100)
    told["sent again"] = [
        sent.error, outcomes()["photos/uploads/refused.jpg"], len(dlq.dead_letters(at))
    ]

    chaos = Chaos(engine, Plan(seed=1, uploads=8)).run(100)
    told["chaos"] = [
        list(map(str, chaos.findings)), chaos.outcomes.total(), chaos.kills, chaos.faults.total()
    ]
    told["denied"] = [str(each) for each in engine.authorizer.denials]
    told["used"] = sorted({grant.action for grant in engine.authorizer.used
                           if "StartFunctionRole" in grant.owner})
engine.close()  # once more, which does nothing

def code(call, **given):
    try:
        return call(**given)["status"]
    except ClientError as error:
        return error.response["Error"]["Code"]

express = {"WorkflowType": "EXPRESS", "BufferConcurrency": "2"}
with Engine(Path("template.yaml"), parameters=express, skip_waits=True) as engine:
    at = engine.deployment
    upload("rocket")
    (record,) = at.dynamodb.scan(TableName=at.images_table_name)["Items"]
    told["express"] = record["status"]["S"]
    machine = {"stateMachineArn": at.state_machine_arn}
    (arn,) = engine.executions()
    told["express arn"] = arn
    told["codes"] = [
        code(at.stepfunctions.list_executions, **machine),
        *(code(call, executionArn=arn) for call in (
            at.stepfunctions.describe_execution, at.stepfunctions.get_execution_history,
            at.stepfunctions.stop_execution, at.stepfunctions.redrive_execution)),
    ]
    group, started = "/aws/vendedlogs/states/darkroom-image-pipeline", '{ $.type = "*Succeeded" }'
    lines = at.logs.filter_log_events(logGroupName=group, filterPattern=started)["events"]
    told["logged"] = [json.loads(line["message"]) for line in lines]
    told["denied"] += [str(each) for each in engine.authorizer.denials]
print(json.dumps(told))
"""
)


@pytest.mark.again(
    "each option by itself: tests/template/test_options.py, tests/unit/engine/cloudfront, "
    "tests/unit/engine/lambda_/test_event_sources.py"
)
def test_an_engine_with_the_options_on_and_one_that_is_express() -> None:
    """One test, since the engines take seconds and the tests are shared out one by one."""
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
    told = json.loads(done.stdout.splitlines()[-1])
    check_that_no_role_lacks_a_right(told)
    check_that_so_many_run_at_once_as_was_asked_for_and_each_once(told)
    check_that_what_cannot_be_started_goes_to_the_dead_letters_and_back(told)
    check_that_chaos_leaves_every_upload_with_one_outcome(told)
    check_that_an_express_workflow_is_in_its_log_group_alone(told)
    check_that_nothing_is_left_behind(told)


def check_that_no_role_lacks_a_right(told: Any) -> None:
    """From a bucket that was there, encrypted by the stack's key, out of the buffer."""
    assert told["order"] == [DESCRIPTIONS, "moto"]  # moto would read them several times
    assert told["seen"] == [200, "image/jpeg", "public, max-age=60", True]
    assert told["bucket"] == "photos"
    assert told["made"] == [
        f"uploads/0.jpg/{name}" for name in ("document.pdf", "large.jpg", "medium.jpg", "small.jpg")
    ]
    assert told["denied"] == []
    assert told["used"] == [
        "kms:Decrypt",
        "sqs:ChangeMessageVisibility",
        "states:DescribeExecution",
        "states:StartExecution",
    ]


def check_that_so_many_run_at_once_as_was_asked_for_and_each_once(told: Any) -> None:
    assert told["most"] == 5
    assert sorted(told["statuses"]) == ["RUNNING"] * 20 + ["SUCCEEDED"] * 20
    assert told["outcomes"] == {f"photos/uploads/{number}.jpg": "COMPLETE" for number in range(20)}


def check_that_what_cannot_be_started_goes_to_the_dead_letters_and_back(told: Any) -> None:
    """After as many receptions as the queue's redrive policy says."""
    about, why, times = told["letter"]
    assert about.endswith("/uploads/refused.jpg")
    assert why == "The buffer's function Start failed on it again and again: its log says why"
    assert times == 2
    assert told["not started"] is False
    assert told["sent again"] == [None, "COMPLETE", 0]


def check_that_chaos_leaves_every_upload_with_one_outcome(told: Any) -> None:
    findings, outcomes, kills, faults = told["chaos"]
    assert findings == []
    assert outcomes >= 8
    assert kills > 0
    assert faults > 0


def check_that_an_express_workflow_is_in_its_log_group_alone(told: Any) -> None:
    assert told["express"] == "COMPLETE"  # out of the buffer, by StartSyncExecution
    assert ":express:darkroom-image-pipeline-express:" in told["express arn"]
    succeeded = [each for each in told["logged"] if each["type"] == "ExecutionSucceeded"]
    assert [each["execution_arn"] for each in succeeded] == [told["express arn"]]
    assert "rocket" not in str(told["logged"])  # keys stay out of logs
    assert told["codes"] == ["StateMachineTypeNotSupported", *["InvalidArn"] * 4]


def check_that_nothing_is_left_behind(told: Any) -> None:
    assert len(told["environments"]) >= 4
    assert not any(map(lives, told["environments"]))
    for port in (told["port"], int(told["front"].rpartition(":")[2])):
        with socket.create_server(("127.0.0.1", port)):
            pass
