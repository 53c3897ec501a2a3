"""The list of executions, and the search for one."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections import Counter
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from darkroom_ops.console.context import Context, context_of
from darkroom_ops.console.views.execution import path_of
from darkroom_ops.executions.client import STATUSES, NoSuchExecution
from darkroom_ops.executions.listed import Filter
from darkroom_ops.present import words
from darkroom_ops.present.outcomes import LABELS

LISTED = 50
"""Executions on one page of the list."""

CHOICES = 12
"""Choices of a facet, the most frequent."""

EXPORTED = 20_000
"""Executions in an exported table, at most."""

MENUS = (("Error", "error"), ("Step", "step"), ("Folder", "folder"), ("Started", "since"))
"""Facets beside the outcome, by the filter's field."""

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
    only, after = only_of(request), asked.get("after")
    page = context.executions.recent(limit=LISTED, only=only, after=after, costs=costs)
    names = ("status", "error", "step", "folder", "since", "image")
    chosen = {n: v for n in names if (v := asked.get(n)) and (n != "status" or only.status)}
    # On AWS, the counts follow with the live parts: the first look takes seconds.
    counted = costs or context.deployment.endpoint is not None
    counts = context.facets(only) if counted else {}

    def query(**changed: str | None) -> str:
        given = {k: v for k, v in {**chosen, **changed}.items() if v}
        return urlencode(given, errors="replace")

    def address(**changed: str | None) -> str:
        return f"/?{text}" if (text := query(**changed)) else "/"

    def menu(title: str, name: str) -> tuple[str, str | None, str, list[tuple[str, str, int]]]:
        found = counts.get(name, Counter()).most_common(CHOICES)
        choices = [(value, address(**{name: value}), count) for value, count in found if count]
        return title, chosen.get(name), address(**{name: None}), choices

    by_status = counts.get("status")
    return {
        "here": "executions",
        "page": page,
        "only": only,
        "image": asked.get("image", ""),
        "after": after,
        "filters": [
            (LABELS[name], address(status=name), name == only.status,
             None if by_status is None else by_status[name])
            for name in FILTERS
        ],
        "menus": [menu(title, name) for title, name in MENUS],
        "kept": [(name, value) for name, value in chosen.items() if name != "image"],
        "clear": bool(chosen),
        "csv": f"/executions.csv?{query()}",
        "everything": address(status=None),
        "older": address(after=page.next) if page.next else None,
        "newest": address(),
        "live": None if after else f"/live/executions?{query()}",
        "prefix": context.deployment.source_prefix,
        "bucket": context.deployment.source_bucket_name,
    }  # fmt: skip


def only_of(request: Request) -> Filter:
    """Return the filter that an address asks for; what is none of it, it leaves out."""
    asked = request.query_params
    status = asked.get("status")
    since = None
    with contextlib.suppress(ValueError):
        since = words.since(asked["since"]) if asked.get("since") else None
    return Filter(
        status=status if status in STATUSES else None,
        error=asked.get("error") or None,
        step=asked.get("step") or None,
        folder=asked.get("folder") or None,
        since=since and since.replace(second=0, microsecond=0),
        text=asked.get("image") or None,
    )


def as_csv(request: Request) -> Response:
    """Return the executions that fit, as a table for spreadsheets."""
    each = context_of(request).executions.each(only=only_of(request))
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("name", "bucket", "key", "status", "outcome", "error", "step", "started",
                    "seconds", "cost_usd"))  # fmt: skip
    for one in itertools.islice(each, EXPORTED):
        source = one.source
        row = (one.name, source and source.bucket, source and source.key, one.status, one.outcome,
               one.error, one.step, one.started.isoformat(), round(one.seconds, 3),
               one.usd)  # fmt: skip
        table.writerow("" if value is None else _harmless(str(value)) for value in row)
    name = 'attachment; filename="executions.csv"'
    return Response(text.getvalue(), media_type="text/csv", headers={"content-disposition": name})


def _harmless(value: str) -> str:
    """Return a value that a spreadsheet does not take for a formula (OWASP, CSV injection)."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


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
