"""The page of a re-run: its input as a form and as JSON."""

from __future__ import annotations

from typing import Any

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.fields import CHOICES
from darkroom.contract.model import dump
from darkroom.contract.presets import parse_presets
from starlette.requests import Request
from starlette.responses import Response

from darkroom_ops import presets, rerun
from darkroom_ops.console.context import Context, context_of, execution_of
from darkroom_ops.console.views.execution import PICTURE_HEADERS, values
from darkroom_ops.executions.model import Execution
from darkroom_ops.present import words


def editor(request: Request) -> Response:
    """Show the editor of a re-run's input."""
    execution = execution_of(request)
    try:
        text = words.pretty(rerun.request_of(execution))
    except InvalidRequest as error:
        return editor_with(request, execution, "{}", str(error))
    return editor_with(request, execution, text, None)


def editor_with(
    request: Request, execution: Execution, text: str, message: str | None, code: int = 200
) -> Response:
    """Return the editor with a text in it, and what is wrong with that, if anything."""
    context = context_of(request)
    return context.page(
        "rerun.html",
        code,
        **values(context, execution, "rerun"),
        text=text,
        message=message,
        presets=_deployed(context),
        choices=CHOICES,
    )


def _deployed(context: Context) -> list[dict[str, Any]]:
    """Return the deployed presets, to start a change from; none when they are not valid."""
    try:
        return [dump(each) for each in parse_presets(presets.get(context.deployment).text)]
    except InvalidRequest:
        return []


def picture(request: Request) -> Response:
    """Show the picture of a preview, as long as it is remembered."""
    made = context_of(request).previews.picture(request.path_params["digest"])
    if made is None:
        return Response("It is no longer remembered.", 404, media_type="text/plain")
    return Response(made.data, media_type=made.content_type, headers=PICTURE_HEADERS)
