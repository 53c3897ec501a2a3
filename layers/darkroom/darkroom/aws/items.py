"""Writing an item of DynamoDB if a condition holds, which is how what runs side by side agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom.aws.calls import code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def update(
    client: DynamoDBClient,
    table: str,
    image: str,
    expression: str,
    condition: str,
    values: Mapping[str, Any],
    names: Mapping[str, str],
) -> Mapping[str, Any] | None:
    """Write by an update expression; if the condition does not hold, return the item there is.

    The names are those that the expressions use: DynamoDB refuses one that they don't.
    """
    named: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
    try:
        client.update_item(
            TableName=table,
            Key={"image": {"S": image}},
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **named,
        )
    except ClientError as error:
        if code(error) != "ConditionalCheckFailedException":
            raise
        item: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
        return item
    return None
