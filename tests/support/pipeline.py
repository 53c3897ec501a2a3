"""The pipeline under test: upload, start, break and look, each a single call.

The same object drives the local engine, another emulator or a stack on AWS. What needs the inside
of the engine (faults, skipped waits, the inbox) skips the test elsewhere.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from darkroom_ops.deployment import Deployment
from darkroom_ops.engine import Engine, backends
from darkroom_ops.engine.inbox import Message
from darkroom_ops.engine.stepfunctions.task_faults import Fault
from tests.conftest import REGION

Json = dict[str, Any]
T = TypeVar("T")


@dataclass
class Run:
    """An execution that has ended.

    Parameters
    ----------
    described
        DescribeExecution's answer.
    history
        The events of its history.
    """

    described: Json
    history: list[Json]

    @property
    def arn(self) -> str:
        return str(self.described["executionArn"])

    @property
    def name(self) -> str:
        return str(self.described["name"])

    @property
    def status(self) -> str:
        return str(self.described["status"])

    @property
    def error(self) -> str | None:
        return self.described.get("error")

    @property
    def cause(self) -> str:
        return self.described.get("cause", "")

    @property
    def output(self) -> Json:
        found: Json = json.loads(self.described["output"])
        return found

    @property
    def states(self) -> list[str]:
        """Every state entered, in order; one billed transition each, retries apart."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.history
            if event["type"].endswith("StateEntered")
        ]

    def attempts(self, resource: str) -> int:
        """Count the calls of an integration, as ``invoke`` or ``publish``."""
        return sum(
            event["type"] == "TaskScheduled"
            and event["taskScheduledEventDetails"]["resource"] == resource
            for event in self.history
        )


