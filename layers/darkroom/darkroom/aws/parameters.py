"""Values in SSM Parameter Store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3

from darkroom.aws.calls import CONFIG, classified

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

PARAMETER_SECONDS = 60.0
"""How long a parameter is kept before it is read again."""


class Parameters:
    """Values in SSM Parameter Store, kept for a minute."""

    def __init__(self, client: SSMClient | None = None) -> None:
        self._ssm = client
        self._kept: dict[str, tuple[float, str]] = {}

    def read(self, name: str) -> str:
        """Return a parameter's value, at most :data:`PARAMETER_SECONDS` old."""
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() - kept[0] < PARAMETER_SECONDS:
            return kept[1]
        with classified(f"The SSM parameter {name}"):
            self._ssm = self._ssm or boto3.client("ssm", config=CONFIG)
            value = self._ssm.get_parameter(Name=name)["Parameter"]["Value"]
        self._kept[name] = (time.monotonic(), value)
        return value
