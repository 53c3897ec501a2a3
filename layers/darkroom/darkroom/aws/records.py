"""The images' records in DynamoDB: read by Notify and by operators, written by Notify."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from darkroom.aws import items
from darkroom.aws.calls import classified
from darkroom.contract.record import ImageRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from darkroom.contract.results import Failure


class Records:
    """The records of a table.

    Every method raises AccessDenied or StorageError, as their names say.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._dynamodb = client
        self._table = table

    def read(self, image: str) -> ImageRecord:
        """Return an image's record as it is now; an empty one where there is none."""
        with classified(f"The record of {image}"):
            answer = self._dynamodb.get_item(
                TableName=self._table, Key={"image": {"S": image}}, ConsistentRead=True
            )
        return decoded(answer.get("Item", {}))

    def reserve(self, image: str, mark: str, seconds: int) -> bool:
        """Keep an announcement to the caller for some seconds; False if another delivery has it.

        True where there is no record to keep it in, too.
        """
        now = int(time.time())
        taken = self._update(
            image,
            "SET announcing = :mark, announcingUntil = :until",
            "attribute_exists(image) AND (attribute_not_exists(announcing) "
            "OR announcing <> :mark OR announcingUntil < :now)",
            {":mark": {"S": mark}, ":now": {"N": str(now)}, ":until": {"N": str(now + seconds)}},
        )
        return not taken

    def release(self, image: str, mark: str) -> None:
        """Let others make an announcement that was reserved."""
        self._update(
            image,
            "REMOVE announcing, announcingUntil",
            "announcing = :mark",
            {":mark": {"S": mark}},
        )

    def mark(self, image: str, execution: str, mark: str, alerted: str) -> None:
        """Write that an outcome was announced, if the record is still the execution's.

        With the fault and the error that an alert told of; nothing of a success.
        """
        update, values = "SET announced = :mark", {":mark": {"S": mark}}
        if alerted:
            update += ", alerted = :alerted"
            values[":alerted"] = {"S": alerted}
        self._own(image, execution, update, values)

    def resolve(self, image: str, execution: str) -> None:
        """Write that a success resolved the last alert, if the record is still the execution's."""
        self._own(image, execution, "REMOVE alerted", {})

    def _own(self, image: str, execution: str, update: str, values: Mapping[str, Any]) -> None:
        self._update(
            image,
            update,
            "#execution = :execution",
            {**values, ":execution": {"S": execution}},
            {"#execution": "execution"},
        )

    def fail(self, image: str, execution: str, failure: Failure) -> None:
        """Release the claim of an execution that could not do it itself, if it has it still."""
        self._update(
            image,
            "SET #status = :failed, #error = :error, message = :message, "
            "failedState = :state, finishedAt = :now REMOVE leaseUntil",
            "#execution = :execution AND #status = :inProgress",
            {
                ":failed": {"S": "FAILED"},
                ":inProgress": {"S": "IN_PROGRESS"},
                ":error": {"S": failure.error},
                ":message": {"S": failure.message},
                ":state": {"S": failure.state},
                ":now": {"S": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
                ":execution": {"S": execution},
            },
            {"#status": "status", "#error": "error", "#execution": "execution"},
        )

    def _update(
        self,
        image: str,
        update: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> Mapping[str, Any]:
        """Write, and return nothing; if the condition does not hold, return the item there is."""
        with classified(f"The record of {image}"):
            table = self._table
            item = items.update(self._dynamodb, table, image, update, condition, values, names)
        return item or {}


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
