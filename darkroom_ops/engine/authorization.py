"""Who may do what: decides about the calls of functions, the state machine and event rules.

They may do only what their role in the template allows, as on AWS. Everybody else, as a person at a
terminal, may do everything.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from darkroom.contract.arns import parse

from darkroom_ops.engine.permissions import Call, Grant, Need, Place, Policy, decide, needs, polls
from darkroom_ops.engine.protocols import ServiceError
from darkroom_ops.engine.roles import Roles

EVENTS = "events.amazonaws.com"

KEPT_DENIALS = 1000


@dataclass(frozen=True)
class Denial:
    """A call that was refused, and what no policy allowed of it."""

    principal: str
    need: Need


class Authorizer:
    """Decides about calls, and remembers which grants were used and which calls refused."""

    def __init__(self, roles: Roles, place: Place) -> None:
        self._roles = roles
        self._place = place
        self._lock = threading.Lock()
        self._used: set[Grant] = set()
        self._denials: collections.deque[Denial] = collections.deque(maxlen=KEPT_DENIALS)

    @property
    def used(self) -> frozenset[Grant]:
        """Every grant that a call needed so far."""
        with self._lock:
            return frozenset(self._used)

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The last calls that were refused, oldest first."""
        with self._lock:
            return tuple(self._denials)

    def has_role(self, principal: str) -> bool:
        """Return whether a principal is bound to a role."""
        return self._roles.has(principal)

    def check(self, call: Call) -> ServiceError | None:
        """Return how a call is refused; None when its principal's role allows it."""
        policies = self._roles.role_policies(call.principal)
        if policies is None:
            return None
        for need in needs(call, self._place):
            if not self._allowed(call.principal, policies, need):
                return _refusal(call.service, call.principal, need)
        return None

    def hides(self, call: Call) -> ServiceError | None:
        """Return how a missing object is hidden from who may not list its bucket.

        S3 answers 403 for a key that is not there, unless the caller may list the bucket (S3 API
        reference, GetObject).
        """
        policies = self._roles.role_policies(call.principal)
        bucket = call.parameters.get("CopyBucket", call.parameters.get("Bucket", ""))
        need = Need("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        if policies is None or self._allowed(call.principal, policies, need):
            return None
        return _refusal("s3", call.principal, need)

    def check_delivery(self, rule: str, target: Mapping[str, Any]) -> None:
        """Check that a rule may deliver to a target, by the target's role or its resource policy.

        A ClientError, AccessDeniedException, says that it may not.
        """
        need = Need(DELIVERIES[parse(target["Arn"]).service], target["Arn"])
        if "RoleArn" in target:
            policies = self._roles.policies_of(target["RoleArn"])
            allowed = self._allowed(target["RoleArn"], policies, need)
        else:
            allowed = self._service_allowed(rule, need)
        if not allowed:
            refused = _refusal("events", rule, need)
            raise ClientError(
                {"Error": {"Code": refused.code, "Message": refused.message}}, "PutEvents"
            )

    def rule_may_send(self, rule: str, queue: str) -> bool:
        """Return whether a rule may send what it cannot deliver to a queue."""
        return self._service_allowed(rule, Need(DELIVERIES["sqs"], queue))

    def function_may_send(self, function: str, queue: str) -> bool:
        """Return whether a function's role lets Lambda send to a queue what it failed on."""
        return self.check(Call(function, "sqs", "SendMessage", {"QueueUrl": queue})) is None

    def function_may_poll(self, function: str, queue: str) -> bool:
        """Return whether a function's role lets Lambda decrypt what it polls from a queue.

        What else that takes, SAM grants with a policy of AWS's own.
        """
        policies = self._roles.role_policies(function)
        if policies is None:  # it is about to be deployed
            return False
        return all(self._allowed(function, policies, need) for need in polls(queue, self._place))

    def _service_allowed(self, rule: str, need: Need) -> bool:
        return self._allowed(
            rule,
            self._roles.resource_policies(need.resource),
            need,
            context={"aws:SourceArn": rule, "aws:SourceAccount": self._place.account},
            service=EVENTS,
        )

    def _allowed(
        self,
        principal: str,
        policies: Iterable[Policy],
        need: Need,
        *,
        context: Mapping[str, str] | None = None,
        service: str | None = None,
    ) -> bool:
        grants = decide(policies, need, context=context, service=service)
        with self._lock:
            if grants is None:
                self._denials.append(Denial(principal, need))
                return False
            self._used |= grants
        return True


DELIVERIES = {
    "states": "states:StartExecution",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}
"""What EventBridge needs for a target, by its service (EventBridge guide, resource policies)."""


_DENIED = {
    "s3": (403, "AccessDenied"),
    "sns": (403, "AuthorizationError"),
    "lambda": (403, "AccessDeniedException"),
}
"""Status and code of a refusal; of the JSON services' where none is listed."""


def _refusal(service: str, principal: str, need: Need) -> ServiceError:
    status, code = _DENIED.get(service, (400, "AccessDeniedException"))
    return ServiceError(
        status,
        code,
        f"{principal} is not authorized to perform: {need.action} on resource: {need.resource} "
        "because no policy of the template allows it",
    )
