"""The engine itself: what it deploys, routes and delivers, and that it leaves nothing behind."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time

import pytest

from darkroom_ops.engine import Engine
from darkroom_ops.engine.deploy import NOT_APPLIED
from darkroom_ops.engine.engine import SUBSCRIBERS
from darkroom_ops.ports import PortInUse
from tests.conftest import ROOT, TEMPLATE
from tests.support.images import photo
from tests.support.pipeline import Json, Pipeline, until
from tests.support.processes import lives
from tests.support.stack import stack


def test_everything_in_the_template_is_created_or_named(engine: Engine) -> None:
    """Only what the engine leaves out on purpose is left out."""
    declared = stack(**SUBSCRIBERS)["Resources"]
    on_purpose = {name for name, each in declared.items() if each["Type"] in NOT_APPLIED}
    assert set(engine.deployed.left_out) == on_purpose


def test_functions_have_what_the_template_gives_them(engine: Engine) -> None:
    prepare = engine.functions.spec(engine.deployment.prepare_function_name)
    assert prepare.handler == "app.handler"
    assert prepare.code == ROOT / "functions" / "prepare"
    assert (prepare.memory_mb, prepare.timeout) == (1769, 60)
    assert prepare.variables["WORK_BUCKET"] == engine.deployment.work_bucket_name


def test_buckets_are_as_the_template_says(engine: Engine) -> None:
    at = engine.deployment
    assert at.s3.get_bucket_versioning(Bucket=at.source_bucket_name)["Status"] == "Enabled"
    (rule,) = at.s3.get_bucket_lifecycle_configuration(Bucket=at.work_bucket_name)["Rules"]
    assert rule["Expiration"]["Days"] == 1
    blocked = at.s3.get_public_access_block(Bucket=at.output_bucket_name)
    assert all(blocked["PublicAccessBlockConfiguration"].values())


def test_only_the_prefix_is_watched(pipeline: Pipeline, engine: Engine) -> None:
    source = pipeline.put(photo(), prefix="elsewhere/")
    assert engine.wait_idle()
    assert pipeline.executions(source["key"]) == []


def test_the_event_is_s3s(pipeline: Pipeline) -> None:
    source = pipeline.put(photo())
    event: Json = json.loads(pipeline.run_of(source).described["input"])
    item = event["detail"]["object"]
    assert event["detail-type"] == "Object Created"
    assert event["detail"]["reason"] == "PutObject"
    assert item["version-id"] == source["versionId"]
    assert set(item) == {"key", "size", "etag", "sequencer", "version-id"}
    assert event["time"].endswith("Z")


def test_an_execution_that_is_stopped_alerts(pipeline: Pipeline, engine: Engine) -> None:
    """No Catch sees an abort: the status-change rule does."""
    source = pipeline.put(photo(), prefix="manual/")
    reached, stopped = threading.Event(), threading.Event()

    def hold(_: object) -> bool:
        reached.set()
        stopped.wait(120)
        return False

    pipeline.fail("Prepare", "never", when=hold)
    arn = pipeline.at.stepfunctions.start_execution(
        stateMachineArn=pipeline.at.state_machine_arn, input=json.dumps({"source": source})
    )["executionArn"]
    assert reached.wait(120)
    pipeline.at.stepfunctions.stop_execution(executionArn=arn)
    run = pipeline.wait(arn)
    stopped.set()
    assert run.history[-1]["type"] == "ExecutionAborted"
    (alert,) = until(lambda: engine.inbox.messages(protocol="email", execution=arn) or None)
    assert run.status == "ABORTED"
    assert alert.topic == "darkroom-alerts"
    assert alert.text.startswith("An execution was stopped")
    assert f"redrive-execution --region {pipeline.at.region} --execution-arn {arn}" in alert.text


def test_a_taken_port_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port} of 127.0.0.1.*--port"):
            Engine(TEMPLATE, port=port)


def test_one_engine_a_process(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="already runs"):
        Engine(TEMPLATE)


def test_an_unmodified_aws_cli_would_find_everything(pipeline: Pipeline) -> None:
    """Plain boto3, given only endpoint and keys: what the AWS CLI does."""
    import boto3

    endpoint = pipeline.at.endpoint
    given = pipeline.at.exports
    session = boto3.session.Session(
        given.get("AWS_ACCESS_KEY_ID"), given.get("AWS_SECRET_ACCESS_KEY"), region_name="us-east-1"
    )
    s3 = session.client("s3", endpoint_url=endpoint)
    stepfunctions = session.client("stepfunctions", endpoint_url=endpoint)
    bucket = next(b["Name"] for b in s3.list_buckets()["Buckets"] if "-sourcebucket-" in b["Name"])
    machines = stepfunctions.list_state_machines()["stateMachines"]
    (machine,) = (each for each in machines if each["name"].endswith("-image-pipeline"))
    key = f"uploads/cli-{time.time_ns()}.jpg"
    s3.put_object(Bucket=bucket, Key=key, Body=photo())

    def listed() -> str | None:
        found = stepfunctions.list_executions(
            stateMachineArn=machine["stateMachineArn"], statusFilter="SUCCEEDED"
        )["executions"]
        for item in found:
            described = stepfunctions.describe_execution(executionArn=item["executionArn"])
            if key in described["input"]:
                return str(item["executionArn"])
        return None

    arn = until(listed)
    history = stepfunctions.get_execution_history(executionArn=arn)["events"]
    assert history[0]["type"] == "ExecutionStarted"
    assert history[-1]["type"] == "ExecutionSucceeded"
    request = json.loads((ROOT / "events" / "rerun.json").read_text())
    request["source"] |= {"bucket": bucket, "key": key}
    started = stepfunctions.start_execution(
        stateMachineArn=machine["stateMachineArn"], input=json.dumps(request)
    )["executionArn"]
    assert pipeline.wait(started).status == "SUCCEEDED"


def test_versions_of_any_key_are_listed(engine: Engine) -> None:
    at = engine.deployment
    bucket, folder = at.source_bucket_name, "elsewhere/\x1b %41+é"
    keys = [f"{folder}/\n{name}" for name in ("a", "b", "c/d")]
    for key in keys:
        at.s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    at.s3.delete_object(Bucket=bucket, Key=keys[0])
    wanted = {"Bucket": bucket, "Prefix": f"{folder}/", "Delimiter": "/"}
    first = at.s3.list_object_versions(**wanted, MaxKeys=2)
    rest = at.s3.list_object_versions(
        **wanted,
        KeyMarker=first["NextKeyMarker"],
        VersionIdMarker=first["NextVersionIdMarker"],
    )
    assert (first["Prefix"], first["Delimiter"]) == (f"{folder}/", "/")
    assert {each["Key"] for each in first["Versions"] + first["DeleteMarkers"]} == {keys[0]}
    assert [each["Key"] for each in rest["Versions"]] == [keys[1]]
    assert rest["CommonPrefixes"] == [{"Prefix": f"{folder}/\nc/"}]
    for page in (first, rest):
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            at.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


def test_warming_starts_an_environment_of_each_function(engine: Engine) -> None:
    engine.warm()
    names = {spec.name for spec in engine.functions.specs()}

    def started() -> set[str] | None:
        running = set(engine.functions.pids().values())
        return running if names <= running else None

    assert until(started) == names


@pytest.mark.again("test_an_environment_ends_with_its_engine")
def test_environments_never_outlive_a_killed_engine() -> None:
    script = (
        "import sys, time; from pathlib import Path; from darkroom_ops.engine import Engine\n"
        "engine = Engine(Path(sys.argv[1])); engine.functions.warm()\n"
        "print(*engine.functions.pids(), flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(TEMPLATE)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()
    assert len(pids) == 5
    until(lambda: None if any(map(lives, pids)) else True)


def test_what_the_template_declares_is_described(engine: Engine) -> None:
    at = engine.deployment
    function = at.lambda_.get_function(FunctionName="darkroom-resize")["Configuration"]
    assert function["Architectures"] == ["arm64"]
    assert [each["Arn"].rpartition(":layer:")[2] for each in function["Layers"]] == [
        "darkroom-imaging:1"
    ]
    backups = at.dynamodb.describe_continuous_backups(TableName=at.images_table_name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
