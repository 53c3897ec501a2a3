"""JSONata as Step Functions has it."""

from __future__ import annotations

import copy
import datetime
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any
from unittest.mock import patch

import pytest
from jsonata import Jsonata
from jsonata.jexception import JException

from darkroom_ops.engine.stepfunctions import jsonata
from darkroom_ops.engine.stepfunctions.jsonata import UNDEFINED, QueryError, evaluate


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 1", 2),
        ("$string(2.0)", "2"),
        ('$string({"a": "é😀", "b": null})', '{"a":"é😀","b":null}'),
        ('$parse("[1, {\\"a\\": null}]")', [1, {"a": None}]),
        ('$hash("abc", "SHA-1")', "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ('$hash("abc", "MD5")', "900150983cd24fb0d6963f7d28e17f72"),
        ('$hash("é", "SHA-256")', hashlib.sha256("é".encode()).hexdigest()),
        ("$range(0, 10, 5)", [0, 5, 10]),
        ("$range(0, 9, 5)", [0, 5]),
        ("$range(2, 0, -1)", [2, 1, 0]),
        ("$range(3, 3, 1)", [3]),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$partition([1, 2, 3, 4], 2)", [[1, 2], [3, 4]]),
        ("$random(7) = $random(7)", True),
        ("$random(7) = $random(8)", False),
        ("$random() = $random()", False),
        ("$length($uuid())", 36),
        ("$uuid() = $uuid()", False),
        ('$string({"a": [1, "é"]}, true)', '{\n  "a": [\n    1,\n    "é"\n  ]\n}'),
        ("$string(function($x) { $x })", ""),
        ('$string($uppercase)', ""),
        ('"a" & [1, {"b": true}]', 'a[1,{"b":true}]'),
        ("/* a comment */ 3", 3),
        ("[$map([1], function($v) { $v * 2 })]", [2]),
        ("null", None),
    ],
)  # fmt: skip
def test_an_expression(expression: str, expected: Any) -> None:
    assert evaluate(expression, {}) == expected


@pytest.mark.parametrize("text", ['"', "\\", "'", "\n", "\x00", "é😀", "$x", '"; 1/0; "', "{%"])
def test_variables_are_values_not_source(text: str) -> None:
    assert evaluate("$name & $all.inner", {"name": text, "all": {"inner": text}}) == text * 2


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$a.b", 1),
        ("$a.b & $a.c", "12"),
        ("$a . c", 2),
        ("$a.*[0]", 1),
        ("$a.`b`", 1),
        ("$string($a) & $a.b", '{"b":1,"c":2}1'),
        ("$ab.b & $a.c", "32"),
        ("$count($list.b)", 2),
        ("$exists($a.d)", False),
    ],
)
def test_an_expression_gets_what_it_names(expression: str, expected: Any) -> None:
    given = {"a": {"b": 1, "c": 2}, "ab": {"b": 3}, "list": [{"b": 1}, {"b": 2}], "none": object}
    assert evaluate(expression, given) == expected


SOME: dict[str, Any] = {
    "a": {"b": [1], "empty": [], "n": None, "f": 1.0, "t": "é", "o": {"k": [[1, 2]], "no": False}},
    "list": [{"x": 1}, {"x": [2]}],
    "none": None,
    "in": {"x": 1},
}


@pytest.mark.parametrize(
    "expression",
    [
        "$a", "$a.b", "$a.empty", "$a.n", "$a.f", " $a.t ", "$a.o", "$a.o.k", "$a.o.no", "$a.gone",
        "$a.empty.x", "$a.gone.more", "$a.n.more", "$a.t.more", "$a.o.no.more", "$list", "$list.x",
        "$none", "$none.x", "$gone", "$a.in", "$in.x", "$a. o",
    ],
)  # fmt: skip
def test_members_of_members_are_what_jsonata_says(expression: str) -> None:
    assert evaluate(expression, SOME) == evaluate(f"({expression})", SOME)


@pytest.mark.parametrize("literal", ["null", "true", "false"])
def test_a_literal_is_no_member(literal: str) -> None:
    with pytest.raises(QueryError, match="cannot be used as a step"):
        evaluate(f"$a.{literal}", {"a": {literal: 1}})


@pytest.mark.parametrize("word", ["and", "function", "in", "or"])
def test_other_words_of_the_language_are_members(word: str) -> None:
    given = {"a": {word: 1}}
    assert evaluate(f"$a.{word}", given) == evaluate(f"($a.{word})", given) == 1


