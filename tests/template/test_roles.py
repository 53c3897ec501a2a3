"""Who may do what: every grant of the stack, so that none is added or lost unseen."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.stack import Json, Late, of_type, stack

EXECUTIONS = "arn:aws:states:REGION:ACCOUNT:execution:STACK-image-pipeline:*"
LAMBDA_BASICS = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
}
OF_A_MAKER = {
    "s3:GetObject WorkBucket/mezzanines/*",
    "s3:PutObject OutputBucket/*",
    "s3:GetObject OutputBucket/*",
    "s3:ListBucket OutputBucket",
    "s3:ListBucket WorkBucket",
}
GRANTS = {
    "PrepareFunctionRole": {
        "s3:GetObject SourceBucket/*",
        "s3:GetObjectVersion SourceBucket/*",
        "s3:GetObjectTagging SourceBucket/*",
        "s3:GetObjectVersionTagging SourceBucket/*",
        "s3:ListBucket SourceBucket",
        "s3:PutObject WorkBucket/mezzanines/*",
        "s3:PutObject WorkBucket/originals/*",
        "s3:PutObjectTagging WorkBucket/originals/*",
        "s3:GetObject WorkBucket/originals/*",
        "ssm:GetParameter arn:aws:ssm:REGION:ACCOUNT:parameter/STACK/presets",
    },
    "ResizeFunctionRole": OF_A_MAKER,
    "MakePdfFunctionRole": OF_A_MAKER,
    "BackupOriginalFunctionRole": {
        "s3:GetObject WorkBucket/originals/*",
        "s3:GetObjectTagging WorkBucket/originals/*",
        "s3:PutObject BackupBucket/*",
        "s3:PutObjectTagging BackupBucket/*",
        "s3:GetObject BackupBucket/*",
        "s3:AbortMultipartUpload BackupBucket/*",
        "s3:ListBucket WorkBucket",
    },
    "NotifyFunctionRole": {
        "sns:Publish NotificationsTopic",
        "sns:Publish AlertsTopic",
        "kms:Decrypt Key",
        "kms:GenerateDataKey Key",
        "dynamodb:GetItem ImagesTable",
        "dynamodb:UpdateItem ImagesTable",
        "s3:ListBucket OutputBucket",
        f"states:DescribeExecution {EXECUTIONS}",
        f"states:GetExecutionHistory {EXECUTIONS}",
        "states:StartExecution arn:aws:states:REGION:ACCOUNT:stateMachine:STACK-alert-summary",
        "sqs:SendMessage EventsDeadLetterQueue",
    },
    "StartFunctionRole": {
        "states:StartExecution ImagePipeline",
        "states:StartSyncExecution ImagePipeline",
        "kms:Decrypt Key",
        f"states:DescribeExecution {EXECUTIONS}",
        "sqs:ChangeMessageVisibility BufferQueue",
    },
    "ImagePipelineRole": {
        "lambda:InvokeFunction PrepareFunction",
        "lambda:InvokeFunction ResizeFunction",
        "lambda:InvokeFunction MakePdfFunction",
        "lambda:InvokeFunction BackupOriginalFunction",
        "lambda:InvokeFunction NotifyFunction",
        "dynamodb:UpdateItem ImagesTable",
        # CloudWatch Logs delivery has no resource-level permissions.
        "logs:CreateLogDelivery *",
        "logs:GetLogDelivery *",
        "logs:UpdateLogDelivery *",
        "logs:DeleteLogDelivery *",
        "logs:ListLogDeliveries *",
        "logs:PutResourcePolicy *",
        "logs:DescribeResourcePolicies *",
        "logs:DescribeLogGroups *",
    },
    "AlertSummaryRole": {"lambda:InvokeFunction NotifyFunction"},
    "UploadRuleRole": {"states:StartExecution ImagePipeline"},
}
ASSUMED_BY = {
    "ImagePipelineRole": "states.amazonaws.com",
    "AlertSummaryRole": "states.amazonaws.com",
    "UploadRuleRole": "events.amazonaws.com",
}
ROLES = Late(lambda: of_type(stack(BufferConcurrency="10"), "AWS::IAM::Role"))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named(resource: Any) -> str:
    """Return a resource as a person writes it: its logical name, or its ARN."""
    if isinstance(resource, str):
        return resource
    ((function, value),) = resource.items()
    if function == "Ref":
        return str(value)
    if function == "Fn::GetAtt":
        name, attribute = value if isinstance(value, list) else value.split(".")
        assert attribute == "Arn"
        return str(name)
    assert function == "Fn::Sub"
    text, given = value if isinstance(value, list) else (value, {})
    for name, each in given.items():
        text = text.replace(f"${{{name}}}", named(each))
    for name in ("Region", "AccountId", "StackName"):
        text = text.replace(
            f"${{AWS::{name}}}", name.upper().removesuffix("ID").removesuffix("NAME")
        )
    text = text.replace("${AWS::Partition}", "aws").removeprefix("arn:aws:s3:::")
    return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text)


def grants(statements: list[Json]) -> set[str]:
    return {
        f"{action} {named(resource)}"
        for each in statements
        for action in listed(each["Action"])
        for resource in listed(each["Resource"])
    }


def test_every_role_is_described_here() -> None:
    assert set(ROLES) == set(GRANTS)


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_may_do_this_and_nothing_else(role: str) -> None:
    policies = ROLES[role].get("Policies", [])
    statements = [s for p in policies for s in listed(p["PolicyDocument"]["Statement"])]
    found = grants([each for each in statements if each["Effect"] == "Allow"])
    tracing = {each for each in found if each.startswith("xray:")}
    assert found - tracing == GRANTS[role]
    (trust,) = ROLES[role]["AssumeRolePolicyDocument"]["Statement"]
    service = ASSUMED_BY.get(role, "lambda.amazonaws.com")
    assert listed(trust["Principal"]["Service"]) == [service]
    assert (trust["Effect"], listed(trust["Action"])) == ("Allow", ["sts:AssumeRole"])


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_has_of_aws_s_policies_only_those_for_logs_and_traces(role: str) -> None:
    """And reading its queue, for the function behind the buffer."""
    arns = (named(arn) for arn in ROLES[role].get("ManagedPolicyArns", []))
    managed = {arn.replace("${AWS::Partition}", "aws") for arn in arns}
    queue = {"arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"}
    assert managed - LAMBDA_BASICS == (queue if role == "StartFunctionRole" else set())


def test_no_permission_is_for_every_action() -> None:
    assert not [line for lines in GRANTS.values() for line in lines if "*" in line.split()[0]]
