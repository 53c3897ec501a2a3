"""The quotas that bind: docs/capacity.md has what an image asks for."""

from __future__ import annotations

from collections.abc import Iterator

from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.stack import Stack

ENOUGH = 100
"""Functions at once below which a folder of uploads is throttled: new accounts have 10."""

AT_ONCE = 3
"""Functions that one image has at once at most, with three presets (docs/capacity.md)."""

TRANSITIONS = 11
"""State transitions of an image."""

CONCURRENCY_CODE = "L-B99A9384"

USUAL = {"StartExecution": 150.0, "StateTransition": 800.0}
"""Per second, in the regions that have least by default (Step Functions developer guide, "Service
quotas"); new accounts have less."""


def concurrency(stack: Stack) -> Iterator[Finding]:
    """Look whether Lambda runs as many functions at once as uploads need."""
    limit = stack.at.lambda_.get_account_settings()["AccountLimit"]
    free = limit["UnreservedConcurrentExecutions"]
    buffered = int(stack.parameters.get("BufferConcurrency", "0"))
    wanted = max(ENOUGH, AT_ONCE * buffered)
    if int(stack.parameters.get("ReservedConcurrency", "0")) or free >= wanted:
        return
    yield Finding(
        "warning",
        "concurrency",
        f"Lambda runs {free} functions of this account at once: images are throttled, and fail "
        f"after a minute of it, when more than about {max(1, free // AT_ONCE)} come together.",
        stack.aws(
            "service-quotas",
            "request-service-quota-increase",
            "--service-code",
            "lambda",
            "--quota-code",
            CONCURRENCY_CODE,
            "--desired-value",
            str(max(1000, wanted)),
        ),
    )


def rates(stack: Stack) -> Iterator[Finding]:
    """Look whether Step Functions grants starts and transitions at its usual rates."""
    if stack.machine["type"] == "EXPRESS":
        return
    pages = stack.at.quotas.get_paginator("list_service_quotas").paginate(ServiceCode="states")
    for quota in (each for page in pages for each in page["Quotas"]):
        call, _, what = quota["QuotaName"].partition(" throttle token ")
        usual = USUAL.get(call)
        if usual is None or not what.startswith("refill rate") or quota["Value"] >= usual:
            continue
        images = quota["Value"] / (TRANSITIONS if call == "StateTransition" else 1)
        yield Finding(
            "warning",
            "rates",
            f"Step Functions grants {quota['Value']:g} {call} a second: no more than about "
            f"{images:.0f} images a second.",
            stack.aws(
                "service-quotas",
                "request-service-quota-increase",
                "--service-code",
                "states",
                "--quota-code",
                quota["QuotaCode"],
                "--desired-value",
                f"{usual:.0f}",
            ),
        )


def paused(stack: Stack) -> Iterator[Finding]:
    """Look whether a function is held at a concurrency of nought, as by the console's Throttle."""
    for each in stack.functions:
        name = each["Configuration"]["FunctionName"]
        said = stack.at.lambda_.get_function_concurrency(FunctionName=name)
        if said.get("ReservedConcurrentExecutions") == 0:
            yield Finding(
                "broken",
                "paused",
                f"The function {name} is throttled to nothing: its step fails.",
                stack.aws("lambda", "delete-function-concurrency", "--function-name", name),
            )
