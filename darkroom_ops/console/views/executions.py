"""The list of executions, and the search for one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from darkroom_ops.console.context import Context, context_of
from darkroom_ops.console.views.execution import path_of
from darkroom_ops.executions.client import STATUSES, ListPage, NoSuchExecution
from darkroom_ops.present.outcomes import LABELS

LISTED = 50
"""Executions on one page of the list."""

FILTERS = ("RUNNING", "COMPLETE", "FAILED", "ALREADY_PROCESSED", "SUPERSEDED")
"""Which executions can be chosen in the list; FAILED includes those timed out or stopped."""


def show(request: Request) -> Response:
    """Show the list."""
    context = context_of(request)
    # Costs need each execution's history: what is not remembered follows with the live parts.
    live = "after" not in request.query_params
    return context.page("executions.html", **values(context, request, costs=not live))


def values(context: Context, request: Request, *, costs: bool = True) -> dict[str, Any]:
    """Return what the list shows, for the filters in an address.

    Costs that are not remembered are found out on demand: they need each execution's history.
    """
    asked = request.query_params
    status, text, after = asked.get("status") or None, asked.get("image", ""), asked.get("after")
    status = status if status in STATUSES else None
    page = _listed(context, status, text, after, costs=costs)
    chosen = {name: value for name, value in (("status", status), ("image", text)) if value}

    def address(**changed: str | None) -> str:
        given = {k: v for k, v in {**chosen, **changed}.items() if v}
        query = urlencode(given, errors="replace")
        return f"/?{query}" if query else "/"

    return {
        "here": "executions",
        "page": page,
        "status": status,
        "image": text,
        "after": after,
        "filters": [(LABELS[name], address(status=name), name == status) for name in FILTERS],
        "everything": address(status=None),
        "older": address(after=page.next) if page.next else None,
        "newest": address(),
        "live": None if after else f"/live/executions?{urlencode(chosen)}",
        "prefix": context.deployment.source_prefix,
        "bucket": context.deployment.source_bucket_name,
    }


def _listed(
    context: Context, status: str | None, text: str, after: str | None, *, costs: bool
) -> ListPage:
    # People name an image as they uploaded it; keys have the source prefix before that.
    prefix = context.deployment.source_prefix
    wanted = [text] if text.startswith(prefix) or not text else [prefix + text, text]
    page = ListPage((), None)
    for each in wanted:
        page = context.executions.recent(
            limit=LISTED, status=status, prefix=each or None, after=after, costs=costs
        )
        if page.items:
            break
    return page


def find(request: Request) -> Response:
    """Lead to the execution that a person names, as an alert does; else to a list of images."""
    text = request.query_params.get("q", "").strip()
    try:
        arn = context_of(request).executions.find(text)
    except NoSuchExecution:
        if "execution:" in text or text.startswith("s3://"):
            raise
        return RedirectResponse(f"/?{urlencode({'image': text})}", 303)
    return RedirectResponse(path_of(arn), 303)
