"""Following executions as they run: on AWS and on the engine, by the same calls."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from darkroom.contract.requests import is_event

from darkroom_ops.executions.history import parsed
from darkroom_ops.executions.listed import Entry
from darkroom_ops.executions.model import (
    RUNNING,
    Change,
    Execution,
    SourceObject,
    changes,
    read,
    source_of,
)

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from darkroom_ops.deployment import Deployment

ENGINE_SECONDS = 0.1
"""How often the engine is asked for news."""

AWS_SECONDS = 1.0
"""How often AWS is asked: DescribeExecution and GetExecutionHistory are throttled per account."""

LISTED = 50
"""Executions listed in one call."""

UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn"}
"""What DescribeExecution says of an execution that Step Functions has not, or has forgotten."""

BROKEN = 500
"""HTTP statuses from here on tell of trouble at the other end."""

CLOCKS_DIFFER = datetime.timedelta(minutes=5)
"""How far this machine's clock may be from AWS's."""


def interval(deployment: Deployment) -> float:
    """Return how often to look, in seconds."""
    return ENGINE_SECONDS if deployment.endpoint else AWS_SECONDS


def describe(client: SFNClient, arn: str) -> Mapping[str, Any] | None:
    """Return what Step Functions says of an execution; None when it knows none of that ARN."""
    try:
        return client.describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN:
            return None
        raise


def describe_listed(client: SFNClient, entry: Entry) -> Mapping[str, Any]:
    """Return what Step Functions says of an execution of a list.

    Of one that it has forgotten meanwhile, or fails to describe, that is what the list says: one
    must not take the others with it. Whatever is wrong with all of them is raised.
    """
    try:
        said = describe(client, entry.arn)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < BROKEN:
            raise
        said = None
    return entry.said if said is None else said


def fetch(client: SFNClient, arn: str) -> Execution:
    """Return an execution, as far as it has come."""
    # In this order: when the description says that it ended, the history is complete.
    described = client.describe_execution(executionArn=arn)
    return read(described, history(client, arn))


def history(client: SFNClient, arn: str) -> list[Mapping[str, Any]]:
    """Return every event of an execution so far, oldest first."""
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=arn, PaginationConfig={"PageSize": 1000}
    )
    return [event for page in pages for event in page["events"]]


def follow(
    client: SFNClient, arn: str, interval: float = AWS_SECONDS
) -> Iterator[tuple[Execution, list[Change]]]:
    """Yield an execution and what happened since the last time, until it ends.

    It is yielded at least once; the last time, it has ended.
    """
    before: Execution | None = None
    while True:
        now = fetch(client, arn)
        happened = changes(before, now)
        if happened or before is None or now.ended:
            yield now, happened
        if now.ended:
            return
        before = now
        time.sleep(interval)


def find_started(
    client: SFNClient,
    machine: str,
    upload: SourceObject,
    since: datetime.datetime,
    *,
    seconds: float = 60.0,
    interval: float = AWS_SECONDS,
) -> str | None:
    """Return the ARN of the execution that an upload started, or None if none did in time.

    An upload is known by its version, or else by its entity tag.
    """
    others: set[str] = set()
    deadline = time.monotonic() + seconds
    while True:
        for each in started_since(since - CLOCKS_DIFFER, listed(client, machine, LISTED)):
            arn = each.arn
            if arn in others:
                continue
            payload = parsed(describe_listed(client, each).get("input"))
            if is_event(payload) and _same(source_of(payload), upload):
                return arn
            others.add(arn)
        if time.monotonic() > deadline:
            return None
        time.sleep(interval)


def listed(client: SFNClient, machine: str, size: int = 1000, **only: Any) -> Iterator[Entry]:
    """Yield what ListExecutions says of each, the newest first, asking for so many at a time."""
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=machine, PaginationConfig={"PageSize": size}, **only
    )
    for page in pages:
        yield from map(Entry.of, page["executions"])


def started_since(begin: datetime.datetime, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield those of a list that started since then.

    An old one that was redriven may stand before them. The first of which nothing is newer than
    `begin` is the last to be looked at: what stands behind it started even earlier.
    """
    for each in entries:
        if each.newest < begin:
            return
        if each.started >= begin:
            yield each


def _same(source: SourceObject | None, upload: SourceObject) -> bool:
    if source is None or (source.bucket, source.key) != (upload.bucket, upload.key):
        return False
    if upload.version_id is not None:
        return source.version_id == upload.version_id
    return source.etag == upload.etag


class Watcher:
    """Yields executions as they start and as they end, newest state only.

    Those that had ended before, by their ARNs, are no news.
    """

    def __init__(self, client: SFNClient, machine: str, before: Iterable[str] = ()) -> None:
        self._client = client
        self._machine = machine
        self._running: set[str] = set()
        self._ended: set[str] = set(before)

    def poll(self) -> list[Execution]:
        """Return what started or ended since the last call, oldest first, without states."""
        happened = []
        missing = set(self._running)
        for each in listed(self._client, self._machine, LISTED):
            arn, status = each.arn, each.status
            if arn in self._ended and status != RUNNING:
                if not missing:
                    break
                continue
            self._ended.discard(arn)  # a redrive brought it back to life
            missing.discard(arn)
            if status == RUNNING and arn in self._running:
                continue
            now = read(describe_listed(self._client, each), [])
            (self._ended if now.ended else self._running).add(arn)
            if now.ended:
                self._running.discard(arn)
            happened.append(now)
        return happened[::-1]
