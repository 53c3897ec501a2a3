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

from darkroom_ops.console import pages
from darkroom_ops.console.app import Console
from darkroom_ops.executions.client import NoSuchExecution
from darkroom_ops.present.failures import explain

PING_SECONDS = 15.0
"""Something is sent at least this often, so that a connection that is gone is noticed."""

TROUBLE_SECONDS = 3.0
"""How long to wait after an error before looking again."""

SLICE_SECONDS = 0.25
"""How soon the end of the console ends the waits."""

Parts = dict[str, str]
"""HTML by the id of the element that it replaces."""

Look = Callable[[], tuple[Parts, bool]]
"""Returns the parts as they are now, and whether they will stay so."""


async def executions(request: Request) -> StreamingResponse:
    """Stream the list."""
    console = pages.console_of(request)

    def look() -> tuple[Parts, bool]:
        values = pages.list_values(console, request)
        return {"list": console.render("_list.html", **values)}, False

    # The list reads every execution that is on it: less often than one execution is looked at.
    return _stream(console, look, 2 * console.seconds)


async def execution(request: Request) -> StreamingResponse:
    """Stream one execution until it ends."""
    console = pages.console_of(request)

    def look() -> tuple[Parts, bool]:
        found = pages.execution_of(request)
        values = pages.execution_values(console, found)
        parts = {
            name: console.render(f"_execution_{name}.html", **values)
            for name in ("head", "pictures", "overlay", "timeline", "data")
        }
        return parts, found.ended

    return _stream(console, look, console.seconds)


async def inbox(request: Request) -> StreamingResponse:
    """Stream the inbox's list."""
    console = pages.console_of(request)

    def look() -> tuple[Parts, bool]:
        values = pages.inbox_values(console, request)
        return {"letters": console.render("_letters.html", **values)}, console.mail is None

    return _stream(console, look, console.seconds)


def _stream(console: Console, look: Look, seconds: float) -> StreamingResponse:
    return StreamingResponse(_events(console, look, seconds), media_type="text/event-stream")


async def _events(console: Console, look: Look, seconds: float) -> AsyncIterator[str]:
    """Yield events: ``parts`` that changed, ``trouble`` in words, ``done`` at the end."""
    sent: dict[str, bytes] = {}
    quiet = 0.0
    while not console.closing.is_set():
        pause = seconds
        try:
            parts, done = await run_in_threadpool(look)
        except Exception as error:  # the page says what is wrong, and goes on looking
            said = str(error) if isinstance(error, NoSuchExecution) else explain(error)
            if said is None:
                raise
            yield _event("trouble", {"message": said})
            pause = TROUBLE_SECONDS
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
        while pause > 0 and not console.closing.is_set():
            await anyio.sleep(min(pause, SLICE_SECONDS))
            pause -= SLICE_SECONDS


def _event(name: str, data: dict[str, str]) -> str:
    # JSON is on one line, as the field `data` has to be.
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
