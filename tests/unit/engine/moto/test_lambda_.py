"""A function is run by the engine."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import zipfile
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from botocore.exceptions import ClientError
from moto import settings
from moto.awslambda import models
from moto.awslambda.exceptions import LambdaClientError, UnknownFunctionException
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.logs.models import LogsBackend
from moto.stepfunctions.parser.asl.utils import boto_client

from darkroom_ops.engine.moto import lambda_
from darkroom_ops.engine.permissions import MACHINE, Call
from tests.support.aws import client, empty_account
from tests.unit.engine.moto.lab import ACCOUNT, REGION, Lab, hooked
from tests.unit.engine.moto.probes import probe


def test_a_function_runs_in_a_worker_and_its_log_is_kept(lab: Lab) -> None:
    done = SimpleNamespace(payload='{"a": 1}', failed=True, log="x" * 5000 + "end")
    asked: list[Any] = []
    lab.functions.invoke = lambda *given: asked.append(given) or done
    kept: list[str] = []
    function = SimpleNamespace(
        logs_backend=SimpleNamespace(ensure_log_group=kept.append),
        logs_group_name="/aws/lambda/f",
        function_name="f",
        save_logs=kept.append,
    )
    payload, failed, log = lambda_.invoke.replacement(function, {"a": 1})
    assert asked == [("f", {"a": 1})]
    assert (payload, failed, len(log), log[-3:]) == ('{"a": 1}', True, 4096, "end")
    assert kept == ["/aws/lambda/f", done.log]


def test_the_logs_of_many_invocations_share_a_stream(lab: Lab) -> None:
    backend = LogsBackend(REGION, ACCOUNT)
    backend.create_log_group("/aws/lambda/f", {})
    function = SimpleNamespace(
        logs_backend=backend, logs_group_name="/aws/lambda/f", version="$LATEST"
    )
    for log in ("START 1\nEND 1\n", "START 2\nEND 2\n"):
        lambda_.save_logs.replacement(function, log)
    (stream,) = backend.groups["/aws/lambda/f"].streams.values()
    assert re.fullmatch(r"20\d\d/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream.log_stream_name)
    assert [each.message for each in stream.events] == ["START 1", "END 1", "START 2", "END 2"]


@probe(lambda_.save_logs)
def test_plain_moto_has_a_stream_for_each_invocation() -> bool:
    backend = LogsBackend(REGION, ACCOUNT)
    backend.create_log_group("g", {})
    function: Any = SimpleNamespace(logs_backend=backend, logs_group_name="g", version="1")
    for _ in range(2):
        LambdaFunction.save_logs(function, "any")
    return len(backend.groups["g"].streams) == 2


@pytest.fixture
def function(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that says what it was asked, or fails."""

    def run(event: Any) -> tuple[str, bool, str]:
        return json.dumps({"got": event}), event == "fail", "log"

    def get_function(name: str, qualifier: str | None) -> Any:
        if name != "f":
            raise UnknownFunctionException(f"{name}:{qualifier}")
        return SimpleNamespace(_invoke_lambda=run)

    known = SimpleNamespace(get_function=get_function)
    monkeypatch.setattr(lambda_, "lambda_backends", {ACCOUNT: {REGION: known}})
    return boto_client.boto_client_for(REGION, "lambda")


def test_a_machine_invokes_a_function_as_boto3_does(lab: Lab, function: Any) -> None:
    answer = function.invoke(FunctionName="f", Qualifier="v1", Payload=b'{"a": "\xc3\xa9"}')
    assert (answer["StatusCode"], json.load(answer["Payload"])) == (200, {"got": {"a": "é"}})
    assert "FunctionError" not in answer
    given = {"FunctionName": "f", "Qualifier": "v1"}
    assert lab.calls == [Call(MACHINE, "lambda", "Invoke", given)]


def test_a_machine_hears_that_a_function_failed(function: Any) -> None:
    assert function.invoke(FunctionName="f", Payload=b'"fail"')["FunctionError"] == "Unhandled"


def test_a_machine_may_give_a_function_nothing(function: Any) -> None:
    assert json.load(function.invoke(FunctionName="f")["Payload"]) == {"got": {}}


def test_a_function_that_is_not_there_is_lambdas_error(function: Any) -> None:
    with pytest.raises(ClientError, match=r"Function not found: g:None$") as raised:
        function.invoke(FunctionName="g", Payload=b"{}")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert raised.value.operation_name == "Invoke"


