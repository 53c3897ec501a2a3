"""The template's parameters, as somebody gives them: refused where CloudFormation would refuse."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any


def read(given: Iterable[str], declared: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the values of ``Name=Value``, by name, as far as a template declares and allows them.

    A ValueError says what is wrong, and what is expected. Source: CloudFormation user guide,
    "Parameters", with the rules for each property.
    """
    values: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise ValueError(f"Expected a parameter as Name=Value, got {each!r}.")
        if name not in declared:
            near = difflib.get_close_matches(name, declared, 1)
            hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(sorted(declared))}."
            raise ValueError(f"The template has no parameter {name!r}. {hint}")
        wrong = _wrong(value, declared[name])
        if wrong:
            raise ValueError(f"The parameter {name} cannot be {value!r}. {wrong}")
        values[name] = value
    return values


def _wrong(value: str, declared: Mapping[str, Any]) -> str | None:
    """Return what is expected instead of a value; None if it is allowed."""
    allowed = declared.get("AllowedValues")
    if allowed is not None and value not in map(str, allowed):
        expected = f"Expected one of {', '.join(map(str, allowed))}."
    elif "AllowedPattern" in declared and not re.fullmatch(declared["AllowedPattern"], value):
        expected = f"Expected what matches {declared['AllowedPattern']}."
    elif declared["Type"] == "Number" and _number(value) is None:
        expected = "Expected a number."
    elif (_number(value) or 0) < declared.get("MinValue", -math.inf):
        expected = f"Expected {declared['MinValue']} or more."
    else:
        return None
    said: str = declared.get("ConstraintDescription", expected)
    return said


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"[+-]?\d+(\.\d+)?", value, re.ASCII) else None
