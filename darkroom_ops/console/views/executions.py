"""The list of executions, and the search for one."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from darkroom_ops.console.context import FACETED, Context, context_of
from darkroom_ops.console.requests import number
from darkroom_ops.console.views.execution import path_of
from darkroom_ops.executions.client import STATUSES, ListPage, NoSuchExecution
from darkroom_ops.executions.facets import TOTAL
from darkroom_ops.executions.listed import Filter, Listed
from darkroom_ops.present import words
from darkroom_ops.present.outcomes import LABELS

LISTED = 50
"""Executions on one page of the list."""

PATIENCE = 1.5
"""Seconds after which a page shows what was found so far; it goes on looking live."""

CHOICES = 12
"""Choices of a facet, the most frequent."""

COLUMNS = (
    "name", "bucket", "key", "status", "outcome", "error", "step", "started", "seconds", "cost_usd",
)  # fmt: skip
"""The head of an exported table."""

EXPORTED = 25
"""Executions in each part of an exported table: on AWS, they take one or two seconds."""

MENUS = (("Error", "error"), ("Step", "step"), ("Folder", "folder"), ("Started", "since"))
"""Facets beside the outcome, by the filter's field."""

FILTERS = ("RUNNING", "COMPLETE", "FAILED", "ALREADY_PROCESSED", "SUPERSEDED")
"""Which executions can be chosen in the list; FAILED includes those timed out or stopped."""


def show(request: Request) -> Response:
    """Show the list."""
    return context_of(request).page(
        "executions.html", **values(context_of(request), request, live=False)
    )


def values(context: Context, request: Request, *, live: bool = True) -> dict[str, Any]:
    """Return what the list shows, for the filters in an address.

    Costs need each execution's history, and counts all executions: of the first page, what is not
    remembered of them follows with the live parts.
    """
    asked = request.query_params
    only, place = only_of(request), {n: v for n in ("after", "before") if (v := asked.get(n))}
    page = context.executions.recent(
        limit=LISTED, only=only, costs=live or bool(place), patience=PATIENCE,
        fold="each" not in asked, after=place.get("after"), before=place.get("before"),
    )  # fmt: skip
    # The top of the list by whatever way is its first page, which is live.
    top = not place or ("before" in place and page.newer is None)
    names = ("status", "error", "step", "folder", "since", "image", "each")
    left_out = {n for n, v in (("status", only.status), ("since", only.since)) if not v}
    chosen = {n: v for n in names if n not in left_out and (v := asked.get(n))}
    # What is counted anew follows with the live parts; on AWS, the first count does, too.
    known = context.facets(only, wait=live)
    counts = known or (context.facets(only) if context.deployment.endpoint else {})

    def query(**changed: str | None) -> str:
        given = {k: v for k, v in {**chosen, **changed}.items() if v}
        return urlencode(given, errors="replace")

    def address(**changed: str | None) -> str:
        return f"/?{text}" if (text := query(**changed)) else "/"

    def menu(title: str, name: str) -> tuple[str, str | None, str, list[tuple[str, str, int]]]:
        found = counts.get(name, Counter()).most_common(CHOICES)
        choices = [(value, address(**{name: value}), count) for value, count in found if count]
        return title, chosen.get(name), address(**{name: None}), choices

    first, last = _numbers(
        "" if top else asked.get("seen", ""), page, front="before" in place and not top
    )
    here = {} if top else {**place, "seen": asked.get("seen")}
    by_status = counts.get("status")
    return {
        "here": "executions",
        "page": page,
        "only": only,
        "image": asked.get("image", ""),
        "filters": [
            (LABELS[name], address(status=name), name == only.status,
             None if by_status is None else by_status[name])
            for name in FILTERS
        ],
        "menus": [menu(title, name) for title, name in MENUS],
        "kept": [(name, value) for name, value in chosen.items() if name != "image"],
        "clear": _said(chosen),
        "csv": f"/executions.csv?{query()}",
        "query": query(),
        "everything": address(status=None),
        "first": first,
        "last": last,
        "total": counts[TOTAL][TOTAL] if counts else None,
        "faceted": FACETED,
        "older": address(after=page.next, seen=str(last)) if page.next else None,
        "newer": address(before=page.newer, seen=str(first - 1)) if page.newer else None,
        "newest": address(),
        "top": top,
        "each_of": lambda one: address(
            status="ALREADY_PROCESSED", image=one.source.key, each="1"
        ),
        "live": f"/live/executions?{query(**here)}",
        "prefix": context.deployment.source_prefix,
        "bucket": context.deployment.source_bucket_name,
    }  # fmt: skip


def _numbers(seen: str, page: ListPage, *, front: bool) -> tuple[int, int]:
    """Return which executions a page shows, counted from 1: `seen` stand in front of its place."""
    before = number(seen)
    if front:
        return max(1, before - page.count + 1), max(before, page.count)
    return before + 1, before + page.count


def _said(chosen: Mapping[str, str]) -> str:
    """Say what a list is narrowed by, as a person would; nothing if it is not."""
    words_ = {"status": "status", "error": "error", "step": "step", "folder": "folder",
              "since": "since", "image": "text"}  # fmt: skip
    return ", ".join(
        f"{words_[name]} {LABELS.get(value, value) if name == 'status' else value}"
        for name, value in chosen.items()
        if name in words_
    )


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
    """Send the executions that fit, as a table for spreadsheets, while they are read.

    So the browser shows how far it is, and can stop it. What fails before the first is said on a
    page; what fails later breaks the download off.
    """
    found = context_of(request).executions.each(only=only_of(request))
    parts = _tables(found)
    first = next(parts)
    name = 'attachment; filename="executions.csv"'
    return StreamingResponse(
        itertools.chain((first,), parts),
        media_type="text/csv",
        headers={"content-disposition": name},
    )


def _tables(found: Iterator[Listed]) -> Iterator[str]:
    """Yield the parts of a table: its head with the first lines, and then the others."""
    head: tuple[Sequence[object], ...] = (COLUMNS,)
    while (lines := list(itertools.islice(found, EXPORTED))) or head:
        text = io.StringIO()
        csv.writer(text).writerows((*head, *map(_row, lines)))
        yield text.getvalue()
        head = ()


def _row(one: Listed) -> list[str]:
    source = one.source
    row = (one.name, source and source.bucket, source and source.key, one.status, one.outcome,
           one.error, one.step, one.started.isoformat(), round(one.seconds, 3),
           one.usd)  # fmt: skip
    return ["" if value is None else harmless(str(value)) for value in row]


def harmless(value: str) -> str:
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
