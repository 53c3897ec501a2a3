"""The mutants of a Python file: where each is, and its source."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider

from tests.mutation import hook
from tests.mutation.areas import ROOT
from tests.mutation.operators import OPERATORS, noise


@dataclass(frozen=True, eq=False)
class Mutant:
    """One change of one file."""

    source: Source
    line: int
    operator: str
    old: cst.CSTNode = field(repr=False)
    new: cst.CSTNode = field(repr=False)

    @property
    def file(self) -> str:
        return self.source.file

    @cached_property
    def text(self) -> str:
        """The whole file's text, with the change."""
        made: Any = self.source.module.deep_replace(self.old, self.new)
        return str(made.code)

    @cached_property
    def change(self) -> tuple[int, str, str]:
        """The number of the first line that changes, the lines before, and the lines after."""
        before, after = self.source.text.splitlines(), self.text.splitlines()
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        spans = [each for each in matcher.get_opcodes() if each[0] != "equal"]
        if not spans:
            return self.line, "", ""
        first, last = spans[0], spans[-1]
        return first[1] + 1, _joined(before[first[1] : last[2]]), _joined(after[first[3] : last[4]])

    def may_change(self, lines: set[str]) -> bool:
        """Return whether the change may begin with one of some lines; `change` costs more."""
        near = self.source.text.splitlines()[self.line - 1 : self.line + 30]
        return not lines.isdisjoint(each.strip() for each in near)

    def put_in_place(self, folder: Path) -> None:
        """Have the module loaded as this mutant. In a child."""
        hook.put_in_place(self.source.module_name, self.text, folder)


@dataclass(frozen=True, eq=False)
class Source:
    """A file of the product, parsed."""

    file: str

    @cached_property
    def text(self) -> str:
        return (ROOT / self.file).read_text(encoding="utf-8")

    @cached_property
    def _wrapper(self) -> MetadataWrapper:
        return MetadataWrapper(cst.parse_module(self.text), unsafe_skip_copy=True)

    @property
    def module(self) -> cst.Module:
        return self._wrapper.module

    @property
    def module_name(self) -> str:
        """The name that it is imported by."""
        path = self.file.removeprefix("layers/darkroom/").removesuffix(".py")
        return path.removesuffix("/__init__").replace("/", ".")

    @cached_property
    def statements(self) -> Statements:
        return Statements(ast.parse(self.text))

    def put_in_place(self, folder: Path) -> None:
        """Have the module loaded as what it is, by the way that mutants take. In a child."""
        hook.put_in_place(self.module_name, self.text, folder)

    def mutants(self) -> list[Mutant]:
        """Return every mutant, in the order of the file."""
        positions = self._wrapper.resolve(PositionProvider)
        found: list[Mutant] = []
        for node, parent in _nodes(self.module):
            # Operators have no position of their own in every version; their parents do.
            place = positions.get(node) or positions.get(parent)
            for kind, operator in OPERATORS:
                if isinstance(node, kind):
                    found.extend(
                        Mutant(self, place.start.line if place else 1, operator.__name__, node, new)
                        for new in operator(node)
                    )
        return found


class Statements:
    """The lines of each statement of a file, and what its module-level statements name."""

    def __init__(self, tree: ast.Module) -> None:
        self._spans: list[tuple[int, int, bool]] = []
        self._names: list[tuple[int, int, frozenset[str]]] = []
        self._uses: list[tuple[int, int, bool, frozenset[str], frozenset[str]]] = []
        self._walk(tree, (), inside=False)

    def lines(self, line: int) -> tuple[range, bool]:
        """Return the lines of the smallest statement around a line, and whether a call runs it."""
        around = [each for each in self._spans if each[0] <= line <= each[1]]
        start, end, inside = min(
            around, key=lambda each: each[1] - each[0], default=(line, line, False)
        )
        return range(start, end + 1), inside

    def names(self, line: int) -> frozenset[str]:
        """Return what the statement at a line of a module's or a class's body binds."""
        return frozenset().union(
            *(names for start, end, names in self._names if start <= line <= end)
        )

    def users(self, names: frozenset[str]) -> Iterator[tuple[range, bool, frozenset[str]]]:
        """Yield the statements that use a name: lines, whether a call runs them, what they bind."""
        for start, end, inside, used, bound in self._uses:
            if used & names:
                yield range(start, end + 1), inside, bound

    def _walk(self, node: ast.AST, bound: tuple[str, ...], *, inside: bool) -> None:
        for statement in ast.iter_child_nodes(node):
            if not isinstance(statement, ast.stmt | ast.excepthandler | ast.match_case):
                continue
            body = getattr(statement, "body", None)
            start = getattr(statement, "lineno", None) or statement.pattern.lineno  # type: ignore[union-attr]
            decorators = getattr(statement, "decorator_list", [])
            start = min([start, *(each.lineno for each in decorators)])
            end = getattr(statement, "end_lineno", start)
            if body:
                first = body[0]
                end = max(
                    start,
                    min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
                    - 1,
                )
            self._spans.append((start, end, inside))
            names = _bound(statement)
            if not inside:
                whole = (
                    getattr(statement, "end_lineno", end)
                    if isinstance(statement, ast.ClassDef)
                    else end
                )
                self._names.append((start, whole, frozenset(names)))
            headers = (
                [statement]
                if not body
                else [
                    each
                    for each in ast.iter_child_nodes(statement)
                    if not isinstance(each, ast.stmt | ast.excepthandler | ast.match_case)
                ]
            )
            used = frozenset(
                name for header in headers for each in ast.walk(header) for name in _used(each)
            )
            self._uses.append((start, end, inside, used, frozenset((*names, *bound))))
            is_function = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
            outer = (*bound, *names) if isinstance(statement, ast.ClassDef) else bound
            self._walk(statement, outer, inside=inside or is_function)


def _bound(statement: ast.AST) -> tuple[str, ...]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return (statement.name,)
    if isinstance(statement, ast.Assign):
        return tuple(
            n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)
        )
    changes = isinstance(statement, ast.AnnAssign | ast.AugAssign)
    if changes and isinstance(statement.target, ast.Name):
        return (statement.target.id,)
    return ()


def _used(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return (node.id,)
    return (node.attr,) if isinstance(node, ast.Attribute) else ()


def _nodes(module: cst.Module) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """Yield what may be changed, each with its parent."""
    waiting: list[tuple[cst.CSTNode, cst.CSTNode]] = [(module, module)]
    checked = "msgspec" in module.code
    while waiting:
        node, parent = waiting.pop()
        if isinstance(node, cst.Decorator | cst.Import | cst.ImportFrom) or noise(node):
            continue
        if isinstance(node, cst.Annotation):
            waiting.extend((call, node) for call in _limits(node))
            continue
        if (
            isinstance(node, cst.If)
            and isinstance(node.test, cst.Name)
            and node.test.value == "TYPE_CHECKING"
        ):
            continue
        if not checked and m.matches(node, m.Subscript(value=m.Name("Literal"))):
            continue  # for mypy alone
        yield node, parent
        waiting.extend((child, node) for child in reversed(node.children))


def _limits(annotation: cst.Annotation) -> list[cst.CSTNode]:
    """Return what of an annotation counts when the program runs: the calls of Meta."""
    return list(m.findall(annotation, m.Call(func=m.Name("Meta"))))


def _joined(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines)
