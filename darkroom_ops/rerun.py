"""Running an execution's image again: the request, changed where asked, checked and started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.requests import rerun_request
from darkroom.contract.text import shell

from darkroom_ops.deployment import DEFAULT_STACK, Deployment
from darkroom_ops.executions.model import Execution

Request = dict[str, Any]
"""The input of an execution, as events/request.schema.json describes it."""


def request_of(execution: Execution) -> Request:
    """Return the request that runs an execution again.

    Of an event, it names the very version that the event did. Of a person's request, it is the
    request, even if it was invalid.
    """
    given = execution.input
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f"Expected execution {execution.name} to have a JSON object as its input, but it has "
            f"{json.dumps(given)[:60]}. Run the image by its address instead: `darkroom run "
            "s3://bucket/key`."
        )
    return rerun_request(given)


def changed(
    request: Mapping[str, Any],
    *,
    presets: Sequence[Mapping[str, Any]] | None = None,
    watermark: Mapping[str, Any] | None = None,
    pdf: Mapping[str, Any] | None = None,
    notify: bool | None = None,
) -> Request:
    """Return a request with some fields replaced.

    None leaves a field as it is; an empty list or object removes it, so that the default holds.
    """
    given = {"presets": presets, "watermark": watermark, "pdf": pdf, "notify": notify}
    result = dict(request)
    for name, value in given.items():
        if value is None:
            continue
        if value or value is False:
            result[name] = value
        else:
            result.pop(name, None)
    return result


def start(deployment: Deployment, request: Mapping[str, Any]) -> str:
    """Start an execution with a request as its input, and return its ARN."""
    started = deployment.stepfunctions.start_execution(
        stateMachineArn=deployment.state_machine_arn, input=json.dumps(request)
    )
    return started["executionArn"]


def command(deployment: Deployment, request: Mapping[str, Any]) -> str:
    """Return the command that starts a request, quoted for a shell.

    It may be invalid: the command then shows what to correct.
    """
    source = request.get("source")
    where = source if isinstance(source, Mapping) else {}
    bucket, key, version = (where.get(name) for name in ("bucket", "key", "versionId"))
    words = ["darkroom", "run", f"s3://{bucket or 'BUCKET'}/{key or 'KEY'}"]
    if version:
        words += ["--version-id", str(version)]
    fields = {name: value for name, value in request.items() if name != "source"}
    if fields:
        words += ["--input", json.dumps(fields, ensure_ascii=False)]
    if deployment.endpoint is None or deployment.stack != DEFAULT_STACK:
        words += ["--stack", deployment.stack]
    return shell(*words)
