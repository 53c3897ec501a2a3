"""What the auditor looks at, read from a deployment."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from darkroom.aws.records import decoded
from darkroom.contract.record import ImageRecord

from darkroom_ops.deployment import MESSAGES, Deployment
from darkroom_ops.executions.model import Execution, read
from darkroom_ops.executions.watch import describe, listed
from darkroom_ops.rerun import command

BATCH = 100
"""DynamoDB API reference, BatchGetItem: at most 100 items."""

GONE = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Upload:
    """A source object, in its newest version. When it was written says not which one it is."""

    bucket: str
    key: str
    etag: str
    version: str | None
    modified: datetime.datetime = field(compare=False)


@dataclass(frozen=True)
class Stored:
    """An output or a backup, as S3 has it."""

    bytes: int
    etag: str
    sha256: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def _none_if_gone(method: Callable[P, T]) -> Callable[P, T | None]:
    """Let a method return None when what it asks for is not there."""

    @functools.wraps(method)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return method(*args, **kwargs)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise

    return asked


class StackEvidence:
    """The buckets, the table and the executions of a stack. Threads may share it."""

    def __init__(self, deployment: Deployment) -> None:
        self._at = deployment
        self.source_bucket = deployment.source_bucket_name
        self.output_bucket = deployment.output_bucket_name

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the source objects whose key begins so; no folders, as the S3 console makes."""
        pages = self._at.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.source_bucket, Prefix=prefix
        )
        for version in (each for page in pages for each in page.get("Versions", [])):
            folder = version["Size"] == 0 and version["Key"].endswith("/")
            if version["IsLatest"] and not folder:
                yield self._upload(version["Key"], version)

    @_none_if_gone
    def newest(self, bucket: str, key: str) -> Upload:
        """Return a source object as it is now; None when it is gone."""
        return self._upload(key, self._at.s3.head_object(Bucket=bucket, Key=key))

    def _upload(self, key: str, head: Mapping[str, Any]) -> Upload:
        version = head.get("VersionId", "null")
        return Upload(
            bucket=self.source_bucket,
            key=key,
            etag=head["ETag"].strip('"'),
            version=None if version == "null" else version,
            modified=head["LastModified"],
        )

    def outputs(self, prefix: str) -> Iterator[tuple[str, datetime.datetime]]:
        """Yield the outputs whose key begins so, with when each was written."""
        pages = self._at.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.output_bucket, Prefix=prefix
        )
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"], item["LastModified"]

    def records(self, images: Iterable[str]) -> dict[str, ImageRecord]:
        """Return records by their key; those that there are."""
        table = self._at.images_table_name
        wanted: Any = [{"image": {"S": image}} for image in sorted(set(images))]
        records: dict[str, ImageRecord] = {}
        while wanted:
            now, wanted = wanted[:BATCH], wanted[BATCH:]
            done = self._at.dynamodb.batch_get_item(
                RequestItems={table: {"Keys": now, "ConsistentRead": True}}
            )
            records |= {each.image: each for each in map(decoded, done["Responses"].get(table, []))}
            left: Any = done.get("UnprocessedKeys", {})
            wanted += left.get(table, {}).get("Keys", [])
        return records

    @_none_if_gone
    def output(self, key: str) -> Stored:
        """Return an output with its SHA-256, S3's own or else that of its bytes; None if gone."""
        bucket = self.output_bucket
        head: Any = self._at.s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        if "ChecksumSHA256" in head:
            return _stored(head, base64.b64decode(head["ChecksumSHA256"]).hex())
        return _stored(head, self._sha256(bucket, key))

    @_none_if_gone
    def stored(self, bucket: str, key: str, version: str = "") -> Stored:
        """Return an output or a backup, in its newest version if none is given; None if gone."""
        which: Any = {"VersionId": version} if version else {}
        return _stored(self._at.s3.head_object(Bucket=bucket, Key=key, **which))

    def status(self, arn: str) -> str:
        """Return the status of an execution; ``unknown`` when there is none."""
        said = describe(self._at.stepfunctions, arn)
        return "unknown" if said is None else said["status"]

    def executions(self) -> Iterator[Execution]:
        """Yield every execution, without its states."""
        client = self._at.stepfunctions
        for each in listed(client, self._at.state_machine_arn):
            if (said := describe(client, each.arn)) is not None:  # it may be forgotten meanwhile
                yield read(said, [])

    def command(self, bucket: str, key: str) -> str:
        """Return the command that runs an image."""
        return command(self._at, {"source": {"bucket": bucket, "key": key}})

    def removal(self, bucket: str, key: str) -> str:
        """Return the command that removes an object."""
        return self._at.aws("s3", "rm", f"s3://{bucket}/{key}")

    def _sha256(self, bucket: str, key: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._at.s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()


def mailbox(deployment: Deployment) -> Callable[[], Mapping[str, int]] | None:
    """Return what asks the engine how many messages each execution sent; None elsewhere."""
    if deployment.endpoint is None:
        return None
    bucket, key = MESSAGES

    def ask() -> Mapping[str, int]:
        answer = deployment.s3.get_object(Bucket=bucket, Key=key)
        counts: dict[str, int] = json.load(answer["Body"])
        return counts

    try:
        return ask if isinstance(ask(), dict) else None
    except (ClientError, BotoCoreError, ValueError):
        return None  # another emulator


def _stored(head: Mapping[str, Any], sha256: str = "") -> Stored:
    return Stored(head["ContentLength"], head["ETag"].strip('"'), sha256, head["Metadata"])
