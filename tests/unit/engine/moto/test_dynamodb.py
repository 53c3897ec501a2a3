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
from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
from moto.dynamodb.parsing import ast_nodes
from moto.dynamodb.parsing.ast_nodes import (
    DepthFirstTraverser,
    ExpressionAttributeValue,
    Node,
    UpdateExpressionSetAction,
)
from moto.dynamodb.parsing.expressions import ExpressionTokenizer, UpdateExpressionParser
from moto.dynamodb.parsing.validators import (
    ActionCountValidator,
    ExpressionAttributeValueProcessor,
    NoneExistingPathChecker,
    OverlappingPathsValidator,
    TypeMismatchValidator,
)

from darkroom_ops.engine.moto import dynamodb, hooks
from tests.support.aws import client, empty_account
from tests.unit.engine.moto.lab import Json, Lab
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
    with empty_account():
        hooks.install(lab.services)
        yield made_table()
        hooks.uninstall()


def made_table() -> Any:
    made = client("dynamodb")
    made.create_table(
        TableName="t",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    made.put_item(TableName="t", Item=ITEM)
    return made


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
    with pytest.raises(ClientError, match="Two document paths overlap"):
        update(table, "SET a = :a, b = :a REMOVE c, b", a={"S": ""})


def times_read(calls: int) -> int:
    with patch.object(
        ExpressionTokenizer, "make_list", wraps=ExpressionTokenizer.make_list
    ) as made:
        for _ in range(calls):
            UpdateExpressionParser.make("SET probe = :probe")
    return made.call_count


def asked(traverser: Any) -> int:
    """Return how often a traverser says which nodes it is looking for, in a small tree."""
    kinds = type(traverser).nodes_to_be_processed
    tree = UpdateExpressionParser.make("SET a = :a, b = :b")
    with patch.object(DepthFirstTraverser, "nodes_to_be_processed", autospec=True) as ask:
        ask.side_effect = kinds
        for _ in range(2):
            traverser.traverse(tree)
    return ask.call_count


def test_an_expression_is_read_once(lab: Lab) -> None:
    UpdateExpressionParser.make("SET probe = :probe")
    assert times_read(2) == 0


def test_a_traverser_asks_once_for_each_kind_of_node(lab: Lab) -> None:
    asked(TypeMismatchValidator([]))
    assert asked(TypeMismatchValidator([])) == 0


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


def test_a_traverser_goes_where_it_finds_something(lab: Lab) -> None:
    """From the whole to what it looks for: none of its parts, its actions, values that it has."""
    visits = []
    for traverser in (
        ActionCountValidator(),
        TypeMismatchValidator([]),
        ExpressionAttributeValueProcessor({":v": {"S": "v"}}),
        NoneExistingPathChecker(),
    ):
        tree = copy.deepcopy(UpdateExpressionParser.make("SET a.b.c = :v REMOVE d.e"))
        visit = dynamodb.traverse.replacement
        with patch.object(dynamodb.traverse, "replacement", side_effect=visit) as visited:
            traverser.traverse(tree)
        visits.append([type(call.args[1]).__name__ for call in visited.mock_calls])
    clause, actions = "UpdateExpressionSetClause", "UpdateExpressionSetActions"
    action, value = "UpdateExpressionSetAction", "UpdateExpressionValue"
    assert visits[0] == []
    assert visits[1] == [clause, actions, action]
    assert visits[2] == [clause, actions, action, value, "ExpressionAttributeValue"]
    assert visits[3].count("UpdateExpressionPath") == 2


def looks(validator: Any) -> int:
    """Return how often a validator looks through a small update's parts."""
    tree = UpdateExpressionParser.make("SET a = :a, b = :b REMOVE c")
    with patch.object(Node, "find_clauses", return_value=[]) as looked:
        validator.traverse(tree)
    return looked.call_count


def test_a_whole_update_is_validated_at_once(lab: Lab) -> None:
    """Looking for clauses of three kinds, and for the actions, whose paths are compared."""
    assert (looks(ActionCountValidator()), looks(OverlappingPathsValidator({}))) == (3, 1)


def test_a_copy_of_an_expression_stands_for_itself(lab: Lab) -> None:
    tree = UpdateExpressionParser.make("SET a = :a, b = :b")
    copied = copy.deepcopy(tree)
    (child,) = copied.children
    assert (type(copied), type(child)) == (type(tree), type(tree.children[0]))
    assert child is not tree.children[0]
    assert (child.parent, copied.parent) == (copied, None)
    assert copy.deepcopy(tree.children[0]).parent is None
    assert len(copied.find_clauses([UpdateExpressionSetAction])) == 2


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


@probe(dynamodb.copy_node)
def test_plain_moto_copies_an_expression_by_pickles_protocol() -> bool:
    return not hasattr(UpdateExpressionParser.make("SET a = :a"), "__deepcopy__")


@probe(dynamodb.parse_update)
def test_plain_moto_reads_an_expression_every_time() -> bool:
    return times_read(2) == 2


@probe(dynamodb.traverse)
def test_plain_moto_asks_at_every_node() -> bool:
    return asked(TypeMismatchValidator([])) > 10


@probe(dynamodb.count_clauses)
def test_plain_moto_counts_the_clauses_of_every_part() -> bool:
    return looks(ActionCountValidator()) > 3


@probe(dynamodb.compare_paths)
def test_plain_moto_compares_the_paths_of_every_part() -> bool:
    return looks(OverlappingPathsValidator({})) > 1


@probe(dynamodb.serialize_structure)
def test_plain_moto_looks_for_every_type_in_every_value() -> bool:
    table = made_table()
    look = ResponseSerializer.get_value
    with patch.object(ResponseSerializer, "get_value", autospec=True, side_effect=look) as looked:
        table.get_item(TableName="t", Key={"id": {"S": "a"}})
    return {call.args[2] for call in looked.call_args_list} >= {"S", "SS", "M", "NULL"}
