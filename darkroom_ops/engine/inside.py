"""Calls that the engine makes to itself: with boto3's clients, but without a connection."""

from __future__ import annotations

import io
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.types import WSGIApplication

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, create_request_object
from botocore.compat import HTTPHeaders
from botocore.endpoint import convert_to_response_dict
from botocore.exceptions import ConnectionClosedError
from botocore.model import OperationModel
from botocore.parsers import create_parser

from darkroom_ops.engine.connections import environ


def attach(client: Any, app: Callable[[str], WSGIApplication]) -> None:
    """Have a boto3 client ask the application of a service, which knows whose calls it gets.

    The service is given by the name that calls are signed for. What botocore does around each
    attempt is left out: no call is signed, and none repeated.
    """
    described = client.meta.service_model
    service, parser = described.signing_name, create_parser(described.resolved_protocol)

    def answer(model: OperationModel, params: dict[str, Any], **_: Any) -> tuple[Any, Any]:
        response = _send(app(service), create_request_object(params).prepare())
        said = convert_to_response_dict(response, model)
        return response, parser.parse(said, model.output_shape)  # type: ignore[arg-type]

    client.meta.events.register("before-call", answer)


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
