"""What is deployed: the stack, its version, runtime and layer, the presets, and how it drifted."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping
from typing import Any

from darkroom import __version__
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.presets import parse_presets

from darkroom_ops import presets as deployed
from darkroom_ops.doctor.findings import Finding
from darkroom_ops.doctor.stack import Stack

DEPRECATED = {
    "python3.12": datetime.date(2028, 10, 31),
    "python3.13": datetime.date(2029, 6, 30),
    "python3.14": datetime.date(2029, 6, 30),
}
"""Lambda developer guide, "Lambda runtimes": from when on a runtime gets no security patches."""

NOTICE = datetime.timedelta(days=180)
"""How long before a runtime's end to say so: that is when AWS itself does."""

DRIFT_SECONDS = 180.0
"""How long CloudFormation may take to compare; a stack of this size takes about a minute."""

DRIFT_POLL = 3.0


def stack(stack: Stack) -> Iterator[Finding]:
    """Look whether the last deployment went through."""
    status = stack.described["StackStatus"]
    if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}:
        return
    if status.endswith("_IN_PROGRESS"):
        yield Finding(
            "warning",
            "stack",
            f"A deployment is under way ({status}).",
            stack.aws(
                "cloudformation", "wait", "stack-update-complete", "--stack-name", stack.at.stack
            ),
        )
        return
    rolled_back = status.endswith("ROLLBACK_COMPLETE")
    yield Finding(
        "warning" if rolled_back else "broken",
        "stack",
        f"The last deployment failed ({status})"
        + (", and what was there before runs." if rolled_back else "."),
        stack.aws(
            "cloudformation",
            "describe-stack-events",
            "--stack-name",
            stack.at.stack,
            "--query",
            "StackEvents[?contains(ResourceStatus, 'FAILED')].[LogicalResourceId,"
            "ResourceStatusReason]",
        ),
    )


def version(stack: Stack) -> Iterator[Finding]:
    """Look whether stack and command are of one version."""
    theirs = stack.at.outputs.get("Version", "older than 0.1.0")
    if theirs != __version__:
        yield Finding(
            "warning",
            "version",
            f"The stack is of version {theirs}, this command of {__version__}.",
            "make deploy",
        )


def functions(stack: Stack) -> Iterator[Finding]:
    """Look whether functions are ready, on a runtime that AWS cares for, with the same layer."""
    layers: dict[str, str] = {}
    for each in stack.functions:
        told = each["Configuration"]
        name = told["FunctionName"]
        if told.get("State", "Active") == "Failed" or told.get("LastUpdateStatus") == "Failed":
            reason = told.get("StateReason") or told.get("LastUpdateStatusReason") or "no reason"
            yield Finding(
                "broken", "functions", f"The function {name} cannot run: {reason}", "make deploy"
            )
        yield from _runtime(name, told.get("Runtime", "no runtime"))
        layers |= {layer["Arn"]: name for layer in told.get("Layers", [])}
    if len(layers) > 1:
        yield Finding(
            "broken",
            "functions",
            f"The functions have different layers: {', '.join(sorted(layers))}.",
            stack.undo_drift(),
        )
    for arn, name in layers.items():
        yield from _layer(stack, arn, stack.function(name)["Configuration"])


def _runtime(name: str, runtime: str) -> Iterator[Finding]:
    ends = DEPRECATED.get(runtime)
    today = datetime.datetime.now(datetime.UTC).date()
    if ends is None:
        yield Finding(
            "warning",
            "functions",
            f"The function {name} runs on {runtime}, which this version of Darkroom does not know.",
            "make deploy",
        )
    elif ends - NOTICE <= today:
        yield Finding(
            "warning",
            "functions",
            f"The function {name} runs on {runtime}: AWS patches it until {ends}, and then lets "
            "nobody deploy it.",
            "Take a newer version of Darkroom, and: make deploy",
        )


def _layer(stack: Stack, arn: str, function: Mapping[str, Any]) -> Iterator[Finding]:
    lambda_ = stack.at.lambda_
    try:
        layer = lambda_.get_layer_version_by_arn(Arn=arn)
    except lambda_.exceptions.ResourceNotFoundException:
        yield Finding(
            "warning",
            "functions",
            f"The layer {arn} is deleted: functions run on, but cannot be changed.",
            "make deploy",
        )
        return
    runtime, architectures = function["Runtime"], function.get("Architectures", ["x86_64"])
    fits = runtime in layer.get("CompatibleRuntimes", [runtime])
    fits &= set(architectures) <= set(layer.get("CompatibleArchitectures", architectures))
    if not fits:
        yield Finding(
            "broken",
            "functions",
            f"The layer {arn} is not for {runtime} on {', '.join(architectures)}: functions cannot "
            "import it.",
            "make deploy",
        )


def presets(stack: Stack) -> Iterator[Finding]:
    """Look whether the presets can be read, and are valid."""
    name = stack.at.presets_parameter_name
    mend = stack.darkroom("presets", "set", "presets.json")
    ssm = stack.at.ssm
    try:
        parse_presets(deployed.get(stack.at).text)
    except ssm.exceptions.ParameterNotFound:
        yield Finding(
            "broken",
            "presets",
            f"The parameter {name} is gone: every upload fails.",
            stack.undo_drift(),
        )
    except InvalidRequest as error:
        yield Finding(
            "broken", "presets", f"Every upload fails, for {name} is not valid: {error}", mend
        )


def drift(stack: Stack) -> Iterator[Finding]:
    """Look what was changed otherwise than by a deployment, as the value of the presets may be."""
    cloudformation = stack.at.cloudformation
    begun = cloudformation.detect_stack_drift(StackName=stack.at.stack)["StackDriftDetectionId"]
    deadline = time.monotonic() + DRIFT_SECONDS
    while True:
        said = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=begun)
        if said["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        if time.monotonic() > deadline:
            yield Finding(
                "unknown",
                "drift",
                "CloudFormation is still comparing the stack with its template.",
                stack.darkroom("doctor"),
            )
            return
        time.sleep(DRIFT_POLL)
    if said["DetectionStatus"] == "DETECTION_FAILED":
        reason = said.get("DetectionStatusReason", "no reason given")
        yield Finding(
            "unknown",
            "drift",
            f"CloudFormation could not compare the whole stack: {reason}",
            "Allow who runs this to read the stack's resources.",
        )
    answer: dict[str, Any] = {}
    while True:
        more = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
        answer = dict(
            cloudformation.describe_stack_resource_drifts(
                StackName=stack.at.stack,
                StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
                **more,
            )
        )
        for each in answer["StackResourceDrifts"]:
            yield from _drifted(stack, each)
        if "NextToken" not in answer:
            return


def _drifted(stack: Stack, drift: Mapping[str, Any]) -> Iterator[Finding]:
    what = f"{drift['LogicalResourceId']} ({drift['PhysicalResourceId']})"
    if drift["StackResourceDriftStatus"] == "DELETED":
        yield Finding(
            "broken", "drift", f"{what} was deleted, but not by the stack.", stack.undo_drift()
        )
        return
    changed = [each["PropertyPath"] for each in drift.get("PropertyDifferences", [])]
    if drift["ResourceType"] == "AWS::SSM::Parameter":
        changed = [each for each in changed if each != "/Value"]
    if changed:
        yield Finding(
            "warning",
            "drift",
            f"{what} is not as the template has it: {', '.join(changed)}.",
            stack.undo_drift(),
        )
