"""The mutants of the state machine's definition: something left out, weakened or changed.

A definition has no operators of a library's to take: the parts of the Amazon States Language, of
DynamoDB's expressions and of JSONata that decide something are changed here, one at a time.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.mutation import hook
from tests.mutation.areas import DEFINITION, ROOT

Json = dict[str, Any]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is
Place = tuple[str | int, ...]

LEFT_OUT = "(left out)"

KEPT = {
    "Arguments", "Branches", "Comment", "End", "ExpressionAttributeNames", "FunctionName", "Input",
    "ItemProcessor", "Items", "Key", "Mode", "Next", "Parameters", "Payload", "ProcessorConfig",
    "QueryLanguage", "Resource", "StartAt", "States", "TableName", "Type", "ErrorEquals",
    "UpdateExpression",
}  # fmt: skip
"""Without these there is no machine at all, or nothing that a reader would mean by it."""

DEFAULTS = {"IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 2}
"""What holds where it is left out (Amazon States Language, Retrier)."""

TYPED = {"S", "N", "M", "L", "BOOL"}
"""DynamoDB's attribute values: what they hold may change, they stay what they are."""


@dataclass(frozen=True, eq=False)
class Mutant:
    """One change of the definition.

    Parameters
    ----------
    place
        Where, as keys and indexes from the top.
    value
        What stands there instead; LEFT_OUT for nothing.
    before, after
        The change, for people and for equivalent.yaml.
    line
        Of the file.
    """

    place: Place
    value: Any
    before: str
    after: str
    line: int

    file = DEFINITION

    @property
    def change(self) -> tuple[int, str, str]:
        return self.line, self.before, self.after

    def may_change(self, lines: set[str]) -> bool:
        """Return whether the change begins with one of some lines."""
        return self.before in lines

    def applied(self, definition: Json) -> Json:
        """Return a definition with the change: that of the file, or the deployed one."""
        changed: Any = copy.copy(definition)
        inner = changed
        for key in self.place[:-1]:
            inner[key] = copy.copy(inner[key])  # the rest is shared, and nobody's to change
            inner = inner[key]
        if self.value is LEFT_OUT:
            del inner[self.place[-1]]
        else:
            inner[self.place[-1]] = self.value
        found: Json = changed
        return found

    def put_in_place(self, folder: Path) -> None:
        """Have the file read as this mutant. In a child."""
        put_in_place(self.applied(Source().parsed), folder)


def put_in_place(definition: Json, folder: Path) -> None:
    """Have the file read as a definition. In a child."""
    text = json.dumps(definition)  # which is YAML
    hook.replace_file(ROOT / DEFINITION, text, folder)


def reads(tests: str) -> bool:
    """Return whether a file of tests is about the definition."""
    text = (ROOT / tests).read_text(encoding="utf-8")
    about = tests.startswith("tests/template/") and "image_pipeline.asl.yaml" in text
    about |= tests.startswith("tests/statemachine/")
    return about or "from tests.support.definition" in text


class Source:
    """The definition's file."""

    file = DEFINITION

    @cached_property
    def text(self) -> str:
        return (ROOT / DEFINITION).read_text(encoding="utf-8")

    @cached_property
    def parsed(self) -> Json:
        found: Json = yaml.load(self.text, Loader=_LOADER)  # noqa: S506 - a safe one
        return found

    def put_in_place(self, folder: Path) -> None:
        """Have the file read as what it is, by the way that mutants take. In a child."""
        put_in_place(self.parsed, folder)

    def mutants(self) -> list[Mutant]:
        """Return every mutant, in the order of the file."""
        lines = dict(_lines(yaml.compose(self.text, Loader=_LOADER), ()))
        found: dict[tuple[Place, Any], Mutant] = {}
        for place, value, before, after in _changes(self.parsed, (), "", self.parsed):
            at = f"{_path(place)}: {before}"
            mutant = Mutant(place, value, at, after, lines.get(place, 1))
            found.setdefault((place, value), mutant)
        return list(found.values())


