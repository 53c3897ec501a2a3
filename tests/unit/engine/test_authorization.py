"""What is allowed, and what is remembered of it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from darkroom_ops.engine.authorization import EVENTS, KEPT_DENIALS, Authorizer, Denial
from darkroom_ops.engine.permissions import Call, Need, Place
from darkroom_ops.engine.protocols import ServiceError
from tests.unit.engine.api import (
    RULE,
    Api,
    Json,
    policy,
    request,
)


def test_every_need_of_a_call_must_be_allowed(api: Api) -> None:
    api.policies.roles["reader"] += (policy("arn:more", ("s3:PutObject", "*")),)
    copy = request("PUT", HTTP_X_AMZ_COPY_SOURCE="photos/a.jpg")
    assert api(copy)[0] == 200
    assert api(request("PUT", HTTP_X_AMZ_COPY_SOURCE="photos/b.jpg"))[0] == 403
    assert {grant.action for grant in api.authorizer.used} == {"s3:GetObject", "s3:PutObject"}


def test_the_oldest_denials_are_forgotten(api: Api) -> None:
    for number in range(KEPT_DENIALS + 1):
        api.authorizer.check(Call("reader", "ssm", f"Odd{number}"))
    kept = [denial.need.action for denial in api.authorizer.denials]
    assert (len(kept), kept[0], kept[-1]) == (1000, "ssm:Odd1", "ssm:Odd1000")


def test_a_missing_source_of_a_copy_is_hidden_by_the_right_on_its_bucket(api: Api) -> None:
    api.policies.roles["reader"] = (policy("r", ("s3:ListBucket", "arn:aws:s3:::from")),)
    copy = {"Bucket": "to", "Key": "k", "CopyBucket": "from", "CopyKey": "k"}
    assert api.authorizer.hides(Call("reader", "s3", "CopyObject", copy)) is None
    back = copy | {"Bucket": "from", "CopyBucket": "to"}
    assert api.authorizer.hides(Call("reader", "s3", "CopyObject", back)) == ServiceError(
        403,
        "AccessDenied",
        "reader is not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::to "
        "because no policy of the template allows it",
    )
    assert api.authorizer.hides(Call("somebody", "s3", "CopyObject", back)) is None


def target(arn: str, **more: str) -> Json:
    return {"Arn": arn, **more}


TARGETS = {
    "arn:aws:states:us-east-1:1:stateMachine:m": "states:StartExecution",
    "arn:aws:lambda:us-east-1:1:function:f": "lambda:InvokeFunction",
    "arn:aws:sns:us-east-1:1:t": "sns:Publish",
    "arn:aws:sqs:us-east-1:1:q": "sqs:SendMessage",
}


@pytest.mark.parametrize(("arn", "action"), TARGETS.items())
def test_a_rule_delivers_with_its_targets_role(api: Api, arn: str, action: str) -> None:
    api.policies.roles["arn:role"] = (policy("arn:role", (action, arn)),)
    api.authorizer.check_delivery(RULE, target(arn, RoleArn="arn:role"))
    with pytest.raises(ClientError) as refused:
        api.authorizer.check_delivery(RULE, target(f"{arn}-2", RoleArn="arn:role"))
    assert refused.value.operation_name == "PutEvents"
    assert refused.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"{RULE} is not authorized to perform: {action} on resource: {arn}-2 "
        "because no policy of the template allows it",
    }
    assert api.authorizer.denials == (Denial("arn:role", Need(action, f"{arn}-2")),)


@pytest.mark.parametrize(("arn", "action"), TARGETS.items())
def test_a_rule_delivers_with_the_targets_own_policy(api: Api, arn: str, action: str) -> None:
    """For this rule and this account, as the template's policies say."""
    condition = {
        "ArnEquals": {"aws:SourceArn": RULE},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    speaks = {"Principal": {"Service": EVENTS}, "Condition": condition}
    api.policies.resources[arn] = (policy(arn, (action, arn), **speaks),)
    api.authorizer.check_delivery(RULE, target(arn))
    with pytest.raises(ClientError):
        api.authorizer.check_delivery(f"{RULE}-2", target(arn))
    with pytest.raises(ClientError):
        api.authorizer.check_delivery(RULE, target(f"{arn}-2"))
    assert [denial.principal for denial in api.authorizer.denials] == [f"{RULE}-2", RULE]


def test_a_queue_takes_the_dead_letters_of_whom_it_names(api: Api) -> None:
    queue = "arn:aws:sqs:us-east-1:1:q"
    speaks = {"Principal": {"Service": "events.amazonaws.com"}}
    api.policies.resources[queue] = (policy(queue, ("sqs:SendMessage", queue), **speaks),)
    assert api.authorizer.rule_may_send(RULE, queue)
    assert not api.authorizer.rule_may_send(RULE, f"{queue}-2")
    speaks = {"Principal": {"Service": "sns.amazonaws.com"}}
    api.policies.resources[queue] = (policy(queue, ("sqs:SendMessage", queue), **speaks),)
    assert not api.authorizer.rule_may_send(RULE, queue)


def test_a_function_sends_what_it_failed_on_with_its_own_role(api: Api) -> None:
    queue = "arn:aws:sqs:us-east-1:1:q"
    api.policies.roles["notify"] = (policy("r", ("sqs:SendMessage", queue)),)
    assert api.authorizer.function_may_send("notify", queue)
    assert not api.authorizer.function_may_send("notify", f"{queue}-2")
    assert not api.authorizer.function_may_send("reader", queue)


@pytest.mark.parametrize(
    ("service", "status", "code"),
    [
        ("s3", 403, "AccessDenied"),
        ("sns", 403, "AuthorizationError"),
        ("lambda", 403, "AccessDeniedException"),
        ("dynamodb", 400, "AccessDeniedException"),
    ],
)
def test_each_service_refuses_in_its_own_way(
    api: Api, service: str, status: int, code: str
) -> None:
    given = dict.fromkeys(("Bucket", "Key", "TopicArn", "FunctionName", "TableName"), "arn:x")
    operation = {"s3": "DeleteObject", "sns": "Publish", "lambda": "Invoke"}.get(service, "GetItem")
    refused = api.authorizer.check(Call("reader", service, operation, given))
    assert refused is not None
    assert (refused.status, refused.code) == (status, code)
    assert api.authorizer.check(Call("engine", service, operation, given)) is None


def test_a_queue_is_polled_by_who_may_use_its_key(api: Api) -> None:
    """The rest, SAM grants; a queue without a key of the stack's needs nothing of the template."""
    queue, keys = "arn:aws:sqs:us-east-1:1:q", {}
    place = Place("us-east-1", "1", encryption_key=keys.get)
    authorizer = Authorizer(api.policies, place)  # type: ignore[arg-type]
    assert authorizer.function_may_poll("reader", queue)
    assert not authorizer.function_may_poll("to be deployed", queue)
    assert authorizer.denials == ()
    keys[queue] = "arn:key"
    assert not authorizer.function_may_poll("reader", queue)
    assert [each.need.action for each in authorizer.denials] == ["kms:Decrypt"]
    api.policies.roles["reader"] = (policy("arn:reader", ("kms:Decrypt", "arn:key")),)
    assert authorizer.function_may_poll("reader", queue)
