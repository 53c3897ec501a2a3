"""EventBridge, as far as the template uses it: rules, transformed inputs, retries, dead letters.

moto keeps the rules and matches their patterns; this delivers to their targets. Delivery is
asynchronous, as EventBridge's is, and at most so many executions run at once that were started by
an event: a laptop stays usable when hundreds of images are uploaded.
"""

from __future__ import annotations

import datetime
import itertools
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from darkroom.contract.arns import parse

from darkroom_ops.deployment import Deployment
from darkroom_ops.engine.authorization import Authorizer

LOG = logging.getLogger(__name__)

MAX_STARTED = 12
"""Executions started by events that run at once."""

ATTEMPTS = 4
ATTEMPT_SECONDS = 0.2
"""EventBridge tries for 24 hours and 185 times; a laptop's faults are shorter."""

ASYNC_ATTEMPTS = 3
"""Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation"."""

# EventBridge sends these to the dead-letter queue at once (eb-rule-dlq).
FINAL_CODES = {
    "AccessDeniedException",
    "AuthorizationError",
    "NotFound",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
}

REASONS = {
    "Put": "PutObject",
    "Post": "POST Object",
    "Copy": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}
"""``detail.reason`` by the last part of the S3 event name (S3 guide, EventBridge structure)."""

MAX_INPUT = 248 * 1024
"""Bytes of an execution's input, escaped, that its events hold at most."""

_sequence = itertools.count()


@dataclass(frozen=True)
class Undelivered:
    """An event on its way to a target of a rule, or to a function that is invoked for it."""

    event: Any
    rule: str = ""  # its ARN
    target: str = ""  # the target's ID in the rule
    function: str = ""  # its ARN, when there is no rule


