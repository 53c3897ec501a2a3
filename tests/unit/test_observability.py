"""Logs, metrics and traces of a function, in a process of its own, as Lambda starts one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:darkroom-image-pipeline:run-1"

SCRIPT = """
import json, sys
from types import SimpleNamespace
from darkroom.contracts import (
    Announcement, Backup, ImageInfo, ObjectRef, Output, PdfOptions, Prepared, Source, Started)
from darkroom.errors import CorruptImage
from darkroom.observability import step

@step
def handler(payload, execution):
    if payload == "corrupt":
        raise CorruptImage("It is torn.")
    source = Source(bucket="bucket", key="k")
    if payload == "prepared":
        return Prepared(source=source, image=ImageInfo("png", "image/png", 2, 3, bytes=5),
                        mezzanine=ObjectRef("bucket", "m"), original=source, renditions=(),
                        document_key="k", pdf=PdfOptions(), notify=True)
    if payload == "backup":
        return Backup("bucket", "k", 9, "e")
    if payload in ("told", "silent"):
        return Announcement(published=payload == "told")
    if payload == "started":
        return Started("arn", "RUNNING")
    return Output(name=execution, bucket="bucket", key="k", content_type="image/jpeg", bytes=7,
                  sha256="0", width=1, height=1)

context = SimpleNamespace(function_name="f", memory_limit_in_mb="1024", aws_request_id="r",
                          invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f")
for given in sys.argv[2:]:
    try:
        print("RESULT", json.dumps(handler({"execution": sys.argv[1], "input": given}, context)))
    except CorruptImage as error:
        print("RAISED", error)
print("XRAY", "aws_xray_sdk" in sys.modules)
"""


def invoked(*payloads: str, **environment: str) -> tuple[list[Any], list[str]]:
    """Return the JSON lines and the other lines that invocations print."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, EXECUTION, *payloads],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env=os.environ
        | {
            "POWERTOOLS_SERVICE_NAME": "darkroom",
            "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        | environment,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return (
        [json.loads(line) for line in lines if line.startswith("{")],
        [line for line in lines if not line.startswith("{")],
    )


def metrics(lines: list[Any]) -> dict[str, Any]:
    (found,) = [line for line in lines if "_aws" in line]
    assert found["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Darkroom"
    return dict(found)


def logged(lines: list[Any]) -> dict[str, Any]:
    (found,) = [line for line in lines if "level" in line]
    return dict(found)


def test_a_log_line_is_found_by_its_execution() -> None:
    lines, others = invoked("fine")
    assert logged(lines)["correlation_id"] == EXECUTION
    assert logged(lines)["service"] == "darkroom"
    result = json.loads(others[0].removeprefix("RESULT "))
    assert result["name"] == "run-1"
    assert (logged(lines)["message"], logged(lines)["result"]) == ("done", result)


def test_what_a_step_did_is_counted() -> None:
    """In one process, as a warm function: nothing of an invocation is counted in the next."""
    lines, _ = invoked("fine", "prepared", "backup", "told", "silent", "corrupt", "started")
    counted = []
    for line in lines:
        if "_aws" in line:
            (told,) = line["_aws"]["CloudWatchMetrics"]
            counted.append({m["Name"]: (line[m["Name"]], m["Unit"]) for m in told["Metrics"]})
    assert counted == [
        {"Outputs": ([1.0], "Count"), "BytesOut": ([7.0], "Bytes")},
        {"Images": ([1.0], "Count"), "BytesIn": ([5.0], "Bytes")},
        {"Backups": ([1.0], "Count")},
        {"Messages": ([1.0], "Count")},
        {"Messages": ([0.0], "Count")},
        {"FailuresCorruptImage": ([1.0], "Count")},
    ]


def test_a_failure_is_counted_logged_and_raised() -> None:
    lines, others = invoked("corrupt")
    assert metrics(lines)["FailuresCorruptImage"] == [1.0]
    assert (logged(lines)["level"], logged(lines)["error"]) == ("WARNING", "CorruptImage")
    assert logged(lines)["message"] == "It is torn."
    assert others[0] == "RAISED It is torn."


@pytest.mark.parametrize(("sampled", "imported"), [("0", False), ("1", True)])
def test_only_a_sampled_invocation_pays_for_tracing(sampled: str, imported: bool) -> None:
    lines, others = invoked(
        "fine",
        LAMBDA_TASK_ROOT="/var/task",
        _X_AMZN_TRACE_ID=f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={sampled}",
    )
    assert logged(lines)["message"] == "done"
    assert others[-1] == f"XRAY {imported}"
