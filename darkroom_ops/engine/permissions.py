"""IAM, as far as the template uses it: what a call needs, and whether a policy allows it.

Pure: :mod:`darkroom_ops.engine.authorization` asks for every call that a function, the state
machine or an event rule makes. Whatever is not understood here is refused, never allowed.

Sources: Service Authorization Reference (actions and resources of each service); IAM user guide,
"Policy evaluation logic" and "IAM JSON policy elements: Condition operators"; S3 user guide,
"Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from darkroom.contract.arns import parse

MACHINE = "step-functions"
"""Access key of the calls that state machines make; a function's is its name."""


class PolicyNotUnderstood(Exception):
    """A policy says something that the engine cannot evaluate; the message names it."""


@dataclass(frozen=True)
class Call:
    """An API call."""

    principal: str  # who makes it: a function's name, or MACHINE
    service: str  # the service's signing name, as s3 or states
    operation: str
    parameters: Mapping[str, str] = field(default_factory=dict)  # those that decide what it needs


@dataclass(frozen=True)
class Need:
    """One permission that a call needs."""

    action: str
    resource: str  # ARN, or * where the service knows none
    via: str = ""  # the service that asks for it in the caller's name, as S3 asks KMS


@dataclass(frozen=True)
class Grant:
    """One action that a policy allows on one resource, both with wildcards as written."""

    owner: str  # ARN of the role or the resource whose policy it is
    sid: str
    action: str
    resource: str


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    allows: bool
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    services: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def matches(self, need: Need, context: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the pairs of action and resource that speak of a need, when all conditions hold.

        The context has the circumstances that conditions may ask for.
        """
        actions = _actions(self.actions, need.action)  # first: few statements speak of it
        if not actions or not all(
            _holds(operator, context.get(key), of) for operator, key, of in self.conditions
        ):
            return []
        resources = [each for each in self.resources if _like(each, need.resource)]
        return list(itertools.product(actions, resources))


@dataclass(frozen=True)
class Policy:
    """A policy document, with the role or the resource that it belongs to."""

    owner: str
    statements: tuple[Statement, ...]

    def grants(self) -> frozenset[Grant]:
        """Return everything that the policy allows, one action on one resource each."""
        return frozenset(
            Grant(self.owner, statement.sid, action, resource)
            for statement in self.statements
            if statement.allows
            for action, resource in itertools.product(statement.actions, statement.resources)
        )


@functools.lru_cache(maxsize=256)
def read(owner: str, document: str) -> Policy:
    """Read the policy document of a role or a resource, by its owner's ARN.

    Raises
    ------
    PolicyNotUnderstood
        It has an element or a condition operator that is not evaluated here.
    """
    content = json.loads(document).get("Statement", [])
    statements = content if isinstance(content, list) else [content]
    return Policy(owner, tuple(_statement(owner, each) for each in statements))


def decide(
    policies: Iterable[Policy],
    need: Need,
    *,
    context: Mapping[str, str] | None = None,
    service: str | None = None,
) -> frozenset[Grant] | None:
    """Return the grants that allow a need; None when nothing does, or a statement denies it.

    The context has condition keys and their values, as ``aws:SourceArn``; the service is the one
    that calls, as ``events.amazonaws.com``, when the policies are a resource's.
    """
    given = {key.lower(): value for key, value in (context or {}).items()}
    if need.via:
        given["kms:viaservice"] = need.via
    grants: set[Grant] = set()
    for policy in policies:
        for statement in policy.statements:
            if service is not None and not {service, "*"} & set(statement.services):
                continue
            pairs = statement.matches(need, given)
            if pairs and not statement.allows:
                return None
            grants.update(Grant(policy.owner, statement.sid, *pair) for pair in pairs)
    return frozenset(grants) or None


_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}


def _statement(owner: str, statement: Mapping[str, Any]) -> Statement:
    if unknown := set(statement) - _ELEMENTS:
        raise PolicyNotUnderstood(
            f"The policy of {owner} has {', '.join(sorted(unknown))}, which the engine does not "
            f"evaluate: expected only {', '.join(sorted(_ELEMENTS))}."
        )
    conditions = tuple(
        (operator, key.lower(), _texts(values))  # condition keys ignore case
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )
    if unknown := {operator for operator, _, _ in conditions} - set(OPERATORS):
        raise PolicyNotUnderstood(
            f"The policy of {owner} has the condition {', '.join(sorted(unknown))}, which the "
            f"engine does not evaluate: expected one of {', '.join(OPERATORS)}."
        )
    return Statement(
        allows=statement["Effect"] == "Allow",
        sid=statement.get("Sid", ""),
        actions=_texts(statement["Action"]),
        resources=_texts(statement.get("Resource", "*")),
        services=_services(statement.get("Principal", {})),
        conditions=conditions,
    )


def _services(principal: str | Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(principal, str):
        return (principal,)
    return _texts(principal.get("Service", ()))


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)):
        return tuple(_text(each) for each in value)
    return (_text(value),)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@functools.lru_cache(maxsize=1024)
def _pattern(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "."}
    text = "".join(wildcards.get(character) or re.escape(character) for character in pattern)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    return _pattern(pattern, ignore_case=ignore_case).fullmatch(value) is not None


@functools.lru_cache(maxsize=1024)
def _actions(patterns: tuple[str, ...], action: str) -> tuple[str, ...]:
    """Return those of a statement's actions that speak of an action."""
    return tuple(each for each in patterns if _like(each, action, ignore_case=True))


def _equal(expected: str, value: str) -> bool:
    return expected == value


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringLike": _like,
    # IAM compares ARNs part by part and lets both operators have wildcards.
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _equal,
}
"""The condition operators that are evaluated."""


