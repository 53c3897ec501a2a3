"""Calls that the engine makes to itself: with boto3's clients, but without a connection."""

from __future__ import annotations

import io
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.types import WSGIApplication

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError

from darkroom_ops.engine.connections import environ


def attach(client: Any, app: Callable[[], WSGIApplication]) -> None:
    """Have a boto3 client ask an application; all else is as it would be over HTTP."""

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return _send(app(), request)

    client.meta.events.register("before-send", send)


class _Raw(io.BytesIO):
    """A body as urllib3 has it."""

    def stream(self) -> Iterator[bytes]:
        """Yield all of it."""
        yield self.read()


class _Line:
    """Stands for the connection, which an injected fault breaks."""

    broken = False

    def shutdown(self, _: int) -> None:
        """Break it."""
        self.broken = True


def _send(app: WSGIApplication, request: AWSPreparedRequest) -> AWSResponse:
    url = urllib.parse.urlsplit(request.url)
    target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    headers = [(name, _text(value)) for name, value in request.headers.items()]
    body: Any = request.body or b""
    line = _Line()
    given = environ(request.method, target, [("Host", url.netloc), *headers]) | {
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "wsgi.input": io.BytesIO(body.encode() if isinstance(body, str) else body),
        "werkzeug.socket": line,
    }
    said: list[Any] = []
    content = b"".join(app(given, lambda *started: said.extend(started)))  # type: ignore[arg-type]
    if line.broken:
        raise ConnectionClosedError(endpoint_url=request.url)
    status, answered = said[:2]
    code: int = int(status.split()[0])
    return AWSResponse(request.url, code, HTTPHeaders.from_pairs(answered), _Raw(content))


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
