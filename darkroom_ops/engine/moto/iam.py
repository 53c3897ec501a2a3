"""IAM: what a role may do, asked beforehand."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse

from darkroom_ops.engine import backends
from darkroom_ops.engine.moto.hook import hook
from darkroom_ops.engine.permissions import Need, decide, read


@hook(IamResponse, "simulate_principal_policy", "Moto cannot say what a role may do.")
def simulate_principal_policy(self: Any) -> ActionResult:
    """Judge as the engine judges calls; of a role that is not there, moto says so."""
    role = self._get_param("PolicySourceArn")
    self.backend.get_role_by_arn(role)
    policies = [read(role, document) for document in backends.role_documents(role)]
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed"
            if decide(policies, Need(action, resource))
            else "implicitDeny",
        }
        for action in self._get_param("ActionNames")
        for resource in self._get_param("ResourceArns")
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})
