"""The deployed presets: JSON in one SSM parameter, changed without a redeploy."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.model import dump
from darkroom.contract.presets import Preset

from darkroom_ops.deployment import Deployment

MAX_BYTES = 4096
"""Size of a parameter's value in SSM's standard tier, in bytes (PutParameter, API reference)."""


@dataclass(frozen=True)
class Parameter:
    """The parameter: JSON as it was written, and its version, which SSM counts from 1."""

    name: str
    text: str
    version: int
    changed: datetime.datetime | None


def get(deployment: Deployment) -> Parameter:
    """Return what is deployed, also when it is not valid."""
    name = deployment.presets_parameter_name
    parameter = deployment.ssm.get_parameter(Name=name)["Parameter"]
    return Parameter(
        name, parameter["Value"], parameter["Version"], parameter.get("LastModifiedDate")
    )


def versions(deployment: Deployment) -> list[Parameter]:
    """Return every version that SSM keeps, the newest first (100 at most, GetParameterHistory)."""
    name = deployment.presets_parameter_name
    pages = deployment.ssm.get_paginator("get_parameter_history").paginate(Name=name)
    found = [
        Parameter(name, each["Value"], each["Version"], each.get("LastModifiedDate"))
        for page in pages
        for each in page["Parameters"]
    ]
    return sorted(found, key=lambda each: each.version, reverse=True)


def put(deployment: Deployment, presets: Sequence[Preset]) -> int:
    """Deploy presets, and return the parameter's new version. The functions see it within a minute.

    InvalidRequest says that they do not fit into the parameter.
    """
    text = json.dumps([dump(preset) for preset in presets], ensure_ascii=False)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise InvalidRequest(
            f"Expected the presets to fit into {MAX_BYTES} bytes, which is what an SSM parameter "
            f"holds, but they take {size}. Use fewer, and leave out what is a default."
        )
    done = deployment.ssm.put_parameter(
        Name=deployment.presets_parameter_name, Value=text, Overwrite=True
    )
    return done["Version"]
