"""The evaluator of policies, and what calls need: IAM's rules, in small."""

from __future__ import annotations

import json
from typing import Any

import pytest

from darkroom_ops.engine.permissions import (
    Call,
    Need,
    Place,
    PolicyNotUnderstood,
    decide,
    needs,
    read,
)

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


@pytest.mark.parametrize(
    "harmless",
    [
        {"Action": "s3:PutObject"},
        {"Resource": "arn:aws:s3:::elsewhere/*"},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "1"}}},
    ],
    ids=["another action", "another resource", "a condition that does not hold"],
)
def test_a_denial_of_something_else_denies_nothing(harmless: dict[str, Any]) -> None:
    need = Need("s3:GetObject", OBJECT)
    deny = allow("s3:GetObject", "*") | {"Effect": "Deny"} | harmless
    assert allowed(need, deny, allow("s3:GetObject", "*"))


def test_a_denial_in_one_policy_of_several_wins() -> None:
    document = json.dumps({"Statement": allow("s3:*", "*")})
    policies = [
        read("arn:a", document),
        read("arn:b", document.replace("Allow", "Deny")),
        read("arn:c", document),
    ]
    need = Need("s3:GetObject", OBJECT)
    assert decide(policies, need) is None
    assert {each.owner for each in decide(policies[::2], need) or ()} == {"arn:a", "arn:c"}


def test_an_action_without_a_resource_speaks_of_all() -> None:
    """As in the policy of a function, which says so itself."""
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction"}
    assert allowed(Need("lambda:InvokeFunction", "arn:f"), statement)


def test_a_document_without_statements_allows_nothing() -> None:
    assert read("arn:role", "{}").statements == ()


