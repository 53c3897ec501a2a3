"""Logs, metrics and traces of a function, as its process writes them."""

from __future__ import annotations

import functools
import importlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.client
import botocore.endpoint
import pytest
from aws_lambda_powertools.logging import logger as powertools
from botocore.stub import Stubber
from darkroom.contract.errors import CorruptImage
from darkroom.contract.model import Contract
from darkroom.contract.objects import ObjectRef, Source
from darkroom.contract.presets import PdfOptions
from darkroom.contract.results import Announcement, Backup, ImageInfo, Output, Prepared, Started

from tests.conftest import ROOT
from tests.support import stack

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:darkroom-image-pipeline:run-1"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="
SOURCE = Source(bucket="bucket", key="k")
MADE = {
    "prepared": Prepared(
        source=SOURCE,
        image=ImageInfo("png", "image/png", 2, 3, bytes=5),
        mezzanine=ObjectRef("bucket", "m"),
        original=SOURCE,
        renditions=(),
        document_key="k",
        pdf=PdfOptions(),
        notify=True,
    ),
    "output": Output(
        name="small", bucket="bucket", key="k", content_type="image/jpeg", bytes=7,
        sha256="0", width=1, height=1,
    ),
    "backup": Backup("bucket", "k", 9, "e"),
    "told": Announcement(published=True),
    "sender": Announcement(published=True, fault="sender"),
    "silent": Announcement(published=False),
    "started": Started("arn", "RUNNING"),
}  # fmt: skip
CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb="1024",
    aws_request_id="request-1",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
)

Invoke = Callable[[str], Any]


def made(payload: Any, execution: str) -> Contract:
    """Stand for a step: it returns what it is asked for, or fails."""
    if payload == "corrupt":
        raise CorruptImage("It is torn.")
    if payload == "named":
        return Started(execution, "RUNNING")
    if payload == "aws":
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106
        with Stubber(s3) as stub:
            stub.add_response("head_object", {}, {"Bucket": "bucket", "Key": "k"})
            s3.head_object(Bucket="bucket", Key="k")
        return MADE["output"]
    if payload == "broken":
        raise KeyError(payload)
    return MADE[payload]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """A handler in a function that starts when it is first called, as the template has it."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "darkroom")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Darkroom")
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    monkeypatch.setattr(powertools, "is_cold_start", True)
    monkeypatch.delitem(logging.Logger.manager.loggerDict, "darkroom", raising=False)
    before = sys.modules.pop("darkroom.steps.observability", None)

    @functools.cache
    def handler() -> Any:
        """Start where the test itself runs: the logger keeps the output that it then finds."""
        return importlib.import_module("darkroom.steps.observability").step(made)

    yield lambda payload: handler()({"execution": EXECUTION, "input": payload}, CONTEXT)
    logging.Logger.manager.loggerDict.pop("darkroom", None)
    sys.modules.pop("darkroom.steps.observability", None)
    if before is not None:
        sys.modules["darkroom.steps.observability"] = before


class Written:
    """What a function wrote to its log since the last look."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        lines = [json.loads(line) for line in capture.readouterr().out.splitlines()]
        self.logs = [line for line in lines if "level" in line]
        self.metrics = [line for line in lines if "_aws" in line]

    @property
    def counted(self) -> dict[str, tuple[list[float], str]]:
        """The values and units of the metrics, by name."""
        (line,) = self.metrics
        (told,) = line["_aws"]["CloudWatchMetrics"]
        return {each["Name"]: (line[each["Name"]], each["Unit"]) for each in told["Metrics"]}


@pytest.mark.parametrize(
    ("payload", "counted"),
    [
        ("output", {"Outputs": ([1.0], "Count"), "BytesOut": ([7.0], "Bytes")}),
        ("prepared", {"Images": ([1.0], "Count"), "BytesIn": ([5.0], "Bytes")}),
        ("backup", {"Backups": ([1.0], "Count")}),
        ("told", {"Messages": ([1.0], "Count"), "SenderFaults": ([0.0], "Count")}),
        ("sender", {"Messages": ([1.0], "Count"), "SenderFaults": ([1.0], "Count")}),
        ("silent", {"Messages": ([0.0], "Count"), "SenderFaults": ([0.0], "Count")}),
    ],
)
def test_what_a_step_did_is_counted(
    invoke: Invoke,
    capsys: pytest.CaptureFixture[str],
    payload: str,
    counted: dict[str, tuple[list[float], str]],
) -> None:
    invoke(payload)

    assert Written(capsys).counted == counted


