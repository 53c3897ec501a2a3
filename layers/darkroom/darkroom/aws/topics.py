"""Topics in SNS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from darkroom.aws.calls import delivering

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class Topics:
    """Topics in SNS."""

    def __init__(self, client: SNSClient) -> None:
        self._sns = client

    def publish(self, topic: str, subject: str, body: str, attributes: Mapping[str, str]) -> None:
        """Publish a message; or raise AccessDenied or DeliveryError.

        The body is JSON, with a text for each protocol; subscriptions can filter on the attributes.
        """
        with delivering(f"The topic {topic}"):
            self._sns.publish(
                TopicArn=topic,
                Subject=subject,
                Message=body,
                MessageStructure="json",
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                },
            )
