"""Event source mappings: queues that Lambda polls for functions.

Source: Lambda developer guide, "Using Lambda with Amazon SQS", with "Configuring scaling behavior
for SQS event source mappings" and "Handling errors for an SQS event source in Lambda".
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from darkroom.contract.arns import parse

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LOG = logging.getLogger(__name__)

POLL_SECONDS = 1
"""How long a call waits for messages: it ends at once when one comes."""

RETRY_SECONDS = 1
"""When a message comes again that a function failed on. On AWS its queue's visibility timeout says
so, which is longer than a function may take: minutes that nobody waits for on a laptop."""

MOST_AT_ONCE = 12
"""Invocations at once without a MaximumConcurrency, of which AWS has 1,250."""


class EventSourceMapping(Protocol):
    """An event source mapping as moto keeps it: what somebody updates holds at once."""

    enabled: bool
    function_arn: str
    event_source_arn: str
    batch_size: int
    scaling_config: Mapping[str, Any] | None
    function_response_types: list[str] | None


class EventSources:
    """All mappings. A message is deleted when its function has returned, and else comes again.

    ``invoke`` gives the response and whether it failed, of a function by its name; ``may_poll``
    returns whether its role lets Lambda poll a queue; ``waiting`` how many messages a queue holds.
    """

    def __init__(
        self,
        sqs: SQSClient,
        invoke: Callable[[str, Any], tuple[str, bool]],
        may_poll: Callable[[str, str], bool],
        waiting: Callable[[str], int],
    ) -> None:
        self._sqs = sqs
        self._invoke = invoke
        self._may_poll = may_poll
        self._waiting = waiting
        self._mappings: list[EventSourceMapping] = []
        self._closed = threading.Event()

    def add(self, mapping: EventSourceMapping) -> None:
        """Poll the queue of a mapping from now on."""
        self._mappings.append(mapping)
        threading.Thread(target=self._poll, args=[mapping], name="poller", daemon=True).start()

    def idle(self) -> bool:
        """Return whether no message waits for a function, and none is being worked at."""
        return not any(
            self._waiting(mapping.event_source_arn) for mapping in self._mappings if mapping.enabled
        )

    def close(self) -> None:
        """End all polling; what is being worked at comes again, if ever."""
        self._closed.set()

    def _poll(self, mapping: EventSourceMapping) -> None:
        most = int((mapping.scaling_config or {}).get("MaximumConcurrency", MOST_AT_ONCE))
        turns = threading.Semaphore(most)
        with ThreadPoolExecutor(most, thread_name_prefix="event-source") as workers:
            while not self._closed.is_set():
                if not turns.acquire(timeout=POLL_SECONDS):
                    continue
                messages = self._receive(mapping)
                if not messages:
                    turns.release()
                    continue
                done = workers.submit(self._process, mapping, messages)
                done.add_done_callback(lambda done: self._processed(done, turns))

    def _receive(self, mapping: EventSourceMapping) -> list[Any]:
        """Return the next messages; none come of a mapping that is disabled or may not poll."""
        queue, function = mapping.event_source_arn, parse(mapping.function_arn).name
        if not mapping.enabled or not self._may_poll(function, queue):
            self._closed.wait(POLL_SECONDS)
            return []
        try:
            received = self._sqs.receive_message(
                QueueUrl=self._url(queue),
                MaxNumberOfMessages=min(mapping.batch_size, 10),
                WaitTimeSeconds=POLL_SECONDS,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except (ClientError, BotoCoreError):
            if not self._closed.wait(POLL_SECONDS):
                LOG.exception("the queue %s could not be polled", queue)
            return []
        return list(received.get("Messages", []))

    def _process(self, mapping: EventSourceMapping, messages: list[Any]) -> None:
        """Invoke the function with messages, delete those it is done with, and give the rest back.

        With an engine that closes meanwhile, all stay in the queue.
        """
        queue = mapping.event_source_arn
        event = {"Records": [_record(each, queue) for each in messages]}
        payload, failed = self._invoke(parse(mapping.function_arn).name, event)
        if self._closed.is_set():
            return
        sent = {str(each["MessageId"]) for each in messages}
        again = sent if failed else _failed(mapping, payload, sent)
        url = self._url(queue)
        for each in messages:
            handle = each["ReceiptHandle"]
            if each["MessageId"] in again:
                self._sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=RETRY_SECONDS
                )
            else:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)

    def _processed(self, done: Future[None], turns: threading.Semaphore) -> None:
        turns.release()
        error = done.exception()
        if error is not None and not self._closed.is_set():
            LOG.error("messages of a queue could not be given to a function", exc_info=error)

    def _url(self, queue: str) -> str:
        return str(self._sqs.get_queue_url(QueueName=parse(queue).name)["QueueUrl"])


def _record(message: Mapping[str, Any], queue: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: {f"{key[0].lower()}{key[1:]}": value for key, value in attribute.items()}
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": parse(queue).region,
    }


def _failed(mapping: EventSourceMapping, payload: str, sent: set[str]) -> set[str]:
    """Return the ids of the messages that a function says it failed on, if it may say so.

    An answer that is not understood, or names another message, fails the whole batch.
    """
    if "ReportBatchItemFailures" not in (mapping.function_response_types or ()):
        return set()
    try:
        answer = json.loads(payload) or {}
        named = {each["itemIdentifier"] for each in answer.get("batchItemFailures") or ()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return sent
    return sent if named - sent else named