def _changes(
    value: Any, place: Place, name: str, machine: Json
) -> Iterator[tuple[Place, Any, str, str]]:
    """Yield what may be changed in a part: where, what it becomes, before and after."""
    if isinstance(value, dict):
        machine = value if "States" in value else machine
        for key, each in value.items():
            inside = (*place, key)
            if _may_go(key, each, place):
                yield inside, LEFT_OUT, _short(each), LEFT_OUT
            yield from _changes(each, inside, key, machine)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            if len(value) > 1:
                yield (*place, index), LEFT_OUT, _short(each), LEFT_OUT
            yield from _changes(each, (*place, index), "", machine)
    elif isinstance(value, int) and not isinstance(value, bool):
        # A second more or less is nobody's business; twice or half the time is.
        others = (value * 2, value // 2) if name.endswith("Seconds") else (value + 1, value - 1)
        least = 0 if name == "MaxAttempts" else 1
        yield from ((place, each, str(value), str(each)) for each in others if each >= least)
    elif isinstance(value, str):
        for changed, before, after in _texts(value, name, place, machine):
            yield place, changed, before, after


def _may_go(key: str, value: Any, place: Place) -> bool:
    """Return whether a member can be left out, and then means something else."""
    named = place[-1:] in {("States",), ("Key",)} or key.startswith(("#", ":"))
    return not named and key not in KEPT | TYPED and DEFAULTS.get(key) != value


def _texts(value: str, name: str, place: Place, machine: Json) -> Iterator[tuple[str, str, str]]:
    """Yield what a text may become."""
    if name in {"Next", "StartAt"}:
        others = [each for each in machine["States"] if each != value]
        if others:
            here = next((each for each in reversed(place) if each in machine["States"]), value)
            after = [each for each in others if each != here] or others
            following = list(machine["States"]).index(value)
            other = after[following % len(after)]
            yield other, value, other
    elif name in KEPT - {"Items", "UpdateExpression"} or name == "JitterStrategy":
        return
    elif name == "UpdateExpression":
        yield from _clauses(value)
    elif value.startswith("{%") or name == "ConditionExpression":
        yield from _expressions(value)
    elif "Values" in str(place) or "Assign" in place or "Output" in place or "Payload" in place:
        yield f"XX{value}XX", value, f"XX{value}XX"


_CLAUSE = re.compile(r"[#\w]+ = (?:if_not_exists\([^)]*\)(?: \+ :\w+)?|[:\w]+)")


def _clauses(value: str) -> Iterator[tuple[str, str, str]]:
    """Leave out one attribute that an update sets or removes."""
    for found in _CLAUSE.finditer(value):
        yield _without(value, found.span(), ","), found.group(), LEFT_OUT
    removed = re.search(r"REMOVE ([#\w, ]+)", value)
    if removed:
        for found in re.finditer(r"[#\w]+", removed.group(1)):
            start = removed.start(1) + found.start()
            span = (start, start + len(found.group()))
            yield _without(value, span, ","), f"REMOVE {found.group()}", LEFT_OUT
    yield from _expressions(value)


def _without(value: str, span: tuple[int, int], separator: str) -> str:
    """Leave out a part of a list with one of the separators beside it."""
    before, after = value[: span[0]], value[span[1] :]
    if after.lstrip().startswith(separator):
        return before + after.lstrip()[len(separator) :].lstrip()
    cut = before.rstrip().removesuffix(separator)
    if cut != before.rstrip():
        return cut + after
    return re.sub(r"(SET|REMOVE)\s*$", "", before) + after


_SWAPS = {
    "<=": ("<",), "<": ("<=", ">"), "!=": ("=",), ">": (">=",), "=": ("!=",), " and ": (" or ",),
    " OR ": (" AND ",), " AND ": (" OR ",), " in ": (" != ",), "+": ("-",), "/": ("*",),
    "$exists(": ("$not(",), "attribute_not_exists(": ("attribute_exists(",),
    "attribute_exists(": ("attribute_not_exists(",), "[0]": ("[1]",), "[1]": ("[0]",),
}  # fmt: skip
_OPERATOR = re.compile(
    "|".join(re.escape(each) for each in sorted(_SWAPS, key=len, reverse=True))
    + r"|(?<![\w\"$.:])\d+\b"
)
_TERM = r"(?:[#\w]+ [<=] :\w+|attribute_\w+\(\w+\))"
_OPERANDS = tuple(
    re.compile(each)
    for each in (
        rf"{_TERM} (?:OR|AND) ",
        rf" (?:OR|AND) {_TERM}\b(?! OR| AND)",
        r"(?<=[ \n])\$\w+(?:\([^()]*\))?[^()?&;]*? and ",
        r" and [^?;]+?(?= and |\s+\?)",
        r"\$states\.input\.[\w.\"-]+, ",
    )
)
"""Operands, each with the operator beside it."""

_MEMBERS = re.compile(r"\"\w+\": \{\"\w+\": [^{}]*\}|(?<=in \[)\"[\w.]+\"|\"[\w.]+\"(?=\];)")


def _expressions(value: str) -> Iterator[tuple[str, str, str]]:
    """Change one operator or number of an expression, or leave an operand or a member out."""
    for found in _OPERATOR.finditer(value):
        for other in _others(value, found):
            changed = value[: found.start()] + other + value[found.end() :]
            after = _around(changed, (found.start(), found.start() + len(other)))
            yield changed, _around(value, found.span()), after
    for operand in _OPERANDS:
        for found in operand.finditer(value):
            yield value[: found.start()] + value[found.end() :], f"…{found.group()}…", LEFT_OUT
    for found in _MEMBERS.finditer(value):
        yield _without(value, found.span(), ","), _around(value, found.span()), LEFT_OUT


def _others(value: str, found: re.Match[str]) -> tuple[str, ...]:
    """Return what an operator or a number may become."""
    sign, start = found.group(), found.start()
    of_dynamodb = re.search(r" OR | AND |\bSET ", value) is not None or "{%" not in value
    if sign == "=" and (value[start - 1] in "!<>:" or "SET " in value):
        return ()
    if value.rfind("/*", 0, start + 2) > value.rfind("*/", 0, start):
        return ()  # a comment
    if sign == " in " and value[found.end()] != "[":
        return ()  # a word
    if sign.isdigit():
        return str(int(sign) + 1), str(int(sign) - 1)
    return tuple("<>" if each == "!=" and of_dynamodb else each for each in _SWAPS[sign])


def _around(value: str, span: tuple[int, int]) -> str:
    """Return a part of a text with a little of what is beside it."""
    start, end = max(0, span[0] - 24), span[1] + 24
    part = " ".join(value[start:end].split())
    return ("…" if start else "") + part + ("…" if end < len(value) else "")


def _lines(node: Any, place: Place) -> Iterator[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, each in node.value:
            yield (*place, key.value), key.start_mark.line + 1
            for inner, line in _lines(each, (*place, key.value)):
                if len(inner) > len(place) + 1:
                    yield inner, line
    elif isinstance(node, yaml.SequenceNode):
        for index, each in enumerate(node.value):
            yield from _lines(each, (*place, index))


def _path(place: Place) -> str:
    shown = [f"[{each}]" if isinstance(each, int) else f".{each}" for each in place]
    text = "".join(shown).removeprefix(".")
    for noise in ("States.", "ItemProcessor.", "Arguments.", "ExpressionAttributeValues."):
        text = text.replace(noise, "")
    return re.sub(r"Branches\[\d\]\.", "", text)


def _short(value: Any) -> str:
    text = (
        value
        if isinstance(value, str)
        else yaml.safe_dump(value, default_flow_style=True, width=1 << 20)
    )
    text = " ".join(text.removesuffix("...\n").split())
    return text if len(text) < 90 else f"{text[:88]} …"