class EventRouter:
    """Takes events to the targets of the rules that match them.

    ``rules`` gives those of the default bus, ``transform`` applies a target's InputTransformer, and
    ``dead_letters`` gives the ARN of the queue for what a function, by its name, failed on.
    """

    def __init__(
        self,
        rules: Callable[[], Iterable[Any]],
        deployment: Deployment,
        transform: Callable[[Mapping[str, Any], dict[str, Any]], Any],
        authorizer: Authorizer,
        dead_letters: Callable[[str], str | None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rules = rules
        # Made here: boto3 makes no clients in several threads at once.
        self._stepfunctions, self._lambda = deployment.stepfunctions, deployment.lambda_
        self._sns, self._sqs = deployment.sns, deployment.sqs
        self._transform = transform
        self._authorizer = authorizer
        self._dead_letters = dead_letters
        self._wait = wait
        self._executor = ThreadPoolExecutor(MAX_STARTED, thread_name_prefix="delivery")
        self._ended: dict[str, threading.Event] = {}
        self._ended_early: set[str] = set()
        self._starting = 0
        self._lock = threading.Lock()
        self._pending: set[Future[None]] = set()
        self._undelivered: dict[str, Undelivered] = {}
        self._closed = False

    def put(self, event: dict[str, Any]) -> None:
        """Take an event, in AWS's form, to every rule of the default bus."""
        for rule in list(self._rules()):
            self.send(rule, event)

    def send(self, rule: Any, event: dict[str, Any]) -> None:
        """Take an event to the targets of a rule, if the rule is enabled and matches."""
        if self._closed or rule.state != "ENABLED" or not rule.event_pattern.matches_event(event):
            return
        for target in rule.targets:
            self._submit(Undelivered(event, rule.arn, target.get("Id", "")), target)

    def invoke(self, function: str, body: str) -> None:
        """Have a function invoked soon, by its ARN, as Lambda does for an asynchronous call."""
        self._submit(Undelivered(body, function=function))

    def undelivered(self) -> dict[str, Undelivered]:
        """Return what has reached no target yet, each under a name of its own."""
        with self._lock:
            return dict(self._undelivered)

    def deliver(self, again: Undelivered) -> None:
        """Deliver what an earlier router had not; without its rule and target, it is dropped."""
        if again.function:
            self._submit(again)
        for rule in list(self._rules()):
            for target in rule.targets if rule.arn == again.rule else ():
                if target.get("Id", "") == again.target:
                    self._submit(again, target)

    def _submit(self, given: Undelivered, target: dict[str, Any] | None = None) -> None:
        name = str(uuid.uuid4())
        with self._lock:
            self._undelivered[name] = given
            if target is None:
                future = self._executor.submit(self._invoke, given.function, given.event)
            else:
                future = self._executor.submit(self._deliver, name, given.rule, target, given.event)
            self._pending.add(future)
        future.add_done_callback(lambda done: self._forget(done, name))

    def execution_ended(self, arn: str) -> None:
        """Let the next waiting event start its execution."""
        with self._lock:
            if arn in self._ended:
                self._ended.pop(arn).set()
            elif self._starting:  # perhaps one whose start has not come back yet
                self._ended_early.add(arn)

    def idle(self) -> bool:
        """Return whether every event so far has been delivered, and its execution has ended."""
        with self._lock:
            return not self._pending

    def close(self) -> None:
        """Drop what is not yet delivered."""
        with self._lock:
            self._closed = True
            waiting = list(self._ended.values())
        for ended in waiting:
            ended.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _forget(self, future: Future[None], name: str) -> None:
        with self._lock:
            self._pending.discard(future)
            self._undelivered.pop(name, None)
        error = None if future.cancelled() else future.exception()
        if error is not None and not self._closed:
            LOG.error("an event could not be delivered", exc_info=error)

    def _deliver(
        self, name: str, rule_arn: str, target: dict[str, Any], event: dict[str, Any]
    ) -> None:
        transformer = target.get("InputTransformer")
        payload = self._transform(transformer, event) if transformer else event
        body = _written(payload)
        for attempt in range(ATTEMPTS):
            if self._closed:
                return
            try:
                self._authorizer.check_delivery(rule_arn, target)
                self._call(name, target["Arn"], body)
            except ClientError as error:
                if error.response["Error"]["Code"] in FINAL_CODES or attempt == ATTEMPTS - 1:
                    self._send_to_dlq(rule_arn, target, event, error, attempt)
                    return
                self._wait(ATTEMPT_SECONDS * 2**attempt)
            else:
                return

    def _call(self, name: str, arn: str, body: str) -> None:
        service = parse(arn).service
        if service == "states":
            ended = self._start(arn, body)
            with self._lock:
                self._undelivered.pop(name, None)  # from now on there is the execution
            ended.wait()
        elif service == "lambda":
            self._invoke(arn, body)
        elif service == "sns":
            self._sns.publish(TopicArn=arn, Message=body)
        elif service == "sqs":
            self._send_to_queue(arn, body, {})
        else:
            raise NotImplementedError(
                f"The engine delivers events to Step Functions, Lambda, SNS and SQS, not to {arn}."
            )

    def _start(self, machine: str, body: str) -> threading.Event:
        """Start an execution and return the event that its end sets."""
        ended = threading.Event()
        with self._lock:
            self._starting += 1
        try:
            started = self._stepfunctions.start_execution(stateMachineArn=machine, input=body)
            with self._lock:
                if self._closed or started["executionArn"] in self._ended_early:
                    ended.set()
                else:
                    self._ended[started["executionArn"]] = ended
        finally:
            with self._lock:
                self._starting -= 1
                if not self._starting:
                    self._ended_early.clear()
        return ended

    def _invoke(self, arn: str, body: str) -> None:
        """Invoke a function as Lambda does for an event: twice more on error, then its queue."""
        for attempt in range(ASYNC_ATTEMPTS):
            self._wait(ATTEMPT_SECONDS * attempt)
            done: Any = self._lambda.invoke(FunctionName=arn, Payload=body.encode())
            if "FunctionError" not in done:
                return
            error = json.loads(done["Payload"].read())
            if self._closed:
                return
        name = parse(arn).name
        queue = self._dead_letters(name)
        if queue is None:
            LOG.error("an event was lost: %s has no dead-letter queue", arn)
            return
        if not self._authorizer.function_may_send(name, queue):
            LOG.error("an event was lost: the role of %s may not send to %s", arn, queue)
            return
        attributes = {
            "RequestID": done["ResponseMetadata"].get("RequestId", "-"),
            "ErrorCode": "200",
            "ErrorMessage": f"{error.get('errorType')}: {error.get('errorMessage')}"[:1024],
        }
        self._send_to_queue(queue, body, attributes)

    def _send_to_queue(self, arn: str, body: str, attributes: Mapping[str, str]) -> None:
        self._sqs.send_message(
            QueueUrl=self._sqs.get_queue_url(QueueName=parse(arn).name)["QueueUrl"],
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )

    def _send_to_dlq(
        self, rule: str, target: dict[str, Any], event: Any, error: ClientError, retries: int
    ) -> None:
        """Send an event to the target's dead-letter queue, with EventBridge's attributes."""
        if "DeadLetterConfig" not in target:
            LOG.error("an event was lost: %s has no dead-letter queue", target["Arn"])
            return
        queue = target["DeadLetterConfig"]["Arn"]
        if not self._authorizer.rule_may_send(rule, queue):
            LOG.error("an event was lost: %s may not send to %s", rule, queue)
            return
        attributes = {
            "RULE_ARN": rule,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": error.response["Error"]["Code"],
            "ERROR_MESSAGE": error.response["Error"].get("Message", "") or "-",
            "RETRY_ATTEMPTS": str(retries),
        }
        if error.response["Error"]["Code"] not in FINAL_CODES:
            attributes["EXHAUSTED_RETRY_CONDITION"] = "MaximumRetryAttempts"
        self._send_to_queue(queue, _written(event), attributes)


def _written(said: Any) -> str:
    """Return JSON that every service takes: half of a surrogate pair stays JSON's own escape."""
    text = json.dumps(said, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()


def object_created(
    *, account: str, region: str, bucket: str, key: str, size: int, etag: str, version: str | None,
    reason: str,
) -> dict[str, Any]:  # fmt: skip
    """Return S3's "Object Created" event (S3 guide, EventBridge event message structure).

    The key is not URL-encoded, the ETag has no quotes, the version is None in a bucket without
    versions, and the reason is the last part of the S3 event name, as ``Put``.
    """
    item: dict[str, Any] = {
        "key": key,
        "size": size,
        "etag": etag,
        "sequencer": f"{time.time_ns():016X}{next(_sequence) % 0x10000:04X}",
    }
    if version is not None:
        item["version-id"] = version
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": item,
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": account,
        "source-ip-address": "127.0.0.1",
        "reason": REASONS.get(reason, reason),
    }
    return _event("aws.s3", "Object Created", account, region, [f"arn:aws:s3:::{bucket}"], detail)


def execution_status_change(
    account: str, region: str, described: Mapping[str, Any]
) -> dict[str, Any]:
    """Return Step Functions' "Execution Status Change" event of what DescribeExecution says.

    An input too large for an event is left out (Step Functions guide, "EventBridge payloads").
    """

    def millis(date: datetime.datetime | None) -> int | None:
        return None if date is None else int(date.timestamp() * 1000)

    given = described.get("input")
    fits = given is None or len(json.dumps(given).encode()) <= MAX_INPUT
    detail = {
        "executionArn": described["executionArn"],
        "stateMachineArn": described["stateMachineArn"],
        "name": described["name"],
        "status": described["status"],
        "startDate": millis(described["startDate"]),
        "stopDate": millis(described.get("stopDate")),
        "input": given if fits else None,
        "inputDetails": {"included": fits},
        "output": described.get("output"),
        "outputDetails": {"included": True} if described.get("output") else None,
        "redriveCount": described["redriveCount"],
        "error": described.get("error"),
        "cause": described.get("cause"),
    }
    kind = "Step Functions Execution Status Change"
    return _event("aws.states", kind, account, region, [described["executionArn"]], detail)


def _event(
    source: str, kind: str, account: str, region: str, resources: list[str], detail: dict[str, Any]
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": account,
        "time": timestamp(time.time()),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def timestamp(seconds: float) -> str:
    """Return a time as events carry it: ``2026-01-31T23:59:59Z``."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
