"""Errors as answers: a page for people, JSON for the page's own script."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError
from darkroom.contract.errors import DarkroomError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from darkroom_ops.console.context import context_of
from darkroom_ops.deployment import NotDeployed
from darkroom_ops.executions.client import NoSuchExecution
from darkroom_ops.present.failures import explain


class NoSuchState(Exception):
    """An execution did not go through the state that an address names."""


def problem(request: Request, code: int, title: str, message: str) -> Response:
    """Return what went wrong."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"message": message}, code)
    return context_of(request).page("problem.html", code, title=title, message=message)


def _not_found(request: Request, error: Exception) -> Response:
    what = "state" if isinstance(error, NoSuchState) else "execution"
    return problem(request, 404, f"No such {what}", str(error))


def _explained(request: Request, error: Exception) -> Response:
    return problem(request, 502, "That did not work", explain(error) or str(error))


def _refused(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 500
    if code == 404:  # noqa: PLR2004
        message = "There is nothing at this address. Start at Executions."
        return problem(request, code, "No such page", message)
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    return problem(request, code, "That is not possible", detail)


def _failed(request: Request, error: Exception) -> Response:
    """Answer when nothing else did: a bug of ours, also in the log with its traceback."""
    return problem(request, 500, "Something broke", f"{type(error).__name__}: {error}")


HANDLERS = {
    NoSuchExecution: _not_found,
    NoSuchState: _not_found,
    **dict.fromkeys((NotDeployed, DarkroomError, ClientError, BotoCoreError), _explained),
    HTTPException: _refused,
    Exception: _failed,
}
"""Who answers which error."""
