"""The key that CloudFormation makes."""

from __future__ import annotations

import json
from types import SimpleNamespace
from unittest.mock import patch

from moto.kms.models import Key

from darkroom_ops.engine.moto import kms
from tests.support.aws import client
from tests.unit.engine.moto.probes import probe


def test_a_keys_policy_is_text_without_what_is_left_out() -> None:
    statement = {"Sid": "A"}
    made = SimpleNamespace(policy={"Version": "x", "Statement": [statement, None]})
    asked: list[object] = []
    original = SimpleNamespace(__func__=lambda *given, **more: asked.append((given, more)) or made)
    with patch.object(kms.create_from_cloudformation, "original", original):
        key = kms.create_from_cloudformation.replacement("Key", {}, "1", "r", stack="s")
    assert key is made
    assert json.loads(made.policy) == {"Version": "x", "Statement": [statement]}
    assert asked == [((Key, "Key", {}, "1", "r"), {"stack": "s"})]


@probe(kms.create_from_cloudformation)
def test_plain_moto_cannot_describe_such_a_key() -> bool:
    policy = {"Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}}
    template = {"Resources": {"Key": key}, "Outputs": {"Key": {"Value": {"Ref": "Key"}}}}
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="keys", TemplateBody=json.dumps(template))
    (stack,) = cloudformation.describe_stacks(StackName="keys")["Stacks"]
    try:
        client("kms").describe_key(KeyId=stack["Outputs"][0]["OutputValue"])
    except TypeError:
        return True
    return False
