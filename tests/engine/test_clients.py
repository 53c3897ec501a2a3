"""AWS's own clients, as they come: what they do with large files, and how they are answered."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from darkroom_ops.deployment import OPERATOR, PROFILE, Deployment
from darkroom_ops.doctor.events import rules
from darkroom_ops.doctor.stack import Stack
from tests.conftest import ROOT
from tests.support.pipeline import Pipeline

MIB = 1024 * 1024

OWN_CLI = ROOT / ".venv-aws" / "bin"
"""Where .ci/run installs the AWS CLI on machines that have none."""


@pytest.fixture(scope="module")
def aws_cli(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """The AWS CLI, version 1 or 2: returns what a command prints, as JSON where it is.

    Without a deployment, the command is what a shell makes of a text.
    """
    program = shutil.which("aws", path=f"{OWN_CLI}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("no AWS CLI on this machine: .ci/run installs one, and so does AWS's installer")
    config = tmp_path_factory.mktemp("aws") / "config"
    sizes = "multipart_threshold = 5MB\n  multipart_chunksize = 5MB"
    config.write_text(f"[default]\nregion = us-east-1\noutput = json\ns3 =\n  {sizes}\n")

    def run(at: Any, *words: str) -> Any:
        typed = ["sh", "-c", *words] if at is None else [program, *words]
        done = subprocess.run(
            typed,
            env={
                "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(config.parent),
                "AWS_CONFIG_FILE": str(config),
                **(at.exports if at else {}),
                "AWS_PAGER": "",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout

    return run


def started(pipeline: Pipeline, key: str) -> list[str]:
    """Return the reason of each event that started an execution for a key."""
    pipeline.settle()
    assert pipeline.engine is not None
    given = pipeline.engine.executions().values()
    details = [each["detail"] for each in given if "detail" in each]
    # Another test's event may name no object.
    return [each["reason"] for each in details if each.get("object", {}).get("key") == key]


def test_a_large_file_by_boto3_starts_one_execution(pipeline: Pipeline) -> None:
    """AWS sends one event (S3 guide, "Supported event types"): CompleteMultipartUpload."""
    key, size = "uploads/clients/boto3.jpg", 5 * MIB + 1
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    given = pipeline.at.exports
    s3 = boto3.client(
        "s3",
        region_name=given["AWS_DEFAULT_REGION"],
        endpoint_url=given["AWS_ENDPOINT_URL"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )
    s3.upload_fileobj(io.BytesIO(bytes(size)), pipeline.at.source_bucket_name, key, Config=parts)
    assert started(pipeline, key) == ["CompleteMultipartUpload"]


def test_a_large_file_by_the_aws_cli_starts_one_execution(
    pipeline: Pipeline, aws_cli: Callable[..., Any], tmp_path: Path
) -> None:
    key, file = "uploads/clients/cli.jpg", tmp_path / "large.jpg"
    file.write_bytes(bytes(5 * MIB + 1))
    said = aws_cli(pipeline.at, "s3", "cp", file, f"s3://{pipeline.at.source_bucket_name}/{key}")
    assert "upload:" in said
    assert started(pipeline, key) == ["CompleteMultipartUpload"]


def test_what_the_doctor_says_is_pasted_into_any_shell(
    pipeline: Pipeline, aws_cli: Callable[..., Any], tmp_path: Path
) -> None:
    at, engine = pipeline.at, pipeline.engine
    assert engine is not None
    (tmp_path / "aws-config").write_text(
        f"[profile {PROFILE}]\nregion = us-east-1\naws_access_key_id = {OPERATOR}\n"
        f"aws_secret_access_key = {engine.keys.secret}\n"
    )
    pasted = Deployment(at.stack, at.endpoint, profile=tmp_path / "aws-config")
    at.events.disable_rule(Name=at.upload_rule_name)
    (finding,) = (e for e in rules(Stack(pasted)) if e.check == "rules")
    aws_cli(None, finding.mend)
    assert list(rules(Stack(pasted))) == []


def test_a_function_is_invoked_as_asked(pipeline: Pipeline) -> None:
    """Lambda API reference, Invoke: status, error and payload of each type of invocation."""
    assert pipeline.engine is not None

    def invoke(kind: str) -> tuple[int, str | None, bytes]:
        answer = pipeline.at.lambda_.invoke(
            FunctionName=pipeline.at.resize_function_name,
            InvocationType=kind,  # type: ignore[arg-type]
            Payload=b"{}",
        )
        return answer["StatusCode"], answer.get("FunctionError"), answer["Payload"].read()

    status, error, payload = invoke("RequestResponse")
    assert (status, error) == (200, "Unhandled")
    assert json.loads(payload)["errorType"]
    assert invoke("DryRun") == (204, None, b"")
    assert invoke("Event") == (202, None, b"")
    pipeline.settle()


def test_a_key_of_more_than_1024_bytes_is_refused(pipeline: Pipeline) -> None:
    s3, bucket = pipeline.at.s3, pipeline.at.source_bucket_name
    longest = "elsewhere/" + "é" * 507
    s3.put_object(Bucket=bucket, Key=longest, Body=b"")
    for call in (s3.put_object, s3.get_object, s3.create_multipart_upload):
        with pytest.raises(ClientError) as refused:
            call(Bucket=bucket, Key=f"{longest}e")  # type: ignore[operator]
        assert refused.value.response["Error"]["Code"] == "KeyTooLongError"


JAVASCRIPT = ROOT / "tools" / "clients" / "javascript"
"""Where .ci/run installs AWS's SDK for JavaScript."""


