"""The template as CloudFormation would deploy it with some parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import boto3

from darkroom_ops.engine.deploy import read_template, translate
from tests.conftest import ROOT, TEMPLATE

Json = dict[str, Any]

_NOTHING = object()


def source() -> Json:
    """Return the SAM template."""
    return deepcopy(_source())


def cloudfront() -> Json:
    """Return the template that the option CloudFront nests."""
    return read_template(ROOT / "cloudfront.yaml")


def translated() -> Json:
    """Return what the SAM transform makes of the template, with its conditions still open."""
    return deepcopy(_translated())


class Late(Mapping[str, Any]):
    """What is made when a test looks at it, and not by every process that collects the tests."""

    def __init__(self, make: Callable[[], Json]) -> None:
        self._made = cache(make)

    def __getitem__(self, key: str) -> Any:
        return self._made()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())


def declared(kind: str) -> list[str]:
    """Return the logical names of a type in the SAM template."""
    return [name for name, each in _source()["Resources"].items() if each["Type"] == kind]


# Translating the template takes half a second: once is enough.
@cache
def _source() -> Json:
    return read_template(TEMPLATE)


@cache
def _translated() -> Json:
    parsed = source()
    uris = {name: f"s3://bucket/{name}" for name in parsed["Resources"]}
    session = boto3.session.Session("any", "any", region_name="us-east-1")
    return translate(parsed, ROOT, session, uris)


def stack(**parameters: str) -> Json:
    """Return the template with every condition decided, as for a deployment with `parameters`."""
    template = translated()
    unknown = set(parameters) - set(template["Parameters"])
    assert not unknown, f"no such parameter: {unknown}"
    values = {
        name: str(parameters.get(name, declared.get("Default")))
        for name, declared in template["Parameters"].items()
    }
    holds = {name: _holds(each, values) for name, each in template["Conditions"].items()}

    def kept(section: str) -> Json:
        return {
            name: _decided(each, holds)
            for name, each in template[section].items()
            if "Condition" not in each or holds[each["Condition"]]
        }

    return {"Resources": kept("Resources"), "Outputs": kept("Outputs")}


def _holds(condition: Json, values: dict[str, str]) -> bool:
    ((operator, operands),) = condition.items()
    if operator == "Fn::Not":
        return not _holds(operands[0], values)
    assert operator == "Fn::Equals", f"no other operator is used so far: {operator}"
    left, right = (values[e["Ref"]] if isinstance(e, dict) else str(e) for e in operands)
    return left == right


def _decided(value: Any, holds: dict[str, bool]) -> Any:
    """Replace each Fn::If by what it chooses, and drop what is AWS::NoValue."""
    if isinstance(value, list):
        return [found for each in value if (found := _decided(each, holds)) is not _NOTHING]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::NoValue"}:
        return _NOTHING
    if set(value) == {"Fn::If"}:
        condition, yes, no = value["Fn::If"]
        return _decided(yes if holds[condition] else no, holds)
    found = {key: _decided(each, holds) for key, each in value.items()}
    return {key: each for key, each in found.items() if each is not _NOTHING}


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, Json]:
    """Return the properties of all resources of a type, by logical name."""
    return {
        name: each.get("Properties", {})
        for name, each in template["Resources"].items()
        if each["Type"] == kind
    }


def references(value: Any) -> set[str]:
    """Return the logical names that a value refers to."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    if set(value) == {"Ref"}:
        return {value["Ref"]}
    if set(value) == {"Fn::GetAtt"}:
        target = value["Fn::GetAtt"]
        return {target.partition(".")[0] if isinstance(target, str) else target[0]}
    return set().union(*map(references, value.values()), set())
