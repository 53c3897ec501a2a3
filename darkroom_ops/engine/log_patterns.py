"""Filter patterns of CloudWatch Logs: which lines FilterLogEvents returns.

Source: CloudWatch Logs user guide, "Filter pattern syntax". Terms match parts of words too.
"""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

Matches = Callable[[str], bool]
Test = Callable[[Any], bool]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}

CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}

_TERM = re.compile(r'\s*([?-]?)("(?:[^"\\]|\\.)*"|%[^%]+%|[^\s"%]+)\s*')
_TOKEN = re.compile(
    r"""\s*(
        \$(?:\.?\[(?:\d+|\*|"[^"]*"|'[^']*')\]|\.[^\s.\[\]()=!<>&|]+)+  # a selector
        | "(?:[^"\\]|\\.)*" | %[^%]+%
        | [()] | && | \|\| | >= | <= | != | [=<>]
        | [^\s()=!<>&|"%]+
    )\s*""",
    re.VERBOSE,
)
_STEP = re.compile(r"\.?\[(\d+|\*|\"[^\"]*\"|'[^']*')\]|\.([^\s.\[\]]+)")


@functools.lru_cache(maxsize=64)
def compiled(pattern: str) -> Matches:
    """Return what tells whether a line matches; a ValueError says why there is no such pattern."""
    text = pattern.strip()
    if text.startswith("{") and text.endswith("}"):
        test = _Conditions(text[1:-1]).whole()
        return lambda line: (said := _json(line)) is not None and test(said)
    if text.startswith("{"):
        raise ValueError(f"the filter pattern {text} has a brace that is not closed")
    if text.startswith("["):
        raise ValueError("the engine has no patterns of space-delimited fields ([a, b])")
    return _terms(text)


def _terms(text: str) -> Matches:
    """All of the plain terms, none of those with a minus; else, any of those with a ``?``."""
    found: dict[str, list[Matches]] = {"": [], "-": [], "?": []}
    place = 0
    while place < len(text):
        term = _TERM.match(text, place)
        if term is None:
            raise ValueError(f"the filter pattern {text!r} has a quote that is not closed")
        found[term[1]].append(_term(term[2]))
        place = term.end()
    wanted, unwanted, either = found[""], found["-"], found["?"]
    if either and not (wanted or unwanted):
        return lambda line: any(each(line) for each in either)
    return lambda line: (
        all(each(line) for each in wanted) and not any(each(line) for each in unwanted)
    )


def _term(text: str) -> Matches:
    if text[0] == text[-1] == "%":
        wanted = _expression(text)
        return lambda line: wanted(line) is not None
    literal = _unquoted(text)
    return lambda line: literal in line


class _Conditions:
    """Reads what stands between the braces of a pattern for JSON."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))

    def whole(self) -> Test:
        test = self._either()
        if self._tokens:
            raise self._wrong(self._tokens[0])
        return test

    def _either(self) -> Test:
        tests = [self._all()]
        while self._tokens[:1] == ["||"]:
            self._take()
            tests.append(self._all())
        return lambda said: any(test(said) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._tokens[:1] == ["&&"]:
            self._take()
            tests.append(self._one())
        return lambda said: all(test(said) for test in tests)

    def _one(self) -> Test:
        first = self._take()
        if first == "(":
            test = self._either()
            if (closing := self._take()) != ")":
                raise self._wrong(closing)
            return test
        if not first.startswith("$"):
            raise self._wrong(first)
        steps, word = _steps(first), self._take()
        if word == "NOT" and self._take() == "EXISTS":
            return lambda said: not any(True for _ in _values(said, steps))
        if word == "IS" and (name := self._take()) in CONSTANTS:
            wanted = CONSTANTS[name]
            return lambda said: any(each is wanted for each in _values(said, steps))
        if word not in COMPARISONS:
            raise self._wrong(word)
        test = _comparison(word, self._take())
        return lambda said: any(test(each) for each in _values(said, steps))

    def _take(self) -> str:
        if not self._tokens:
            raise self._wrong("its end")
        return self._tokens.pop(0)

    def _wrong(self, token: str) -> ValueError:
        return ValueError(f"the filter pattern {{{self._text}}} has a syntax error at {token}")


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text.rstrip()):
        token = _TOKEN.match(text, place)
        if token is None:
            raise ValueError(f"the filter pattern {{{text}}} has a syntax error at {text[place:]}")
        yield token[1]
        place = token.end()


def _steps(selector: str) -> list[str | int]:
    steps: list[str | int] = []
    for index, name in _STEP.findall(selector):
        if name or index[0] in "\"'":
            steps.append(name or index[1:-1])
        else:
            steps.append(index if index == "*" else int(index))
    return steps


def _values(said: Any, steps: list[str | int]) -> Iterator[Any]:
    """Yield what a selector finds: several things, where it has a ``[*]``."""
    if not steps:
        yield said
        return
    step, rest = steps[0], steps[1:]
    if isinstance(said, dict) and step in said:
        yield from _values(said[step], rest)
    elif isinstance(said, list) and step == "*":
        for each in said:
            yield from _values(each, rest)
    elif isinstance(said, list) and isinstance(step, int) and step < len(said):
        yield from _values(said[step], rest)


def _comparison(sign: str, wanted: str) -> Test:
    number = None if wanted.startswith('"') else _number(wanted)
    if number is not None:
        return lambda said: _is_number(said) and COMPARISONS[sign](said, number)
    if sign not in {"=", "!="}:
        raise ValueError(f"the filter pattern compares by {sign} with {wanted}, which is no number")
    if wanted[0] == wanted[-1] == "%":
        matches = _expression(wanted)
    else:
        glob = "".join(".*" if each == "*" else re.escape(each) for each in _unquoted(wanted))
        matches = re.compile(glob, re.DOTALL).fullmatch
    return lambda said: (
        not isinstance(said, (dict, list)) and (matches(_text(said)) is not None) == (sign == "=")
    )


def _expression(quoted: str) -> Callable[[str], re.Match[str] | None]:
    try:
        return re.compile(quoted[1:-1]).search
    except re.error as error:
        raise ValueError(f"{quoted} is no regular expression: {error}") from None


def _text(said: Any) -> str:
    return said if isinstance(said, str) else json.dumps(said)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_number(said: Any) -> bool:
    return isinstance(said, (int, float)) and not isinstance(said, bool)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