def every_cli() -> list[str]:
    """Return the AWS CLIs of this machine: versions 1 and 2 may stand beside each other."""
    folders = (OWN_CLI, *map(Path, os.environ["PATH"].split(os.pathsep)), Path("/usr/bin"))
    found = {(folder / "aws").resolve() for folder in folders if (folder / "aws").is_file()}
    return sorted(map(str, found))


@pytest.mark.again("what uploads by the AWS CLI here, and by boto3, the same calls elsewhere")
@pytest.mark.parametrize("program", every_cli() or [None])
def test_a_session_of_the_aws_cli(pipeline: Pipeline, program: str | None, tmp_path: Path) -> None:
    """Every call names the endpoint: versions before 1.29 and 2.13 know no AWS_ENDPOINT_URL."""
    if program is None:
        pytest.skip("no AWS CLI on this machine: .ci/run installs version 1, and Debian has 2")
    at = pipeline.at
    keys = {name: value for name, value in at.exports.items() if name != "AWS_ENDPOINT_URL"}
    paths = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_PAGER": ""}

    def run(*words: str | Path) -> Any:
        done = subprocess.run(
            [program, *map(str, words), "--endpoint-url", str(at.endpoint), "--output", "json"],
            env=paths | keys, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    key = f"uploads/clients/{every_cli().index(program)}.jpg"
    source, machine = at.source_bucket_name, at.state_machine_arn
    assert "upload:" in run("s3", "cp", ROOT / "samples" / "rocket.jpg", f"s3://{source}/{key}")
    pipeline.settle()

    item = {"image": {"S": f"{source}/{key}"}}
    table = ("--table-name", at.images_table_name)
    record = run("dynamodb", "get-item", *table, "--key", json.dumps(item))["Item"]
    assert record["status"]["S"] == "COMPLETE"
    arn = record["execution"]["S"]
    last = ("--reverse-order", "--max-items", "1")
    history = run("stepfunctions", "get-execution-history", "--execution-arn", arn, *last)
    assert [each["type"] for each in history["events"]] == ["ExecutionSucceeded"]
    start = ("stepfunctions", "start-execution", "--state-machine-arn", machine)
    assert "InvalidExecutionInput" in run(*start, "--input", "no JSON")

    run("s3", "cp", f"s3://{at.output_bucket_name}/{key}/small.jpg", tmp_path / "small.jpg")
    assert (tmp_path / "small.jpg").read_bytes().startswith(b"\xff\xd8")
    group = ("--log-group-name", f"/aws/lambda/{at.resize_function_name}")
    found = run("logs", "filter-log-events", *group, "--filter-pattern", '{ $.level = "INFO" }')
    assert {type(each["timestamp"]) for each in found["events"]} == {int}
    answer = ("lambda", "invoke", "--function-name", at.resize_function_name, tmp_path / "answer")
    assert run(*answer)["FunctionError"] == "Unhandled"


@pytest.mark.again("the same calls, made by boto3 elsewhere")
def test_a_session_of_the_sdk_for_javascript(pipeline: Pipeline) -> None:
    node = shutil.which("node")
    if node is None or not (JAVASCRIPT / "node_modules").exists():
        pytest.skip("no SDK for JavaScript on this machine: .ci/run installs it, with Node.js")
    at, key = pipeline.at, "uploads/clients/javascript.jpg"
    done = subprocess.run(
        [node, "session.mjs", json.dumps(at.outputs), ROOT / "samples" / "rocket.jpg", key],
        cwd=JAVASCRIPT,
        env={"PATH": os.environ["PATH"], **at.exports, "AWS_REGION": at.region},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("version")
    assert told.pop("execution").startswith("arn:aws:states:")
    assert told.pop("bytes") > 1000
    assert told == {
        "status": "COMPLETE",
        "ended": "SUCCEEDED",
        "last": "ExecutionSucceeded",
        "dated": True,
        "listed": True,
        "refused": "InvalidExecutionInput",
        "type": "image/jpeg",
        "failed": "Unhandled",
        "lines": True,
    }


def test_the_urls_of_queues_lead_to_the_engine(pipeline: Pipeline) -> None:
    at = pipeline.at
    for url in (at.events_dead_letter_queue_url, at.buffer_queue_url):
        assert url.startswith(f"{at.endpoint}/")
        assert at.sqs.get_queue_attributes(QueueUrl=url)["ResponseMetadata"]
        assert at.sqs.get_queue_url(QueueName=url.rpartition("/")[2])["QueueUrl"] == url
