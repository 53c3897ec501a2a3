"""CloudFormation and KMS: what a stack is made of, without work that nothing here needs."""

from __future__ import annotations

import json
from typing import Any

from moto.cloudformation.models import Stack
from moto.kms import models

from darkroom_ops.engine.moto.hook import hook


@hook(Stack, "_parse_template", "Moto reads JSON as YAML, in Python: a quarter of a second.")
def parse_template(self: Any) -> None:
    self.template_dict = json.loads(self.template)


@hook(models, "generate_private_key", "Moto makes an RSA key for a symmetric key, too.")
def generate_private_key(key_spec: str) -> Any:
    return None if key_spec == "SYMMETRIC_DEFAULT" else generate_private_key.original(key_spec)
