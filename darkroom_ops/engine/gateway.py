"""The gateway: every API call passes here, and is known by who makes it.

The calls of functions and the state machine are authorized. They can also be made to fail here, as
storage and services do at times. Everybody else's are served.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from botocore.exceptions import ConnectionClosedError
from werkzeug.wrappers import Response

from darkroom_ops.engine.authorization import Authorizer
from darkroom_ops.engine.permissions import Call
from darkroom_ops.engine.protocols import (
    InjectFault,
    ServiceError,
    client_error,
    read,
    respond,
)

Answer = TypeVar("Answer")

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[^/]*/[^/]*/([^/,\s]+)/aws4_request")


class Gateway:
    """A WSGI application around moto's; the pages are what the engine itself answers, by path."""

    def __init__(
        self,
        app: WSGIApplication,
        authorizer: Authorizer,
        inject_fault: InjectFault,
        pages: Mapping[str, Callable[[], object]],
    ) -> None:
        self._app = _honest(_one_at_a_time(app))
        self._authorizer = authorizer
        self._inject_fault = inject_fault
        self._pages = pages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        page = self._pages.get(environ["PATH_INFO"])
        if page is not None:
            response = Response(json.dumps(page()), content_type="application/json")
            return response(environ, start_response)
        signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None or not self._authorizer.has_role(signed[1]):
            return self._app(environ, start_response)
        call = read(environ, principal=signed[1], service=signed[2])
        return (self._answer(call, environ) or self._app)(environ, start_response)

    def make(self, call: Call, serve: Callable[[], Answer]) -> Answer:
        """Make a call from inside the engine, without HTTP; it fails as it would for boto3.

        Raises
        ------
        ClientError, ConnectionClosedError
            The caller's role does not allow it, or a fault was injected.
        """
        error = self._authorizer.check(call)
        if error is None:
            fault = self._inject_fault(call, str(uuid.uuid4()))
            if fault is None:
                return serve()
            if fault.served:
                serve()
            if fault.error is None:
                raise ConnectionClosedError(endpoint_url=f"https://{call.service}.amazonaws.com")
            error = fault.error
        raise client_error(error, call.operation)

    def _answer(self, call: Call, environ: WSGIEnvironment) -> WSGIApplication | None:
        """Return what answers a call of a role's; None when it is simply served."""
        refused = self._authorizer.check(call)
        if refused is not None:
            return respond(call.service, refused)
        fault = self._inject_fault(call, environ.get("HTTP_AMZ_SDK_INVOCATION_ID", ""))
        if fault is not None:
            if fault.served:
                Response.from_app(self._app, environ, buffered=True)
            return _hang_up if fault.error is None else respond(call.service, fault.error)
        if call.service != "s3":
            return None
        response = Response.from_app(self._app, environ)
        hidden = (
            self._authorizer.hides(call) if response.status_code == HTTPStatus.NOT_FOUND else None
        )
        return respond("s3", hidden) if hidden else response


def _one_at_a_time(app: WSGIApplication) -> WSGIApplication:
    """Make conditional writes as atomic as AWS's: moto looks, and then writes, in many threads."""
    lock = threading.Lock()

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        conditional = "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ
        if "HTTP_X_AMZ_TARGET" in environ:
            held = environ["HTTP_X_AMZ_TARGET"].startswith("DynamoDB")
        else:
            held = conditional and environ["REQUEST_METHOD"] == "PUT"
        with lock if held else contextlib.nullcontext():
            return app(environ, start_response)

    return serve


def _honest(app: WSGIApplication) -> WSGIApplication:
    """Answer in words what moto has not got, instead of a traceback and HTML."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except NotImplementedError as lacking:
            signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
            error = ServiceError(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", str(lacking))
            return respond(signed[2] if signed else "", error)(environ, start_response)

    return serve


def _hang_up(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Close the connection without an answer."""
    with contextlib.suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    start_response("500 Connection lost", [("Content-Length", "0")])
    return []
