"""The evaluator of policies, and what calls need: IAM's rules, in small."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.engine.permissions import Call, Need, Place, PolicyNotUnderstood, decide, needs, read

PLACE = Place("us-east-1", "123456789012")
OBJECT = "arn:aws:s3:::photos/uploads/a.jpg"


def allowed(need: Need, *statements: dict[str, Any], **given: Any) -> bool:
    policy = read("arn:aws:iam::1:role/r", json.dumps({"Statement": list(statements)}))
    return decide([policy], need, **given) is not None


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("s3:GetObject", "arn:aws:s3:::photos/*", True),
        ("S3:getobject", "arn:aws:s3:::photos/uploads/?.jpg", True),
        ("s3:Get*", "*", True),
        (["s3:PutObject", "s3:GetObject"], ["arn:aws:s3:::x/*", "arn:aws:s3:::photos/*"], True),
        ("s3:GetObject", "arn:aws:s3:::photos", False),  # the bucket is not its objects
        ("s3:GetObject", "arn:aws:s3:::photos-2/*", False),
        ("s3:GetObject", "arn:aws:s3:::photos/Uploads/*", False),
        ("s3:GetObject", "arn:aws:s3:::photos/uploads/a?jpg.", False),
        ("s3:GetObjectVersion", "arn:aws:s3:::photos/*", False),
        ("s3:Ge.Object", "arn:aws:s3:::photos/*", False),  # a dot is no wildcard
    ],
)
def test_actions_and_resources(action: Any, resource: Any, expected: bool) -> None:
    assert allowed(Need("s3:GetObject", OBJECT), allow(action, resource)) is expected


def test_a_denial_wins() -> None:
    need = Need("s3:GetObject", OBJECT)
    deny = allow("s3:*", "*") | {"Effect": "Deny"}
    assert not allowed(need, allow("s3:GetObject", "*"), deny)


def test_nothing_allows_nothing() -> None:
    assert decide([], Need("s3:GetObject", OBJECT)) is None


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringEquals": {"aws:SourceAccount": "1"}}, {"aws:SourceAccount": "1"}, True),
        ({"StringEquals": {"aws:SourceAccount": ["0", "1"]}}, {"AWS:sourceaccount": "1"}, True),
        ({"StringEquals": {"aws:SourceAccount": "1"}}, {"aws:SourceAccount": "2"}, False),
        ({"StringEquals": {"aws:SourceAccount": "1"}}, {}, False),
        (
            {"ArnLike": {"aws:SourceArn": "arn:*:rule/up*"}},
            {"aws:SourceArn": "arn:e:rule/up"},
            True,
        ),
        ({"ArnEquals": {"aws:SourceArn": "arn:e:rule/up"}}, {"aws:SourceArn": "arn:e:r"}, False),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:SecureTransport": "true"}, True),
        (
            {"StringEquals": {"a": "1"}, "ArnLike": {"b": "2"}},
            {"a": "1", "b": "3"},
            False,  # every condition must hold
        ),
    ],
)
def test_conditions(condition: Any, context: dict[str, str], expected: bool) -> None:
    statement = allow("sns:Publish", "*", Condition=condition)
    assert allowed(Need("sns:Publish", "arn:t"), statement, context=context) is expected


def test_a_resource_policy_speaks_of_services() -> None:
    statement = allow("sqs:SendMessage", "*", Principal={"Service": "events.amazonaws.com"})
    need = Need("sqs:SendMessage", "arn:q")
    assert allowed(need, statement, service="events.amazonaws.com")
    assert not allowed(need, statement, service="sns.amazonaws.com")


@pytest.mark.parametrize(
    "strange",
    [
        {"NotAction": "s3:*"},
        {"NotResource": "*"},
        {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    ],
)
def test_what_is_not_understood_is_said(strange: dict[str, Any]) -> None:
    with pytest.raises(PolicyNotUnderstood, match=r"role/r.*NotAction|NotResource|IpAddress"):
        allowed(Need("s3:GetObject", OBJECT), allow("s3:GetObject", "*", **strange))


def test_a_grant_says_which_statement_allowed() -> None:
    policy = read("arn:role", json.dumps({"Statement": allow("s3:*", "*", Sid="All")}))
    (grant,) = decide([policy], Need("s3:GetObject", OBJECT)) or ()
    assert (grant.owner, grant.sid, grant.action, grant.resource) == (
        "arn:role",
        "All",
        "s3:*",
        "*",
    )
    assert policy.grants() == {grant}


# ---------------------------------------------------------------------------- what calls need


def of(service: str, operation: str, place: Place = PLACE, **parameters: str) -> list[Need]:
    return needs(Call("someone", service, operation, parameters), place)


def test_reading_an_object_and_a_version_are_different_actions() -> None:
    at = {"Bucket": "photos", "Key": "uploads/a.jpg"}
    assert of("s3", "GetObject", **at) == [Need("s3:GetObject", OBJECT)]
    assert of("s3", "HeadObject", **at, VersionId="7") == [Need("s3:GetObjectVersion", OBJECT)]


def test_a_copy_needs_both_ends_and_takes_the_tags_along() -> None:
    copy = {
        "Bucket": "backup", "Key": "b.jpg",
        "CopyBucket": "photos", "CopyKey": "uploads/a.jpg", "CopyVersionId": "7",
    }  # fmt: skip
    both = [
        Need("s3:GetObjectVersion", OBJECT),
        Need("s3:PutObject", "arn:aws:s3:::backup/b.jpg"),
    ]
    tagged = Place(
        "us-east-1", "123456789012", tagged=lambda *at: at == ("photos", "uploads/a.jpg", "7")
    )
    assert of("s3", "CopyObject", **copy) == both
    assert of("s3", "CopyObject", tagged, **copy) == [
        *both,
        Need("s3:GetObjectVersionTagging", OBJECT),
        Need("s3:PutObjectTagging", "arn:aws:s3:::backup/b.jpg"),
    ]
    assert of("s3", "CopyObject", tagged, **copy, TaggingDirective="REPLACE") == both


def test_a_customer_key_is_needed_too() -> None:
    key = "arn:aws:kms:us-east-1:1:key/k"
    place = Place("us-east-1", "1", encryption_key=lambda arn: key if ":photos" in arn else None)
    assert of("s3", "GetObject", place, Bucket="photos", Key="a")[1:] == [
        Need("kms:Decrypt", key, "s3.us-east-1.amazonaws.com")
    ]
    assert of("s3", "PutObject", place, Bucket="other", Key="a")[1:] == []


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "need"),
    [
        (
            "lambda",
            "Invoke",
            {"FunctionName": "resize", "Qualifier": "live"},
            Need("lambda:InvokeFunction", PLACE.arn("lambda", "function:resize:live")),
        ),
        (
            "dynamodb",
            "UpdateItem",
            {"TableName": "images"},
            Need("dynamodb:UpdateItem", PLACE.arn("dynamodb", "table/images")),
        ),
        (
            "ssm",
            "GetParameter",
            {"Name": "/darkroom/presets"},
            Need("ssm:GetParameter", PLACE.arn("ssm", "parameter/darkroom/presets")),
        ),
        ("sns", "Publish", {"TopicArn": "arn:t"}, Need("sns:Publish", "arn:t")),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, Need("s3:ListBucket", "arn:aws:s3:::b")),
        # What is not known needs its own name on everything.
        ("dynamodb", "DeleteTable", {"TableName": "images"}, Need("dynamodb:DeleteTable", "*")),
    ],
)
def test_other_calls(service: str, operation: str, parameters: dict[str, str], need: Need) -> None:
    assert of(service, operation, **parameters) == [need]