def _holds(operator: str, value: str | None, expected: tuple[str, ...]) -> bool:
    """Return whether a condition holds; a key that the call does not have never matches."""
    return value is not None and any(OPERATORS[operator](each, value) for each in expected)


# ---------------------------------------------------------------------------- what a call needs


@dataclass(frozen=True)
class Place:
    """Where calls are made, and what of it decides about permissions.

    ``tagged`` returns whether an object (bucket, key, version) has tags, which a copy takes along;
    ``encryption_key`` the ARN of the customer's key that encrypts a topic, a queue or a bucket, by
    its ARN.
    """

    region: str
    account: str
    tagged: Callable[[str, str, str | None], bool] = lambda *_: False
    encryption_key: Callable[[str], str | None] = lambda _: None

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN of this region and account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


def needs(call: Call, place: Place) -> list[Need]:
    """Return every permission that a call needs.

    An operation that is not listed here needs its own name on ``*``: a statement that is limited to
    some resource then never allows it.
    """
    reader = NEEDS.get((call.service, call.operation))
    if reader is None:
        return [Need(f"{ACTION_PREFIXES.get(call.service, call.service)}:{call.operation}", "*")]
    return reader(call.parameters, place)


ACTION_PREFIXES = {"monitoring": "cloudwatch"}
"""Prefix of a service's actions, where it differs from its signing name."""

Parameters = Mapping[str, str]
Reader = Callable[[Parameters, Place], list[Need]]