def test_a_queue_is_polled_for_a_function(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever sends to it calls nothing; the others are as they were."""
    mapping = SimpleNamespace(event_source_arn="arn:q")
    queues = {
        name: SimpleNamespace(queue_arn=f"arn:{name}", lambda_event_source_mappings={"f": mapping})
        for name in ("q", "other")
    }
    monkeypatch.setattr(
        lambda_, "sqs_backends", {ACCOUNT: {REGION: SimpleNamespace(queues=queues)}}
    )
    backend = SimpleNamespace(account_id=ACCOUNT, region_name=REGION)
    hook = lambda_.create_event_source_mapping
    with patch.object(hook, "original", lambda _, spec: mapping if spec == {"a": 1} else None):
        assert hook.replacement(backend, {"a": 1}) is mapping
    assert lab.polled == [mapping]
    assert queues["q"].lambda_event_source_mappings == {}
    assert queues["other"].lambda_event_source_mappings == {"f": mapping}


@probe(lambda_.create_event_source_mapping)
def test_plain_moto_invokes_inside_the_call_that_sends() -> bool:
    queue = SimpleNamespace(queue_arn="arn:q", lambda_event_source_mappings={})
    function = SimpleNamespace(function_arn="arn:f")
    lambdas = SimpleNamespace(get_function_by_name_or_arn_with_qualifier=lambda _: function)
    backend: Any = SimpleNamespace(
        account_id=ACCOUNT, region_name=REGION, _lambdas=lambdas, _event_source_mappings={}
    )
    spec = {"EventSourceArn": "arn:aws:sqs:us-east-1:1:q", "FunctionName": "f"}
    queue.queue_arn = spec["EventSourceArn"]
    known = SimpleNamespace(queues={"q": queue})
    with patch.object(models, "sqs_backends", {ACCOUNT: {REGION: known}}):
        LambdaBackend.create_event_source_mapping(backend, spec)
    return bool(queue.lambda_event_source_mappings)


class Asked:
    """A function that is invoked by the API."""

    function_arn = "arn:f"

    def __init__(self) -> None:
        self.events: list[Any] = []

    def _invoke_lambda(self, event: Any) -> tuple[str, bool, str]:
        self.events.append(event)
        return '"done"', event == "fail", "log"


def test_a_function_is_invoked_as_asked(lab: Lab) -> None:
    """Lambda API reference, Invoke: X-Amz-Invocation-Type."""
    for kind, body, events, answer, headers in (
        (None, b"", [{}], b'"done"', {"x-amz-log-result": "bG9n"}),
        ("RequestResponse", b'{"a": 1}', [{"a": 1}], b'"done"', {"x-amz-log-result": "bG9n"}),
        (None, b'"fail"', ["fail"], b'"done"',
         {"x-amz-log-result": "bG9n", "x-amz-function-error": "Unhandled"}),
        ("DryRun", b'{"a": 1}', [], b"", {}),
        ("Event", b'{"a": 1}', [], b"", {}),
    ):  # fmt: skip
        function, told = Asked(), {}  # type: ignore[var-annotated]
        given = {} if kind is None else {"x-amz-invocation-type": kind}
        assert LambdaFunction.invoke(function, body, given, told) == answer  # type: ignore[arg-type]
        assert (function.events, told) == (events, headers)
    assert lab.router.invoked == [("arn:f", '{"a": 1}')]


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("RequestResponse", b"{", "InvalidRequestContentException"),
        ("Event", b"\xff", "InvalidRequestContentException"),
        ("DryRun", b"no", "InvalidRequestContentException"),
        ("Later", b"{}", "InvalidParameterValueException"),
    ],
)
def test_an_invocation_at_fault_is_refused(lab: Lab, kind: str, body: bytes, error: str) -> None:
    """Lambda API reference, Invoke: errors. Clients repeat a call for a 500."""
    function = Asked()
    with pytest.raises(LambdaClientError) as refused:
        LambdaFunction.invoke(function, body, {"x-amz-invocation-type": kind}, {})  # type: ignore[arg-type]
    assert (refused.value.error_type, refused.value.code) == (error, 400)
    assert function.events == lab.router.invoked == []


@probe(lambda_.invoke_as_asked)
def test_plain_moto_runs_what_is_only_asked_for() -> bool:
    function = Asked()
    LambdaFunction.invoke(function, "{}", {"x-amz-invocation-type": "DryRun"}, {})  # type: ignore[arg-type]
    return bool(function.events)


def invoked(qualifier: str) -> Any:
    """Return what is answered to an invocation of a version of a function."""
    client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    client("cloudformation").create_stack(
        StackName="s", TemplateBody=json.dumps({"Resources": {"F": STACK["Resources"]["Plain"]}})
    )
    try:
        return client("lambda").invoke(
            FunctionName="plain", Qualifier=qualifier, InvocationType="DryRun"
        )
    except ClientError as refused:
        return refused.response


@pytest.mark.parametrize(
    ("qualifier", "status", "code"),
    [
        ("$LATEST", 204, None),
        ("7", 404, "ResourceNotFoundException"),
        ("live", 404, "ResourceNotFoundException"),
    ],
)
def test_a_version_is_invoked_that_is_there(
    lab: Lab, qualifier: str, status: int, code: str | None
) -> None:
    """Lambda API reference, Invoke: Qualifier, and errors."""
    with hooked(lab):
        answer = invoked(qualifier)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert answer.get("Error", {}).get("Code") == code


@probe(lambda_.invoke_version)
def test_plain_moto_invokes_any_version() -> bool:
    with patch.object(LambdaFunction, "invoke", lambda *_: b""):
        return "Error" not in invoked("7")


@probe(lambda_.invoke)
def test_plain_moto_runs_functions_in_docker() -> bool:
    """A container is asked for; without the Docker SDK, not even that."""
    function, docker = MagicMock(), MagicMock()
    modules = {"docker": docker, "docker.errors": docker.errors, "docker.types": docker.types}
    host = patch.object(settings, "moto_server_host")  # it would ask Docker where this machine is
    with host, patch.dict(sys.modules, modules), contextlib.suppress(Exception):
        LambdaFunction._invoke_lambda(function)
    return bool(function.docker_client.containers.run.called)


# ---------------------------------------------------------------------------- CloudFormation

STACK = {
    "Resources": {
        "Layer": {
            "Type": "AWS::Lambda::LayerVersion",
            "Properties": {
                "LayerName": "imaging",
                "Content": {"S3Bucket": "code", "S3Key": "layer"},
                "CompatibleArchitectures": ["arm64"],
            },
        },
        "F": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "f",
                "Role": "arn:aws:iam::123456789012:role/r",
                "Code": {"ZipFile": "handler = print"},
                "Handler": "index.handler",
                "Runtime": "python3.13",
                "Architectures": ["arm64"],
                "Layers": [{"Ref": "Layer"}],
                "TracingConfig": {"Mode": "Active"},
            },
        },
        "Plain": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "plain",
                "Role": "arn:aws:iam::123456789012:role/r",
                "Code": {"ZipFile": "handler = print"},
                "Handler": "index.handler",
                "Runtime": "python3.13",
            },
        },
    }
}


def described() -> dict[str, Any]:
    """Return what is said of the stack's function, layer and function without either."""
    client("s3").create_bucket(Bucket="code")
    with io.BytesIO() as file:
        zipfile.ZipFile(file, "w").close()
        client("s3").put_object(Bucket="code", Key="layer", Body=file.getvalue())
    client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    client("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps(STACK))
    told, plain = (
        client("lambda").get_function_configuration(FunctionName=name) for name in ("f", "plain")
    )
    (layer,) = client("lambda").list_layers()["Layers"]
    return {
        "function": (told["Architectures"], told["TracingConfig"]["Mode"]),
        "layers": [each["Arn"].rpartition(":layer:")[2] for each in told.get("Layers", [])],
        "plain": (plain["Architectures"], plain["TracingConfig"]["Mode"], plain.get("Layers")),
        "layer": (
            layer["LayerName"],
            layer["LatestMatchingVersion"].get("CompatibleArchitectures"),
        ),
    }


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ],
}


def test_a_function_is_described_as_the_template_declares_it() -> None:
    both = (lambda_.create_function, lambda_.create_layer)
    with empty_account(), pytest.MonkeyPatch.context() as patched:
        for each in both:
            patched.setattr(each, "original", vars(each.owner)[each.attribute])
            patched.setattr(each.owner, each.attribute, each.replacement)
        told = described()
    assert told == {
        "function": (["arm64"], "Active"),
        "layers": ["imaging:1"],
        "plain": (["x86_64"], "PassThrough", []),
        "layer": ("imaging", ["arm64"]),
    }


@probe(lambda_.create_function)
def test_plain_moto_drops_a_functions_architecture_and_layers() -> bool:
    told = described()
    return told["function"] == (["x86_64"], "PassThrough") and told["layers"] == []


@probe(lambda_.create_layer)
def test_plain_moto_names_a_layer_itself() -> bool:
    name, architectures = described()["layer"]
    return name != "imaging" and not architectures
