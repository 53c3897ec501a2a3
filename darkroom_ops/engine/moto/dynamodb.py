"""DynamoDB: how update expressions are read, and items written into answers."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
from moto.dynamodb.models.utilities import bytesize
from moto.dynamodb.parsing.ast_nodes import (
    DepthFirstTraverser,
    Expression,
    Node,
    NoneExistingPath,
    UpdateExpressionFunction,
    UpdateExpressionPath,
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
    parsed = parse_update.original.__get__(None, UpdateExpressionParser)(expression)
    _mark(parsed)
    return parsed


def _mark(node: Any) -> frozenset[type]:
    """Note at each node of which kinds it and those below it are."""
    below = (_mark(child) for child in node.children or () if isinstance(child, Node))
    node.kinds = frozenset({type(node)}).union(*below)
    return node.kinds  # type: ignore[no-any-return]


@hook(
    DepthFirstTraverser,
    "traverse_node_recursively",
    (
        "Moto lists for every node of an expression, ten times over, which kinds it is looking "
        "for, and looks everywhere."
    ),
)
def traverse(self: Any, node: Any, child_id: int = -1) -> Any:
    parent, kind = node.parent, type(self)
    told = kind.pre_processing_of_child is not DepthFirstTraverser.pre_processing_of_child
    for position, child in enumerate(node.children or ()):
        if told:
            self.pre_processing_of_child(node, position)
        # What was put in the place of a part is of one kind, and so is what is no part but a name.
        if _leads(self, getattr(child, "kinds", None) or type(child)):
            traverse.replacement(self, child, position)
    process = _processor(self, type(node))
    if process is not None:
        node = process(self, node)
        node.parent = parent
        if parent:
            parent.children[child_id] = node
    return node


def _processor(traverser: Any, kind: type) -> Callable[[Any, Any], Any] | None:
    """Return what processes a kind of node in a traverser, if it does."""
    key = (type(traverser), kind)
    if key not in _processors:
        found = (
            processor.__func__
            for wanted, processor in traverser._processing_map().items()
            if issubclass(kind, wanted)
        )
        _processors[key] = next(found, None)
    return _processors[key]


def _leads(traverser: Any, kinds: frozenset[type] | type) -> bool:
    """Return whether there may be something to process in nodes of these kinds.

    A path that does not exist stands where one was written.
    """
    key = (type(traverser), kinds)
    if key not in _led:
        seen = kinds if isinstance(kinds, frozenset) else {kinds}
        unfound = {NoneExistingPath} if UpdateExpressionPath in seen else set()
        _led[key] = any(_processor(traverser, kind) for kind in {*seen, *unfound})
    return _led[key]


_processors: dict[tuple[type, type], Callable[[Any, Any], Any] | None] = {}
_led: dict[tuple[type, frozenset[type] | type], bool] = {}


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


count_clauses = hook(
    ActionCountValidator,
    "traverse",
    "Moto counts the clauses of an update once more for each of its parts.",
)(lambda self, node: self.verify_action_counts(node))

compare_paths = hook(
    OverlappingPathsValidator,
    "traverse",
    "Moto compares the paths of an update once more for each of its parts.",
)(lambda self, node: self.check_for_overlapping_paths(node))


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
    LimitedSizeDict,
    "__setitem__",
    "Moto asks every attribute of an item for its size for every one that it sets.",
)
def set_attribute(self: Any, name: str, value: Any) -> None:
    texts, others = [name, *self], 0
    for each in (value, *self.values()):
        if type(each) is DynamoType and each.type in {"S", "N"}:
            texts.append(each.value)
        else:
            others += size.replacement(each) if type(each) is DynamoType else len(str(each)) * 4
    if others + bytesize("".join(texts)) > SURELY_WITHIN:
        set_attribute.original(self, name, value)
    else:
        dict.__setitem__(self, name, value)


SURELY_WITHIN = 400_000
"""Bytes of an item that moto takes; above, it is asked."""


@hook(
    DynamoType,
    "to_regular_json",
    "Moto copies every value of an item to write it.",
)
def written(self: Any) -> dict[str, Any]:
    kind, value = self.type, self.value
    if kind == "M":
        return {kind: {name: written.replacement(each) for name, each in value.items()}}
    if kind == "L":
        return {kind: [written.replacement(each) for each in value]}
    if kind in {"S", "N", "BOOL", "NULL"}:
        return {kind: value}
    done: dict[str, Any] = written.original(self)
    return done


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
