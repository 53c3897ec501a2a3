"""Templates and keys, without work that nothing here needs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from unittest.mock import patch

import yaml
from moto.kms.models import kms_backends

from darkroom_ops.engine.moto import cloudformation
from tests.support.aws import client
from tests.unit.engine.moto.lab import ACCOUNT, REGION, Lab
from tests.unit.engine.moto.probes import probe

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}
TEMPLATE = json.dumps({"Resources": {"Topic": TOPIC}})


def test_a_template_is_read_as_the_json_it_is(lab: Lab) -> None:
    stack = SimpleNamespace(template=TEMPLATE)
    cloudformation.parse_template.replacement(stack)
    assert stack.template_dict == {"Resources": {"Topic": TOPIC}}


def test_only_an_asymmetric_key_has_a_private_key(lab: Lab) -> None:
    assert cloudformation.generate_private_key.replacement("SYMMETRIC_DEFAULT") is None
    made = cloudformation.generate_private_key.replacement("ECC_NIST_P256")
    assert made.public_key()


@probe(cloudformation.parse_template)
def test_plain_moto_reads_json_as_yaml() -> bool:
    with patch("yaml.load", side_effect=yaml.load) as load:
        client("cloudformation").create_stack(StackName="s", TemplateBody=TEMPLATE)
    return load.called


@probe(cloudformation.generate_private_key)
def test_plain_moto_makes_an_rsa_key_for_a_symmetric_key() -> bool:
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    return kms_backends[ACCOUNT][REGION].keys[key].private_key is not None
