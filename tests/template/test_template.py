"""The template, after the SAM transform: least privilege, limits, retention, no loop."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest
from samtranslator.yaml_helper import yaml_parse

from ops.engine.deploy import translate
from tests.conftest import ROOT, TEMPLATE

Json = dict[str, Any]

SOURCE: Json = yaml_parse(TEMPLATE.read_text())
URIS = {
    name: f"s3://bucket/{name}"
    for name, resource in SOURCE["Resources"].items()
    if resource["Type"] in {"AWS::Serverless::Function", "AWS::Serverless::LayerVersion"}
}
SESSION = boto3.session.Session("any", "any", region_name="us-east-1")
TEMPLATE_JSON: Json = translate(SOURCE, ROOT, SESSION, URIS)
RESOURCES: dict[str, Json] = TEMPLATE_JSON["Resources"]
FUNCTIONS = ["PrepareFunction", "ResizeFunction", "MakePdfFunction", "BackupOriginalFunction"]


def of_type(kind: str) -> dict[str, Json]:
    return {name: each for name, each in RESOURCES.items() if each["Type"] == kind}


def statements(role: str) -> list[Json]:
    found = []
    for policy in RESOURCES[role]["Properties"].get("Policies", []):
        statement = policy["PolicyDocument"]["Statement"]
        found += statement if isinstance(statement, list) else [statement]
    return found


def actions(statement: Json) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_its_own_role_limits_and_log_group(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    assert properties["MemorySize"] >= 512
    assert properties["Timeout"] <= 300
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    group = properties["FunctionName"]["Fn::Sub"]
    assert {"Fn::Sub": f"/aws/lambda/{group}"} in [
        each["Properties"]["LogGroupName"] for each in of_type("AWS::Logs::LogGroup").values()
    ]


def test_logs_are_kept_for_a_time_and_no_longer() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 1
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_no_role_may_write_the_source() -> None:
    """The watched bucket is written by people only: a loop is impossible."""
    for role in of_type("AWS::IAM::Role"):
        for statement in statements(role):
            if "SourceBucket" in json.dumps(statement["Resource"]):
                verbs = {action.partition(":")[2] for action in actions(statement)}
                assert all(verb.startswith(("Get", "List")) for verb in verbs), role


def test_only_the_source_is_watched() -> None:
    watched = [
        name
        for name, bucket in of_type("AWS::S3::Bucket").items()
        if "NotificationConfiguration" in bucket["Properties"]
    ]
    pattern = RESOURCES["UploadRule"]["Properties"]["EventPattern"]["detail"]
    assert watched == ["SourceBucket"]
    assert pattern["bucket"] == {"name": [{"Ref": "SourceBucket"}]}
    assert pattern["object"] == {"key": [{"prefix": {"Ref": "SourcePrefix"}}]}


def test_permissions_name_actions_and_resources() -> None:
    for role in of_type("AWS::IAM::Role"):
        for statement in statements(role):
            assert not [action for action in actions(statement) if "*" in action], role
            if statement["Resource"] == "*":
                # CloudWatch Logs delivery has no resource-level permissions.
                assert all(action.startswith("logs:") for action in actions(statement)), role


@pytest.mark.parametrize(
    ("role", "services"),
    [
        ("PrepareFunctionRole", {"s3", "ssm"}),
        ("ResizeFunctionRole", {"s3"}),
        ("MakePdfFunctionRole", {"s3"}),
        ("BackupOriginalFunctionRole", {"s3"}),
        ("ImagePipelineRole", {"lambda", "dynamodb", "sns", "logs"}),
    ],
)
def test_a_role_has_what_its_step_needs(role: str, services: set[str]) -> None:
    used = {
        action.partition(":")[0]
        for statement in statements(role)
        for action in actions(statement)
        if not action.startswith("xray:")
    }
    assert used == services


@pytest.mark.parametrize("name", of_type("AWS::S3::Bucket"))
def test_a_bucket_is_private_and_encrypted(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert "BucketEncryption" in properties
    policies = of_type("AWS::S3::BucketPolicy").values()
    assert [p for p in policies if p["Properties"]["Bucket"] == {"Ref": name}]


def test_events_are_retried_and_never_lost() -> None:
    (target,) = RESOURCES["UploadRule"]["Properties"]["Targets"]
    assert target["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 86400,
        "MaximumRetryAttempts": 185,
    }
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["EventsDeadLetterQueue", "Arn"]}}


def test_subscriptions_are_there_only_when_asked_for() -> None:
    subscriptions = of_type("AWS::SNS::Subscription")
    assert len(subscriptions) == 4
    for name, subscription in subscriptions.items():
        assert subscription["Condition"] == f"Has{name.removesuffix('Subscription')}"
    for parameter in ("NotificationEmail", "NotificationPhone", "AlertEmail", "AlertPhone"):
        assert TEMPLATE_JSON["Parameters"][parameter]["Default"] == ""


def test_the_machine_gets_every_substitution() -> None:
    machine = RESOURCES["ImagePipeline"]["Properties"]
    text = json.dumps(machine["DefinitionString"])
    wanted = set(re.findall(r"\$\{(\w+)\}", text))
    assert wanted == set(machine["DefinitionSubstitutions"])


def test_the_outputs_name_what_an_operator_needs() -> None:
    assert set(TEMPLATE_JSON["Outputs"]) >= {
        "SourceBucketName", "SourcePrefix", "OutputBucketName", "WorkBucketName",
        "BackupBucketName", "StateMachineArn", "ImagesTableName", "NotificationsTopicArn",
        "AlertsTopicArn", "EventsDeadLetterQueueUrl", "PresetsParameterName", "UploadRuleName",
        "PrepareFunctionName", "ResizeFunctionName", "MakePdfFunctionName",
        "BackupOriginalFunctionName",
    }  # fmt: skip
