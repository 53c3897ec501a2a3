"""What can be done: upload, check, start, stop, redrive. The guard has seen who asks."""

from __future__ import annotations

import datetime
import json
from typing import Any
from urllib.parse import parse_qs, quote

from darkroom.contract.arns import parse
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.limits import MIB, Limits
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from darkroom_ops import rerun as again
from darkroom_ops.console.app import Console, told, trouble
from darkroom_ops.console.pages import careful, console_of, execution_of, rerun_page
from darkroom_ops.executions.model import SourceObject
from darkroom_ops.executions.watch import find_started

MAX_INPUT = 256 * 1024
"""Step Functions takes an input of 262,144 bytes at most (its quotas)."""

STARTS_SECONDS = 10.0
"""How long an upload waits for the execution that it starts, before it answers without."""

STOPPED_BY = "Stopped in the console"


class TooLarge(Exception):
    """A request's body is larger than it may be."""


async def _body(request: Request, limit: int) -> bytes:
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


async def upload(request: Request) -> Response:
    """Put a file into the source bucket, as any upload, and name the execution that it starts."""
    name = request.query_params.get("name", "").replace("\\", "/").rpartition("/")[2]
    if not name:
        return trouble(request, 422, "No name", "Expected a file with a name, but it has none.")
    limit = Limits().max_bytes
    try:
        data = await _body(request, limit)
    except TooLarge:
        return trouble(
            request, 413, "Too large",
            f"{name} is larger than the {limit // MIB} MB that the pipeline accepts. Upload a "
            "smaller copy.",
        )  # fmt: skip
    if not data:
        return trouble(
            request, 422, "Empty", f"{name} is empty. Choose a file with an image in it."
        )
    try:
        answer = await run_in_threadpool(_upload, console_of(request), name, data)
    except Exception as error:  # noqa: BLE001 - what is no person's to mend is raised again
        return told(request, error)
    return JSONResponse(answer, 201)


def _upload(console: Console, name: str, data: bytes) -> dict[str, Any]:
    deployment = console.deployment
    bucket, key = deployment.source_bucket_name, deployment.source_prefix + name
    began = datetime.datetime.now(datetime.UTC)
    put = deployment.s3.put_object(Bucket=bucket, Key=key, Body=data)
    source = SourceObject(bucket, key, put.get("VersionId"), put["ETag"].strip('"'))
    arn = find_started(
        deployment.stepfunctions,
        deployment.state_machine_arn,
        source,
        began,
        seconds=STARTS_SECONDS,
        interval=console.seconds,
    )
    return {"key": key, "page": _page_of(arn) if arn else None}


async def check(request: Request) -> Response:
    """Say what is wrong with an input, in the words that the workflow would use."""
    try:
        text = (await _body(request, MAX_INPUT)).decode(errors="replace")
    except TooLarge:
        return JSONResponse({"message": _too_long()})
    try:
        found = _request(text)
    except InvalidRequest as error:
        return JSONResponse({"message": str(error)})
    command = again.command(console_of(request).deployment, found)
    return JSONResponse({"message": None, "command": command})


async def rerun(request: Request) -> Response:
    """Start an execution with the input of the editor."""
    try:
        fields = parse_qs((await _body(request, 4 * MAX_INPUT)).decode(errors="replace"))
    except TooLarge:
        return trouble(request, 413, "Too long", _too_long())
    text = fields.get("input", [""])[0].replace("\r\n", "\n")
    return await run_in_threadpool(careful(lambda asked: _rerun(asked, text)), request)


def _rerun(request: Request, text: str) -> Response:
    console = console_of(request)
    found = execution_of(request)
    try:
        wanted = _request(text)
    except InvalidRequest as error:
        return rerun_page(console, found, text, str(error), 422)
    return RedirectResponse(_page_of(again.start(console.deployment, wanted)), 303)


def _request(text: str) -> dict[str, Any]:
    """Read an input and check it as the workflow does.

    Raises
    ------
    InvalidRequest
        With the message that the execution would fail with; or what keeps it from being JSON.
    """
    if len(text.encode()) > MAX_INPUT:
        raise InvalidRequest(_too_long())
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"Expected JSON, but line {error.lineno}, column {error.colno} says otherwise: "
            f"{error.msg}."
        ) from None
    except (ValueError, RecursionError):
        raise InvalidRequest("Expected JSON, but this cannot be read as such.") from None
    again.check(found)
    return dict(found)


def _too_long() -> str:
    return f"Expected at most {MAX_INPUT:,} bytes, which is what Step Functions takes."


@careful
def stop(request: Request) -> Response:
    """Stop an execution."""
    console = console_of(request)
    arn = console.arn(request.path_params["name"])
    console.executions.get(arn)
    console.deployment.stepfunctions.stop_execution(
        executionArn=arn, error="Stopped", cause=STOPPED_BY
    )
    return RedirectResponse(_page_of(arn), 303)


@careful
def redrive(request: Request) -> Response:
    """Resume an execution where it stopped."""
    console = console_of(request)
    arn = console.arn(request.path_params["name"])
    console.executions.get(arn)
    console.deployment.stepfunctions.redrive_execution(executionArn=arn)
    return RedirectResponse(_page_of(arn), 303)


def _page_of(arn: str) -> str:
    return f"/executions/{quote(parse(arn).name, safe='')}"
