"""Items lie in the spool, and are the same as in memory."""

from __future__ import annotations

import copy
import gc
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from darkroom_ops.engine.data.store import Entry
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.engine.moto import items
from darkroom_ops.engine.moto.state import EngineState
from tests.unit.engine.moto.lab import REGION, Json, Lab, hooked, made_table
from tests.unit.engine.moto.probes import probe

KEYS = ("a", "ü", "\n\U0001f4f7")

SAID: Json = {
    "number": {"N": "1.5"},
    "texts": {"SS": ["x"]},
    "bytes": {"B": b"\xff"},
    "nested": {"M": {"list": {"L": [{"BOOL": False}, {"NULL": True}, {"M": {}}]}}},
}


@pytest.fixture
def table(lab: Lab) -> Any:
    """A client with a table of an item for each key."""
    with hooked(lab):
        yield made_table(*({"id": {"S": key}, **SAID} for key in KEYS))


def at(key: str) -> Json:
    return {"TableName": "t", "Key": {"id": {"S": key}}}


def moto_table() -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables["t"]


def test_items_are_read_listed_written_and_deleted(table: Any) -> None:
    assert [table.get_item(**at(key))["Item"] for key in KEYS] == [
        {"id": {"S": key}, **SAID} for key in KEYS
    ]
    assert table.describe_table(TableName="t")["Table"]["ItemCount"] == 3
    table.update_item(
        **at("a"),
        UpdateExpression="SET #n = #n + :one",
        ExpressionAttributeNames={"#n": "number"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    table.delete_item(**at("ü"))
    assert "Item" not in table.get_item(**at("ü"))
    assert {each["id"]["S"]: each["number"] for each in table.scan(TableName="t")["Items"]} == {
        "a": {"N": "2.5"},
        KEYS[2]: {"N": "1.5"},
    }


def test_an_update_that_is_refused_changes_nothing(table: Any) -> None:
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.update_item(
            **at("a"),
            UpdateExpression="REMOVE nested",
            ConditionExpression="attribute_exists(absent)",
        )
    assert table.get_item(**at("a"))["Item"] == {"id": {"S": "a"}, **SAID}


def test_no_item_is_in_memory(table: Any) -> None:
    """Nothing of it but its key, and a place in a file."""
    ours = "170225.5"  # other tests' items have other numbers
    for number in range(100):
        item = {"id": {"S": str(number)}, **SAID, "number": {"N": ours}}
        table.put_item(TableName="t", Item=item)
    gc.collect()
    assert len(moto_table().items) == 103
    assert not [
        each
        for each in gc.get_objects()
        if isinstance(each, DynamoType) and getattr(each, "value", None) == ours
    ]


def test_a_copy_of_a_table_has_its_items_when_they_are_deleted(table: Any) -> None:
    copied = copy.deepcopy(moto_table().items)
    table.delete_item(**at("a"))
    table.put_item(TableName="t", Item={"id": {"S": "b"}, **SAID})  # may lie where the other lay
    assert copied[DynamoType({"S": "a"})].to_json()["Attributes"] == {"id": {"S": "a"}, **SAID}


def test_items_may_go_and_come_while_they_are_listed(table: Any) -> None:
    listed = iter(moto_table().items)
    found = [next(listed)]
    table.delete_item(**at("a"))
    table.put_item(TableName="t", Item={"id": {"S": "b"}})
    assert [each.value for each in [*found, *listed]] == list(KEYS)


def test_what_is_kept_of_an_item_is_made_anew_only_when_it_is_written(table: Any) -> None:
    def held() -> dict[Any, Any]:
        router: Any = SimpleNamespace(undelivered=dict)
        return {each.key: each for each in EngineState(REGION, Inbox(), router).held()}

    before = held()
    table.update_item(**at("a"), UpdateExpression="REMOVE nested, texts")
    after = held()
    (changed,) = (key for key, each in after.items() if before[key].state != each.state)
    attributes = {"id": {"S": "a"}, "number": SAID["number"], "bytes": SAID["bytes"]}
    assert after[changed].entry() == Entry(
        "item", '["t", {"S": "a"}, null]', {"attributes": attributes}
    )


def aliased() -> bool:
    table = made_table(*({"id": {"S": key}, **SAID} for key in KEYS))
    table.update_item(**at("a"), UpdateExpression="SET copied = nested")
    table.update_item(**at("a"), UpdateExpression="REMOVE nested.#l", **LIST)
    return bool(table.get_item(**at("a"))["Item"]["copied"] == {"M": {}})


LIST = {"ExpressionAttributeNames": {"#l": "list"}}


def test_a_value_that_is_set_to_another_is_a_copy(lab: Lab) -> None:
    with hooked(lab):
        assert not aliased()


@probe(items.update_item)
def test_plain_moto_changes_a_value_together_with_what_it_was_set_to() -> bool:
    return aliased()


@probe(items.table)
def test_plain_moto_holds_its_items() -> bool:
    made_table({"id": {"S": "a"}, **SAID})
    return any(isinstance(each, Item) for each in moto_table().items.values())
