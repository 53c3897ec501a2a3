"""All checks of a stack, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor import code, events, limits, messages, trouble
from darkroom_ops.doctor.findings import ORDER, Finding
from darkroom_ops.doctor.stack import Stack

Check = Callable[[Stack], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "stack": code.stack,
    "bucket": events.bucket,
    "rules": events.rules,
    "steps": events.steps,
    "buffer": events.buffer,
    "subscriptions": messages.subscriptions,
    "topics": messages.topics,
    "key": messages.key,
    "alarms": trouble.alarms,
    "dead letters": trouble.dead_letters,
    "presets": code.presets,
    "functions": code.functions,
    "paused": limits.paused,
    "version": code.version,
    "sms": messages.sms,
    "concurrency": limits.concurrency,
    "rates": limits.rates,
    "drift": code.drift,
}

REFUSALS = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
}
"""How AWS's services call a missing permission."""

_ACTION = re.compile(r"perform: ([\w-]+:\w+)")


def examine(
    deployment: Deployment,
    progress: Callable[[str], None] = lambda _: None,
    checks: Mapping[str, Check] = CHECKS,
) -> list[Finding]:
    """Return what checks find, worst first; `progress` hears the name of each check.

    A check that may not look, or cannot where the stack is, says so, and the others go on.
    """
    stack = Stack(deployment)
    _ = deployment.outputs  # a stack that is not there has nothing to be checked
    found: list[Finding] = []
    for name, check in checks.items():
        progress(name)
        found += _of(stack, name, check)
    return in_order(found)


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Return findings, worst first."""
    return sorted(found, key=lambda each: ORDER.index(each.severity))


def _of(stack: Stack, name: str, check: Check) -> Iterator[Finding]:
    try:
        yield from check(stack)
    except ClientError as error:
        said = error.response["Error"]
        if said.get("Code") in REFUSALS:
            yield refused(name, error)
        elif lacking(stack.at, error):
            yield Finding("elsewhere", name, f"there is no {error.operation_name} here")
        else:
            yield Finding("unknown", name, f"Could not look at {name}: {error}")
    except (BotoCoreError, ResponseParserError) as error:
        if stack.at.endpoint is None:
            raise  # no credentials, no network: nothing can be checked
        yield Finding("elsewhere", name, f"the answer could not be read: {type(error).__name__}")


def refused(name: str, error: ClientError) -> Finding:
    """Return the finding of a check that may not look."""
    named = _ACTION.search(str(error))
    needs = named[1] if named else f"the permission for {error.operation_name}"
    return Finding(
        "unknown",
        name,
        f"Could not look at {name}: needs {needs}.",
        "Allow it to who runs this: docs/operations.md has the whole policy.",
    )


def lacking(deployment: Deployment, error: ClientError) -> bool:
    """Return whether an error is an emulator's lack of a call; AWS lacks none."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response["Error"].get("Code", "")
    return deployment.endpoint is not None and (
        status >= 500  # noqa: PLR2004 - HTTP's classes
        or code in {"404", "NoSuchResourceException", "UnknownOperationException"}
    )
