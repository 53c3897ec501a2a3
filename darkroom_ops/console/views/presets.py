"""The presets in force: what they make, their versions, and others to deploy after a look."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import ClientError
from darkroom.contract.errors import InvalidRequest
from darkroom.contract.model import dump
from darkroom.contract.presets import Preset, parse_presets
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from darkroom_ops import presets
from darkroom_ops.console.context import Context, context_of, pretty
from darkroom_ops.console.folds import folded
from darkroom_ops.console.problems import problem
from darkroom_ops.console.requests import MAX_INPUT, TooLarge, body

SHOWN = 20
"""Versions on the page, the newest."""

Lines = list[tuple[str, str]]
"""Lines of a difference, each with ``added``, ``removed`` or ``same``."""

IMAGES, LOOKED_AT = 12, 60
"""Images that a preview is offered of, and executions among which they are looked for."""

PATIENCE = 3.0
"""Seconds that they are looked for."""

Parts = list[tuple[bool, Lines]]
"""A difference in parts, each with whether it is folded."""

_KINDS = {"+": "added", "-": "removed", " ": "same"}


def difference(old: str, new: str) -> Parts:
    """Return what changes from one JSON text to another, line by line; nothing where none does."""
    before, after = (pretty(_plain(text)).split("\n") for text in (old, new))
    lines = [
        (_KINDS[line[0]], line[2:]) for line in difflib.ndiff(before, after) if line[0] in _KINDS
    ]
    parts = list(folded(lines, lambda line: line[0] == "same"))
    return parts if before != after else []


def _plain(text: str) -> Any:
    """Return presets without their defaults; a text that is none as it is."""
    try:
        return [dump(each) for each in parse_presets(text)]
    except InvalidRequest:
        return text


def show(request: Request) -> Response:
    """Show the presets in force."""
    context = context_of(request)
    return context.page("presets.html", **values(context))


def values(
    context: Context,
    text: str | None = None,
    message: str | None = None,
    change: Parts | None = None,
) -> dict[str, Any]:
    """Return what the page shows; `text` is what somebody wants to deploy."""
    try:
        known = presets.versions(context.deployment)
    except ClientError:  # who may not read the history sees the newest
        known = [presets.get(context.deployment)]
    now, *_ = known
    deployed = pretty(_plain(now.text))
    valid: Sequence[Preset] = ()
    broken = None
    try:
        valid = parse_presets(now.text)
    except InvalidRequest as error:
        broken = str(error)
    pairs = zip(known, [*known[1:], None], strict=True)
    return {
        "here": "presets",
        "in_force": now,
        "valid": valid,
        "broken": broken,
        "deployed": deployed,
        "text": deployed if text is None else text,
        "message": message,
        "change": change,
        "versions": [
            (each, None if before is None else difference(before.text, each.text))
            for each, before in list(pairs)[:SHOWN]
        ],
    }


def offered(request: Request) -> Response:
    """Say of which images there can be a preview; the page asks for it when it is there."""
    return JSONResponse({"images": images(context_of(request))})


def images(context: Context) -> list[str]:
    """Return the keys of the newest images that can be previewed, each once."""
    bucket = context.deployment.source_bucket_name
    newest = context.executions.recent(limit=LOOKED_AT, costs=False, patience=PATIENCE)
    keys = (
        each.source.key
        for each in newest.items
        if each.source and each.source.bucket == bucket and each.outcome == "COMPLETE"
    )
    return list(dict.fromkeys(keys))[:IMAGES]


async def change(request: Request) -> Response:
    """Show what would change, or deploy it, as the button says."""
    try:
        fields = parse_qs((await body(request, MAX_INPUT)).decode(errors="replace"))
    except TooLarge:
        said = (
            f"Expected at most {presets.MAX_BYTES:,} bytes, which is what an SSM parameter holds."
        )
        return problem(request, 413, "Too long", said, back=("Presets", "/presets"))
    text = fields.get("presets", [""])[0].replace("\r\n", "\n")
    seen = fields.get("version", [""])[0]
    deploy = "deploy" in fields.get("do", [])
    return await run_in_threadpool(_change, context_of(request), text, seen, deploy=deploy)


def _change(context: Context, text: str, seen: str, *, deploy: bool) -> Response:
    now = presets.get(context.deployment)
    try:
        valid = parse_presets(text)
        new = json.dumps([dump(each) for each in valid], ensure_ascii=False)
        told = difference(now.text, new)
        if deploy and seen != str(now.version):
            return context.page(
                "presets.html", 409, **values(context, text, (
                    f"Version {now.version} was deployed meanwhile. Look at what would change now, "
                    "and deploy it then."
                ), told),
            )  # fmt: skip
        if deploy:
            presets.put(context.deployment, valid)
            context.forget_overview()
            return RedirectResponse("/presets#deployed", 303)
    except InvalidRequest as error:
        return context.page("presets.html", 422, **values(context, text, str(error)))
    return context.page("presets.html", **values(context, text, None, told))
