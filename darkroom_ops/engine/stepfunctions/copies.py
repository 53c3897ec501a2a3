"""Copies of what states hold: JSON, which copy.deepcopy takes ten times as long for."""

from __future__ import annotations

import copy
from typing import Any

_ATOMS = frozenset({str, int, float, bool, type(None)})


def copied(value: Any) -> Any:
    """Return a copy that shares nothing that can change; what is no JSON is copied by Python."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        return {
            name: each if type(each) in _ATOMS else copied(each) for name, each in value.items()
        }
    if kind is list:
        return [each if type(each) in _ATOMS else copied(each) for each in value]
    return copy.deepcopy(value)


class Copying:
    """Stands for the module `copy`, of which moto's interpreter uses `deepcopy` only."""

    deepcopy = staticmethod(copied)
