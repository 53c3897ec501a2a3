"""SQS: no message is lost between two calls, and no policy."""

from __future__ import annotations

from typing import Any

from moto.sqs.models import Queue, SQSBackend

from darkroom_ops.engine.moto.hook import hook, services


@hook(
    Queue,
    "delete_message",
    "Moto loses a message that is sent while another is deleted.",
)
def delete_message(self: Any, receipt_handle: str) -> None:
    with self._messages_lock:  # which whoever sends holds, too
        delete_message.original(self, receipt_handle)


@hook(
    SQSBackend,
    "set_queue_attributes",
    "Moto forgets the policy of a queue when another of its attributes is set.",
    report="SetQueueAttributes removes the queue's policy",
)
def set_queue_attributes(self: Any, queue_name: str, attributes: dict[str, Any]) -> Any:
    known = {"Policy": self.get_queue(queue_name).policy}
    return set_queue_attributes.original(self, queue_name, known | attributes)


def _url(queue: Any) -> str:
    return f"{services().endpoint}/{queue.account_id}/{queue.name}"


queue_url = hook(
    Queue,
    "physical_resource_id",
    "Moto's CloudFormation gives the URL on AWS, which some SDKs call instead of the endpoint.",
)(property(_url))