class Pipeline:
    """A deployed pipeline.

    Parameters
    ----------
    deployment
        Where it is.
    engine
        The engine it runs on, if it does.
    """

    def __init__(self, deployment: Deployment, engine: Engine | None) -> None:
        self.at = deployment
        self.engine = engine
        self._queue = _message_queue(deployment)
        self._received: list[Json] = []
        self._keys: dict[str, str | None] = {}

    # ------------------------------------------------------------------ do

    def put(self, data: bytes, name: str = "photo.jpg", prefix: str | None = None) -> Json:
        """Upload an object under a key of its own and return its request ``source``."""
        folder = self.at.source_prefix if prefix is None else prefix
        key = f"{folder}{uuid.uuid4().hex[:8]}/{name}"
        return self.put_at(key, data)

    def put_at(self, key: str, data: bytes) -> Json:
        """Upload an object and return its request ``source``."""
        done = self.at.s3.put_object(Bucket=self.at.source_bucket_name, Key=key, Body=data)
        source = {"bucket": self.at.source_bucket_name, "key": key}
        return source | ({"versionId": done["VersionId"]} if "VersionId" in done else {})

    def upload(self, data: bytes, name: str = "photo.jpg") -> Run:
        """Upload an image and wait for the execution that its event starts."""
        return self.run_of(self.put(data, name))

    def run_of(self, source: Json) -> Run:
        """Wait for the first execution of an upload."""
        return self.wait(self._until(lambda: next(iter(self.executions(source["key"])), None)))

    def start(self, request: Any, name: str | None = None) -> Run:
        """Start an execution with any input, and wait for it."""
        started = self.at.stepfunctions.start_execution(
            stateMachineArn=self.at.state_machine_arn,
            input=json.dumps(request),
            name=name or f"test-{uuid.uuid4()}",
        )
        return self.wait(started["executionArn"])

    def start_manual(self, data: bytes, name: str = "photo.jpg", **options: Any) -> Run:
        """Put an image where no event starts, and start an execution for it."""
        return self.start({"source": self.put(data, name, prefix="manual/"), **options})

    def fail(
        self,
        state: str,
        error: str,
        cause: str = "",
        *,
        times: int | None = None,
        when: Callable[[Any], bool] | None = None,
    ) -> Fault:
        """Make a state's integration end with an error, a number of times or always."""
        return self._engine().faults.inject(Fault(state, error, cause, times=times, when=when))

    def give(self, state: str, result: Any, *, times: int | None = None) -> Fault:
        """Make a state's integration return something else than it would."""
        return self._engine().faults.inject(Fault(state, result=result, times=times))

    def give_payload(self, state: str, payload: Any) -> Fault:
        """Make a Lambda state's function return something else than it would."""
        return self.give(state, {"StatusCode": 200, "Payload": payload})

    def settle(self) -> None:
        """Wait until every event is delivered, as that of an execution's end."""
        assert self._engine().wait_idle()

    # ------------------------------------------------------------------ look

    def wait(self, arn: str, seconds: float = 120.0) -> Run:
        """Wait for an execution and return it with its history."""

        def ended() -> Json | None:
            described: Json = dict(self.at.stepfunctions.describe_execution(executionArn=arn))
            return described if described["status"] != "RUNNING" else None

        if self.engine is not None:  # asking it costs less than its answers over HTTP
            self.engine.wait_ended(arn, seconds)
        described = self._until(ended, seconds)
        return Run(described, self.history(arn))

    def history(self, arn: str) -> list[Json]:
        """Return the whole history of an execution."""
        pages = self.at.stepfunctions.get_paginator("get_execution_history")
        return [
            dict(event) for page in pages.paginate(executionArn=arn) for event in page["events"]
        ]

    def executions(self, key: str) -> list[str]:
        """Return the executions for a source key, oldest first."""
        if self.engine is not None:  # asking it costs less than reading hundreds over HTTP
            return [each.exec_arn for each in backends._executions(REGION) if self._is(each, key)]
        pages = self.at.stepfunctions.get_paginator("list_executions")
        found = []
        for page in pages.paginate(stateMachineArn=self.at.state_machine_arn):
            for item in page["executions"]:
                if self._key(item["executionArn"]) == key:
                    found.append((item["startDate"], item["executionArn"]))  # noqa: PERF401
        return [arn for _, arn in sorted(found)]

    def _is(self, execution: Any, key: str) -> bool:
        """Return whether the engine's execution is for a source key."""
        arn = execution.exec_arn
        if arn not in self._keys:
            self._keys[arn] = _key_of(backends._whole(execution).input_data)
        return self._keys[arn] == key

    def _key(self, arn: str) -> str | None:
        """Return the source key in an execution's input, which never changes."""
        if arn not in self._keys:
            described = self.at.stepfunctions.describe_execution(executionArn=arn)
            self._keys[arn] = _key_of(json.loads(described["input"]))
        return self._keys[arn]

    def record(self, source: Json) -> Json | None:
        """Return the record of an image, as plain values, or None."""
        return self.record_of(f"{source['bucket']}/{source['key']}")

    def record_of(self, image: str) -> Json | None:
        """Return a record by its key."""
        found = self.at.dynamodb.get_item(
            TableName=self.at.images_table_name, Key={"image": {"S": image}}, ConsistentRead=True
        )
        return _plain({"M": found["Item"]}) if "Item" in found else None

    def outputs(self, source: Json) -> dict[str, bytes]:
        """Return every object below an image's output prefix, by its name."""
        bucket, folder = self.at.output_bucket_name, f"{source['key']}/"
        return {
            key.removeprefix(folder): self.at.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            for key in self.keys(bucket, folder)
        }

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the keys in a bucket."""
        pages = self.at.s3.get_paginator("list_objects_v2")
        return [
            item["Key"]
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for item in page.get("Contents", [])
        ]

    def messages(self, run: Run, expected: int = 1) -> list[Json]:
        """Return the machine-readable messages of an execution's end, from both topics."""

        def received() -> list[Json] | None:
            self._receive()
            found = self._about(run)
            return found if len(found) >= expected else None

        if expected == 0:
            self._receive()
            return self._about(run)
        return self._until(received)

    def _about(self, run: Run) -> list[Json]:
        about = (m for m in self._received if m.get("execution") == run.arn)
        return [m for m in about if m["outcome"] != "RESOLVED"]

    def inbox(self, run: Run, protocol: str) -> list[Message]:
        """Return the e-mails or the SMS of an execution's end."""
        about = self._engine().inbox.messages(protocol=protocol, execution=run.arn)
        return [each for each in about if each.attributes.get("outcome") != "RESOLVED"]

    def resolved(self, run: Run, protocol: str) -> list[Message]:
        """Return the e-mails or the SMS that tell what an execution has resolved."""
        about = self._engine().inbox.messages(protocol=protocol, execution=run.arn)
        return [each for each in about if each.attributes.get("outcome") == "RESOLVED"]

    def take_dead_letter(self, about: str) -> Json:
        """Take the dead letter that has a text in it, and leave the others where they are."""
        url = self.at.events_dead_letter_queue_url

        def found() -> Json | None:
            received = self.at.sqs.receive_message(
                QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10
            )
            taken: Json | None = None
            for letter in received.get("Messages", []):
                handle = letter["ReceiptHandle"]
                if taken is None and about in letter["Body"]:
                    taken = dict(letter)
                    self.at.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
                else:
                    self.at.sqs.change_message_visibility(
                        QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
                    )
            return taken

        return self._until(found)

    @property
    def waits(self) -> list[float]:
        """The waits of retries since the test began, in seconds; none was slept through."""
        return self._engine().retries.seconds

    def reset(self) -> None:
        """End the faults and forget the waits."""
        if self.engine is not None:
            self.engine.faults.clear()
            self.engine.retries.seconds.clear()

    def _engine(self) -> Engine:
        if self.engine is None:
            pytest.skip("needs the inside of the local engine")
        return self.engine

    def _receive(self) -> None:
        while True:
            batch = self.at.sqs.receive_message(
                QueueUrl=self._queue,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=0 if self.at.endpoint else 1,
            )
            messages = batch.get("Messages", [])
            if not messages:
                return
            self._received += [json.loads(message["Body"]) for message in messages]
            self.at.sqs.delete_message_batch(
                QueueUrl=self._queue,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(messages)
                ],
            )

    def _until(self, look: Callable[[], T | None], seconds: float = 120.0) -> T:
        return until(look, seconds, pause=0.02 if self.at.endpoint else 1.0)


