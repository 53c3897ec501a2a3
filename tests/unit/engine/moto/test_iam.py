"""What a role may do, asked beforehand."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops.engine import backends
from darkroom_ops.engine.moto import iam
from tests.support.aws import client
from tests.unit.engine.moto.probes import probe

ROLE = "arn:aws:iam::123456789012:role/any"


def test_each_action_on_each_resource_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    statement = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a"}
    policies = {ROLE: (json.dumps({"Statement": [statement]}),)}
    monkeypatch.setattr(backends, "role_documents", policies.__getitem__)
    given: dict[str, Any] = {
        "PolicySourceArn": ROLE,
        "ActionNames": ["s3:GetObject", "s3:PutObject"],
        "ResourceArns": ["arn:aws:s3:::a", "arn:aws:s3:::b"],
    }
    asked: list[str] = []
    request = SimpleNamespace(
        _get_param=given.get, backend=SimpleNamespace(get_role_by_arn=asked.append)
    )
    answer = iam.simulate_principal_policy.replacement(request).result
    decisions = {
        (each["EvalActionName"], each["EvalResourceName"][-1]): each["EvalDecision"]
        for each in answer["EvaluationResults"]
    }
    assert decisions == {
        ("s3:GetObject", "a"): "allowed",
        ("s3:GetObject", "b"): "implicitDeny",
        ("s3:PutObject", "a"): "implicitDeny",
        ("s3:PutObject", "b"): "implicitDeny",
    }
    assert asked == [ROLE]  # moto says when there is no such role


@probe(iam.simulate_principal_policy)
def test_plain_moto_cannot_say_what_a_role_may_do() -> bool:
    try:
        client("iam").simulate_principal_policy(PolicySourceArn=ROLE, ActionNames=["s3:GetObject"])
    except NotImplementedError:
        return True
    return False
