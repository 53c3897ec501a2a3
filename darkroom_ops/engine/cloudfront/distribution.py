"""A distribution as a template declares it: what is served by which behaviour, and how long."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

ERROR_SECONDS = 10
"""How long errors are cached by default (developer guide, "HTTP 4xx and 5xx status codes")."""

PREFIX = "AWS::CloudFront::"

_UNRESERVED = re.compile(r"%(2D|2E|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE)


@dataclass(frozen=True)
class Behaviour:
    """How requests for a pattern of paths are answered; times are in seconds."""

    pattern: str  # with CloudFront's wildcards
    bucket: str
    methods: frozenset[str]
    least: int
    usual: int
    most: int
    query: frozenset[str] | None  # names that reach the cache key and the origin; None means all
    headers: tuple[tuple[str, str, bool], ...]  # with whether it replaces the origin's
    on_request: str | None  # the code of a function
    on_response: str | None

    def takes(self, path: str) -> bool:
        """Return whether the pattern matches a path, as a whole and with its case."""
        wanted = re.escape(self.pattern.lstrip("/")).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(wanted, path.lstrip("/"), re.DOTALL) is not None


@dataclass(frozen=True)
class Distribution:
    """Behaviours, of which the first that takes a path holds, and how long errors are cached."""

    behaviours: tuple[Behaviour, ...]
    error_seconds: Mapping[int, int]

    def behaviour(self, path: str) -> Behaviour:
        """Return the behaviour for the path of a request; the last takes every one."""
        plain = normal(path)
        return next(each for each in self.behaviours if each.takes(plain))

    @property
    def has_functions(self) -> bool:
        """Return whether any behaviour calls a function."""
        return any(each.on_request or each.on_response for each in self.behaviours)


def normal(path: str) -> str:
    """Return a path as behaviours see it: RFC 3986, without needless escapes and dot segments."""
    plain = _UNRESERVED.sub(lambda found: chr(int(found[1], 16)), path)
    if re.search(r"/\.\.?(/|\Z)", plain) is None:
        return plain
    folder = "/" if re.search(r"/(\.\.?)?\Z", plain) else ""
    return posixpath.normpath(plain).rstrip("/") + folder


def read(template: Json, parameters: Mapping[str, str]) -> Distribution:
    """Return the distribution of a template that declares one.

    A ValueError names what the engine does not have.
    """
    resources: Mapping[str, Json] = template["Resources"]
    odd = sorted({each["Type"] for each in resources.values() if PREFIX not in each["Type"]})
    if odd:
        raise ValueError(f"the engine nests templates of CloudFront only, and this has {odd[0]}")
    (config,) = [
        each["Properties"]["DistributionConfig"]
        for each in resources.values()
        if each["Type"] == f"{PREFIX}Distribution"
    ]
    buckets = {
        origin["Id"]: str(resolve(origin["DomainName"], parameters)).partition(".s3.")[0]
        for origin in config["Origins"]
    }
    default = {"PathPattern": "*", **config["DefaultCacheBehavior"]}
    behaviours = (
        _behaviour(each, buckets[each["TargetOriginId"]], resources)
        for each in (*config.get("CacheBehaviors", ()), default)
    )
    errors = {
        each["ErrorCode"]: each.get("ErrorCachingMinTTL", ERROR_SECONDS)
        for each in config.get("CustomErrorResponses", ())
    }
    return Distribution(tuple(behaviours), errors)


def outputs(template: Json, parameters: Mapping[str, str], address: str) -> dict[str, str]:
    """Return a template's outputs, where the distribution is at an address: ``127.0.0.1:80``.

    There is no TLS at it.
    """
    known = dict(parameters)
    for name, each in template["Resources"].items():
        if each["Type"] == f"{PREFIX}Distribution":
            known |= {f"{name}.DomainName": address, name: "ENGINE"}
    return {
        name: str(resolve(each["Value"], known)).replace(f"https://{address}", f"http://{address}")
        for name, each in template["Outputs"].items()
    }


def resolve(value: Any, known: Mapping[str, str]) -> Any:
    """Return what a reference (Ref, Fn::Sub) stands for, where that is known."""
    if not isinstance(value, Mapping):
        return value
    if "Ref" in value:
        return known.get(value["Ref"], value["Ref"])
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([^}]+)\}", lambda name: known.get(name[1], name[0]), value["Fn::Sub"])
    return value


def _behaviour(declared: Json, bucket: str, resources: Mapping[str, Json]) -> Behaviour:
    cache = resources[declared["CachePolicyId"]["Ref"]]["Properties"]["CachePolicyConfig"]
    query = cache["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"]
    functions = {
        each["EventType"]: resources[_named(each["FunctionARN"])]["Properties"]["FunctionCode"]
        for each in declared.get("FunctionAssociations", ())
    }
    return Behaviour(
        pattern=declared["PathPattern"],
        bucket=bucket,
        methods=frozenset(declared.get("AllowedMethods", ("GET", "HEAD"))),
        least=cache["MinTTL"],
        usual=cache["DefaultTTL"],
        most=cache["MaxTTL"],
        query=None
        if query["QueryStringBehavior"] == "all"
        else frozenset(query.get("QueryStrings", ())),
        headers=tuple(_headers(declared, resources)),
        on_request=functions.get("viewer-request"),
        on_response=functions.get("viewer-response"),
    )


def _headers(declared: Json, resources: Mapping[str, Json]) -> Iterable[tuple[str, str, bool]]:
    if "ResponseHeadersPolicyId" not in declared:
        return
    policy = resources[declared["ResponseHeadersPolicyId"]["Ref"]]["Properties"]
    config = policy["ResponseHeadersPolicyConfig"]
    for each in config.get("CustomHeadersConfig", {}).get("Items", ()):
        yield each["Header"], each["Value"], each["Override"]
    security = config.get("SecurityHeadersConfig", {})
    if "ContentTypeOptions" in security:
        yield "X-Content-Type-Options", "nosniff", security["ContentTypeOptions"]["Override"]
    if "StrictTransportSecurity" in security:
        transport = security["StrictTransportSecurity"]
        seconds = f"max-age={transport['AccessControlMaxAgeSec']}"
        yield "Strict-Transport-Security", seconds, transport["Override"]


def _named(reference: Json) -> str:
    """Return the resource whose attribute a Fn::GetAtt takes."""
    given = reference["Fn::GetAtt"]
    return str(given if isinstance(given, str) else given[0]).partition(".")[0]
