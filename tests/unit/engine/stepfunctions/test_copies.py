"""Copies of JSON."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from darkroom_ops.engine.stepfunctions.copies import Copying


class Text(str):
    """What is no plain text."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "é", {"b": []}], "c": {}},
        [[{"a": "b"}], "c"],
        "text",
        None,
        {"when": datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC), "kind": Text("a")},
        {1, 2},
    ],
)
def test_a_copy_is_equal(value: Any) -> None:
    assert Copying.deepcopy(value) == value


def test_a_copy_shares_nothing_that_can_change() -> None:
    value: Any = {"dict": {"list": [{}, []], "set": {1}}}
    copied = Copying.deepcopy(value)
    copied["more"] = 1
    copied["dict"]["list"].append(1)
    copied["dict"]["list"][0]["a"] = 1
    copied["dict"]["list"][1].append(1)
    copied["dict"]["set"].add(2)
    assert value == {"dict": {"list": [{}, []], "set": {1}}}
