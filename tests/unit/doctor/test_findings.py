"""Policies: whom they let in, and with one statement more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from darkroom_ops.doctor.findings import permits, with_statement

RULE = "arn:aws:events:us-east-1:123456789012:rule/a"


def policy(**changed: Any) -> str:
    statement = {
        "Effect": "Allow", "Action": ["sqs:SendMessage"],
        "Principal": {"Service": ["events.amazonaws.com"]},
        "Condition": {"ArnEquals": {"AWS:SourceArn": [f"{RULE}-other", RULE]}},
    }  # fmt: skip
    return json.dumps({"Statement": [statement | changed]})


@pytest.mark.parametrize(
    ("changed", "let_in"),
    [
        ({}, True),
        ({"Action": "sqs:*"}, True),
        ({"Principal": {"Service": "events.amazonaws.com"}}, True),
        ({"Condition": {}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}, True),
        ({"Condition": {"ArnLike": {"aws:SourceArn": f"{RULE[:-1]}*"}}}, True),
        ({"Condition": {"ArnLike": {"aws:SourceArn": f"{RULE}-other"}}}, False),
        ({"Condition": {"ArnLike": {"AWS:sourcearn": f"{RULE}-other"}}}, False),
        ({"Condition": {"ArnLike": {"aws:SourceArn": f"{RULE}b"}}}, False),
        ({"Condition": {"ArnLike": {"aws:SourceArn": f"{RULE[:-1]}b*"}}}, False),
        ({"Effect": "Deny"}, False),
        ({"Action": "sqs:Receive*"}, False),
        ({"Action": None}, False),
        ({"Principal": {"AWS": "*"}}, False),
        ({"Principal": "*"}, False),
        ({"Principal": {"Service": "s3.amazonaws.com"}}, False),
    ],
)
def test_whom_a_policy_lets_in(changed: dict[str, Any], let_in: bool) -> None:
    assert permits(policy(**changed), "events.amazonaws.com", "sqs:SendMessage", RULE) is let_in


def test_who_asks_for_no_source_is_let_in_whatever_it_is() -> None:
    assert permits(policy(), "events.amazonaws.com", "sqs:SendMessage")


def test_without_policy_nobody_is_let_in() -> None:
    assert not permits("", "events.amazonaws.com", "sqs:SendMessage", RULE)


def test_a_single_statement_needs_no_list() -> None:
    (statement,) = json.loads(policy())["Statement"]
    alone = json.dumps({"Statement": statement})
    assert permits(alone, "events.amazonaws.com", "sqs:SendMessage", RULE)


def test_a_statement_is_added_or_takes_the_place_of_its_like() -> None:
    first, other = {"Sid": "A", "Effect": "Allow"}, {"Sid": "B", "Effect": "Deny"}
    made = with_statement("", first)
    assert json.loads(made) == {"Version": "2012-10-17", "Statement": [first]}
    made = with_statement(with_statement(made, other), first | {"Action": "x"})
    assert json.loads(made)["Statement"] == [other, first | {"Action": "x"}]
