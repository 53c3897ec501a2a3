"""The services of AWS, each client made when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import boto3

from darkroom.aws.calls import CONFIG
from darkroom.aws.executions import Executions
from darkroom.aws.objects import Objects
from darkroom.aws.queues import Queue
from darkroom.aws.records import Records
from darkroom.aws.topics import Topics
from darkroom.aws.windows import Windows


class Services:
    """What Notify needs of AWS, and Start when it fails."""

    def __init__(self, make: Callable[[str], Any] | None = None) -> None:
        self._make = make or (lambda service: boto3.client(service, config=CONFIG))  # type: ignore[call-overload]

    @cached_property
    def topics(self) -> Topics:
        """Topics in SNS."""
        return Topics(self._make("sns"))

    def queue(self, url: str) -> Queue:
        """Return a queue in SQS."""
        return Queue(self._make("sqs"), url)

    @cached_property
    def _dynamodb(self) -> Any:
        return self._make("dynamodb")

    def records(self, table: str) -> Records:
        """Return the images' records in a table."""
        return Records(self._dynamodb, table)

    def windows(self, table: str) -> Windows:
        """Return the windows of alerts in a table."""
        return Windows(self._dynamodb, table)

    @cached_property
    def executions(self) -> Executions:
        """Executions in Step Functions."""
        return Executions(self._make("stepfunctions"))

    @cached_property
    def storage(self) -> Objects:
        """Objects in S3."""
        return Objects(self._make("s3"))
