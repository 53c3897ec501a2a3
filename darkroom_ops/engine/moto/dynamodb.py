"""DynamoDB: how update expressions are read, and items written into answers."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb import models
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
from moto.dynamodb.models.utilities import bytesize
from moto.dynamodb.parsing.ast_nodes import (
    Expression,
    ExpressionAttributeName,
    ExpressionAttributeValue,
    Node,
    UpdateExpressionFunction,
    UpdateExpressionPath,
    UpdateExpressionRemoveAction,
    UpdateExpressionSetAction,
)
from moto.dynamodb.parsing.executors import UpdateExpressionExecutor
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import ExecuteOperations

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


class Update:
    """Stands for moto's validator, and for the valid expression that it returns.

    Moto validates what it has not validated before, and all but actions on whole attributes that
    are no keys. After that an update can only lack a value, or an attribute that it reads.
    """

    def __init__(self, expression: Any, **given: Any) -> None:
        self._expression, self._given = expression, given
        self.actions: list[tuple[str, Any]] = []

    def validate(self) -> Any:
        """Return what an executor takes; or raise moto's errors."""
        given = self._given
        names, values = given["expression_attribute_names"], given["expression_attribute_values"]
        keys = frozenset(each["AttributeName"] for each in given["table"].attr)
        plan = _planned(self._expression, tuple((names or {}).items()), keys)
        if plan.valid and plan.values <= set(values or ()):
            attributes = given["item"].attrs
            with contextlib.suppress(KeyError):  # moto says which attribute there is not
                self.actions = [
                    (name, value and value(values, attributes)) for name, value in plan.actions
                ]
                return self
        validated = update.original(self._expression, **given).validate()
        plan.valid = bool(plan.actions)
        return validated

    def normalize(self) -> None:
        """Leave the actions in order: none of them touches what another does."""


update = hook(
    models,
    "UpdateExpressionValidator",
    "Moto copies every update's expression, and walks through it ten times, to know what it sets.",
)(Update)


@hook(UpdateExpressionExecutor, "execute", "Moto does what its validator returned.")
def execute(self: Any, node: Any = None) -> None:
    if not isinstance(self.update_ast, Update):
        execute.original(self, node)
        return
    for name, value in self.update_ast.actions:
        if value is None:
            self.item.attrs.pop(name, None)
        else:
            self.item.attrs[name] = value


_Value = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
"""Returns a value of an update's values and the item's attributes; KeyError if there is none."""


@dataclass
class _Plan:
    """What an update does with whole attributes: sets them, or removes them, without a value."""

    actions: list[tuple[str, _Value | None]]
    values: frozenset[str]  # the names of those that it takes
    valid: bool = False  # whether moto has found it so


@functools.lru_cache(maxsize=64)
def _planned(expression: Any, names: tuple[tuple[str, str], ...], keys: frozenset[str]) -> _Plan:
    """Return the plan of an expression; one without actions, if it does anything else."""
    values = expression.find_clauses([ExpressionAttributeValue])
    found = expression.find_clauses(list(UpdateExpressionExecutor.execution_map))
    try:
        actions = [_action(each, dict(names)) for each in found]
    except (KeyError, ValueError):
        actions = []
    if keys & {name for name, _ in actions}:
        actions = []
    return _Plan(actions, frozenset(each.get_value_name() for each in values))


def _action(action: Any, names: Mapping[str, str]) -> tuple[str, _Value | None]:
    path, *value = action.children
    if type(action) is UpdateExpressionRemoveAction:
        return _attribute(path, names), None
    if type(action) is UpdateExpressionSetAction:
        return _attribute(path, names), _value(value[0], names)
    raise ValueError(action)


def _attribute(path: Any, names: Mapping[str, str]) -> str:
    """Return the attribute that a path is; ValueError, if it leads into one."""
    (part,) = path.children
    if type(part) is ExpressionAttributeName:
        return names[part.get_attribute_name_placeholder()]
    return str(part.get_attribute_name())


def _value(node: Any, names: Mapping[str, str]) -> _Value:
    """Return what gives the value of a SET; ValueError, if that is not one or two operands."""
    first, *rest = node.children
    left = _operand(first, names)
    if not rest:
        return left
    operator, second = rest
    right = _operand(second, names)
    done = {"+": ExecuteOperations.get_sum, "-": ExecuteOperations.get_subtraction}
    combine = done[operator.get_operator()]
    return lambda values, attributes: combine(
        left(values, attributes), right(values, attributes)
    ).get_value()


def _operand(part: Any, names: Mapping[str, str]) -> _Value:
    if type(part) is ExpressionAttributeValue:
        given = part.get_value_name()
        return lambda values, _: DynamoType(values[given])
    if type(part) is UpdateExpressionPath:
        read = _attribute(part, names)
        return lambda _, attributes: attributes[read]
    if type(part) is UpdateExpressionFunction and part.get_function_name() == "if_not_exists":
        known = _attribute(part.get_nth_argument(1), names)
        otherwise = _operand(part.get_nth_argument(2), names)
        return lambda values, attributes: (
            attributes[known] if known in attributes else otherwise(values, attributes)
        )
    raise ValueError(part)


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


@hook(ConditionExpressionParser, "parse", "Moto parses a condition twice for every write.")
def parse_condition(self: Any) -> Any:
    given = repr(
        (
            self.condition_expression,
            self.expression_attribute_names,
            self.expression_attribute_values,
        )
    )
    if getattr(_parsed, "given", None) != given:
        _parsed.condition = parse_condition.original(self)
        _parsed.found = self.expr_attr_names_found, self.expr_attr_values_found
        _parsed.given = given
    self.expr_attr_names_found, self.expr_attr_values_found = map(list, _parsed.found)
    return _parsed.condition


_parsed = threading.local()
"""The condition that a thread parsed last."""