def test_members_of_members_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSONata would take ten times as long."""
    monkeypatch.setattr(jsonata, "_evaluate", None)
    given = {"states": {"context": {"Execution": {"Id": "arn"}}}}
    assert evaluate("$states.context.Execution.Id", given) == "arn"
    assert evaluate("$states.context.Execution", given) == {"Id": "arn"}
    assert evaluate("$states.context.Map", given) is UNDEFINED


def test_an_expression_asks_for_the_time_in_any_thread() -> None:
    """Also in one that did not parse it."""
    assert evaluate("$millis() > 0", {})
    with ThreadPoolExecutor(1) as other:
        assert other.submit(evaluate, "$millis() > 0", {}).result()


def test_what_is_looked_up_is_a_copy() -> None:
    evaluate("$a.o", SOME)["k"].append(3)
    assert SOME["a"]["o"]["k"] == [[1, 2]]


def test_what_an_expression_does_not_name_is_not_copied() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop  # copying it is an error
    for expression in ("$a.b", "$a.b + 0"):  # looked up, and evaluated
        given = {"a": {"b": 1, "loop": loop}, "loop": loop, "loops": [loop]}
        assert evaluate(expression, given) == 1
    with pytest.raises(ValueError, match="Circular"):
        evaluate("$a", {"a": {"b": 1, "loop": loop}})


def test_undefined_is_not_null() -> None:
    assert evaluate("$x.a", {"x": {"a": None}}) is None
    assert evaluate("$x", {"x": None}) is None
    assert evaluate("$x.b", {"x": {"a": None}}) is UNDEFINED
    assert evaluate("$nowhere", {}) is UNDEFINED
    assert evaluate("x.a", {"x": {"a": 1}}) is UNDEFINED  # no variable
    assert evaluate("$exists($x.a)", {"x": {"a": None}}) is True


def test_dates_are_the_context_objects() -> None:
    moment = datetime.datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=datetime.UTC)
    assert evaluate("$at", {"at": moment}) == "2026-01-31T23:59:59.123Z"


def test_dates_elsewhere_are_told_in_utc_and_other_things_as_text() -> None:
    moment = datetime.datetime.fromisoformat("2026-02-01T01:00:00+01:00")
    found = evaluate("$all", {"all": {"at": moment, "path": PurePosixPath("a/b")}})
    assert found == {"at": "2026-02-01T00:00:00.000Z", "path": "a/b"}


@pytest.mark.parametrize("expression", ["$error('no')", "(1", "1 + 'a'", "$nofunction()"])
def test_a_failing_expression_says_so(expression: str) -> None:
    with pytest.raises(QueryError, match=r"\S"):
        evaluate(expression, {})


def test_a_failing_expression_says_what_it_said_itself() -> None:
    with pytest.raises(QueryError, match="no such rendition"):
        evaluate("$error('no such rendition')", {})


def test_evaluation_leaves_the_variables_alone() -> None:
    given = {"list": [3, 1, 2]}
    evaluate("$sort($x.list) ~> $reverse()", {"x": given})
    assert given == {"list": [3, 1, 2]}


def test_threads_do_not_mix() -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for _ in range(30):
            found = evaluate("($f := function($v) { $v * $n }; $sum([1..20].$f($)))", {"n": number})
            if found != 210 * number:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_names_are_looked_up_from_the_innermost_scope() -> None:
    nested = "($n := 1; $inner := function() { ($m := $n + 1; [$n, $m]) }; $n := 5; $inner())"
    assert evaluate(nested, {"n": 0}) == [5, 6]
    assert evaluate("($n := null; $exists($n))", {"n": 1}) is True


@pytest.mark.parametrize(
    "expression",
    [
        "a.b",
        "a.b[0]",
        "a.b[$ > 1]",
        "a.b[0][]",
        "[a.b[0]]",
        "a.none",
        "a.*",
        "**.c",
        "a.e.(%.b)",
        "a.e.c^(>$)",
        "a.e{c: $count(b)}",
        "(a.e){c: d}",
        "-a.n + 2 * 3",
        "a.n = 1 ? 'one' : 'other'",
        "a.n = 2 ? 'two'",
        "($x := a.n; $x + 1)",
        "$match('ab', /b/)",
        "$map(a.b, function($v, $i) { $v * $i })",
        "$map(a.b, $power(?, 2))",
        "a.b ~> $sum",
        "a ~> |e|{'c': 0}, 'd'|",
        "$eval('a.n + 1')",
        "true or null",
        "a.e@$x.{'c': $x.c}",
        "a.b#$i[$i = 1]",
        "[]",
        "a.e.[c, d]",
        "$none(1)",
        "$map(a.b, $string)",
        "$type($sum)",
        "$map(a.b, 1)",
        "$filter(a.b, function($v) { $v = 1 })",
        "$filter(a.b, function($v) { $v = 1 })[]",
        "$map(a.n, $string)[]",
        "(a.e[0].c)[]",
    ],
)
def test_a_step_is_evaluated_as_jsonata_python_does(expression: str) -> None:
    given = {"a": {"b": [1, 2, 3], "n": 1, "e": [{"c": "x", "d": 1}, {"c": "y", "d": 2}]}}

    def outcome() -> Any:
        try:
            return Jsonata(expression).evaluate(copy.deepcopy(given))
        except JException as error:
            return error.error, error.location

    ours = outcome()
    with patch.object(Jsonata, "eval", Jsonata._eval):
        assert ours == outcome()