def test_wildcards_span_lines() -> None:
    assert allowed(Need("s3:GetObject", f"{OBJECT}\n2"), allow("s3:GetObject", f"{OBJECT[:-5]}*"))


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
        ({"ArnEquals": {"aws:SourceArn": "arn:e:*"}}, {"aws:SourceArn": "arn:e:r"}, True),
        ({"StringLike": {"aws:SourceArn": "arn:?:r"}}, {"aws:SourceArn": "arn:e:r"}, True),
        ({"StringLike": {"aws:SourceArn": "arn:?:r"}}, {"aws:SourceArn": "arn:ee:r"}, False),
        ({"StringEquals": {"aws:SourceArn": "arn:*"}}, {"aws:SourceArn": "arn:e"}, False),
        ({"StringEquals": {"aws:PrincipalTag/n": 1}}, {"aws:PrincipalTag/n": "1"}, True),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:SecureTransport": "true"}, True),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:SecureTransport": "false"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:SecureTransport": "false"}, True),
        ({"StringEquals": {"a": "1", "b": "2"}}, {"a": "1", "b": "3"}, False),
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
    ("principal", "expected"),
    [
        ("*", True),
        ({"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}, True),
        ({"Service": "sns.amazonaws.com"}, False),
        ({"AWS": "arn:aws:iam::1:root"}, False),
        (None, False),
    ],
)
def test_who_a_resource_policy_speaks_of(principal: Any, expected: bool) -> None:
    named = {} if principal is None else {"Principal": principal}
    statement = allow("sqs:SendMessage", "*", **named)
    given = {"service": "events.amazonaws.com"}
    assert allowed(Need("sqs:SendMessage", "arn:q"), statement, **given) is expected


@pytest.mark.parametrize(
    ("via", "expected"),
    [("s3.us-east-1.amazonaws.com", True), ("sns.us-east-1.x", False), ("", False)],
)
def test_a_key_can_be_limited_to_a_service(via: str, expected: bool) -> None:
    condition = {"StringLike": {"kms:ViaService": "s3.*"}}
    statement = allow("kms:Decrypt", "*", Condition=condition)
    assert allowed(Need("kms:Decrypt", "arn:k", via), statement) is expected


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


def test_what_is_not_understood_is_said_with_what_is() -> None:
    """Unknown names in order, and what the engine knows instead."""
    with pytest.raises(PolicyNotUnderstood) as elements:
        read("arn:r", json.dumps({"Statement": allow("a:b", "*", NotResource="x", NotAction="y")}))
    assert str(elements.value) == (
        "The policy of arn:r has NotAction, NotResource, which the engine does not evaluate: "
        "expected only Action, Condition, Effect, Principal, Resource, Sid."
    )
    odd = {"NumericEquals": {"a": "1"}, "Null": {"b": "true"}, "Bool": {"c": "true"}}
    with pytest.raises(PolicyNotUnderstood) as operators:
        read("arn:r", json.dumps({"Statement": allow("a:b", "*", Condition=odd)}))
    assert str(operators.value) == (
        "The policy of arn:r has the condition Null, NumericEquals, which the engine does not "
        "evaluate: expected one of StringEquals, StringLike, ArnEquals, ArnLike, Bool."
    )


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


def test_grants_are_what_a_policy_allows_one_by_one() -> None:
    statements = [
        allow(["s3:Get*", "s3:Put*"], ["arn:a", "arn:b"], Sid="Both"),
        allow("s3:*", "*") | {"Effect": "Deny"},
    ]
    policy = read("arn:role", json.dumps({"Statement": statements}))
    assert {(g.sid, g.action, g.resource) for g in policy.grants()} == {
        ("Both", action, resource)
        for action in ("s3:Get*", "s3:Put*")
        for resource in ("arn:a", "arn:b")
    }


def test_only_the_grants_that_allow_a_need_are_told() -> None:
    statements = [
        allow(["S3:get*", "s3:Put*"], ["*/a", "arn:b"]),
        allow("s3:GetObject", "arn:a", Sid="x"),
        allow("s3:GetObject", "arn:z"),
    ]
    policy = read("arn:role", json.dumps({"Statement": statements}))
    found = decide([policy], Need("s3:GetObject", "arn:b/a")) or ()
    assert {(g.sid, g.action, g.resource) for g in found} == {("", "S3:get*", "*/a")}


# ---------------------------------------------------------------------------- what calls need


def of(service: str, operation: str, place: Place = PLACE, **parameters: str) -> list[Need]:
    return needs(Call("someone", service, operation, parameters), place)


AT = {"Bucket": "photos", "Key": "uploads/a.jpg"}
COPY = {"Bucket": "backup", "Key": "b.jpg", "CopyBucket": "photos", "CopyKey": "uploads/a.jpg"}
TARGET = "arn:aws:s3:::backup/b.jpg"


@pytest.mark.parametrize(
    ("operation", "parameters", "actions"),
    [
        ("GetObject", AT, {"s3:GetObject"}),
        ("GetObject", AT | {"VersionId": "7"}, {"s3:GetObjectVersion"}),
        ("HeadObject", AT, {"s3:GetObject"}),
        ("HeadObject", AT | {"VersionId": "7"}, {"s3:GetObjectVersion"}),
        ("GetObjectTagging", AT, {"s3:GetObjectTagging"}),
        ("GetObjectTagging", AT | {"VersionId": "7"}, {"s3:GetObjectVersionTagging"}),
        ("PutObject", AT, {"s3:PutObject"}),
        ("PutObject", AT | {"Tagging": "a=b"}, {"s3:PutObject", "s3:PutObjectTagging"}),
        ("PutObjectTagging", AT, {"s3:PutObjectTagging"}),
        ("CreateMultipartUpload", AT, {"s3:PutObject"}),
        ("UploadPart", AT | {"PartNumber": "1"}, {"s3:PutObject"}),
        ("CompleteMultipartUpload", AT, {"s3:PutObject"}),
        ("AbortMultipartUpload", AT, {"s3:AbortMultipartUpload"}),
        ("DeleteObject", AT, {"s3:DeleteObject"}),
        ("DeleteObject", AT | {"VersionId": "7"}, {"s3:DeleteObjectVersion"}),
        ("PutObjectTagging", AT | {"VersionId": "7"}, {"s3:PutObjectVersionTagging"}),
    ],
)
def test_what_a_call_on_an_object_needs(
    operation: str, parameters: dict[str, str], actions: set[str]
) -> None:
    found = of("s3", operation, **parameters)
    assert {need.action for need in found} == actions
    assert {need.resource for need in found} == {OBJECT}


@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
def test_a_copy_reads_one_end_and_writes_the_other(operation: str) -> None:
    assert of("s3", operation, **COPY) == [
        Need("s3:GetObject", OBJECT),
        Need("s3:PutObject", TARGET),
    ]


@pytest.mark.parametrize(
    ("changes", "takes_tags"),
    [
        ({}, True),
        ({"TaggingDirective": "COPY"}, True),
        ({"TaggingDirective": "REPLACE"}, False),
        ({"PartNumber": "1"}, False),  # a part has no tags: the whole gets them
    ],
)
def test_a_copy_of_a_tagged_object_needs_its_tags(
    changes: dict[str, str], takes_tags: bool
) -> None:
    tagged = Place("us-east-1", "1", tagged=lambda *at: at == ("photos", "uploads/a.jpg", None))
    found = of("s3", "CopyObject", tagged, **COPY | changes)
    tags = [Need("s3:GetObjectTagging", OBJECT), Need("s3:PutObjectTagging", TARGET)]
    assert found[2:] == (tags if takes_tags else [])


KEY = "arn:aws:kms:us-east-1:1:key/k"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "wants"),
    [
        ("s3", "GetObject", AT, {"Decrypt"}),
        ("s3", "GetObjectTagging", AT, set()),
        ("s3", "PutObject", AT, {"GenerateDataKey"}),
        ("s3", "CopyObject", COPY, {"Decrypt", "GenerateDataKey"}),
        ("s3", "DeleteObject", AT, set()),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:r:1:t"}, {"Decrypt", "GenerateDataKey"}),
        ("sqs", "SendMessage", {"QueueUrl": "http://h/1/q"}, {"Decrypt", "GenerateDataKey"}),
    ],
)
def test_what_a_customer_key_is_needed_for(
    service: str, operation: str, parameters: dict[str, str], wants: set[str]
) -> None:
    """The service asks for it in the caller's name."""
    encrypted = Place("us-east-1", "1", encryption_key=lambda _: KEY)
    found = [need for need in of(service, operation, encrypted, **parameters) if need.via]
    assert {need.action for need in found} == {f"kms:{each}" for each in wants}
    assert {need.resource for need in found} <= {KEY}
    assert {need.via for need in found} <= {f"{service}.us-east-1.amazonaws.com"}


