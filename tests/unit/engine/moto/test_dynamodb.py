"""Items in answers, and update expressions."""

from __future__ import annotations

import copy
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models import dynamo_type
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.parsing import ast_nodes
from moto.dynamodb.parsing.ast_nodes import (
    DepthFirstTraverser,
    ExpressionAttributeValue,
    UpdateExpressionSetAction,
)
from moto.dynamodb.parsing.executors import UpdateExpressionExecutor
from moto.dynamodb.parsing.expressions import ExpressionTokenizer, UpdateExpressionParser

from darkroom_ops.engine.moto import dynamodb
from tests.support.aws import empty_account
from tests.unit.engine.moto.lab import Json, Lab, hooked, made_table
from tests.unit.engine.moto.probes import probe

ITEM: Json = {
    "id": {"S": "a"},
    "number": {"N": "1.5"},
    "set": {"SS": ["x", "y"]},
    "bytes": {"B": b"\xff"},
    "gone": {"M": {}},
    "nested": {"M": {"list": {"L": [{"BOOL": False}, {"NULL": True}, {"M": {"b": {"B": b"\0"}}}]}}},
}
"""Every type, and what is written otherwise at every depth."""


@pytest.fixture
def table(lab: Lab) -> Any:
    """A client with a table of one item."""
    with hooked(lab):
        yield made_table(ITEM)


def update(table: Any, expression: str, **values: Any) -> Json:
    given = {"ExpressionAttributeValues": {f":{name}": each for name, each in values.items()}}
    done: Json = table.update_item(
        TableName="t",
        Key={"id": {"S": "a"}},
        UpdateExpression=expression,
        ReturnValues="ALL_NEW",
        **(given if values else {}),
    )
    return done["Attributes"]


def test_an_item_comes_back_as_it_was_put(table: Any) -> None:
    got = table.get_item(TableName="t", Key={"id": {"S": "a"}})["Item"]
    got["set"]["SS"].sort()
    assert got == ITEM


def test_an_expression_is_read_again_for_another_item(table: Any) -> None:
    for count in ("1", "2"):
        expression = "SET seen = if_not_exists(seen, :zero) + :one REMOVE gone"
        changed = update(table, expression, zero={"N": "0"}, one={"N": "1"})
        assert changed["seen"] == {"N": count}
        assert "gone" not in changed


def test_what_is_wrong_with_an_expression_is_still_found(table: Any) -> None:
    with pytest.raises(ClientError, match='The "SET" section can only be used once'):
        update(table, "SET a = :a SET b = :a", a={"S": ""})
    with pytest.raises(ClientError, match="Two document paths overlap"):
        update(table, "SET a = :a, a = :a", a={"S": ""})
    for _ in range(2):  # also of what has been looked at before
        with pytest.raises(ClientError, match="Two document paths overlap"):
            update(table, "SET a = :a, b = :a REMOVE c, b", a={"S": ""})


def times_read(calls: int) -> int:
    with patch.object(
        ExpressionTokenizer, "make_list", wraps=ExpressionTokenizer.make_list
    ) as made:
        for _ in range(calls):
            UpdateExpressionParser.make("SET probe = :probe")
    return made.call_count


def test_an_expression_is_read_once(lab: Lab) -> None:
    UpdateExpressionParser.make("SET probe = :probe")
    assert times_read(2) == 0


VALUES: Json = {
    "one": {"N": "1"},
    "text": {"S": "t"},
    "map": {"M": {"b": {"L": [{"N": "7"}]}}},
    "more": {"SS": ["z"]},
}
UPDATES = (
    "SET #number = #number + :one, summed = #number - :one, #name = :text REMOVE gone, absent",
    "REMOVE #name, summed SET made = if_not_exists(made, :one) + :one, latest = made",
    "SET made = if_not_exists(#number, :text), latest = if_not_exists(absent, made)",
    "SET latest = made",
    "SET #name = :map, kept = #number REMOVE made",
    "SET latest = made",
    "SET #number = :one - #number",
    "SET #name.b[0] = :text, nested.#name = :one REMOVE nested.absent",
    "ADD #number :one DELETE #set :more SET latest = :text",
    "ADD #set :more REMOVE #name",
)


def outcome(table: Any, expression: str) -> object:
    names = {f"#{name}": name for name in ("name", "number", "set") if f"#{name}" in expression}
    values = {f":{name}": each for name, each in VALUES.items() if f":{name}" in expression}
    try:
        item = table.update_item(
            TableName="t",
            Key={"id": {"S": "a"}},
            UpdateExpression=expression,
            ReturnValues="ALL_NEW",
            **({"ExpressionAttributeNames": names} if names else {}),
            **({"ExpressionAttributeValues": values} if values else {}),
        )["Attributes"]
    except ClientError as error:
        return str(error)
    return {**item, "set": {"SS": sorted(item["set"]["SS"])}}


