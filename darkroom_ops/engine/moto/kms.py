"""KMS: the key that CloudFormation makes."""

from __future__ import annotations

import json
from typing import Any

from moto.kms.models import Key

from darkroom_ops.engine.moto.hook import hook


@hook(
    Key,
    "create_from_cloudformation_json",
    "Moto's CloudFormation keeps a key's policy as an object, and cannot describe the key then.",
    report="A key that CloudFormation made cannot be described",
)
def create_from_cloudformation(
    resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **given: Any
) -> Any:
    key = create_from_cloudformation.original.__func__(
        Key, resource_name, cloudformation_json, account_id, region_name, **given
    )
    said = [each for each in key.policy["Statement"] if each]  # without what is AWS::NoValue
    key.policy = json.dumps(key.policy | {"Statement": said})
    return key
