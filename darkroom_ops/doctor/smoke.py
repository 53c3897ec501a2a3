"""One small picture through the stack: what became of it, and then nothing is left of it."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from darkroom.aws.records import Records
from darkroom.contract.keys import mezzanine_key, original_key, record_key
from darkroom.contract.objects import Source
from darkroom.contract.record import ImageRecord
from PIL import Image, UnidentifiedImageError

from darkroom_ops.audit.evidence import StackEvidence
from darkroom_ops.audit.findings import Auditor
from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.stack import Stack

FOLDER = "darkroom-doctor/"

STEPS = ("Prepare", "Resize", "MakePdf", "BackupOriginal", "Notify")

STARTS, ENDS, ANNOUNCED, HEARD = 90.0, 300.0, 60.0, 60.0
"""Seconds until a run begins, ends, is announced, and its message and log lines are there."""

SIDE = 64


class Smoke:
    """A picture on its way through a stack. Use it as a context manager: it cleans up at the end.

    `hurry` divides how long is waited, for the engine and for tests.
    """

    def __init__(self, deployment: Deployment, *, hurry: float = 1.0) -> None:
        self._at = deployment
        self._stack = Stack(deployment)
        self._hurry = hurry
        self._pause = 0.05 if deployment.endpoint else 2.0
        self.bucket = deployment.source_bucket_name
        self.key = f"{deployment.source_prefix}{FOLDER}{uuid.uuid4().hex[:12]}.jpg"
        self.image = record_key(self.bucket, self.key)
        self._records = Records(deployment.dynamodb, deployment.images_table_name)
        self._body = _picture()
        self._began = time.time()
        self._uploaded = self._settled = False
        self._queue: str | None = None
        self._subscriptions: list[str] = []
        self.left: list[Finding] = []
        """What could not be removed, after it ended."""

    def __enter__(self) -> Smoke:
        return self

    def __exit__(self, *_: object) -> None:
        self.clean()

    # ------------------------------------------------------------------ look

    def findings(self) -> Iterator[Finding]:
        """Send the picture through, and yield what is not as it should be."""
        self._listen()
        self._at.s3.put_object(Bucket=self.bucket, Key=self.key, Body=self._body)
        self._uploaded = True
        record = self._ended()
        if not record.status:
            yield self._broken(
                f"The upload of s3://{self.image} started nothing within "
                f"{STARTS / self._hurry:g} s.",
                f"{self._stack.darkroom('doctor')} and {self._stack.darkroom('dlq', 'list')} look "
                "for the reason. A new bucket sends its events after five minutes.",
            )
            return
        shown = self._stack.darkroom("show", record.execution)
        if record.status != "COMPLETE":
            why = f"{record.error} in {record.failed_state}: {record.message}"
            still = f"it is {record.status} after {ENDS / self._hurry:g} s."
            yield self._broken(
                f"The picture failed: {why if record.status == 'FAILED' else still}", shown
            )
        else:
            yield from self._made(record)
        if not self._message(record.execution):
            yield self._broken(
                "The run's message came to neither topic.",
                "Look at the log of Notify: " + self._stack.darkroom("show", record.execution,
                                                                     "--logs"),
            )  # fmt: skip
        for step in STEPS if record.status == "COMPLETE" else ("Prepare", "Notify"):
            yield from self._log(step, record.execution)

    def _made(self, record: ImageRecord) -> Iterator[Finding]:
        """Compare outputs, backup and record as the audit does, and open what was made."""
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        for each in Auditor(StackEvidence(self._at), since=later, prefix=self.key).findings():
            yield self._broken(f"{each.key}: {each.says}", each.advice)
        for output in record.renditions:
            found = self._read(self._at.output_bucket_name, output.key)
            if found is None:
                continue  # the audit has said so
            size = _size(found)
            if size != (output.width, output.height):
                yield self._broken(
                    f"{output.key} is recorded as {output.width} x {output.height} pixels, but is "
                    f"{'no picture' if size is None else f'{size[0]} x {size[1]}'}.",
                    self._stack.darkroom("show", record.execution),
                )
        document = record.document and self._read(self._at.output_bucket_name, record.document.key)
        if document and not document.startswith(b"%PDF-"):
            yield self._broken(f"{self.key}/document.pdf is no PDF.",
                               self._stack.darkroom("show", record.execution))  # fmt: skip
        backup = record.backup
        if backup and self._read(backup.bucket, backup.key) != self._body:
            yield self._broken(f"The backup s3://{backup.bucket}/{backup.key} is not the upload.",
                               self._stack.darkroom("show", record.execution))  # fmt: skip

    def _broken(self, says: str, mend: str) -> Finding:
        return Finding("broken", "smoke", says, mend)

    def _ended(self) -> ImageRecord:
        """Wait until the picture has its outcome, and it is announced; return the record."""
        self._until(lambda: bool(self._record().status), STARTS)
        if not self._record().status:
            self._settled = True
            return ImageRecord()
        self._until(lambda: self._record().status != "IN_PROGRESS", ENDS)
        self._until(lambda: bool(self._record().announced), ANNOUNCED)
        self._settled = True
        return self._record()

    def _record(self) -> ImageRecord:
        return self._records.read(self.image)

    def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds / self._hurry
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(self._pause)
        return True

    def _read(self, bucket: str, key: str) -> bytes | None:
        try:
            return self._at.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self._at.s3.exceptions.NoSuchKey:
            return None

    def _listen(self) -> None:
        """Have a queue get what both topics say of this picture, and of no other."""
        sqs, topics = self._at.sqs, [self._at.notifications_topic_arn, self._at.alerts_topic_arn]
        name = f"{self._at.stack}-doctor-{uuid.uuid4().hex[:12]}"
        self._queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        said = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        arn = said["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Resource": arn,
            "Action": "sqs:SendMessage", "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        only = json.dumps({"image": [self.image]})
        for topic in topics:
            made = self._at.sns.subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True,
                Attributes={"RawMessageDelivery": "true", "FilterPolicy": only},
            )  # fmt: skip
            self._subscriptions.append(made["SubscriptionArn"])

    def _message(self, execution: str) -> bool:
        """Return whether the message of an execution has come."""

        def received() -> bool:
            said: Any = self._at.sqs.receive_message(
                QueueUrl=str(self._queue), WaitTimeSeconds=0 if self._at.endpoint else 2
            )
            return any(
                json.loads(each["Body"]).get("execution") == execution
                for each in said.get("Messages", [])
            )

        return self._until(received, HEARD)

    def _log_group(self, step: str) -> str:
        name = self._at.outputs[f"{step}FunctionName"]
        told: Any = self._at.lambda_.get_function(FunctionName=name)["Configuration"]
        return str(told.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}")

    def _log(self, step: str, execution: str) -> Iterator[Finding]:
        group = self._log_group(step)
        if not self._until(lambda: self._logged(group, execution), HEARD):
            yield Finding(
                "warning",
                "smoke",
                f"The function of {step} logged nothing to {group}.",
                self._stack.aws("logs", "describe-log-groups", "--log-group-name-prefix", group),
            )

    def _logged(self, group: str, execution: str) -> bool:
        pages = self._at.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern=f'"{execution}"',
            startTime=int((self._began - 60) * 1000),
        )  # fmt: skip
        try:
            return any(execution in event["message"] for page in pages for event in page["events"])
        except self._at.logs.exceptions.ResourceNotFoundException:
            return False

    # ------------------------------------------------------------------ clean up

    def clean(self) -> None:
        """Remove all that the picture left, once its run has ended; what cannot be is told."""
        if self._uploaded and not self._settled:
            self._ended()
        self.left = remove(self._stack, self.bucket, self.key)
        for arn in self._subscriptions:
            with self._telling(f"the subscription {arn}", "sns", "unsubscribe",
                               "--subscription-arn", arn):  # fmt: skip
                self._at.sns.unsubscribe(SubscriptionArn=arn)
        if self._queue is not None:
            with self._telling(f"the queue {self._queue}", "sqs", "delete-queue", "--queue-url",
                               self._queue):  # fmt: skip
                self._at.sqs.delete_queue(QueueUrl=self._queue)

    def _telling(self, what: str, *command: str) -> contextlib.AbstractContextManager[None]:
        return _telling(self._stack, self.left, what, *command)


def remove(stack: Stack, bucket: str, key: str) -> list[Finding]:
    """Remove a source and all that was made of it; return what could not be removed."""
    at, source, left = stack.at, Source(bucket=bucket, key=key), list[Finding]()
    folders = {
        (bucket, key),
        (at.output_bucket_name, f"{key}/"),
        (at.backup_bucket_name, key),
        (at.work_bucket_name, mezzanine_key(source, "")),
        (at.work_bucket_name, original_key(source, "")),
    }
    for place, prefix in sorted(folders):
        where = f"s3://{place}/{prefix}"
        with _telling(stack, left, where, "s3", "rm", "--recursive", where):
            empty(at, place, prefix)
    table, item = at.images_table_name, {"image": {"S": record_key(bucket, key)}}
    what = f"the record of {record_key(bucket, key)}"
    with _telling(stack, left, what, "dynamodb", "delete-item", "--table-name", table, "--key",
                  json.dumps(item)):  # fmt: skip
        at.dynamodb.delete_item(TableName=table, Key={"image": {"S": record_key(bucket, key)}})
    return left


def empty(at: Deployment, bucket: str, prefix: str) -> None:
    """Delete what begins so, every version of it."""
    for page in at.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            at.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


@contextlib.contextmanager
def _telling(stack: Stack, left: list[Finding], what: str, *command: str) -> Iterator[None]:
    """Go on with the rest where something cannot be removed, and remember it."""
    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        says = f"Could not remove {what}: {said.get('Message') or said.get('Code')}"
        left.append(Finding("warning", "smoke", says, stack.aws(*command)))


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, so that what was made is removed."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _picture() -> bytes:
    """Return a small JPEG that no other is equal to."""
    made = Image.frombytes("RGB", (SIDE, SIDE), (uuid.uuid4().bytes * SIDE)[: SIDE * 3] * SIDE)
    body = io.BytesIO()
    made.save(body, "JPEG", quality=90)
    return body.getvalue()


def _size(body: bytes) -> tuple[int, int] | None:
    """Return the size of a picture that can be read to its end; None of what is no picture."""
    try:
        with Image.open(io.BytesIO(body)) as picture:
            picture.load()
            return picture.size
    except (UnidentifiedImageError, OSError):
        return None
