"""An engine from its start to its end, with the template's options on.

In a process of its own, since each has one engine.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys

from tests.conftest import ROOT
from tests.support.processes import lives

DESCRIPTIONS = "darkroom_ops.engine.lambda_.descriptions"

PROGRAM = (
    f"""
DESCRIPTIONS = {DESCRIPTIONS!r}
"""
    """
import json, sys, time, urllib.request
from pathlib import Path
from botocore.exceptions import ClientError
from darkroom_ops.engine import Engine

imported = list(sys.modules)

def seen(address):
    with urllib.request.urlopen(address) as answer:
        said = answer.headers["Cache-Control"]
        return [answer.status, answer.headers["Content-Type"], said, len(answer.read()) > 1000]

options = {"ExistingSourceBucket": "photos", "KeyScope": "everything", "ReservedConcurrency": "5",
           "BackupLockDays": "3", "CloudFront": "yes"}
with Engine(Path("template.yaml"), parameters=options, skip_waits=True) as engine:
    at = engine.deployment
    at.s3.create_bucket(Bucket="photos")
    at.s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    photo = Path("samples/rocket.jpg").read_bytes()
    at.s3.put_object(Bucket=at.source_bucket_name, Key="uploads/rocket.jpg", Body=photo)
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        records = at.dynamodb.scan(TableName=at.images_table_name)["Items"]
        if records and records[0]["status"]["S"] != "IN_PROGRESS":
            break
        time.sleep(0.05)
    keys = at.s3.list_objects_v2(Bucket=at.output_bucket_name)["Contents"]
    told = {
        "front": at.outputs["OutputsUrl"],
        "seen": seen(at.outputs["OutputsUrl"] + "/uploads/rocket.jpg/small.jpg"),
        "order": [each for each in imported if each in {"moto", DESCRIPTIONS}],
        "bucket": at.source_bucket_name,
        "record": [records[0]["image"]["S"], records[0]["status"]["S"]],
        "made": sorted(each["Key"] for each in keys),
        "denied": [str(each) for each in engine.authorizer.denials],
        "environments": sorted(engine.functions.pids()),
        "port": engine.port,
    }
    engine.wait_idle(60)  # else its last states run beside the next engine's first
engine.close()  # once more, which does nothing

def code(call, **given):
    try:
        return call(**given)["status"]
    except ClientError as error:
        return error.response["Error"]["Code"]

express = {"WorkflowType": "EXPRESS", "BufferConcurrency": "2"}
with Engine(Path("template.yaml"), parameters=express, skip_waits=True) as engine:
    at = engine.deployment
    at.s3.put_object(Bucket=at.source_bucket_name, Key="uploads/rocket.jpg", Body=photo)
    engine.wait_idle(60)
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


def test_an_image_goes_through_with_the_options_on_and_nothing_is_left_behind() -> None:
    """From a bucket that was there, encrypted by the stack's key: no role lacks a right."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["order"] == [DESCRIPTIONS, "moto"]  # moto would read them several times
    assert told["seen"] == [200, "image/jpeg", "public, max-age=60", True]
    assert told["bucket"] == "photos"
    assert told["record"] == ["photos/uploads/rocket.jpg", "COMPLETE"]
    assert told["made"] == [
        f"uploads/rocket.jpg/{name}"
        for name in ("document.pdf", "large.jpg", "medium.jpg", "small.jpg")
    ]
    assert told["express"] == "COMPLETE"  # out of the buffer, by StartSyncExecution
    assert ":express:darkroom-image-pipeline-express:" in told["express arn"]
    succeeded = [each for each in told["logged"] if each["type"] == "ExecutionSucceeded"]
    assert [each["execution_arn"] for each in succeeded] == [told["express arn"]]
    assert "rocket" not in str(told["logged"])  # keys stay out of logs
    assert told["codes"] == ["StateMachineTypeNotSupported", *["InvalidArn"] * 4]
    assert told["denied"] == []

    assert len(told["environments"]) >= 4
    assert not any(map(lives, told["environments"]))
    assert done.stderr == ""
    for port in (told["port"], int(told["front"].rpartition(":")[2])):
        with socket.create_server(("127.0.0.1", port)):
            pass
