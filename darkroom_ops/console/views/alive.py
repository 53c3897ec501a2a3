"""Whether the engine that the console shows answers: an open page asks every few seconds."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from darkroom_ops.console.context import context_of

CONNECT_SECONDS = 1.0


def show(request: Request) -> Response:
    """Answer 204; or 503 with what is wrong, when the engine takes no connections."""
    endpoint = context_of(request).deployment.endpoint
    if endpoint is not None:
        at = urlsplit(endpoint)
        try:
            socket.create_connection((at.hostname, at.port or 80), CONNECT_SECONDS).close()
        except OSError:
            message = "The engine does not answer. Start it again with darkroom up."
            return JSONResponse({"message": message}, 503)
    # On AWS nothing is asked: each call would be billed, or throttled.
    return Response(status_code=204)
