"""Queues in SQS: a message that nobody could take is given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.aws.calls import classified

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Queue:
    """A queue in SQS, by its URL."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._sqs = client
        self._url = url

    def give_back(self, receipt: str, seconds: int) -> None:
        """Let a message be received again after some seconds; or raise a DarkroomError."""
        with classified(f"The queue {self._url}"):
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
