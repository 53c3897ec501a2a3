"""The start page: the whole of the stack, every number a link to the executions that it counts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from darkroom.contract.advice import STATUS_ERRORS
from starlette.requests import Request
from starlette.responses import Response

from darkroom_ops.console.context import Context, context_of
from darkroom_ops.overview.figures import Bar, Failures, Window

FEW = 4
"""Executions that a chart has room for, at least: a single one is no tower."""

WIDTH, HEIGHT, GAP = 240, 56, 1.5
"""A chart's size, and what is between its bars, in the units of its view box."""


PATIENCE = 0.1
"""Seconds that a page waits for a first look at an engine: what takes longer follows."""


def show(request: Request) -> Response:
    """Show the whole; on AWS it takes seconds, and follows with the live parts."""
    context = context_of(request)
    local = context.deployment.endpoint is not None
    return context.page("start.html", **values(context, patience=PATIENCE if local else 0))


def values(context: Context, *, patience: float | None = None) -> dict[str, Any]:
    """Return what the page shows; None of the whole while it has not been looked at."""
    seen = context.overview(patience=patience)
    return {
        "here": "start",
        "seen": seen,
        "local": context.deployment.endpoint is not None,
        "idle": seen is not None and bool(seen.windows) and not any(map(ran, seen.windows or ())),
        "ran": ran,
        "chart": chart,
        "listed": listed,
        "failed": failed,
        "live": "/live/start",
    }


def ran(window: Window) -> bool:
    """Return whether anything started or ended within a span."""
    return bool(window.started or window.complete or window.failed)


def listed(**only: str | None) -> str:
    """Return the address of the executions that fit."""
    query = urlencode({k: v for k, v in only.items() if v}, errors="replace")
    return f"/?{query}" if query else "/"


def failed(failures: Failures, since: str) -> str:
    """Return the address of the executions that failed so; some have an ending, and no error."""
    if failures.error in STATUS_ERRORS:
        return listed(status=failures.error, since=since)
    return listed(status="FAILED", error=failures.error, since=since)


def chart(window: Window) -> list[dict[str, Any]]:
    """Return a window's bars as rectangles, from the ground up: complete, failed, the others."""
    most = max([FEW, *(max(bar.started, bar.complete + bar.failed) for bar in window.bars)])
    wide = WIDTH / max(1, len(window.bars))
    found = []
    for number, bar in enumerate(window.bars):
        ground = float(HEIGHT)
        for kind, count in _parts(bar):
            if count:
                high = max(1.5, HEIGHT * count / most)
                ground -= high
                found.append(
                    {
                        "kind": kind, "x": round(number * wide, 2), "y": round(ground, 2),
                        "width": round(wide - GAP, 2), "height": round(high, 2),
                    }
                )  # fmt: skip
    return found


def _parts(bar: Bar) -> tuple[tuple[str, int], ...]:
    others = max(0, bar.started - bar.complete - bar.failed)
    return (("complete", bar.complete), ("failed", bar.failed), ("other", others))
