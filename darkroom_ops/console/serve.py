"""Serving the console on 127.0.0.1, in a thread of its own."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn

from darkroom_ops import allocator
from darkroom_ops.console.context import Context
from darkroom_ops.console.routes import create
from darkroom_ops.console.views.inbox import told
from darkroom_ops.deployment import Deployment
from darkroom_ops.ports import HOST, listen, usual_or_any

if TYPE_CHECKING:  # the engine takes seconds to load, and a console for AWS needs none
    from darkroom_ops.engine.inbox import Inbox

PORT = 4600
"""Preferred: next to the engine's."""

END_SECONDS = 5.0

AHEAD = 1000
"""Executions that are read before anybody asks for them."""

AHEAD_SECONDS = 3.0
"""How long a console waits at most, of an engine, until what the first pages need is read."""


@contextlib.contextmanager
def serving(
    deployment: Deployment, inbox: Inbox | None = None, port: int | None = None
) -> Iterator[str]:
    """Serve the console while the context lasts, and yield its address, with the token to it.

    Without a port, it is the usual one or, if that is taken, any. PortInUse says that something
    listens on the one that was asked for.
    """
    allocator.settle()
    sock = usual_or_any(listen, port, PORT)
    number: int = sock.getsockname()[1]
    token = secrets.token_urlsafe()
    context = Context(deployment, inbox)
    config = uvicorn.Config(
        create(context, number, token),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [sock]}, name="console", daemon=True
    )
    # What has ended never changes: read ahead, the first page and the first filter come as quickly
    # as the others.
    ahead = threading.Thread(target=_read_ahead, args=(context,), name="console ahead", daemon=True)
    ahead.start()
    thread.start()
    if deployment.endpoint is not None:  # AWS takes longer, and its first pages say so
        ahead.join(AHEAD_SECONDS)
    try:
        yield f"http://{HOST}:{number}/start?token={token}"
    finally:
        context.closing.set()
        server.should_exit = True
        thread.join(END_SECONDS)
        sock.close()


def _read_ahead(context: Context) -> None:
    context.read_ahead(AHEAD)
    if context.inbox is not None:
        told(context.inbox)
