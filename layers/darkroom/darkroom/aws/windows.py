"""Windows of alerts in DynamoDB: the first alert opens one, and those like it wait for a summary.

They lie in the records' table, under keys that are no image's. Nothing here is deleted before it
has been told: what two summaries tell is told twice, what none could tell is in the next one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from darkroom.aws import items
from darkroom.aws.calls import classified

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LISTED = 50
"""Alerts that a window remembers one by one; of more it only counts how many there were. An item
has 400 KB (DynamoDB developer guide, "Constraints"), and a write of it costs by its size."""


class Waiting(Struct, frozen=True):
    """What waits in a window: so many listed, and how many more."""

    listed: frozenset[str] = frozenset()
    more: int = 0


class Windows:
    """The windows of a table. Every method raises AccessDenied or StorageError."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._dynamodb = client
        self._table = table

    def open(self, window: str, mark: str, seconds: int) -> bool:
        """Open a window for an alert, unless another one's is open; its own it meets again."""
        now = int(time.time())
        return self._updated(
            window,
            "SET #until = :until, opener = :mark",
            "attribute_not_exists(image) OR #until <= :now OR opener = :mark",
            {":until": {"N": str(now + seconds)}, ":now": {"N": str(now)}, ":mark": {"S": mark}},
        )

    def join(self, window: str, alert: str) -> bool:
        """Have an alert wait in an open window, however often it says so; False if none is open."""
        one: dict[str, Any] = {":now": {"N": str(int(time.time()))}}
        room = {":alert": {"SS": [alert]}, ":most": {"N": str(LISTED)}}
        return self._updated(
            window,
            "ADD listed :alert",
            "#until > :now AND (attribute_not_exists(listed) OR size(listed) < :most)",
            one | room,
        ) or self._updated(window, "ADD more :one", "#until > :now", one | {":one": {"N": "1"}})

    def close(self, window: str) -> Waiting:
        """Let nobody join a window any more, and return what waits in it."""
        with classified(f"The alerts of {window}"):
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key={"image": {"S": window}},
                UpdateExpression="SET #until = :never REMOVE opener",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":never": {"N": "0"}},
                ReturnValues="ALL_NEW",
            )
        item: Any = answer["Attributes"]
        listed = frozenset(item.get("listed", {"SS": []})["SS"])
        return Waiting(listed, int(item.get("more", {"N": "0"})["N"]))

    def forget(self, window: str, told: Waiting) -> None:
        """Take out of a window what has been told, and leave what came since."""
        update = "ADD more :less"
        values: dict[str, Any] = {":less": {"N": str(-told.more)}}
        if told.listed:  # there are no empty sets (DynamoDB developer guide, "Data types")
            update += " DELETE listed :told"
            values[":told"] = {"SS": sorted(told.listed)}
        self._updated(window, update, "attribute_exists(image)", values)

    def _updated(self, window: str, update: str, condition: str, values: dict[str, Any]) -> bool:
        """Write, and return whether the condition held."""
        names = {"#until": "until"} if "#until" in update + condition else {}
        with classified(f"The alerts of {window}"):
            table = self._table
            item = items.update(self._dynamodb, table, window, update, condition, values, names)
        return item is None
