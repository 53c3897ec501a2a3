"""Folding what is alike: a capital letter differs here."""

from __future__ import annotations

import pytest

from darkroom_ops.console.folds import folded


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ("", []),
        ("A", ["A"]),
        ("abc", ["abc"]),
        ("abcd", ["(abcd)"]),  # nothing differs
        ("Abcdefgh", ["Abcd", "(efgh)"]),
        ("Abcdefg", ["Abcdefg"]),
        ("abcdefgH", ["(abcd)", "efgH"]),
        ("AbcdefghijK", ["AbcdefghijK"]),
        ("AbcdefghijkL", ["Abcd", "(efgh)", "ijkL"]),
        ("ABCDEFGHIJKL", ["ABCDEFGHIJKL"]),
        ("abcdefghIJKLMNOPqrstuvwx", ["(abcde)", "fghIJKLMNOPqrs", "(tuvwx)"]),
        ("ABcdefghijklMNo", ["ABcde", "(fghi)", "jklMNo"]),
    ],
)
def test_lines_far_from_one_that_differs_are_folded(lines: str, parts: list[str]) -> None:
    found = [
        f"({''.join(part)})" if fold else "".join(part) for fold, part in folded(lines, str.islower)
    ]
    assert found == parts