def test_updates_have_the_outcomes_of_plain_moto(lab: Lab) -> None:
    """Whatever moto has validated before, and of what there is then, or is no more."""
    outcomes = []
    for account in (empty_account(), hooked(lab)):
        with account:
            table = made_table(ITEM)
            outcomes.append([outcome(table, each) for each in UPDATES * 3])
    plain, ours = outcomes
    assert ours == plain
    assert 0 < sum(isinstance(each, str) for each in plain) < len(plain) / 2


def walks(table: Any, calls: int) -> int:
    """Return how often moto walks through one update's expression."""
    with patch.object(
        DepthFirstTraverser, "traverse", autospec=True, side_effect=DepthFirstTraverser.traverse
    ) as walked:
        for _ in range(calls):
            update(table, "SET walked = :w", w={"S": "w"})
    return walked.call_count


def test_an_expression_is_validated_once(table: Any) -> None:
    walks(table, 1)
    assert walks(table, 2) == 0


def test_a_key_is_validated_every_time(table: Any) -> None:
    """An attribute that an index has must be of its type."""
    table.create_table(
        TableName="indexed",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("id", "maker")
        ],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "index",
                "KeySchema": [{"AttributeName": "maker", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )

    def set_to(value: Json) -> None:
        table.update_item(
            TableName="indexed",
            Key={"id": {"S": "a"}},
            UpdateExpression="SET maker = :v",
            ExpressionAttributeValues={":v": value},
        )

    set_to({"S": "b"})
    with pytest.raises(ClientError, match="Type mismatch"):
        set_to({"N": "1"})


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("SET a = unseen", "attribute that does not exist"),
        ("SET a = if_not_exists(b, unseen)", "attribute that does not exist"),
        ("SET unseen.deep = :v", "path provided in the update expression is invalid"),
        ("SET id = :v", "part of the key"),
        ("SET a = :v + :v", "operand in the update expression has an incorrect data type"),
        ("REMOVE unseen.deep", "path provided in the update expression is invalid"),
        ("SET a = :none", "attribute value used in expression is not defined"),
    ],
)
def test_each_part_of_an_expression_is_checked(table: Any, expression: str, error: str) -> None:
    with pytest.raises(ClientError, match=error):
        update(table, expression, **({"v": {"S": "v"}} if ":v" in expression else {}))


def test_an_item_is_as_large_as_its_names_and_values(lab: Lab) -> None:
    """Text in UTF-8, a number by its digits, and what a list or a map holds (moto's rules)."""
    value = {"L": [{"N": "1.5"}, {"M": {"é": {"S": "ü€"}, "set": {"SS": ["a", "bc"]}}}]}
    assert DynamoType(value).size() == 3 + (2 + 5) + (3 + 3)
    assert DynamoType({"BOOL": True}).size() == 1
    assert DynamoType({"B": b"\xff\xff"}).size() == 2


def sizes_asked() -> int:
    """Return how often a value is asked for its size, when an item of two gets another."""
    attributes = LimitedSizeDict({"a": DynamoType({"S": "a"}), "b": DynamoType({"N": "1"})})
    with patch.object(DynamoType, "size", return_value=1) as asked:
        attributes["c"] = DynamoType({"S": "c"})
    assert attributes["c"].value == "c"
    return asked.call_count


def test_a_small_item_is_not_measured_for_each_value(lab: Lab) -> None:
    assert sizes_asked() == 0


@pytest.mark.parametrize(
    "large",
    [{"S": "é" * 202_000}, {"L": [{"S": "e" * 404_000}]}, {"M": {"é": {"S": "e" * 404_000}}}],
)
def test_an_item_has_the_same_largest_size(lab: Lab, large: Json) -> None:
    attributes = LimitedSizeDict({"a": DynamoType(large)})
    attributes["b"] = DynamoType({"S": "e" * 900})
    with pytest.raises(ItemSizeTooLarge):
        attributes["c"] = DynamoType({"S": "é" * 100})
    with pytest.raises(ItemSizeTooLarge):
        attributes["é" * 100] = "none of DynamoDB's"
    assert set(attributes) == {"a", "b"}


def copies_to_write() -> int:
    value = DynamoType({"M": {"list": {"L": [{"S": "a"}]}, "number": {"N": "1"}}})
    with patch.object(dynamo_type.copy, "deepcopy", side_effect=copy.deepcopy) as copied:
        value.to_regular_json()
    return int(copied.call_count)


def test_a_value_is_written_without_a_copy(lab: Lab) -> None:
    assert copies_to_write() == 0
    value: Json = {"M": {"b": {"B": "AA=="}, "l": {"L": [{"BOOL": True}, {"NULL": True}]}}}
    assert DynamoType(value).to_regular_json() == {
        "M": {"b": {"B": b"\0"}, "l": {"L": [{"BOOL": True}, {"NULL": True}]}}
    }


def test_a_copy_of_a_value_stands_for_itself(lab: Lab) -> None:
    value = DynamoType({"M": {"list": {"L": [{"S": "a"}]}, "set": {"SS": ["x"]}, "n": {"N": "1"}}})
    copied = copy.deepcopy(value)
    assert copied == value
    copied.value["list"].value[0].value = "b"
    copied.value["set"].value.append("y")
    copied.value["more"] = DynamoType({"S": ""})
    assert value.to_regular_json() == {
        "M": {"list": {"L": [{"S": "a"}]}, "set": {"SS": ["x"]}, "n": {"N": "1"}}
    }