def test_a_copy_needs_the_key_of_each_end() -> None:
    place = Place("us-east-1", "1", encryption_key=lambda arn: f"key of {arn}")
    keys = [(n.action, n.resource) for n in of("s3", "CopyObject", place, **COPY) if n.via]
    assert keys == [
        ("kms:Decrypt", "key of arn:aws:s3:::photos"),
        ("kms:GenerateDataKey", "key of arn:aws:s3:::backup"),
    ]


def test_a_message_to_a_phone_number_needs_no_key() -> None:
    place = Place("us-east-1", "1", encryption_key=lambda _: KEY)
    assert of("sns", "Publish", place, PhoneNumber="+1") == [Need("sns:Publish", "*")]


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
        (
            "lambda",
            "Invoke",
            {"FunctionName": "resize"},
            Need("lambda:InvokeFunction", PLACE.arn("lambda", "function:resize")),
        ),
        ("lambda", "Invoke", {"FunctionName": "arn:f"}, Need("lambda:InvokeFunction", "arn:f")),
        *(
            (
                "dynamodb",
                operation,
                {"TableName": "images"},
                Need(
                    f"dynamodb:{operation}", "arn:aws:dynamodb:us-east-1:123456789012:table/images"
                ),
            )
            for operation in ("GetItem", "PutItem", "DeleteItem", "Query")
        ),
        ("dynamodb", "GetItem", {"TableName": "arn:t"}, Need("dynamodb:GetItem", "arn:t")),
        ("ssm", "GetParameter", {"Name": "arn:p"}, Need("ssm:GetParameter", "arn:p")),
        ("sns", "Publish", {"TopicArn": "arn:t"}, Need("sns:Publish", "arn:t")),
        ("sns", "Publish", {"TargetArn": "arn:t"}, Need("sns:Publish", "arn:t")),
        (
            "sqs",
            "SendMessage",
            {"QueueUrl": "https://host/123456789012/letters"},
            Need("sqs:SendMessage", PLACE.arn("sqs", "letters")),
        ),
        ("sqs", "SendMessage", {"QueueUrl": "arn:q"}, Need("sqs:SendMessage", "arn:q")),
        (
            "sqs",
            "ChangeMessageVisibility",
            {"QueueUrl": "http://127.0.0.1:4599/123456789012/buffer"},
            Need("sqs:ChangeMessageVisibility", PLACE.arn("sqs", "buffer")),
        ),
        ("s3", "ListObjects", {"Bucket": "b"}, Need("s3:ListBucket", "arn:aws:s3:::b")),
        ("s3", "HeadBucket", {"Bucket": "b"}, Need("s3:ListBucket", "arn:aws:s3:::b")),
        (
            "states",
            "StartExecution",
            {"stateMachineArn": "arn:m"},
            Need("states:StartExecution", "arn:m"),
        ),
        *(
            ("states", operation, {"executionArn": "arn:e"}, Need(f"states:{operation}", "arn:e"))
            for operation in ("DescribeExecution", "GetExecutionHistory", "RedriveExecution")
        ),
        ("monitoring", "PutMetricData", {}, Need("cloudwatch:PutMetricData", "*")),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, Need("s3:ListBucket", "arn:aws:s3:::b")),
        # What is not known needs its own name on everything.
        ("dynamodb", "DeleteTable", {"TableName": "images"}, Need("dynamodb:DeleteTable", "*")),
    ],
)
def test_other_calls(service: str, operation: str, parameters: dict[str, str], need: Need) -> None:
    assert of(service, operation, **parameters) == [need]
