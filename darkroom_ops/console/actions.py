"""What can be done: upload, check, start, stop, redrive. `SameOrigin` has seen who asks."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from darkroom.contract.errors import DarkroomError, InvalidRequest
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.model import dump
from darkroom.contract.presets import parse_presets
from darkroom.contract.requests import parse_request
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from darkroom_ops import dlq
from darkroom_ops.console.context import Context, context_of, execution_of
from darkroom_ops.console.pictures import format_name
from darkroom_ops.console.preview import Overtaken
from darkroom_ops.console.problems import problem
from darkroom_ops.console.requests import MAX_INPUT, TooLarge, body, number
from darkroom_ops.console.views.execution import corrected_key, path_of
from darkroom_ops.console.views.rerun import editor_with
from darkroom_ops.executions.model import STOPPED, SourceObject
from darkroom_ops.executions.watch import find_started
from darkroom_ops.present.words import plain, size
from darkroom_ops.rerun import command, request_of, start

TOO_LONG = f"Expected at most {MAX_INPUT:,} bytes, which is what Step Functions takes."

STARTS_SECONDS = 10.0
"""How long an upload waits for the execution that it starts, before it answers without."""


async def upload(request: Request) -> Response:
    """Put a file into the source bucket, as any upload, and name the execution that it starts."""
    context = context_of(request)
    name = _file_name(request)
    data = await _accepted(request, name)
    if isinstance(data, Response):
        return data
    key = context.deployment.source_prefix + name
    return JSONResponse(await run_in_threadpool(_upload, context, key, data), 201)


async def correct(request: Request) -> Response:
    """Put a corrected copy under the key of an execution's image, and name its new execution."""
    data = await _accepted(request, _file_name(request))
    if isinstance(data, Response):
        return data
    return await run_in_threadpool(_correct, request, data)


def _correct(request: Request, data: bytes) -> Response:
    context, execution = context_of(request), execution_of(request)
    key = corrected_key(context, execution)
    if key is None:
        return problem(
            request, 422, "Nothing to correct",
            f"Expected an execution of an image in {context.deployment.source_bucket_name}, this "
            "stack's source bucket, but its input names none. Upload the image as a new one.",
        )  # fmt: skip
    if key.startswith(context.deployment.source_prefix):
        return JSONResponse(_upload(context, key, data), 201)
    # Only what lies below the prefix starts an execution by itself.
    source, _ = _put(context, key, data)
    named = {"bucket": source.bucket, "key": key}
    if source.version_id is not None:
        named["versionId"] = source.version_id
    arn = start(context.deployment, request_of(execution) | {"source": named})
    return JSONResponse({"key": key, "page": path_of(arn)}, 201)


def _file_name(request: Request) -> str:
    return request.query_params.get("name", "").replace("\\", "/").rpartition("/")[2]


async def _accepted(request: Request, name: str) -> bytes | Response:
    """Return the file that was sent, or what is wrong with it."""
    if not name:
        return problem(request, 422, "No name", "Expected a file with a name, but it has none.")
    limit = Limits().max_bytes
    try:
        data = await body(request, limit)
    except TooLarge:
        return problem(
            request, 413, "Too large",
            f"The file is larger than the {limit // MIB} MB that the pipeline accepts. Upload a "
            "smaller copy.",
        )  # fmt: skip
    return data or problem(
        request, 422, "Empty", "The file is empty (0 bytes). Choose one with an image in it."
    )


def _put(context: Context, key: str, data: bytes) -> tuple[SourceObject, datetime.datetime]:
    """Put an object into the source bucket; return it, and a moment before."""
    bucket, began = context.deployment.source_bucket_name, datetime.datetime.now(datetime.UTC)
    put = context.deployment.s3.put_object(Bucket=bucket, Key=key, Body=data)
    return SourceObject(bucket, key, put.get("VersionId"), put["ETag"].strip('"')), began


def _upload(context: Context, key: str, data: bytes) -> dict[str, Any]:
    deployment = context.deployment
    source, began = _put(context, key, data)
    arn = find_started(
        deployment.stepfunctions,
        deployment.state_machine_arn,
        source,
        began,
        seconds=STARTS_SECONDS,
        interval=context.seconds,
    )
    return {"key": key, "page": path_of(arn) if arn else None}


async def check(request: Request) -> Response:
    """Say what is wrong with an input, in the words that the workflow would use."""
    try:
        given = _read((await body(request, MAX_INPUT)).decode(errors="replace"))
    except TooLarge:
        return JSONResponse({"message": TOO_LONG})
    except InvalidRequest as error:
        return JSONResponse({"message": plain(str(error))})
    return JSONResponse(
        {"message": None, "command": command(context_of(request).deployment, given)}
    )


async def preview(request: Request) -> Response:
    """Make one rendition of an input, as an execution would; its picture is asked for next."""
    return await _previewed(request, _read)


