"""Queues keep what is sent to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from moto.sqs.models import Message, Queue, SQSBackend

from darkroom_ops.engine.moto import sqs
from tests.unit.engine.moto.lab import ACCOUNT, REGION
from tests.unit.engine.moto.probes import probe

POLICY = '{"Statement": [{"Sid": "Any"}]}'


class Messages(list[Any]):
    """Another one is sent when all have been looked at."""

    send: threading.Thread

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        if self.send.ident is None:
            self.send.start()
            self.send.join(0.05)


def left() -> list[str]:
    """Delete a message while another is sent, and return what is left."""
    queue, message = Queue("q", REGION, ACCOUNT), Message("1", "first")
    message.mark_sent()
    message.mark_received()
    queue._messages = messages = Messages([message])
    messages.send = threading.Thread(target=queue.add_message, args=[Message("2", "second")])
    queue.delete_message(str(message.receipt_handle))
    messages.send.join()
    return [each.body for each in queue._messages]


def test_a_message_that_is_sent_while_another_is_deleted_is_kept(lab: object) -> None:
    assert left() == ["second"]


@probe(sqs.delete_message)
def test_plain_moto_loses_it() -> bool:
    return left() == []


def policies() -> list[object]:
    """Return a queue's policy as it is made, and set, and after another attribute was set."""
    backend = SQSBackend(REGION, ACCOUNT)
    queue = backend.queues["q"] = Queue("q", REGION, ACCOUNT)
    seen = [queue.policy]
    for given in ({"Policy": POLICY}, {"VisibilityTimeout": 5}, {"Policy": ""}):
        backend.set_queue_attributes("q", given)
        seen.append(queue.policy)
    return [*seen, queue.visibility_timeout]  # type: ignore[attr-defined]


def test_a_queue_keeps_its_policy_until_it_gets_another_one(lab: object) -> None:
    assert policies() == [None, POLICY, POLICY, None, 5]


@probe(sqs.set_queue_attributes)
def test_plain_moto_forgets_it() -> bool:
    return policies()[2] is None


def test_a_queue_is_where_the_engine_is(lab: object) -> None:
    """The JavaScript SDK calls a queue's URL, whatever the endpoint is."""
    assert Queue("q", REGION, ACCOUNT).physical_resource_id == f"http://127.0.0.1:1/{ACCOUNT}/q"


@probe(sqs.queue_url)
def test_plain_moto_puts_it_on_aws() -> bool:
    return "amazonaws.com" in Queue("q", REGION, ACCOUNT).physical_resource_id
