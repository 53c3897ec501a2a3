"""`darkroom up --data DIR`, twice: what the first held, the second has."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from darkroom_ops.executions.watch import fetch
from tests.engine.test_cli import ROCKET, Up, darkroom
from tests.support.pipeline import until

SUMMARY = "alert-summary"


def of_pipeline(up: Up) -> list[str]:
    return [arn for arn in up.executions() if SUMMARY not in arn]


def summaries(up: Up) -> Any:
    machines = up.deployment.stepfunctions.list_state_machines()["stateMachines"]
    (arn,) = [each["stateMachineArn"] for each in machines if SUMMARY in each["name"]]
    listed = up.deployment.stepfunctions.list_executions(stateMachineArn=arn)["executions"]
    return listed[0] if listed else None


def logged(up: Up, execution: str) -> list[str]:
    """Return how an execution ended, each time, as its machine's log group has it."""
    pattern = f'{{ $.type = "Execution*" && $.execution_arn = "{execution}" }}'
    found = up.deployment.logs.filter_log_events(
        logGroupName="/aws/vendedlogs/states/darkroom-image-pipeline", filterPattern=pattern
    )
    return [json.loads(event["message"])["type"] for event in found["events"]]


def facts(up: Up) -> dict[str, Any]:
    """Return what an operator sees of the work that is done."""
    at = up.deployment
    outputs = at.s3.list_object_versions(Bucket=at.output_bucket_name)["Versions"]
    records = at.dynamodb.scan(TableName=at.images_table_name)["Items"]
    return {
        "outputs": outputs,
        "bytes": [
            at.s3.get_object(Bucket=at.output_bucket_name, Key=each["Key"])["Body"].read()
            for each in outputs
        ],
        "records": sorted(records, key=lambda record: record["image"]["S"]),
        "executions": [fetch(at.stepfunctions, arn) for arn in of_pipeline(up)],
    }


@pytest.mark.again("tests/unit/engine/data, and what a redrive does tests/engine/test_operating.py")
def test_what_was_done_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    up = Up(tmp_path / "home", "--data", str(data))
    at = up.deployment
    assert up.about["kept"] == {"executions": 0, "unplaced": {}}
    good = {"Bucket": at.source_bucket_name, "Key": "uploads/rocket.jpg"}
    at.s3.put_object(**good, Body=ROCKET.read_bytes())
    at.s3.put_object(Bucket=at.source_bucket_name, Key="uploads/broken.jpg", Body=b"no picture")
    up.told(event="execution", status="SUCCEEDED", source="uploads/rocket.jpg")
    up.told(event="execution", status="FAILED", source="uploads/broken.jpg")
    up.told(event="message", protocol="email", topic="darkroom-alerts")
    waiting = until(lambda: summaries(up))["executionArn"]  # for minutes, for more alerts
    before = facts(up)
    refused = darkroom(tmp_path / "other", "up", "--data", str(data))
    assert up.stop(signal.SIGTERM) == (0, "")

    assert refused.returncode == 2
    assert f"Another engine keeps its data in {data}" in " ".join(refused.stderr.split())

    up = Up(tmp_path / "home", "--data", str(data))
    at = up.deployment
    try:
        assert up.about["kept"] == {"executions": 2, "unplaced": {}}
        assert facts(up) == before
        described = at.stepfunctions.describe_execution(executionArn=waiting)
        assert (described["status"], described["error"]) == ("ABORTED", "Engine.Interrupted")
        assert "on AWS it would have gone on" in described["cause"]
        at.stepfunctions.redrive_execution(executionArn=waiting)
        again = at.stepfunctions.describe_execution(executionArn=waiting)
        assert (again["status"], again["redriveCount"]) == ("RUNNING", 1)
        (failed,) = [each.arn for each in before["executions"] if each.status == "FAILED"]
        assert len(logged(up, failed)) == 1
        at.stepfunctions.redrive_execution(executionArn=failed)
        assert until(lambda: logged(up, failed)[1:] or None) == ["ExecutionFailed"]
        at.s3.put_object(**good, Body=ROCKET.read_bytes())  # as ever
        told = up.told(event="execution", status="SUCCEEDED")
        (done,) = [each.arn for each in before["executions"] if each.status == "SUCCEEDED"]
        assert told["execution"] != done
        assert done not in {line["execution"] for line in up._passed}  # it is no news
    finally:
        code = up.stop(signal.SIGTERM)
    assert code == (0, "")
