"""Topics in SNS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from darkroom.aws.calls import delivering

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class Topics:
    """Topics in SNS.

    Parameters
    ----------
    client
        A boto3 SNS client.
    """

    def __init__(self, client: SNSClient) -> None:
        self._sns = client

    def publish(self, topic: str, subject: str, body: str, attributes: Mapping[str, str]) -> None:
        """Publish a message.

        Parameters
        ----------
        topic
            ARN of the topic.
        subject
            Of the e-mail.
        body
            JSON: the text for each protocol.
        attributes
            What subscriptions can filter on.

        Raises
        ------
        AccessDenied, DeliveryError
            As their names say.
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
