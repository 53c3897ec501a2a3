"""Which lines a filter pattern of CloudWatch Logs takes."""

from __future__ import annotations

import json

import pytest

from darkroom_ops.engine.log_patterns import compiled

LINE = json.dumps(
    {
        "level": "ERROR", "ms": 12.5, "n": 404, "text": "404", "cold": True, "none": None,
        "at": {"key": "a b.jpg", "odd.name": 1}, "tries": [{"n": 1}, {"n": 2}],
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.level = "ERROR" }', True),
        ("{$.level=ERROR}", True),
        ('{ $.level = "error" }', False),
        ('{ $.level != "ERROR" }', False),
        ('{ $.level != "INFO" }', True),
        ('{ $.missing != "INFO" }', False),
        ('{ $.level = "E*R" }', True),
        ('{ $.level = "?????" }', False),
        ("{ $.level = %^ERR|^WARN% }", True),
        ("{ $.level != %WARN% }", True),
        ("{ $.ms > 12 }", True),
        ("{ $.ms >= 12.5 }", True),
        ("{ $.ms < 12.5 }", False),
        ("{ $.ms <= 1.25e1 }", True),
        ("{ $.n = 404 }", True),
        ("{ $.text = 404 }", False),
        ('{ $.text = "404" }', True),
        ("{ $.cold IS TRUE }", True),
        ("{ $.cold = 1 }", False),
        ("{ $.none IS NULL }", True),
        ("{ $.missing IS NULL }", False),
        ("{ $.missing NOT EXISTS }", True),
        ("{ $.none NOT EXISTS }", False),
        ('{ $.at.key = "a b.jpg" }', True),
        ('{ $.at["odd.name"] = 1 }', True),
        ('{ $.at = "*" }', False),
        ('{ $.tries = "*" }', False),
        ("{ $.tries[1].n = 2 }", True),
        ("{ $.tries[2].n = 2 }", False),
        ("{ $.tries[*].n = 2 }", True),
        ("{ $.n = 404 && $.ms > 99 || $.cold IS TRUE }", True),
        ("{ $.n = 404 && ($.ms > 99 || $.cold IS FALSE) }", False),
        ("ERROR", True),
        ("ERROR 404", True),
        ("ERROR nothing", False),
        ("ERROR -nothing", True),
        ("ERROR -404", False),
        ('"a b.jpg"', True),
        (r'"\"level\": \"ERROR\""', True),
        ("?nothing ?ERROR", True),
        ("?nothing ?else", False),
        ("ERROR ?nothing", True),  # with other terms, those count for nothing
        ("%\\d{3}%", True),
        ("", True),
    ],
)
def test_a_line_matches_or_not(pattern: str, matches: bool) -> None:
    assert compiled(pattern)(LINE) is matches


def test_what_is_no_json_matches_no_pattern_for_json() -> None:
    assert not compiled("{ $.level NOT EXISTS }")("START RequestId: 1")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{ $.level = }", "a syntax error at its end"),
        ("{ level = 1 }", "a syntax error at level"),
        ("{ $.a = 1 $.b = 2 }", r"a syntax error at \$.b"),
        ("{ $.a ~ 1 }", "a syntax error at ~"),
        ("{ $.a IS ODD }", "a syntax error at IS"),
        ("{ ($.a = 1 && $.b = 2 }", "a syntax error at its end"),
        ('{ $.a > "b" }', 'compares by > with "b", which is no number'),
        ("{ $.a = 1", "a brace that is not closed"),
        ("%(%", "%\\(% is no regular expression"),
        ("{ $.a = %[% }", "is no regular expression"),
        ('"open', "a quote that is not closed"),
        ("[a, b=ERROR]", "space-delimited"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        compiled(pattern)
