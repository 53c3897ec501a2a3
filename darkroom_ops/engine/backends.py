"""What the engine reads in moto's backends, where no API call says it or a call is too slow."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from darkroom.contract.arns import parse
from moto.awslambda.models import lambda_backends
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import ResourceMap, clean_json, get_model_map
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.events.models import events_backends
from moto.events.utils import EventTemplateParser
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

ACCOUNT: str = DEFAULT_ACCOUNT_ID


# ---------------------------------------------------------------------------- CloudFormation


def creatable(resource_type: str) -> bool:
    """Return whether moto's CloudFormation creates a type of resource."""
    return resource_type in get_model_map()


def declared_types(
    template: dict[str, Any], parameters: Mapping[str, str], region: str
) -> dict[str, str]:
    """Return the types of a template's resources, by name, without those whose condition is false.

    The SAM transform has been applied, and the parameters are those that differ from the defaults.
    """
    resources = ResourceMap("", "", dict(parameters), {}, region, ACCOUNT, template, None)
    resources.load_parameters()
    resources.load_conditions()
    return {name: declared["Type"] for name, declared in _declared(resources)}


def resolved_properties(stack: str, region: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return type and properties of a stack's resources, with references and functions resolved.

    Resources whose condition does not hold are left out.
    """
    resources = cloudformation_backends[ACCOUNT][region].get_stack(stack).resource_map
    return {
        name: (each["Type"], clean_json(each.get("Properties", {}), resources))
        for name, each in _declared(resources)
    }


def _declared(resources: Any) -> Iterator[tuple[str, Any]]:
    for name, declared in resources._resource_json_map.items():  # noqa: SLF001 - moto has no reader
        if "Condition" not in declared or resources.lazy_condition_map[declared["Condition"]]:
            yield name, declared


# ---------------------------------------------------------------------------- EventBridge


def rules(region: str) -> Iterable[Any]:
    """Return the rules of the default event bus."""
    on_bus: Iterable[Any] = events_backends[ACCOUNT][region].event_buses["default"].rules.values()
    return on_bus


def transform(transformer: Mapping[str, Any], event: dict[str, Any]) -> Any:
    """Apply a target's InputTransformer to an event."""
    return EventTemplateParser.parse(
        input_template=transformer["InputTemplate"],
        input_paths_map=transformer.get("InputPathsMap", {}),
        event=event | {"ingestion-time": event["time"]},
    )


# ---------------------------------------------------------------------------- Lambda and SQS


def invoke(name: str, event: Any, region: str) -> tuple[str, bool]:
    """Invoke a function as Lambda itself does: return its response, and whether it failed."""
    function: Any = lambda_backends[ACCOUNT][region].get_function(name)
    payload, failed, _ = function._invoke_lambda(event)  # noqa: SLF001 - what its API calls
    return str(payload), bool(failed)


def messages(queue: str) -> int:
    """Return how many messages a queue holds, by its ARN, also those that somebody works at."""
    held = _topic_or_queue(queue)
    return 0 if held is None else len(held._messages)  # noqa: SLF001 - moto has no reader


# ---------------------------------------------------------------------------- Step Functions


def executions(region: str) -> dict[str, Any]:
    """Return the input of each execution by its ARN, the oldest first."""
    return {each.exec_arn: _whole(each).input_data for each in _executions(region)}


def running_executions(region: str) -> int:
    """Return how many executions are running, or have ended without an event so far."""
    return sum(_running(each) for each in _executions(region))


def runs(region: str, arn: str) -> bool:
    """Return whether an execution is running, or has ended without an event so far."""
    return any(_running(each) for each in _executions(region) if each.exec_arn == arn)


def ended(region: str) -> Iterator[Any]:
    """Yield what stands for each execution that has ended."""
    return (each for each in _executions(region) if hasattr(each, "whole"))


def _whole(execution: Any) -> Any:
    """Return moto's execution, also where what stands for one that has ended is listed."""
    return execution.whole() if hasattr(execution, "whole") else execution


def _machines(region: str) -> list[Any]:
    return list(stepfunctions_parser_backends[ACCOUNT][region].state_machines)


def _executions(region: str) -> list[Any]:
    return [each for machine in _machines(region) for each in list(machine.executions)]


def _running(execution: Any) -> bool:
    """Return whether the event of an execution's end is still to come."""
    return bool(getattr(execution, "announced", None) != execution.exec_status)


# ---------------------------------------------------------------------------- roles and policies


def machine_roles(region: str) -> tuple[str, ...]:
    """Return the ARNs of the state machines' roles."""
    return tuple(machine.roleArn for machine in _machines(region))


def function_role(name: str, region: str) -> str:
    """Return the ARN of a Lambda function's role."""
    role: str = lambda_backends[ACCOUNT][region].get_function(name).role
    return role


def roles() -> tuple[str, ...]:
    """Return the ARNs of all roles."""
    return tuple(role.arn for role in iam_backends[ACCOUNT]["aws"].get_roles())


def role_documents(arn: str) -> tuple[str, ...]:
    """Return the policies written into a role, as JSON; none for a role that does not exist."""
    roles = iam_backends[ACCOUNT]["aws"].roles
    known = _roles.get(arn)
    if known is None or roles.get(known.id) is not known:
        known = next((role for role in roles.values() if role.arn == arn), None)
        if known is None:
            return ()
        _roles[arn] = known
    documents = known.policies.values()
    return tuple(policy if isinstance(policy, str) else _written(policy) for policy in documents)


_roles: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
"""Roles by their ARNs, which moto puts together each time."""


def _written(policy: Any) -> str:
    """Return a policy that CloudFormation gave; moto changes none, but puts another there."""
    known = _policies.get(id(policy))
    if known is None:
        known = _policies[id(policy)] = policy, json.dumps(policy)
    return known[1]


_policies: dict[int, tuple[Any, str]] = {}
"""Policies, of which no other has the id while they are held, and their texts: calls ask for them
again and again."""


def resource_document(arn: str) -> str | None:
    """Return the policy of a function, a topic or a queue, as JSON; None when it has none."""
    at = parse(arn)
    if at.service in {"sns", "sqs"}:
        resource = _topic_or_queue(arn)
        return None if resource is None or resource.policy is None else str(resource.policy)
    function = lambda_backends[ACCOUNT][at.region].get_function_by_arn(arn)
    if function is None:
        return None
    # Moto keeps what CloudFormation said beside the statement's own elements.
    known = ("Sid", "Effect", "Action", "Resource", "Condition", "Principal")
    statements = [
        {key: value for key, value in statement.items() if key in known}
        for statement in function.policy.statements
    ]
    return json.dumps({"Statement": statements})


def encryption_key(arn: str) -> str | None:
    """Return the ARN of the customer's key that encrypts a topic, a queue or a bucket, if any."""
    if parse(arn).service == "s3":
        encryption = s3_backends[ACCOUNT]["aws"].get_bucket(parse(arn).name).encryption or {}
        default = encryption.get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
        key = default.get("KMSMasterKeyID")
    else:
        resource = _topic_or_queue(arn)
        key = resource.kms_master_key_id if resource is not None else None
    return key if key and key.startswith("arn:") else None


def _topic_or_queue(arn: str) -> Any:
    at = parse(arn)
    if at.service == "sns":
        return sns_backends[ACCOUNT][at.region].topics.get(arn)
    return sqs_backends[ACCOUNT][at.region].queues.get(at.name)


def has_tags(bucket: str, key: str, version: str | None) -> bool:
    """Return whether an object, or a version of it, has tags."""
    backend = s3_backends[ACCOUNT]["aws"]
    stored = backend.get_object(bucket, key, version)
    return stored is not None and bool(backend.get_object_tagging(stored)["Tags"])
