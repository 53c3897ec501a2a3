"""The auditor: every upload against its record, its outputs, its execution and its message.

The promise is that every upload ends in exactly one outcome. This looks whether it did, from
outside: nothing is changed. Images are read a hundred at a time and forgotten again, so that memory
does not grow with the bucket.
"""

from __future__ import annotations

import base64
import collections
import datetime
import hashlib
import itertools
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from darkroom.keys import record_key

from ops.deployment import Deployment
from ops.executions import read
from ops.rerun import command

Kind = Literal[
    "unrecorded", "lost", "mixed", "doubled", "stuck claim", "alert missing", "orphaned output"
]

MEANINGS: Mapping[Kind, str] = {
    "unrecorded": "the newest upload was never processed",
    "lost": "the record says complete, but something it names is not there",
    "mixed": "an output is not the one that the record names",
    "doubled": "something happened twice: a run of one upload, or a message",
    "stuck claim": "an execution has ended, but its image is still in progress",
    "alert missing": "nobody was told how it ended",
    "orphaned output": "an output that no record names",
}
"""What each kind of finding means."""

BATCH = 100
"""DynamoDB API reference, BatchGetItem: at most 100 items."""

THREADS = 16

SETTLED_SECONDS = 960.0
"""How long an upload may be on its way: a lease lasts so long, and no execution longer."""

_GONE = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """Something that is not as promised.

    Parameters
    ----------
    kind
        What sort of thing; :data:`MEANINGS` says what it means.
    bucket, key
        The object that it is about.
    says
        What was found.
    advice
        What to do.
    execution
        ARN of the execution concerned, if there is one.
    """

    kind: Kind
    bucket: str
    key: str
    says: str
    advice: str
    execution: str | None = None


@dataclass(frozen=True)
class Upload:
    """A source object, in its newest version."""

    bucket: str
    key: str
    etag: str
    version: str | None
    modified: datetime.datetime