def until(look: Callable[[], T | None], seconds: float = 120.0, pause: float = 0.02) -> T:
    """Look until there is something, and return it."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > deadline:
            pytest.fail(f"nothing came within {seconds:.0f} s")
        time.sleep(pause)
    return found


def _message_queue(at: Deployment) -> str:
    """Subscribe a queue of its own to both topics, unfiltered, and return its URL."""
    url: str = at.sqs.create_queue(QueueName=f"darkroom-test-{uuid.uuid4().hex[:12]}")["QueueUrl"]
    arn = at.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    topics = [at.notifications_topic_arn, at.alerts_topic_arn]
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
        },
    }
    at.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    for topic in topics:
        at.sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
        )
    return url


def _key_of(given: Any) -> str | None:
    if not isinstance(given, Mapping):
        return None
    detail, source = given.get("detail"), given.get("source")
    if isinstance(detail, Mapping):
        return str(detail.get("object", {}).get("key"))
    return str(source.get("key")) if isinstance(source, Mapping) else None


def _plain(value: Mapping[str, Any]) -> Any:
    """Return a DynamoDB attribute value as Python data."""
    ((kind, found),) = value.items()
    if kind == "M":
        return {key: _plain(each) for key, each in found.items()}
    if kind == "L":
        return [_plain(each) for each in found]
    if kind == "N":
        return int(found) if found.lstrip("-").isdigit() else float(found)
    return None if kind == "NULL" else found
