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
    pipeline.at.s3.upload_fileobj(
        io.BytesIO(bytes(size)), pipeline.at.source_bucket_name, key, Config=parts
    )
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


def test_the_urls_of_queues_lead_to_the_engine(pipeline: Pipeline) -> None:
    at = pipeline.at
    for url in (at.events_dead_letter_queue_url, at.buffer_queue_url):
        assert url.startswith(f"{at.endpoint}/")
        assert at.sqs.get_queue_attributes(QueueUrl=url)["ResponseMetadata"]
        assert at.sqs.get_queue_url(QueueName=url.rpartition("/")[2])["QueueUrl"] == url
