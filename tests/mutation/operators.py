"""What is broken in Python code: mutmut's operators, without the noise, and some of our own.

Left out of mutmut's are those whose mutants die of a TypeError whatever the tests assert (an
argument or a value that becomes None), and the two that change a string's case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import libcst as cst
import libcst.matchers as m
from mutmut.mutation import mutators

_NOISE = (
    m.Assign(targets=[m.AssignTarget(m.Name("__all__"))]),
    m.Arg(keyword=m.Name("frozen") | m.Name("encoding")),  # nothing assigns; every file is UTF-8
    m.Arg(keyword=m.Name("strict"), value=m.Name("True")),  # of a zip whose parts are as long
    m.Arg(keyword=m.Name("check"), value=m.Name("False")),  # what holds anyway
    m.Call(func=m.Name("TypeVar")),
    m.Subscript(value=m.Name("Callable")),
)


def noise(node: cst.CSTNode) -> bool:
    """Return whether a node, left out or changed, is for readers and checkers alone."""
    return any(m.matches(node, each) for each in _NOISE)


Operator = Callable[[Any], Iterable[cst.CSTNode]]


def text(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    """Change a string, unless it is prose: a text with spaces is for people."""
    if " " not in node.value.strip():
        yield from (each for each in mutators.operator_string(node) if "XX" in each.value)  # type: ignore[attr-defined]


def number(node: cst.BaseNumber) -> Iterator[cst.CSTNode]:
    """Change a number by one, up and down."""
    yield from mutators.operator_number(node)
    if isinstance(node, cst.Integer | cst.Float):
        less = node.evaluated_value - 1
        value = node.with_changes(value=repr(abs(less)))
        yield (
            value
            if less >= 0
            else cst.UnaryOperation(cst.Minus(), value, [cst.LeftParen()], [cst.RightParen()])
        )


def argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """Leave out an argument that has a name, so that its default counts."""
    for index, each in enumerate(node.args):
        if each.keyword is not None and not noise(each):
            yield node.with_changes(args=[*node.args[:index], *node.args[index + 1 :]])


def operand(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    """Leave out one side of an `and` or an `or`."""
    yield from (node.left, node.right)


def negation(node: Any) -> Iterator[cst.CSTNode]:
    """Turn a condition round, unless another operator does just that."""
    if not m.matches(node.test, _TURNED):
        yield node.with_changes(test=_negated(node.test))


def element(node: Any) -> Iterator[cst.CSTNode]:
    """Leave out an element of a display: a list, a tuple, a set or a dictionary."""
    for index in range(len(node.elements)):
        kept = [*node.elements[:index], *node.elements[index + 1 :]]
        if isinstance(node, cst.Tuple) and len(kept) == 1:
            kept = [kept[0].with_changes(comma=cst.Comma())]
        if isinstance(node, cst.Set) and not kept:
            continue
        if isinstance(node, cst.Tuple) and not kept and not node.lpar:
            continue
        yield node.with_changes(elements=kept)


def generator(node: cst.CompFor) -> Iterator[cst.CSTNode]:
    """Leave out a condition of a comprehension, and turn it round."""
    for index, each in enumerate(node.ifs):
        others = node.ifs[:index], node.ifs[index + 1 :]
        yield node.with_changes(ifs=[*others[0], *others[1]])
        if not m.matches(each.test, _TURNED):
            turned = each.with_changes(test=_negated(each.test))
            yield node.with_changes(ifs=[*others[0], turned, *others[1]])


def statement(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """Leave out a statement that is there for what it does: a call, a change, a raise, a return."""
    if len(node.body) != 1:
        return
    (only,) = node.body
    acts = m.Expr(value=m.Call() | m.Await() | m.Yield()) | m.AugAssign() | m.Del() | m.Raise()
    acts |= (
        m.Continue()
        | m.Break()
        | m.Return()
        | m.Assign(targets=[m.AssignTarget(m.Subscript() | m.Attribute())])
    )
    if m.matches(only, acts):
        yield node.with_changes(body=[cst.Pass()])


def handler(node: cst.Try) -> Iterator[cst.CSTNode]:
    """Leave out an error's handler, or what is done at last."""
    others = node.finalbody is not None
    for index in range(len(node.handlers)):
        kept = [*node.handlers[:index], *node.handlers[index + 1 :]]
        if kept or (others and node.orelse is None):
            yield node.with_changes(handlers=kept)
    if node.finalbody is not None and node.handlers:
        yield node.with_changes(finalbody=None)


_TURNED = m.UnaryOperation(operator=m.Not()) | m.Comparison(
    comparisons=[
        m.ComparisonTarget(
            operator=m.Equal() | m.NotEqual() | m.Is() | m.IsNot() | m.In() | m.NotIn()
        )
    ]
)


def _negated(test: cst.BaseExpression) -> cst.BaseExpression:
    bare = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.UnaryOperation(cst.Not(), bare)


OPERATORS: tuple[tuple[Any, Operator], ...] = (
    (cst.BaseNumber, number),
    (cst.SimpleString, text),
    (cst.Name, mutators.operator_name),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.Call, argument),
    (cst.Call, mutators.operator_symmetric_string_methods_swap),
    (cst.Call, mutators.operator_unsymmetrical_string_methods_swap),
    (cst.Lambda, mutators.operator_lambda),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.Match, mutators.operator_match),
    (cst.IfExp, mutators.operator_if_exp),
    (cst.BooleanOperation, operand),
    ((cst.If, cst.While, cst.Assert), negation),
    ((cst.List, cst.Tuple, cst.Set, cst.Dict), element),
    (cst.CompFor, generator),
    (cst.SimpleStatementLine, statement),
    (cst.Try, handler),
)
