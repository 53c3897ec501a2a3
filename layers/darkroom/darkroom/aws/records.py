"""The images' records in DynamoDB: read by Notify and by operators, written by Notify."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from darkroom.contract.record import ImageRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from darkroom.contract.results import Failure


class Records:
    """The records of a table.

    Every method raises what the client raises, a ClientError or a BotoCoreError. A write whose
    condition does not hold is a ClientError, too: ConditionalCheckFailedException.

    Parameters
    ----------
    client
        A boto3 DynamoDB client.
    table
        Name of the table.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._dynamodb = client
        self._table = table

    def read(self, image: str) -> ImageRecord:
        """Return an image's record as it is now; an empty one where there is none."""
        return decoded(
            self._dynamodb.get_item(
                TableName=self._table, Key={"image": {"S": image}}, ConsistentRead=True
            ).get("Item", {})
        )

    def reserve(self, image: str, mark: str, seconds: int) -> None:
        """Keep an announcement to the caller for some seconds, unless another delivery has it.

        When it is refused, the error has the item that is there, if there is one.
        """
        now = int(time.time())
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"image": {"S": image}},
            UpdateExpression="SET announcing = :mark, announcingUntil = :until",
            ConditionExpression=(
                "attribute_exists(image) AND (attribute_not_exists(announcing) "
                "OR announcing <> :mark OR announcingUntil < :now)"
            ),
            ExpressionAttributeValues={
                ":mark": {"S": mark},
                ":now": {"N": str(now)},
                ":until": {"N": str(now + seconds)},
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def release(self, image: str, mark: str) -> None:
        """Let others make an announcement that was reserved."""
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"image": {"S": image}},
            UpdateExpression="REMOVE announcing, announcingUntil",
            ConditionExpression="announcing = :mark",
            ExpressionAttributeValues={":mark": {"S": mark}},
        )

    def mark(self, image: str, execution: str, mark: str) -> None:
        """Write that an outcome was announced, if the record is still the execution's."""
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"image": {"S": image}},
            UpdateExpression="SET announced = :mark",
            ConditionExpression="#execution = :execution",
            ExpressionAttributeNames={"#execution": "execution"},
            ExpressionAttributeValues={
                ":mark": {"S": mark},
                ":execution": {"S": execution},
            },
        )

    def fail(self, image: str, execution: str, failure: Failure) -> None:
        """Release the claim of an execution that could not do it itself."""
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"image": {"S": image}},
            UpdateExpression=(
                "SET #status = :failed, #error = :error, message = :message, "
                "failedState = :state, finishedAt = :now REMOVE leaseUntil"
            ),
            ConditionExpression="#execution = :execution AND #status = :inProgress",
            ExpressionAttributeNames={
                "#status": "status",
                "#error": "error",
                "#execution": "execution",
            },
            ExpressionAttributeValues={
                ":failed": {"S": "FAILED"},
                ":inProgress": {"S": "IN_PROGRESS"},
                ":error": {"S": failure.error},
                ":message": {"S": failure.message},
                ":state": {"S": failure.state},
                ":now": {"S": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
                ":execution": {"S": execution},
            },
        )


def decoded(item: Mapping[str, Any]) -> ImageRecord:
    """Return a record as a model, from an item as DynamoDB gives it."""
    known = {name: item[name] for name in ImageRecord.__struct_encode_fields__ if name in item}
    return msgspec.convert(_plain({"M": known}), ImageRecord)


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content)
    if kind == "M":
        return {name: _plain(each) for name, each in content.items()}
    return [_plain(each) for each in content] if kind == "L" else content
