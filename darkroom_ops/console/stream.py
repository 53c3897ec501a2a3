"""Live pages: server-sent events with the parts of a page that have changed.

An open page asks for them and closes the connection while it is hidden: browsers allow few
connections to one server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from darkroom_ops.console.context import Context, context_of, execution_of
from darkroom_ops.console.views import bulk, execution, executions, inbox, start
from darkroom_ops.present.failures import explain
from darkroom_ops.present.words import plain

PING_SECONDS = 15.0
"""Something is sent at least this often, so that a connection that is gone is noticed."""

PROBLEM_SECONDS = 3.0
"""How long to wait after an error before looking again."""

SLICE_SECONDS = 0.25
"""How soon the end of the console ends the waits."""

Parts = dict[str, str]
"""HTML by the id of the element that it replaces."""

Look = Callable[[], tuple[Parts, bool]]
"""Returns the parts as they are now, and whether they will stay so."""


PARTS = {
    "overview": ("head", "pictures", "overlay", "timeline", "data"),
    "events": ("head", "events"),
    "rerun": ("head",),
}
"""What of an execution's page is live, by its tab."""


async def of_executions(request: Request) -> StreamingResponse:
    """Stream the list."""
    context = context_of(request)

    def look() -> tuple[Parts, bool]:
        values = executions.values(context, request)
        # Behind the first page, rows stay; how many there are follows.
        names = ("list", "pager", "facets") if values["top"] else ("pager", "facets")
        return {n: context.render(f"_{n}.html", **values) for n in names}, False

    # The list reads every execution that is on it: less often than one execution is looked at.
    return _stream(context, look, 2 * context.seconds)


async def of_execution(request: Request) -> StreamingResponse:
    """Stream one execution until it ends."""
    context = context_of(request)

    tab = request.query_params.get("tab", "overview")

    def look() -> tuple[Parts, bool]:
        now = execution_of(request)
        if tab == "events":
            values = execution.event_values(request, now)
        else:
            values = execution.values(context, now, tab)
        names = PARTS.get(tab, PARTS["overview"])
        return {n: context.render(f"_execution_{n}.html", **values) for n in names}, now.ended

    return _stream(context, look, context.seconds)


async def of_bulk(request: Request) -> StreamingResponse:
    """Stream an action on many until it ends."""
    context, doing = context_of(request), bulk.bulk_of(request)

    def look() -> tuple[Parts, bool]:
        ended = doing.phase == "ended"  # before it is drawn: what is drawn last is the end
        return {"bulk": context.render("_bulk.html", **bulk.values(context, doing))}, ended

    return _stream(context, look, context.seconds)


async def of_start(request: Request) -> StreamingResponse:
    """Stream the start page."""
    context = context_of(request)

    def look() -> tuple[Parts, bool]:
        return {"start": context.render("_start.html", **start.values(context))}, False

    return _stream(context, look, context.overview_seconds)


async def of_inbox(request: Request) -> StreamingResponse:
    """Stream the inbox's list."""
    context = context_of(request)

    def look() -> tuple[Parts, bool]:
        html = context.render("_messages.html", **inbox.values(context, request))
        return {"messages": html}, context.inbox is None

    return _stream(context, look, context.seconds)


def _stream(context: Context, look: Look, seconds: float) -> StreamingResponse:
    return StreamingResponse(_events(context, look, seconds), media_type="text/event-stream")


async def _events(context: Context, look: Look, seconds: float) -> AsyncIterator[str]:
    """Yield events: ``parts`` that changed, ``problem`` with a message, ``done`` at the end."""
    sent: dict[str, bytes] = {}
    quiet = 0.0
    while not context.closing.is_set():
        pause = seconds
        try:
            parts, done = await run_in_threadpool(look)
        except Exception as error:  # the page says what is wrong, and goes on looking
            message = explain(error)
            if message is None:
                raise
            yield _event("problem", {"message": plain(message)})
            pause = PROBLEM_SECONDS
        else:
            marks = {name: hashlib.sha256(html.encode()).digest() for name, html in parts.items()}
            news = {name: html for name, html in parts.items() if sent.get(name) != marks[name]}
            sent = marks
            if news:
                yield _event("parts", news)
                quiet = 0.0
            if done:
                yield _event("done", {})
                return
        if quiet >= PING_SECONDS:
            yield ": still here\n\n"
            quiet = 0.0
        quiet += pause
        while pause > 0 and not context.closing.is_set():
            await anyio.sleep(min(pause, SLICE_SECONDS))
            pause -= SLICE_SECONDS


def _event(name: str, data: dict[str, str]) -> str:
    # JSON is on one line, as the field `data` has to be.
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