async def preview_presets(request: Request) -> Response:
    """Make one rendition of an image by presets that are not deployed yet."""
    bucket = context_of(request).deployment.source_bucket_name
    source = {"bucket": bucket, "key": request.query_params.get("key", "")}

    def read(text: str) -> dict[str, Any]:
        presets = [dump(each) for each in parse_presets(text)]
        given = {"source": source, "presets": presets}
        parse_request(given)
        return given

    return await _previewed(request, read)


async def _previewed(request: Request, read: Callable[[str], dict[str, Any]]) -> Response:
    try:
        text = (await body(request, MAX_INPUT)).decode(errors="replace")
        return JSONResponse(await run_in_threadpool(lambda: _preview(request, read(text))))
    except TooLarge:
        return JSONResponse({"message": TOO_LONG}, 413)
    except Overtaken:
        return JSONResponse({"message": "Another preview was asked for."}, 409)
    except DarkroomError as error:
        return JSONResponse({"message": plain(str(error)), "error": type(error).__name__}, 422)


def _preview(request: Request, given: dict[str, Any]) -> dict[str, Any]:
    asked = request.query_params
    found = context_of(request).previews.make(
        given, asked.get("name"), asked.get("page", ""), number(asked.get("turn"))
    )
    made, rendition = found.made, found.rendition
    return {
        "names": found.names,
        "name": rendition.name,
        "width": rendition.width,
        "height": rendition.height,
        "format": format_name(rendition.format),
        "bytes": size(len(made.data)),
        "quality": made.quality,
        "picture": f"/previews/{found.digest}",
        "needs": found.needs,
        "warnings": found.warnings,
    }


async def rerun(request: Request) -> Response:
    """Start an execution with the input of the editor."""
    try:
        fields = parse_qs((await body(request, 4 * MAX_INPUT)).decode(errors="replace"))
    except TooLarge:
        return problem(request, 413, "Too long", TOO_LONG)
    text = fields.get("input", [""])[0].replace("\r\n", "\n")
    return await run_in_threadpool(_rerun, request, text)


def _rerun(request: Request, text: str) -> Response:
    execution = execution_of(request)
    try:
        arn = start(context_of(request).deployment, _read(text))
    except InvalidRequest as error:
        if _by_script(request):
            return JSONResponse({"message": plain(str(error))}, 422)
        return editor_with(request, execution, text, str(error), 422)
    page = path_of(arn)
    # A script keeps what was typed until it knows that it was started.
    return JSONResponse({"page": page}, 201) if _by_script(request) else RedirectResponse(page, 303)


def _by_script(request: Request) -> bool:
    return request.headers.get("accept") == "application/json"


def _read(text: str) -> dict[str, Any]:
    """Read an input and check it as the workflow does.

    InvalidRequest has the message that the execution would fail with; or says why it is no JSON.
    """
    if len(text.encode()) > MAX_INPUT:
        raise InvalidRequest(TOO_LONG)
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"Expected JSON, but line {error.lineno}, column {error.colno} says otherwise: "
            f"{error.msg}."
        ) from None
    except (ValueError, RecursionError):
        raise InvalidRequest("Expected JSON, but this cannot be read as such.") from None
    parse_request(given)
    return dict(given)


def dead_letters(request: Request) -> Response:
    """Send the events that reached nobody once more; what cannot be sent stays, and is said."""
    context = context_of(request)
    failed = [each for each in dlq.redrive(context.deployment) if each.error is not None]
    context.forget_overview()
    if failed:
        said = "; ".join(f"{each.message.about}: {each.error}" for each in failed)
        return problem(request, 502, "Not all could be sent",
                       f"{len(failed)} stay in the queue. {said}",
                       back=("Overview", "/start"))  # fmt: skip
    return RedirectResponse("/start", 303)


async def stop(request: Request) -> Response:
    """Stop an execution, for the reason that is given."""
    try:
        fields = parse_qs((await body(request, MAX_INPUT)).decode(errors="replace"))
    except TooLarge:
        return problem(request, 413, "Too long", TOO_LONG)
    reason = " ".join(fields.get("reason", [""])[0].split())
    return await run_in_threadpool(_stop, request, reason or "Stopped in the console")


def _stop(request: Request, reason: str) -> Response:
    context, arn = context_of(request), execution_of(request).arn
    context.deployment.stepfunctions.stop_execution(executionArn=arn, error=STOPPED, cause=reason)
    return RedirectResponse(path_of(arn), 303)


def redrive(request: Request) -> Response:
    """Resume an execution where it stopped."""
    context, arn = context_of(request), execution_of(request).arn
    context.deployment.stepfunctions.redrive_execution(executionArn=arn)
    return RedirectResponse(path_of(arn), 303)
