"""DynamoDB: how update expressions are read, and items written into answers."""

from __future__ import annotations

import copy
import functools
from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.utilities import bytesize
from moto.dynamodb.parsing.ast_nodes import (
    DepthFirstTraverser,
    Expression,
    Node,
    UpdateExpressionFunction,
)
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

from darkroom_ops.engine.moto.hook import hook


@hook(
    BaseJSONSerializer,
    "_serialize_type_structure",
    "Moto looks in each value of an item for each of DynamoDB's ten types, under four names.",
)
def serialize_structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    if shape.name == "AttributeValue" and _is_json(value):
        self._default_serialize(serialized, value, shape, key)
    else:
        serialize_structure.original(self, serialized, value, shape, key)


def _is_json(value: Any) -> bool:
    """Return whether a value is as DynamoDB writes it; bytes are not."""
    ((kind, content),) = value.items()
    if kind == "M":
        return all(_is_json(each) for each in content.values())
    if kind == "L":
        return all(_is_json(each) for each in content)
    return kind in {"S", "N", "BOOL", "NULL"}


@hook(
    UpdateExpressionParser,
    "make",
    "Moto parses an update's expression twice for every update; it changes copies only.",
)
@functools.lru_cache(maxsize=64)
def parse_update(expression: str) -> Any:
    return parse_update.original.__get__(None, UpdateExpressionParser)(expression)


@hook(
    DepthFirstTraverser,
    "traverse_node_recursively",
    "Moto lists for every node of an expression, ten times over, which kinds it is looking for.",
)
def traverse(self: Any, node: Any, child_id: int = -1) -> Any:
    is_node, wanted, told = _kinds.get(key := (type(self), type(node))) or _kinds.setdefault(
        key, _kind(self, node)
    )
    if not is_node:
        return node
    parent = node.parent
    for position, child in enumerate(node.children or ()):
        if told:
            self.pre_processing_of_child(node, position)
        traverse.replacement(self, child, position)
    if wanted:
        node = self.process(node)
        node.parent = parent
        if parent:
            parent.children[child_id] = node
    return node


def _kind(traverser: Any, node: Any) -> tuple[bool, bool, bool]:
    """Return whether it is a node, of a kind that the traverser processes, and told of children."""
    told = type(traverser).pre_processing_of_child
    return (
        isinstance(node, Node),
        isinstance(node, traverser.nodes_to_be_processed()),
        told is not DepthFirstTraverser.pre_processing_of_child,
    )


_kinds: dict[tuple[type, type], tuple[bool, bool, bool]] = {}


@hook(Node, "find_clauses", "Moto asks of every part of an expression by way of abstract classes.")
def find_clauses(self: Any, clause_types: Any) -> list[Any]:
    found = []
    for child in self.children or ():
        if type(child) in clause_types:
            found.append(child)
        elif _has_clauses(child.__class__):
            found += find_clauses.replacement(child, clause_types)
    return found


@functools.cache
def _has_clauses(kind: Any) -> bool:
    return issubclass(kind, (Expression, UpdateExpressionFunction))


@hook(
    ActionCountValidator,
    "verify_action_counts",
    "Moto counts the clauses of an update once more for each of its parts.",
)
def count_clauses(self: Any, node: Any) -> Any:
    return node if node.parent else count_clauses.original(self, node)


@hook(
    OverlappingPathsValidator,
    "check_for_overlapping_paths",
    "Moto compares the paths of an update once more for each of its parts.",
)
def compare_paths(self: Any, node: Any) -> Any:
    return node if node.parent else compare_paths.original(self, node)


@hook(Node, "__deepcopy__", "Moto copies every expression by way of pickle's protocol.")
def copy_node(self: Any, memo: dict[int, Any]) -> Any:
    copied = object.__new__(type(self))
    memo[id(self)] = copied
    vars(copied).update(vars(self))
    if self.children is not None:
        copied.children = [
            copy_node.replacement(each, memo) if isinstance(each, Node) else copy.deepcopy(each)
            for each in self.children
        ]
    copied.parent = memo.get(id(self.parent))  # none, for the root of what is copied
    return copied


@hook(
    DynamoType,
    "size",
    "Moto asks a value for its type seven times to know its size, and all values for each of them.",
)
def size(self: Any) -> int:
    kind, value = self.type, self.value
    if kind == "M":
        return sum(bytesize(name) + size.replacement(each) for name, each in value.items())
    if kind == "L":
        return sum(map(size.replacement, value))
    if kind in {"S", "N"}:
        return len(value) if value.isascii() else bytesize(value)
    return int(size.original(self))


@hook(
    DynamoType,
    "__deepcopy__",
    "Moto remembers of each value in an item that it was copied.",
)
def copy_value(self: Any, memo: dict[int, Any]) -> Any:
    copied = object.__new__(type(self))
    copied.type, copied.value = self.type, self.value
    if self.type == "M":
        copied.value = {
            name: copy_value.replacement(each, memo) for name, each in self.value.items()
        }
    elif isinstance(self.value, list):
        copied.value = [
            copy_value.replacement(each, memo) if self.type == "L" else each for each in self.value
        ]
    return copied


@hook(
    ConditionExpressionParser,
    "_lex_condition_expression",
    "Moto reads a condition's text anew for every write.",
)
def lex_condition(self: Any) -> Any:
    nodes = _lexed.get(self.condition_expression)
    if nodes is None:
        nodes = _lexed[self.condition_expression] = lex_condition.original(self)
    return nodes.copy()


_lexed: dict[str, Any] = {}
