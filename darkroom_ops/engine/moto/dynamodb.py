"""DynamoDB: how update expressions are read, and items written into answers."""

from __future__ import annotations

import copy
import functools
from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node
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
    if not isinstance(node, Node):
        return node
    parent = node.parent
    for position, child in enumerate(node.children or ()):
        self.pre_processing_of_child(node, position)
        traverse.replacement(self, child, position)
    wanted = _wanted.get(key := (type(self), type(node)))
    if wanted is None:
        wanted = _wanted[key] = isinstance(node, self.nodes_to_be_processed())
    if wanted:
        node = self.process(node)
        node.parent = parent
        if parent:
            parent.children[child_id] = node
    return node


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
    copied.children = copy.deepcopy(self.children, memo)
    copied.parent = memo.get(id(self.parent))  # none, for the root of what is copied
    return copied


_wanted: dict[tuple[type, type], bool] = {}
"""Whether a kind of traverser processes a kind of node."""