class Auditor:
    """Checks a deployment.

    Parameters
    ----------
    deployment
        What to check.
    prefix
        Of the source keys; the watched prefix by default.
    settled_seconds
        Uploads younger than this may still be on their way.
    executions
        Also read every execution, and keep a line of each: slow on AWS, where DescribeExecution is
        limited to a few dozen calls a second.
    messages
        Gives how many messages went out about each execution, by ARN; None when nobody knows.
    progress
        Hears the counts after each hundred images.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        prefix: str | None = None,
        settled_seconds: float = SETTLED_SECONDS,
        executions: bool = False,
        messages: Callable[[], Mapping[str, int]] | None = None,
        progress: Callable[[Mapping[str, int]], None] = lambda _: None,
    ) -> None:
        self._at = deployment
        self._prefix = deployment.source_prefix if prefix is None else prefix
        self._since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(
            seconds=settled_seconds
        )
        self._executions = executions
        self._sent = messages() if messages is not None else None
        self._progress = progress
        self._lock = threading.Lock()
        self.counts: collections.Counter[str] = collections.Counter()
        """How many images were seen, by ``images`` and by outcome, and ``outputs``."""

    def findings(self) -> Iterator[Finding]:
        """Yield what is not as promised, while it is found."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="audit") as pool:
            for uploads in _batches(self._uploads()):
                records = self._records(record_key(each.bucket, each.key) for each in uploads)
                for found in pool.map(self._image, uploads, itertools.repeat(records)):
                    yield from found
                self._progress(self.counts)
            for outputs in _batches(self._outputs()):
                yield from self._orphans(outputs)
        if self._executions:
            yield from self._runs()

    # ------------------------------------------------------------------ one image

    def _image(self, upload: Upload, records: Mapping[str, Json]) -> list[Finding]:
        record = records.get(record_key(upload.bucket, upload.key))
        self._count("images")
        fresh = upload.modified > self._since
        if record is None:
            return [] if self._pending(fresh) else [self._unrecorded(upload, "It has no record.")]
        status = record.get("status")
        self._count(str(status).lower())
        if status == "IN_PROGRESS":
            return self._in_progress(upload, record)
        if not _same(upload, record):
            if self._pending(fresh):
                return []
            says = (
                f"Its record is about another upload: version {record.get('version') or 'unknown'},"
                f" but the newest is {upload.version or upload.etag}."
            )
            return [self._unrecorded(upload, says, record.get("execution"))]
        found = self._made(upload, record) if status == "COMPLETE" else []
        found += self._announced(upload, record)
        if found and self._pending(self._records([record["image"]]).get(record["image"]) != record):
            return []  # another run changed it while it was looked at
        return found

    def _pending(self, pending: bool) -> bool:  # noqa: FBT001 - it counts what it is told
        if pending:
            self._count("pending")
        return pending

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def _unrecorded(self, upload: Upload, says: str, execution: str | None = None) -> Finding:
        return Finding(
            "unrecorded",
            upload.bucket,
            upload.key,
            says,
            f"Look for its event with `darkroom dlq list`; or run it: {self._run(upload)}",
            execution,
        )

    def _in_progress(self, upload: Upload, record: Json) -> list[Finding]:
        arn = str(record.get("execution"))
        status = self._status(arn)
        if self._pending(status == "RUNNING"):
            return []
        return [
            Finding(
                "stuck claim",
                upload.bucket,
                upload.key,
                f"Its record says IN_PROGRESS, but its execution is {status}.",
                f"Run it again: {self._run(upload)}",
                arn,
            )
        ]

    def _status(self, arn: str) -> str:
        try:
            return self._at.stepfunctions.describe_execution(executionArn=arn)["status"]
        except ClientError as error:
            if error.response["Error"]["Code"] in {"ExecutionDoesNotExist", "InvalidArn"}:
                return "unknown"
            raise

    def _announced(self, upload: Upload, record: Json) -> list[Finding]:
        arn = str(record.get("execution"))
        if arn in str(record.get("announced", "")) or (self._sent or {}).get(arn):
            return []
        if self._status(arn) == "RUNNING":
            return []
        outcome = record.get("error") or record.get("status")
        return [
            Finding(
                "alert missing",
                upload.bucket,
                upload.key,
                f"It ended as {outcome}, but its record does not say that anybody was told.",
                "Look at `darkroom dlq list`, and at the topics' permissions and keys.",
                arn,
            )
        ]

    # ------------------------------------------------------------------ what was made

    def _made(self, upload: Upload, record: Json) -> list[Finding]:
        bucket = self._at.output_bucket_name
        found = []
        for output in _recorded(record):
            self._count("outputs")
            found += self._output(upload, record, bucket, output)
        return found + self._backup(upload, record)

    def _output(self, upload: Upload, record: Json, bucket: str, output: Json) -> list[Finding]:
        key, arn = output["key"], record.get("execution")
        again = f"Run it again: {self._run(upload)}"
        try:
            head = self._at.s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return [Finding("lost", bucket, key, "It is recorded, but not there.", again, arn)]
        metadata = head["Metadata"]
        wrong = [
            f"{name} is {came or 'missing'}, recorded {expected}"
            for name, came, expected in (
                ("size", str(head["ContentLength"]), str(output["bytes"])),
                ("SHA-256", self._sha256(bucket, key, head), output["sha256"]),
                ("claim", metadata.get("claim"), str(record.get("claim", ""))),
                ("source etag", metadata.get("source-etag"), record.get("etag") or upload.etag),
                (
                    "source version",
                    metadata.get("source-version-id", ""),
                    record.get("version") or metadata.get("source-version-id", ""),
                ),
            )
            if came != expected
        ]
        if not wrong:
            return []
        says = f"It is not what was recorded: {'; '.join(wrong)}."
        return [Finding("mixed", bucket, key, says, again, arn)]

    def _sha256(self, bucket: str, key: str, head: Mapping[str, Any]) -> str:
        """Return the SHA-256 of an object: S3's own, or else that of its bytes."""
        if "ChecksumSHA256" in head:
            return base64.b64decode(head["ChecksumSHA256"]).hex()
        body = self._at.s3.get_object(Bucket=bucket, Key=key)["Body"]
        digest = hashlib.sha256()
        for chunk in body.iter_chunks(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()

    def _backup(self, upload: Upload, record: Json) -> list[Finding]:
        backup: Json = record["backup"]
        bucket, key = backup["bucket"], backup["key"]
        # Another upload's backup may lie above it, under the same key.
        version = {"VersionId": backup["versionId"]} if backup.get("versionId") else {}
        try:
            head: Any = self._at.s3.head_object(Bucket=bucket, Key=key, **version)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            head = {"ETag": "", "ContentLength": -1}
        if (head["ETag"].strip('"'), head["ContentLength"]) == (backup["etag"], backup["bytes"]):
            return []
        says = f"No backup of {backup['bytes']:,} bytes with etag {backup['etag']} is there."
        again = f"Run it again: {self._run(upload)}"
        return [Finding("lost", bucket, key, says, again, record.get("execution"))]

    def _orphans(self, outputs: list[tuple[str, datetime.datetime]]) -> Iterator[Finding]:
        source = self._at.source_bucket_name
        folders = {key: record_key(source, key.rpartition("/")[0]) for key, _ in outputs}
        records = self._records(set(folders.values()))
        for key, modified in outputs:
            record = records.get(folders[key])
            if record is not None and record.get("status") != "COMPLETE":
                continue  # its run has not ended in success: nobody takes these for done
            named = () if record is None else tuple(each["key"] for each in _recorded(record))
            if key not in named and modified <= self._since:
                yield Finding(
                    "orphaned output",
                    self._at.output_bucket_name,
                    key,
                    "No record names it: an earlier run made it with other presets, or its record "
                    "was deleted.",
                    "Delete it if nothing uses it: aws s3 rm "
                    + shlex.quote(f"s3://{self._at.output_bucket_name}/{key}"),
                )

    # ------------------------------------------------------------------ executions and messages

    def _runs(self) -> Iterator[Finding]:
        """Check that each execution was announced as often as it should be, and ran but once."""
        complete: dict[tuple[str, str], str] = {}
        pages = self._at.stepfunctions.get_paginator("list_executions").paginate(
            stateMachineArn=self._at.state_machine_arn
        )
        for listed in (each for page in pages for each in page["executions"]):
            described = self._at.stepfunctions.describe_execution(
                executionArn=listed["executionArn"]
            )
            run = read(described, [])
            self._count("executions")
            if run.source is None or not run.ended:
                continue
            bucket, key = run.source.bucket, run.source.key
            if not key.startswith(self._prefix):
                continue
            yield from self._told(run.arn, run.outcome or "", bucket, key)
            sequencer = _sequencer(run.input)
            if run.outcome == "COMPLETE" and sequencer is not None:
                first = complete.setdefault((f"{bucket}/{key}", sequencer), run.arn)
                if first != run.arn:
                    yield Finding(
                        "doubled",
                        bucket,
                        key,
                        f"Two executions completed the same upload: the other is {first}.",
                        "Its outputs are right, as both wrote the same. Report it: the claim "
                        "should have kept the second away.",
                        run.arn,
                    )

    def _told(self, arn: str, outcome: str, bucket: str, key: str) -> Iterator[Finding]:
        if self._sent is None:
            return
        sent = self._sent.get(arn, 0)
        silent = outcome in {"ALREADY_PROCESSED", "SUPERSEDED"}
        if sent > (0 if silent else 1):
            says = f"{sent} messages went out about an execution that ended as {outcome}."
            advice = "Its topic delivers at least once: if it is a repetition, nothing is to do."
            yield Finding("doubled", bucket, key, says, advice, arn)
        elif outcome == "FAILED" and not sent:
            says = "It failed, and no alert went out."
            advice = "Look at `darkroom dlq list`, and at the topics' permissions and keys."
            yield Finding("alert missing", bucket, key, says, advice, arn)

    # ------------------------------------------------------------------ reading

    def _uploads(self) -> Iterator[Upload]:
        bucket = self._at.source_bucket_name
        pages = self._at.s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=self._prefix
        )
        for version in (each for page in pages for each in page.get("Versions", [])):
            if version["IsLatest"] and not version["Key"].endswith("/"):
                yield Upload(
                    bucket=bucket,
                    key=version["Key"],
                    etag=version["ETag"].strip('"'),
                    version=None if version["VersionId"] == "null" else version["VersionId"],
                    modified=version["LastModified"],
                )

    def _outputs(self) -> Iterator[tuple[str, datetime.datetime]]:
        pages = self._at.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._at.output_bucket_name, Prefix=self._prefix
        )
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"], item["LastModified"]

    def _records(self, images: Iterable[str]) -> dict[str, Json]:
        """Return records by their key; those that there are."""
        table = self._at.images_table_name
        wanted: Any = [{"image": {"S": image}} for image in sorted(set(images))]
        found: dict[str, Json] = {}
        while wanted:
            done = self._at.dynamodb.batch_get_item(
                RequestItems={table: {"Keys": wanted, "ConsistentRead": True}}
            )
            for item in done["Responses"].get(table, []):
                record = {name: _DESERIALIZER.deserialize(value) for name, value in item.items()}
                found[record["image"]] = record
            left: Any = done.get("UnprocessedKeys", {})
            wanted = left.get(table, {}).get("Keys", [])
        return found

    def _run(self, upload: Upload) -> str:
        return command(self._at, {"source": {"bucket": upload.bucket, "key": upload.key}})


_DESERIALIZER = TypeDeserializer()


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _recorded(record: Json) -> list[Json]:
    """Return the outputs that a complete record names, the PDF last."""
    found: list[Json] = [*record.get("renditions", [])]
    return found + ([record["document"]] if "document" in record else [])


def _same(upload: Upload, record: Json) -> bool:
    """Tell whether a record is about the newest upload, as far as it says."""
    version, etag = record.get("version"), record.get("etag")
    if version and upload.version:
        return bool(version == upload.version)
    return not etag or etag == upload.etag


def _sequencer(payload: object) -> str | None:
    """Return the sequencer of the event that started an execution, if one did."""
    if not isinstance(payload, Mapping) or "detail-type" not in payload:
        return None
    detail: Any = payload.get("detail")
    found = detail.get("object", {}).get("sequencer") if isinstance(detail, Mapping) else None
    return found if isinstance(found, str) else None
