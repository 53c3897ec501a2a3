"""The dead-letter queue: events that reached nobody, looked at and sent once more.

Three senders put messages there: EventBridge for the rules' targets, with the attributes
RULE_ARN, TARGET_ARN, ERROR_CODE and ERROR_MESSAGE (EventBridge guide, "Using dead-letter queues");
Lambda for status changes that Notify failed on, with ErrorCode and ErrorMessage (Lambda guide,
"Retaining records of asynchronous invocations"); SQS for uploads that Start failed on, out of the
buffer, with nothing but the body. That is the event in any case.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError
from darkroom.contract.arns import execution_arn

from darkroom_ops.deployment import Deployment

LOOK_SECONDS = 60
"""How long a message is hidden from other readers while the queue is looked through."""

EMPTY_ANSWERS = 2
"""SQS asks some of its servers only: one empty answer is not the end (SQS guide, short polling)."""

BATCH = 10
"""SQS API reference, ReceiveMessage and ChangeMessageVisibilityBatch: at most 10 messages."""

Kind = Literal["upload", "status change", "unknown"]


@dataclass(frozen=True)
class DeadLetter:
    """A message of the dead-letter queue."""

    id: str
    receipt: str  # the handle to delete it by
    kind: Kind
    event: Any  # what the body says, if that is no event
    sent: datetime.datetime
    error: str  # the failure's code and its words, as the sender gave them
    reason: str
    target: str  # ARN of what should have got it; empty when the sender does not say

    @property
    def about(self) -> str:
        """The image or the execution that it is about, as a person names it."""
        if self.kind == "unknown":
            return str(self.event)[:80]
        detail = self.event["detail"]
        if self.kind == "upload":
            return f"s3://{detail['bucket']['name']}/{detail['object']['key']}"
        return f"{detail['executionArn']} ({detail.get('status', 'ended')})"

    @property
    def why(self) -> str:
        """The failure in words."""
        code = self.error
        if code == "200":  # Lambda: invoked, and it failed; the reason is the function's
            return f"The function Notify failed on it: {self.reason}"
        if self.kind == "upload" and not self.target:  # SQS says nothing of the buffer's
            return "The buffer's function Start failed on it again and again: its log says why"
        words = _REASONS.get(code)
        return f"{words} ({code})" if words else f"{code}: {self.reason}"


_REASONS = {
    "StateMachineDoesNotExist": "Its state machine was not there",
    "ResourceNotFoundException": "Its target was not there",
    "AccessDeniedException": "The rule was not allowed to reach its target",
    "NO_PERMISSIONS": "The rule was not allowed to reach its target",
    "NO_RESOURCE": "Its target was not there",
    "RESOURCE_NOT_FOUND": "Its target was not there",
    "THROTTLING": "Its target was overloaded, and stayed so for a day",
    "TIMEOUT": "Its target did not answer, for a day",
    "SDK_CLIENT_ERROR": "EventBridge could not reach its target",
    "FAILED_TO_ASSUME_ROLE": "EventBridge could not use the rule's role",
    "INTERNAL_ERROR": "EventBridge itself failed",
    "INVALID_PARAMETER": "Its target refused it",
}
"""EventBridge guide, "Using dead-letter queues": the codes, in words."""


@dataclass(frozen=True)
class Sent:
    """What became of a message that was sent once more."""

    message: DeadLetter
    execution: str | None = None  # ARN of the one that it started
    error: str | None = None  # why it could not be sent; then it is still in the queue


def dead_letters(deployment: Deployment) -> list[DeadLetter]:
    """Return what is in the queue, oldest first; it stays there.

    SQS cannot be read without hiding the messages from other readers, so each is shown to them
    again afterwards.
    """
    received = _received(deployment)
    _show_again(deployment, received)
    return received


def redrive(deployment: Deployment, chosen: Iterable[str] | None = None) -> Iterator[Sent]:
    """Send messages once more to where they should have gone, and delete those that arrived.

    An upload starts an execution that is named after its event, so that sending twice starts one;
    and its claim keeps an execution that is no longer wanted from doing anything. The stack's state
    machine and its function Notify are the targets: those that the event names may have been
    replaced.
    """
    wanted = None if chosen is None else set(chosen)
    received = _received(deployment)
    left = [message for message in received if wanted is not None and message.id not in wanted]
    _show_again(deployment, left)
    for message in received:
        if message in left:
            continue
        try:
            execution = _send(deployment, message)
        except (ClientError, CannotSend) as error:
            _show_again(deployment, [message])
            yield Sent(message, error=str(error))
            continue
        queue = deployment.events_dead_letter_queue_url
        deployment.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message.receipt)
        yield Sent(message, execution)


class CannotSend(Exception):
    """A message cannot be sent once more; the text says why and what to do."""


def _received(deployment: Deployment) -> list[DeadLetter]:
    """Take every message that there is, once, and return them by their age."""
    messages: dict[str, DeadLetter] = {}
    empty = 0
    while empty < EMPTY_ANSWERS:
        answer = deployment.sqs.receive_message(
            QueueUrl=deployment.events_dead_letter_queue_url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=LOOK_SECONDS,
            WaitTimeSeconds=0 if deployment.endpoint else 1,
            AttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        known = len(messages)
        for message in answer.get("Messages", []):
            messages[message["MessageId"]] = _read(message)  # its last receipt is the valid one
        empty = 0 if len(messages) > known else empty + 1
    return sorted(messages.values(), key=lambda message: message.sent)


def _show_again(deployment: Deployment, received: list[DeadLetter]) -> None:
    """Make messages visible to other readers."""
    for start in range(0, len(received), BATCH):
        deployment.sqs.change_message_visibility_batch(
            QueueUrl=deployment.events_dead_letter_queue_url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": message.receipt, "VisibilityTimeout": 0}
                for number, message in enumerate(received[start : start + BATCH])
            ],
        )


def _read(message: Mapping[str, Any]) -> DeadLetter:
    attributes = {
        name: each.get("StringValue", "")
        for name, each in message.get("MessageAttributes", {}).items()
    }
    try:
        event = json.loads(message["Body"])
    except ValueError:
        event = message["Body"]
    milliseconds = int(message.get("Attributes", {}).get("SentTimestamp", "0"))
    return DeadLetter(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        kind=_kind(event),
        event=event,
        sent=datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC),
        error=attributes.get("ERROR_CODE") or attributes.get("ErrorCode") or "unknown",
        reason=attributes.get("ERROR_MESSAGE") or attributes.get("ErrorMessage") or "no reason",
        target=attributes.get("TARGET_ARN", ""),
    )


def _kind(event: object) -> Kind:
    match event:
        case {"source": "aws.s3", "detail": {"object": {"key": _}, "bucket": {"name": _}}}:
            return "upload"
        case {"source": "aws.states", "detail": {"executionArn": _}}:
            return "status change"
        case _:
            return "unknown"


def _send(deployment: Deployment, message: DeadLetter) -> str | None:
    """Send a message once more; return the execution that it starts, if it starts one."""
    body = json.dumps(message.event)
    if message.kind == "upload":
        return _start(deployment, str(message.event.get("id", message.id)), body)
    if message.kind == "status change":
        answer = deployment.lambda_.invoke(
            FunctionName=deployment.notify_function_name, Payload=body.encode()
        )
        if answer.get("FunctionError"):
            said = json.loads(answer["Payload"].read())
            raise CannotSend(
                f"The function Notify failed again: {said.get('errorType')}: "
                f"{said.get('errorMessage')}"
            )
        return None
    raise CannotSend(
        f"Expected an event of S3 or of Step Functions, but it is {message.about!r}. Look at who "
        "sends to this queue, and delete the message there."
    )


def _start(deployment: Deployment, event: str, body: str) -> str:
    name = f"redrive-{re.sub(r'[^A-Za-z0-9_-]', '-', event)[:72]}"
    machine = deployment.state_machine_arn
    try:
        started = deployment.stepfunctions.start_execution(
            stateMachineArn=machine, name=name, input=body
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
        return execution_arn(machine, name)
    return started["executionArn"]
