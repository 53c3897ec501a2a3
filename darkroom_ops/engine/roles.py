"""Who may do what: the roles and the resource policies that the template deployed.

They are read for each call: a policy that changes on the running engine holds at once.
"""

from __future__ import annotations

from collections.abc import Callable

from darkroom_ops.engine import backends
from darkroom_ops.engine.permissions import MACHINE, Grant, Policy, read


class Roles:
    """The policies of functions, of the state machine and of what events are delivered to."""

    def __init__(self, region: str, is_function: Callable[[str], bool]) -> None:
        self._region = region
        self._is_function = is_function

    def has(self, principal: str) -> bool:
        """Return whether a principal has a role."""
        return principal == MACHINE or self._is_function(principal)

    def role_policies(self, principal: str) -> tuple[Policy, ...] | None:
        """Return the policies of a principal's role; None for who needs none."""
        if principal == MACHINE:
            roles = backends.machine_roles(self._region)
            return tuple(policy for role in roles for policy in self.policies_of(role))
        if self._is_function(principal):
            return self.policies_of(backends.function_role(principal, self._region))
        return None

    def policies_of(self, role: str) -> tuple[Policy, ...]:
        """Return the policies of a role, by its ARN."""
        return tuple(read(role, document) for document in backends.role_documents(role))

    def resource_policies(self, arn: str) -> tuple[Policy, ...]:
        """Return the policies of a function, a topic or a queue."""
        document = backends.resource_document(arn)
        return () if document is None else (read(arn, document),)

    def grants(self) -> frozenset[Grant]:
        """Return everything that the deployed roles allow."""
        return frozenset(
            grant
            for role in backends.roles()
            for policy in self.policies_of(role)
            for grant in policy.grants()
        )