def times_lexed() -> int:
    lex = ConditionExpressionParser._lex_one_node
    with patch.object(
        ConditionExpressionParser, "_lex_one_node", autospec=True, side_effect=lex
    ) as lexed:
        for value in ("1", "2"):
            parser = ConditionExpressionParser("a = :probe", {}, {":probe": {"N": value}})
            assert value in str(parser.parse())
    return lexed.call_count


def test_a_condition_is_read_once_for_any_values(lab: Lab) -> None:
    times_lexed()
    assert times_lexed() == 0


CONDITION = "#a = :a OR attribute_not_exists(c)"


def conditions_parsed(*values: str) -> int:
    """Return how often a condition is parsed, for each value that it is given."""
    with patch.object(
        ConditionExpressionParser,
        "_parse_paths",
        autospec=True,
        side_effect=ConditionExpressionParser._parse_paths,
    ) as parsed:
        for value in values:
            parser = ConditionExpressionParser(CONDITION, {"#a": "b"}, {":a": {"N": value}})
            assert str(parser.parse()).count(value) == 1
            assert sorted(parser.expr_attr_names_found) == ["#a", "c"]
            assert parser.expr_attr_values_found == [":a"]
    return parsed.call_count


def test_a_condition_is_parsed_once_for_the_same_values(lab: Lab) -> None:
    assert conditions_parsed("17", "17", "17") == 1
    assert conditions_parsed("18", "19", "18") == 3
    with pytest.raises(KeyError):
        ConditionExpressionParser(CONDITION, {"#b": "b"}, {":a": {"N": "18"}}).parse()


@probe(dynamodb.parse_condition)
def test_plain_moto_parses_a_condition_every_time() -> bool:
    return conditions_parsed("17", "17") == 2


def classes_asked() -> int:
    """Return how often it is asked what kind a part is, when clauses are looked for."""
    tree = UpdateExpressionParser.make("SET a = :a, b = :b")
    with patch.object(ast_nodes, "isinstance", create=True, side_effect=isinstance) as asked:
        assert len(tree.find_clauses([UpdateExpressionSetAction])) == 2
    return int(asked.call_count)


def test_clauses_are_found_in_functions_and_groups(lab: Lab) -> None:
    classes_asked()
    assert classes_asked() == 0
    tree = UpdateExpressionParser.make("SET a = if_not_exists(b, :b) + :c")
    named = tree.find_clauses([ExpressionAttributeValue])
    assert [each.get_value_name() for each in named] == [":b", ":c"]


@probe(dynamodb.find_clauses)
def test_plain_moto_asks_every_part_for_its_kind() -> bool:
    return classes_asked() > 0


@probe(dynamodb.size)
def test_plain_moto_asks_a_value_for_its_type_to_know_its_size() -> bool:
    with patch.object(DynamoType, "is_set", return_value=False) as asked:
        DynamoType({"S": "a"}).size()
    return asked.called


@probe(dynamodb.set_attribute)
def test_plain_moto_measures_an_item_for_each_value() -> bool:
    return sizes_asked() > 0


@probe(dynamodb.written)
def test_plain_moto_copies_a_value_to_write_it() -> bool:
    return copies_to_write() > 0


@probe(dynamodb.copy_value)
def test_plain_moto_remembers_every_value_that_it_copied() -> bool:
    memo: dict[int, Any] = {}
    DynamoType({"S": "a"}).__deepcopy__(memo)
    return bool(memo)


@probe(dynamodb.lex_condition)
def test_plain_moto_reads_a_condition_every_time() -> bool:
    return times_lexed() > 2


@probe(dynamodb.parse_update)
def test_plain_moto_reads_an_expression_every_time() -> bool:
    return times_read(2) == 2


@probe(dynamodb.update)
def test_plain_moto_walks_through_an_expression_for_every_update() -> bool:
    return walks(made_table(ITEM), 2) > 10


@probe(dynamodb.execute)
def test_plain_moto_executes_an_expression() -> bool:
    item = Item(DynamoType({"S": "a"}), None, {})
    done = dynamodb.Update(None)
    done.actions = [("a", DynamoType({"S": "b"}))]
    with pytest.raises(AttributeError):
        UpdateExpressionExecutor(done, item, {}).execute()
    return True


@probe(dynamodb.serialize_structure)
def test_plain_moto_looks_for_every_type_in_every_value() -> bool:
    table = made_table(ITEM)
    look = ResponseSerializer.get_value
    with patch.object(ResponseSerializer, "get_value", autospec=True, side_effect=look) as looked:
        table.get_item(TableName="t", Key={"id": {"S": "a"}})
    return {call.args[2] for call in looked.call_args_list} >= {"S", "SS", "M", "NULL"}
