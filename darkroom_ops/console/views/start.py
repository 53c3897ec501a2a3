"""The start page: the whole of the stack, every number a link to the executions that it counts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from darkroom_ops.console.context import Context, context_of
from darkroom_ops.overview.figures import Bar, Window

WIDTH, HEIGHT, GAP = 240, 56, 1.5
"""A chart's size, and what is between its bars, in the units of its view box."""


def show(request: Request) -> Response:
    """Show the whole; on AWS it takes seconds, and follows with the live parts."""
    context = context_of(request)
    return context.page(
        "start.html", **values(context, wait=context.deployment.endpoint is not None)
    )


def values(context: Context, *, wait: bool = True) -> dict[str, Any]:
    """Return what the page shows; None of the whole while it has not been looked at."""
    return {
        "here": "start",
        "seen": context.overview(wait=wait),
        "chart": chart,
        "listed": listed,
        "live": "/live/start",
    }


def listed(**only: str | None) -> str:
    """Return the address of the executions that fit."""
    query = urlencode({k: v for k, v in only.items() if v}, errors="replace")
    return f"/?{query}" if query else "/"


def chart(window: Window) -> list[dict[str, Any]]:
    """Return a window's bars as rectangles, from the ground up: complete, failed, the others."""
    most = max([1, *(max(bar.started, bar.complete + bar.failed) for bar in window.bars)])
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
