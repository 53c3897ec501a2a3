"""JSONata as Step Functions evaluates it.

The language itself is jsonata-python's work. Step Functions adds six functions (developer guide,
"Transforming data with JSONata"); and JSONata prints text unescaped, where jsonata-python escapes
what is not ASCII.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
import random
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jsonata
from jsonata.functions import Functions
from jsonata.parser import Parser
from jsonata.utils import Utils


class QueryError(Exception):
    """An expression that cannot be parsed or evaluated."""


UNDEFINED = object()
"""The result of an expression that selects nothing."""


def evaluate(expression: str, bindings: Mapping[str, Any]) -> Any:
    """Evaluate what stands between ``{%`` and ``%}``, with the values of its variables by name.

    Return JSON-like data or :data:`UNDEFINED`; a QueryError says what the expression did wrong.
    """
    found = _look_up(expression, bindings)
    if found is not _NOT_PLAIN:
        return found
    values = {
        name: _plain(_used(expression, name, value))
        for name, value in bindings.items()
        if f"${name}" in expression  # copying what is not named took longer than evaluating
    }
    try:
        result = _evaluate(expression, values)
        if result is None and not _evaluate(f"$exists({expression})", values):
            return UNDEFINED
        return json.loads(json.dumps(result))
    except Exception as error:
        raise QueryError(str(error)) from error


_NOT_PLAIN = object()

_LITERALS = {"false", "null", "true"}


def _look_up(expression: str, bindings: Mapping[str, Any]) -> Any:
    """Return what members of members of a variable are, as most expressions ask.

    What JSONata maps over, which is a list, is left to it.
    """
    path = _path(expression)
    if path is None or path[0] not in bindings:
        return _NOT_PLAIN
    value = bindings[path[0]]
    for name in path[1:]:
        if not isinstance(value, dict):
            return _NOT_PLAIN
        if name not in value:
            return UNDEFINED
        value = value[name]
    return _json(value)


@functools.lru_cache(maxsize=1024)
def _path(expression: str) -> tuple[str, ...] | None:
    """Return the names of an expression that is nothing but names: ``$a.b.c``."""
    names = tuple(expression.strip().removeprefix("$").split("."))
    plain = expression.strip().startswith("$") and all(
        name.isidentifier() and name.isascii() and name not in _LITERALS for name in names
    )
    return names if plain else None


def _used(expression: str, name: str, value: Any) -> Any:
    """Return a variable's value, without the members that an expression does not name."""
    members = _members(expression, name)
    if members is None or not isinstance(value, dict):
        return value
    return {member: value[member] for member in members if member in value}


@functools.lru_cache(maxsize=1024)
def _members(expression: str, name: str) -> frozenset[str] | None:
    """Return which members of a variable an expression names; None if it takes it whole."""
    named = re.findall(rf"\${name}\.(\w+)", expression)
    return frozenset(named) if len(named) == expression.count(f"${name}") else None


def _evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """Evaluate with a copy of the parsed expression: evaluation changes nothing of its steps."""
    evaluator = object.__new__(jsonata.Jsonata)
    vars(evaluator).update(vars(_parsed(expression)))  # copy.copy takes five times as long
    jsonata.Jsonata.CURRENT.jsonata = evaluator  # what $now and others ask, set by parsing only
    return evaluator.evaluate(None, values)


@functools.lru_cache(maxsize=1024)
def _parsed(expression: str) -> jsonata.Jsonata:
    """Return a parsed expression: parsing takes four times as long as evaluating."""
    # The newline ends a comment that the expression may end with.
    parsed = jsonata.Jsonata(f"({expression}\n)")
    for name, function in _FUNCTIONS.items():
        parsed.register_lambda(name, function)
    return parsed


def _plain(value: Any) -> Any:
    """Return a copy as JSON-like data, which evaluation may change."""
    return Utils.NULL_VALUE if value is None else _json(value)


def _json(value: Any) -> Any:
    """Return a copy as JSON-like data."""
    if isinstance(value, str):  # as most are
        return value
    return json.loads(_ENCODER.encode(value))


def _text(value: object) -> str:
    """Write dates as the context object has them: ``2026-01-31T23:59:59.123Z``."""
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.UTC)
        return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)


_ENCODER = json.JSONEncoder(default=_text)


