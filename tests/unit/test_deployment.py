"""A stack's names and clients."""

from __future__ import annotations

import datetime
import io
import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ClientError,
    DataNotFoundError,
    NoCredentialsError,
    UnknownServiceError,
)
from botocore.loaders import Loader
from botocore.stub import Stubber

from darkroom_ops.deployment import Deployment, NotDeployed, _moment
from tests.conftest import ROOT


class CloudFormation:
    def __init__(self, *outputs: tuple[str, str]) -> None:
        self.outputs = [{"OutputKey": key, "OutputValue": value} for key, value in outputs]
        self.asked: list[str] = []

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.asked.append(StackName)
        if StackName == "none":
            raise ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStacks")
        told = {"Outputs": self.outputs} if self.outputs else {}
        return {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE"} | told]}


@pytest.fixture
def formation(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    found = CloudFormation(("SourceBucketName", "sources"), ("Url", "https://x"))
    monkeypatch.setattr(Deployment, "client", lambda *_: found)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # nobody else is asked
    return found


def test_names_are_the_stack_s_outputs_asked_for_once(formation: CloudFormation) -> None:
    at = Deployment("photos", "http://127.0.0.1:1")

    assert (at.source_bucket_name, at.url) == ("sources", "https://x")
    assert formation.asked == ["photos"]
    with pytest.raises(AttributeError, match="stack 'photos' has no output OutputBucketName"):
        _ = at.output_bucket_name
    with pytest.raises(AttributeError):
        _ = at._url


def test_a_stack_that_was_never_deployed_well_says_so(formation: CloudFormation) -> None:
    formation.outputs = []

    with pytest.raises(NotDeployed) as told:
        _ = Deployment("photos", None, "eu-west-1").source_bucket_name
    assert str(told.value) == (
        "Expected the stack 'photos' to be deployed, but it is ROLLBACK_COMPLETE, and has no "
        "outputs yet. See what became of its deployment: aws cloudformation describe-stack-events "
        "--stack-name photos --region eu-west-1"
    )


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [("http://127.0.0.1:1", "http://127.0.0.1:1"), (None, "region eu-west-1")],
)
def test_a_stack_that_is_not_there_says_where_it_was_looked_for(
    formation: CloudFormation, endpoint: str | None, where: str
) -> None:
    with pytest.raises(NotDeployed, match=f"named 'none' at {where}, but: .*darkroom up"):
        _ = Deployment("none", endpoint, "eu-west-1").outputs


def test_the_region_is_the_given_one_or_the_environment_s(
    formation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    assert Deployment("photos").region == "eu-central-1"
    assert Deployment("photos", "http://127.0.0.1:1").region == "us-east-1"
    assert Deployment("photos", region="eu-north-1").region == "eu-north-1"


def test_times_in_answers_are_read_whatever_their_form() -> None:
    expected = datetime.datetime(2026, 1, 31, 12, 0, 1, tzinfo=datetime.UTC)

    for value in (1769860801, 1769860801.0, "2026-01-31T12:00:01Z"):
        assert _moment(value) == expected


# ---------------------------------------------------------------------------- clients

ENDPOINT = "http://127.0.0.1:1"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


@pytest.fixture
def keyless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has no credentials."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("s3", "s3"),
        ("stepfunctions", "stepfunctions"),
        ("dynamodb", "dynamodb"),
        ("sns", "sns"),
        ("sqs", "sqs"),
        ("ssm", "ssm"),
        ("lambda_", "lambda"),
        ("logs", "logs"),
    ],
)
@pytest.mark.usefixtures("keyless")
def test_each_client_is_of_its_service_at_the_endpoint(name: str, service: str) -> None:
    at = Deployment("photos", ENDPOINT, "eu-west-1")

    client = getattr(at, name)

    assert client.meta.service_model.service_name == service
    assert (client.meta.endpoint_url, client.meta.region_name) == (ENDPOINT, "eu-west-1")
    assert getattr(at, name) is client  # its connections are kept


@pytest.mark.parametrize(
    ("service", "kind"),
    [("sqs", "service-2"), ("ssm", "paginators-1"), ("ssm", "endpoint-rule-set-1")],
)
def test_a_service_is_what_botocore_says_it_is(
    monkeypatch: pytest.MonkeyPatch, service: str, kind: str
) -> None:
    """And it takes no look into the folder of each other one."""
    ours = Deployment("photos", ENDPOINT)._session.get_component("data_loader")
    own = Loader()
    said = own.load_service_model(service, kind), own.load_data_with_path("endpoints")
    monkeypatch.delattr(Loader, "list_available_services")

    assert (ours.load_service_model(service, kind), ours.load_data_with_path("endpoints")) == said


