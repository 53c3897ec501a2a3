"""The AWS CLI, as far as the doctor tells people to type it: options to parameters, and a call."""

from __future__ import annotations

import json
import shlex
from typing import Any

from botocore import xform_name

from darkroom_ops.deployment import Deployment

SERVICES = {"s3api": "s3"}
NAMED = {"notification_endpoint": "Endpoint"}
"""Options whose name is not the parameter's."""


def carry_out(at: Deployment, told: str) -> None:
    """Carry out commands joined by ``&&``."""
    words = shlex.split(told)
    assert words[0] == "aws", told
    while "&&" in words:
        end = words.index("&&")
        _call(at, words[:end])
        words = words[end + 1 :]
    _call(at, words)


def _call(at: Deployment, words: list[str]) -> None:
    _, service, operation, *given = words
    client = at.client(SERVICES.get(service, service))
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(
        client.meta.method_to_api_mapping[method]
    ).input_shape
    by_option = {xform_name(name): (name, of) for name, of in shape.members.items()}
    parameters: dict[str, Any] = {}
    position = 0
    while position < len(given):
        option = given[position].removeprefix("--").replace("-", "_")
        value = given[position + 1] if position + 1 < len(given) else ""
        if option in {"endpoint_url", "region"}:
            assert value in {at.endpoint, at.region}
        else:
            name, of = by_option[xform_name(NAMED.get(option, option))]
            if of.type_name == "boolean":
                parameters[name] = True
                position += 1
                continue
            structured = of.type_name in {"structure", "map"}
            parameters[name] = (
                json.loads(value) if structured else [value] if of.type_name == "list" else value
            )
        position += 2
    getattr(client, method)(**parameters)