def test_metrics_are_in_one_namespace_by_service(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke("output")

    (line,) = Written(capsys).metrics
    (told,) = line["_aws"]["CloudWatchMetrics"]
    assert (told["Namespace"], told["Dimensions"]) == ("Darkroom", [["service"]])
    assert line["service"] == "darkroom"


def test_a_warm_function_counts_each_invocation_by_itself(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke("output")
    Written(capsys)

    invoke("backup")
    assert Written(capsys).counted == {"Backups": ([1.0], "Count")}
    invoke("backup")
    assert Written(capsys).counted == {"Backups": ([1.0], "Count")}


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_step_that_makes_nothing_counts_nothing(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke("started")

    assert Written(capsys).metrics == []


def test_a_log_line_is_found_by_its_execution_and_its_request(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    found = invoke("output")

    (line,) = Written(capsys).logs
    assert (line["correlation_id"], line["function_request_id"]) == (EXECUTION, "request-1")
    assert (line["level"], line["service"]) == ("INFO", "darkroom")
    assert (line["message"], line["result"]) == ("done", found)


def test_the_log_says_which_invocation_was_a_cold_start(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        invoke("backup")

    assert [line["cold_start"] for line in Written(capsys).logs] == [True, False, False]


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_step_knows_its_execution_by_name_and_answers_with_data(invoke: Invoke) -> None:
    assert invoke("silent") == {"published": False}
    assert invoke("named") == {"execution": "run-1", "status": "RUNNING"}


def test_a_failure_is_counted_logged_and_raised(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CorruptImage, match=r"^It is torn\.$"):
        invoke("corrupt")

    written = Written(capsys)
    assert written.counted == {"FailuresCorruptImage": ([1.0], "Count")}
    (line,) = written.logs
    assert (line["level"], line["error"]) == ("WARNING", "CorruptImage")
    assert (line["message"], line["correlation_id"]) == ("It is torn.", EXECUTION)
    assert _asked_for() == {"level", "message", "error", "correlation_id"} <= line.keys()


def _asked_for() -> set[str]:
    """Return the fields of ours that the saved queries ask for."""
    queries = [
        each["Properties"]["QueryString"]
        for each in stack.source()["Resources"].values()
        if each["Type"] == "AWS::Logs::QueryDefinition"
    ]
    field = re.compile(r"(?:fields|filter|by|,|ispresent\(|latest\() ?([a-z_]+)\b(?!\()")
    return {name for query in queries for name in field.findall(query)}


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_what_is_no_error_of_ours_is_not_counted(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyError):
        invoke("broken")

    written = Written(capsys)
    assert (written.metrics, written.logs) == ([], [])


def test_nothing_of_a_failure_is_said_of_the_next_execution(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CorruptImage):
        invoke("corrupt")
    Written(capsys)

    invoke("backup")

    written = Written(capsys)
    assert "error" not in written.logs[0]
    assert written.counted == {"Backups": ([1.0], "Count")}


# ---------------------------------------------------------------------------- traces


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The segments that X-Ray is sent, as documents; botocore is left as it was."""
    core = importlib.import_module("aws_xray_sdk.core")
    patcher = importlib.import_module("aws_xray_sdk.core.patcher")
    context = importlib.import_module("aws_xray_sdk.core.lambda_launcher").LambdaContext()
    monkeypatch.setenv("LAMBDA_TASK_ROOT", "/var/task")
    monkeypatch.setattr("aws_lambda_powertools.tracing.tracer.is_cold_start", True)
    found: list[Any] = []
    emitter = SimpleNamespace(send_entity=lambda each: found.append(json.loads(each.serialize())))
    monkeypatch.setattr(core.xray_recorder, "_emitter", emitter)
    monkeypatch.setattr(core.xray_recorder, "_context", context)
    monkeypatch.setattr(core.xray_recorder, "streaming_threshold", 30)
    monkeypatch.setattr(patcher, "_PATCHED_MODULES", set())
    for owner, name in (
        (botocore.client.BaseClient, "_make_api_call"),
        (botocore.endpoint.Endpoint, "prepare_request"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    yield found
    vars(botocore.client).pop("_xray_enabled", None)


def test_a_sampled_invocation_is_traced_with_its_calls(
    sent: list[Any], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE + "1")

    invoke("aws")
    call, made = sent

    assert (call["name"], call["aws"]["operation"]) == ("s3", "HeadObject")
    assert (made["name"], call["parent_id"]) == ("## made", made["id"])
    assert TRACE.startswith(f"Root={made['trace_id']};Parent={made['parent_id']};")
    assert "metadata" not in made, "what a step returns is in the log already"

    invoke("aws")
    assert [each["annotations"]["ColdStart"] for each in sent[1::2]] == [True, False]


@pytest.mark.parametrize("trace", [None, TRACE + "0"])
def test_an_invocation_that_is_not_sampled_is_not_traced(
    sent: list[Any], invoke: Invoke, monkeypatch: pytest.MonkeyPatch, trace: str | None
) -> None:
    if trace:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)

    assert invoke("aws")["name"] == "small"
    assert sent == []


def test_a_function_starts_without_what_only_traces_need() -> None:
    """In a process of its own: here, others have imported it."""
    script = "import sys, darkroom.steps.observability; print('aws_xray_sdk' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env=os.environ | {"LAMBDA_TASK_ROOT": "/var/task"},
    )
    assert done.stdout == "False\n"


def test_a_function_starts_without_what_only_pictures_need() -> None:
    """A cold start would wait for them: they load on the path that needs them."""
    script = """
import runpy, sys
for handler in sys.argv[1:]:
    runpy.run_path(handler)
print(*sorted({"PIL", "_libvips", "numpy", "pi_heif", "pyvips", "resvg_py"} & sys.modules.keys()))
"""
    functions = stack.source()["Resources"].values()
    named = {
        name
        for each in functions
        for name in each["Properties"].get("Environment", {}).get("Variables", ())
    }
    handlers = sorted(map(str, ROOT.glob("functions/*/app.py")))
    done = subprocess.run(
        [sys.executable, "-c", script, *handlers],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env=os.environ
        | dict.fromkeys(named, "1")
        | {"AWS_DEFAULT_REGION": "us-east-1", "WORKFLOW_TYPE": "STANDARD"},
    )
    assert len(handlers) == 6
    assert done.stdout == "\n"