@pytest.mark.usefixtures("keyless")
def test_a_service_of_one_s_own_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where AWS's command line is told of it."""
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    model = tmp_path / "photos" / "2026-01-31" / "service-2.json"
    model.parent.mkdir(parents=True)
    model.write_text(json.dumps({"metadata": {"protocol": "json"}, "operations": {"Ask": {}}}))
    at = Deployment("photos", ENDPOINT)

    loaded = at._session.get_service_model("photos")

    assert loaded.operation_names == ["Ask"]
    with pytest.raises(UnknownServiceError, match="photoz"):
        at._session.get_service_model("photoz")
    with pytest.raises(DataNotFoundError, match="photos"):
        at._session.get_waiter_model("photos")


@pytest.mark.usefixtures("keyless")
def test_on_aws_a_client_is_patient_and_an_emulator_that_is_gone_is_told_of_at_once() -> None:
    aws = Deployment("photos", None, "eu-west-1").client("sqs").meta
    local = Deployment("photos", ENDPOINT, "eu-west-1").client("sqs").meta

    assert aws.endpoint_url == "https://sqs.eu-west-1.amazonaws.com"
    assert aws.config.retries == {"mode": "standard", "total_max_attempts": 1 + 8}
    assert "total_max_attempts" not in (local.config.retries or {})
    assert {aws.config.max_pool_connections, local.config.max_pool_connections} == {50}


@pytest.mark.usefixtures("keyless")
def test_an_emulator_takes_any_credentials_and_aws_only_real_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def keys(endpoint: str | None) -> Any:
        return Deployment("photos", endpoint)._session.get_credentials()

    assert (keys(ENDPOINT).access_key, keys(ENDPOINT).secret_key) == ("darkroom", "darkroom")
    assert keys(None) is None

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for endpoint in (ENDPOINT, None):
        assert (keys(endpoint).access_key, keys(endpoint).secret_key) == ("mine", "secret")


@pytest.mark.usefixtures("keyless")
def test_the_engine_s_own_keys_count_before_the_environment_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")

    assert Deployment("photos", ENDPOINT, secret_key="its").exports == {  # noqa: S106 - nothing is secret here
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "darkroom",
        "AWS_SECRET_ACCESS_KEY": "its",
    }
    assert Deployment("photos").exports == {}  # AWS has no endpoint of its own


@pytest.mark.usefixtures("keyless")
def test_a_stack_is_looked_up_in_cloudformation(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Deployment("photos", ENDPOINT)
    client = at.client("cloudformation")
    monkeypatch.setattr(at, "client", {"cloudformation": client}.__getitem__)
    stack = {"StackName": "photos", "CreationTime": 1, "StackStatus": "CREATE_COMPLETE"}
    outputs = [{"OutputKey": "Url", "OutputValue": "https://x"}]
    with Stubber(client) as stub:
        stub.add_response(
            "describe_stacks", {"Stacks": [stack | {"Outputs": outputs}]}, {"StackName": "photos"}
        )
        assert at.outputs == {"Url": "https://x"}


@pytest.mark.usefixtures("keyless")
def test_who_has_no_credentials_hears_of_them_and_not_of_the_stack() -> None:
    with pytest.raises(NoCredentialsError):
        _ = Deployment("photos", None, "eu-west-1").outputs


@pytest.mark.usefixtures("keyless")
def test_times_in_a_client_s_answers_are_read_as_they_come() -> None:
    client = Deployment("photos", ENDPOINT).client("stepfunctions")

    def answered(request: Any, **_: Any) -> AWSResponse:
        body = io.BytesIO(b'{"startDate": 1769860801.5, "executionArn": "arn"}')
        return AWSResponse(request.url, 200, {}, SimpleNamespace(stream=lambda: [body.read()]))

    client.meta.events.register("before-send.stepfunctions", answered)

    started = client.start_execution(stateMachineArn="arn:aws:states")["startDate"]
    assert started == datetime.datetime(2026, 1, 31, 12, 0, 1, 500000, tzinfo=datetime.UTC)
    assert started.tzinfo is datetime.UTC


@pytest.mark.usefixtures("keyless")
def test_by_default_it_is_the_stack_that_sam_deploys_in_us_east_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    sam = settings["default"]["global"]["parameters"]

    at = Deployment()

    assert (at.stack, at.endpoint, at.region) == (sam["stack_name"], None, "us-east-1")


# ---------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("endpoint", "profile", "typed"),
    [
        (None, None, "aws sns list-topics --region eu-west-1"),
        (ENDPOINT, None, f"aws sns list-topics --endpoint-url {ENDPOINT} --region eu-west-1"),
        (
            ENDPOINT,
            Path("/home/it's me/aws-config"),
            (
                """AWS_CONFIG_FILE='/home/it'"'"'s me/aws-config' aws sns list-topics """
                f"--endpoint-url {ENDPOINT} --region eu-west-1 --profile darkroom"
            ),
        ),
    ],
)
@pytest.mark.usefixtures("keyless")
def test_a_command_of_the_aws_cli_says_where_and_by_whose_keys(
    endpoint: str | None, profile: Path | None, typed: str
) -> None:
    at = Deployment("photos", endpoint, "eu-west-1", profile=profile)
    assert at.aws("sns", "list-topics") == typed