def _object(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


def _versioned(action: str, version: str | None) -> str:
    """Return the action for an object, or its twin for a version of it."""
    return f"s3:{action.replace('Object', 'ObjectVersion', 1)}" if version else f"s3:{action}"


def _reads(given: Parameters, place: Place) -> list[Need]:
    needed = _on_object("GetObject")(given, place)
    return needed + _asks_kms(place, f"arn:aws:s3:::{given['Bucket']}", "Decrypt")


def _writes(given: Parameters, place: Place) -> list[Need]:
    target = _object(given["Bucket"], given["Key"])
    needed = [Need("s3:PutObject", target)]
    if given.get("Tagging"):
        needed.append(Need("s3:PutObjectTagging", target))
    return needed + _asks_kms(place, f"arn:aws:s3:::{given['Bucket']}", "GenerateDataKey")


def _copies(given: Parameters, place: Place) -> list[Need]:
    bucket, key, version = given["CopyBucket"], given["CopyKey"], given.get("CopyVersionId")
    source = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    needed = _reads(source, place) + _writes(given, place)
    takes_tags = given.get("TaggingDirective") != "REPLACE" and "PartNumber" not in given
    if takes_tags and place.tagged(bucket, key, version):
        needed.append(Need(_versioned("GetObjectTagging", version), _object(bucket, key)))
        needed.append(Need("s3:PutObjectTagging", _object(given["Bucket"], given["Key"])))
    return needed


def _lists(given: Parameters, place: Place) -> list[Need]:  # noqa: ARG001 - a Reader
    return [Need("s3:ListBucket", f"arn:aws:s3:::{given['Bucket']}")]


def _on_object(action: str) -> Reader:
    return lambda given, _: [
        Need(_versioned(action, given.get("VersionId")), _object(given["Bucket"], given["Key"]))
    ]


def _on_named(action: str, parameter: str, prefix: str) -> Reader:
    """Return what a call needs that names a resource, by its ARN or without it."""
    service = action.partition(":")[0]

    def named_needs(given: Parameters, place: Place) -> list[Need]:
        name = given[parameter]
        known = name.startswith("arn:")
        arn = name if known else place.arn(service, f"{prefix}{name.lstrip('/')}")
        qualifier = given.get("Qualifier")  # of a function
        return [Need(action, f"{arn}:{qualifier}" if qualifier else arn)]

    return named_needs


def _on_table(action: str) -> Reader:
    return _on_named(f"dynamodb:{action}", "TableName", "table/")


def _on_arn(action: str, parameter: str) -> Reader:
    return lambda given, _: [Need(action, given[parameter])]


def _publishes(given: Parameters, place: Place) -> list[Need]:
    topic = given.get("TopicArn") or given.get("TargetArn") or "*"  # to a phone number: any
    return [Need("sns:Publish", topic), *_asks_kms(place, topic, "GenerateDataKey", "Decrypt")]


def _queue(given: Parameters, place: Place) -> str:
    name = given["QueueUrl"].rpartition("/")[2]
    return name if name.startswith("arn:") else place.arn("sqs", name)


def _sends(given: Parameters, place: Place) -> list[Need]:
    queue = _queue(given, place)
    return [Need("sqs:SendMessage", queue), *_asks_kms(place, queue, "GenerateDataKey", "Decrypt")]


def _gives_back(given: Parameters, place: Place) -> list[Need]:
    return [Need("sqs:ChangeMessageVisibility", _queue(given, place))]


def polls(queue: str, place: Place) -> list[Need]:
    """Return what polling a queue for a function needs of the template: to use the queue's key."""
    return _asks_kms(place, queue, "Decrypt")


def _asks_kms(place: Place, arn: str, *actions: str) -> list[Need]:
    key = place.encryption_key(arn) if arn.startswith("arn:") else None
    service = f"{parse(arn).service}.{place.region}.amazonaws.com" if key else ""
    return [Need(f"kms:{action}", key, service) for action in actions] if key else []


NEEDS: Mapping[tuple[str, str], Reader] = {
    ("s3", "GetObject"): _reads,
    ("s3", "HeadObject"): _reads,
    ("s3", "GetObjectTagging"): _on_object("GetObjectTagging"),
    ("s3", "PutObject"): _writes,
    ("s3", "PutObjectTagging"): _on_object("PutObjectTagging"),
    ("s3", "CopyObject"): _copies,
    ("s3", "CreateMultipartUpload"): _writes,
    ("s3", "UploadPart"): _writes,
    ("s3", "UploadPartCopy"): _copies,
    ("s3", "CompleteMultipartUpload"): _writes,
    ("s3", "AbortMultipartUpload"): _on_object("AbortMultipartUpload"),
    ("s3", "DeleteObject"): _on_object("DeleteObject"),
    ("s3", "ListObjects"): _lists,
    ("s3", "ListObjectsV2"): _lists,
    ("s3", "HeadBucket"): _lists,
    ("dynamodb", "GetItem"): _on_table("GetItem"),
    ("dynamodb", "PutItem"): _on_table("PutItem"),
    ("dynamodb", "UpdateItem"): _on_table("UpdateItem"),
    ("dynamodb", "DeleteItem"): _on_table("DeleteItem"),
    ("dynamodb", "Query"): _on_table("Query"),
    ("lambda", "Invoke"): _on_named("lambda:InvokeFunction", "FunctionName", "function:"),
    ("sns", "Publish"): _publishes,
    ("sqs", "SendMessage"): _sends,
    ("sqs", "ChangeMessageVisibility"): _gives_back,
    ("ssm", "GetParameter"): _on_named("ssm:GetParameter", "Name", "parameter/"),
    ("states", "StartExecution"): _on_arn("states:StartExecution", "stateMachineArn"),
    ("states", "StartSyncExecution"): _on_arn("states:StartSyncExecution", "stateMachineArn"),
    ("states", "DescribeExecution"): _on_arn("states:DescribeExecution", "executionArn"),
    ("states", "GetExecutionHistory"): _on_arn("states:GetExecutionHistory", "executionArn"),
    ("states", "RedriveExecution"): _on_arn("states:RedriveExecution", "executionArn"),
}
"""What each operation needs, by service and operation."""