def _string(value: Any, prettify: bool) -> str:  # noqa: FBT001 - jsonata-python's signature
    """Replace jsonata-python's ``$string``, whose json.dumps escapes what is not ASCII."""
    if callable(value) or isinstance(value, (jsonata.Jsonata.JFunction, Parser.Symbol)):
        return ""
    dumps = functools.partial(json.dumps, cls=Functions.Encoder, ensure_ascii=False)
    return dumps(value, indent=2) if prettify else dumps(value, separators=(",", ":"))


def _range(first: int, last: int, step: int) -> list[int]:
    return list(range(first, last + (1 if step > 0 else -1), step))


def _partition(values: list[Any], size: int) -> list[list[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", ""), text.encode()).hexdigest()


def _random(seed: int | None = None) -> float:
    return random.Random(seed).random()  # noqa: S311 - as in Step Functions, not for secrets


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "hash": _hash,
    "parse": json.loads,
    "partition": _partition,
    "random": _random,
    "range": _range,
    "uuid": lambda: str(uuid.uuid4()),
}

Functions._string = staticmethod(_string)  # noqa: SLF001 - there is no public way


def _found(frame: jsonata.Jsonata.Frame | None, name: str) -> Any:
    """Replace jsonata-python's look for a name, which calls itself for each scope."""
    while frame is not None:
        if name in frame.bindings:
            return frame.bindings[name]
        frame = frame.parent
    return None


jsonata.Jsonata.Frame.lookup = _found


def _step(self: jsonata.Jsonata, expr: Any, given: Any, environment: jsonata.Jsonata.Frame) -> Any:
    """Replace jsonata-python's evaluation of a step.

    It looks for the thread's evaluator, which is this one, and for callbacks, of which there are
    none; and compares a step's type with twenty names.
    """
    before = self.input, self.environment
    self.input, self.environment = given, environment
    try:
        kind = getattr(expr, "type", None)  # of nothing, which is evaluated to nothing
        evaluate = _STEPS.get(kind or "")
        result: Any = None if evaluate is None else evaluate(self, expr, given, environment)
        for each in getattr(expr, "predicate", None) or ():
            result = self.evaluate_filter(each.expr, result, environment)
        if kind not in {None, "path"} and getattr(expr, "group", None) is not None:
            result = self.evaluate_group_expression(expr.group, result, environment)
    finally:
        self.input, self.environment = before
    if type(result) is Utils.JList and result.sequence and not result.tuple_stream:
        if expr.keep_array:
            result.keep_singleton = True
        if not result:
            return None
        if len(result) == 1 and not result.keep_singleton:
            return result[0]
    return result


_STEPS: Mapping[str, Callable[..., Any]] = {
    "path": jsonata.Jsonata.evaluate_path,
    "binary": jsonata.Jsonata.evaluate_binary,
    "unary": jsonata.Jsonata.evaluate_unary,
    "name": jsonata.Jsonata.evaluate_name,
    "string": lambda self, expr, *_: self.evaluate_literal(expr),
    "number": lambda self, expr, *_: self.evaluate_literal(expr),
    "value": lambda self, expr, *_: self.evaluate_literal(expr),
    "wildcard": lambda self, expr, given, _: self.evaluate_wildcard(expr, given),
    "descendant": lambda self, expr, given, _: self.evaluate_descendants(expr, given),
    "parent": lambda _, expr, __, environment: environment.lookup(expr.slot.label),
    "condition": jsonata.Jsonata.evaluate_condition,
    "block": jsonata.Jsonata.evaluate_block,
    "bind": jsonata.Jsonata.evaluate_bind_expression,
    "regex": lambda self, expr, *_: self.evaluate_regex(expr),
    "function": lambda self, expr, given, environment: self.evaluate_function(
        expr, given, environment, Utils.NONE
    ),
    "variable": jsonata.Jsonata.evaluate_variable,
    "lambda": jsonata.Jsonata.evaluate_lambda,
    "partial": jsonata.Jsonata.evaluate_partial_application,
    "apply": jsonata.Jsonata.evaluate_apply_expression,
    "transform": jsonata.Jsonata.evaluate_transform_expression,
}
"""How a step of each type is evaluated."""

jsonata.Jsonata.eval = _step


def _is_function(value: Any) -> bool:
    """Replace jsonata-python's, which imports a module each time."""
    return isinstance(value, jsonata.Jsonata.JFunctionCallable)


Utils.is_function = staticmethod(_is_function)
