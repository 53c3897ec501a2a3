"""Errors as answers: a page for people, JSON for the page's own script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from darkroom.contract.errors import DarkroomError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from darkroom_ops.console.context import context_of
from darkroom_ops.deployment import NotDeployed
from darkroom_ops.executions.client import NoSuchExecution
from darkroom_ops.present.failures import explain
from darkroom_ops.present.words import plain


class NoSuchState(Exception):
    """An execution did not go through the state that an address names."""


class NoSuchAction(Exception):
    """The console remembers no action on many executions at an address."""


def problem(
    request: Request,
    code: int,
    title: str,
    message: str,
    back: tuple[str, str] = ("Executions", "/"),
) -> Response:
    """Return what went wrong, and the name and the address of where a person goes on."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"message": plain(message)}, code)
    return context_of(request).page("problem.html", code, title=title, message=message, back=back)


def _not_found(request: Request, error: Exception) -> Response:
    what = _MISSING[type(error)]
    said = error.says if isinstance(error, NoSuchExecution) else str(error)
    deployment = context_of(request).deployment
    if what == "execution" and (name := request.path_params.get("name")):
        kept = "Step Functions forgets an execution 90 days after its end."
        if deployment.endpoint is not None:
            kept = "The engine keeps executions from one start to the next with darkroom up --data."
        said = f"The stack {deployment.stack} has no execution named {name}. {kept}"
    return problem(request, 404, f"No such {what}", said)


def _explained(request: Request, error: Exception) -> Response:
    return problem(request, 502, "That did not work", explain(error) or str(error))


def _refused(request: Request, error: HTTPException) -> Response:
    # What only takes a form is no page: an address that was typed, or a form's that was reloaded.
    if (code := error.status_code) in (404, 405):
        return problem(request, code, "No such page", "There is nothing to see at this address.")
    return problem(request, code, "That is not possible", error.detail)


def _failed(request: Request, error: Exception) -> Response:
    """Answer when nothing else did: a bug of ours, also in the log with its traceback."""
    return problem(request, 500, "Something broke",
                   f"{type(error).__name__}: {error}. That is a fault of the console; the terminal "
                   "in which it runs tells more.")  # fmt: skip


_MISSING = {NoSuchExecution: "execution", NoSuchState: "state", NoSuchAction: "action"}

HANDLERS: dict[type[Exception], Callable[[Request, Any], Response]] = {
    **dict.fromkeys(_MISSING, _not_found),
    **dict.fromkeys((NotDeployed, DarkroomError, ClientError, BotoCoreError), _explained),
    HTTPException: _refused,
    Exception: _failed,
}
"""Who answers which error."""
