"""What the doctor says: a sentence, and the command that mends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["broken", "warning", "unknown", "elsewhere"]

ORDER: tuple[Severity, ...] = ("broken", "warning", "unknown", "elsewhere")
"""Worst first: images are not processed or nobody is told; it will bite; it could not be looked at;
it is not there, on the engine."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, or that could not be looked at."""

    severity: Severity
    check: str  # the name of the check that found it
    says: str
    mend: str = ""  # a command, or what to do where no command helps


def with_statement(policy: str, statement: Mapping[str, Any]) -> str:
    """Return a policy document with one more statement, in place of one with the same Sid."""
    document: dict[str, Any] = json.loads(policy) if policy else {"Version": "2012-10-17"}
    kept = [each for each in statements(document) if each.get("Sid") != statement["Sid"]]
    return json.dumps(document | {"Statement": [*kept, statement]})


def statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a policy's statements: one alone needs no list (IAM user guide, Statement)."""
    found = document.get("Statement", [])
    return list(found) if isinstance(found, list) else [found]


def permits(policy: str, service: str, action: str, source: str | None = None) -> bool:
    """Return whether a resource's policy lets a service of AWS do something for a source's ARN.

    Statements that deny are for others: the template's refuse plain HTTP.
    """
    document = json.loads(policy) if policy else {}
    return any(
        each["Effect"] == "Allow"
        and _has(_listed(each.get("Action")), action)
        and service in _services(each.get("Principal"))
        and _about(each.get("Condition", {}), source)
        for each in statements(document)
    )


def _services(principal: object) -> list[str]:
    return _listed(principal.get("Service")) if isinstance(principal, Mapping) else []


def _about(condition: Mapping[str, Any], source: str | None) -> bool:
    """Return whether a statement's condition on the source's ARN, if it has one, names it."""
    arns = [
        arn
        for keys in condition.values()
        for key, value in keys.items()
        if key.lower() == "aws:sourcearn"
        for arn in _listed(value)
    ]
    return source is None or not arns or _has(arns, source)


def _has(patterns: list[str], value: str) -> bool:
    """Return whether one fits, where ``*`` at the end stands for anything."""
    return any(
        value.startswith(each[:-1]) if each.endswith("*") else value == each for each in patterns
    )


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, list) else []
