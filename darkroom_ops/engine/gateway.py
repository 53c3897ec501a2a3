"""The gateway: every API call passes here, and is known by who makes it.

Whoever runs the engine may call it, and nobody else: no website in a browser, and no other user of
the machine. The calls of functions and the state machine are authorized. They can also be made to
fail here, as storage and services do at times.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import json
import logging
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from botocore.exceptions import ConnectionClosedError
from werkzeug.wrappers import Response

from darkroom_ops.engine import signatures
from darkroom_ops.engine.authorization import Authorizer
from darkroom_ops.engine.permissions import Call
from darkroom_ops.engine.protocols import (
    InjectFault,
    ServiceError,
    client_error,
    named,
    protocol_of,
    read,
    respond,
)
from darkroom_ops.engine.signatures import Keys, Signature

Answer = TypeVar("Answer")

MIB = 1024**2

MOST_BYTES = {"s3": 1024 * MIB}
"""What a request may carry: it is held in memory. S3 takes more in parts."""

MOST_BYTES_ELSEWHERE = 16 * MIB
"""DynamoDB's most. Of anybody: AWS's clients say the hash that they signed of S3's bodies only."""

_log = logging.getLogger(__name__)


class Gateway:
    """A WSGI application around those of moto's services, by the name that calls are signed for.

    It answers to some names of this machine only. The pages are what the engine itself answers, by
    path.
    """

    def __init__(
        self,
        services: Mapping[str, WSGIApplication],
        authorizer: Authorizer,
        inject_fault: InjectFault,
        pages: Mapping[str, Callable[[], object]],
        *,
        keys: Keys,
        hosts: frozenset[str],
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        lock = threading.Lock()
        self._services = {
            name: _explained(name, _one_at_a_time(app, lock)) for name, app in services.items()
        }
        self._authorizer = authorizer
        self._inject_fault = inject_fault
        self._pages = pages
        self._keys = keys
        self._hosts = hosts
        self._now = now

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        return self._answer(environ)(environ, start_response)

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

    def within(self, principal: str, service: str) -> WSGIApplication:
        """Return what answers the engine's own calls for a principal, which nobody signs.

        They fail as those that come over HTTP do.
        """

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ["HTTP_AMZ_SDK_INVOCATION_ID"] = str(uuid.uuid4())  # no call is made twice
            error = self._unknown(service) or _unwritable(environ["wsgi.input"].getvalue())
            app: WSGIApplication = (
                respond(protocol_of(environ, service), error)
                if error
                else self._served(environ, principal, service)
            )
            return app(environ, start_response)

        return serve

    def _answer(self, environ: WSGIEnvironment) -> WSGIApplication:
        """Return what answers a request."""
        reason = foreign(environ, self._hosts)
        if reason is not None:
            return _closing(Response(f"{reason}\n", HTTPStatus.FORBIDDEN))
        signature = signatures.read(environ)
        service = signature.service if signature else ""
        error = self._refusal(environ, signature) if signature else _NOT_SIGNED
        if signature is None or error is not None:
            return _closing(respond(protocol_of(environ, service), error or _NOT_SIGNED))
        page = self._pages.get(environ["PATH_INFO"])
        if page is not None:
            said = page()
            text = said if isinstance(said, bytes) else json.dumps(said)
            return Response(text, content_type="application/json")
        return self._served(environ, signature.principal, service)

    def _served(self, environ: WSGIEnvironment, principal: str, service: str) -> WSGIApplication:
        """Return what answers a call of somebody known, whose body was read."""
        if not self._authorizer.has_role(principal):
            return self._services[service]
        return self._authorized(read(environ, principal=principal, service=service), environ)

    def _unknown(self, service: str) -> ServiceError | None:
        """Return how a call of a service is refused that the engine has not."""
        if service in self._services:
            return None
        return ServiceError(
            HTTPStatus.NOT_IMPLEMENTED,
            "NotImplemented",
            f"The engine has no service {service}: it has those that Darkroom's template uses.",
        )

    def _refusal(self, environ: WSGIEnvironment, signature: Signature) -> ServiceError | None:
        """Return why a call is not the user's, or cannot be read; its body is read afterwards."""
        return (
            self._refused_by_head(environ, signature)
            # Read here, once and whole: nothing waits for a client's bytes once a call is served.
            or _receive(environ, MOST_BYTES.get(signature.service, MOST_BYTES_ELSEWHERE))
            or self._refused_by_body(environ, signature)
        )

    def _refused_by_head(
        self, environ: WSGIEnvironment, signature: Signature
    ) -> ServiceError | None:
        """Return how a call is refused before its body is read: of others nothing is held."""
        unknown = self._unknown(signature.service)
        if unknown is not None:
            return unknown
        untimely = signature.untimely(self._now())
        if untimely is not None:
            return ServiceError(*untimely)
        payload = signature.payload(environ)
        if payload is not None:
            return self._forged(environ, signature, payload)
        return _NO_HASH if signature.service == "s3" else None

    def _refused_by_body(
        self, environ: WSGIEnvironment, signature: Signature
    ) -> ServiceError | None:
        """Return how a call is refused by what was read of it."""
        body, payload = environ["wsgi.input"].getvalue(), signature.payload(environ)
        if payload is None:
            forged = self._forged(environ, signature, hashlib.sha256(body).hexdigest())
            if forged is not None:
                return forged
        elif not payload.startswith(_UNHASHED) and payload != hashlib.sha256(body).hexdigest():
            return _OTHER_BODY
        named = "HTTP_X_AMZ_TARGET" in environ
        return _unwritable(body) if named else _unreadable(environ["PATH_INFO"])

    def _forged(
        self, environ: WSGIEnvironment, signature: Signature, payload: str
    ) -> ServiceError | None:
        """Return how a call is refused that was signed with another key, or not as it came."""
        if signature.matches(environ, payload, self._keys.secret_of(signature.principal)):
            return None
        return ServiceError(
            HTTPStatus.FORBIDDEN,
            "SignatureDoesNotMatch",
            "Expected a call that is signed with the engine's access keys, but the secret key that "
            f"goes with {signature.principal} here is another one. {_KEYS}",
        )

    def _authorized(self, call: Call, environ: WSGIEnvironment) -> WSGIApplication:
        """Return what answers a call of a role's."""
        app = self._services[call.service]
        protocol = protocol_of(environ, call.service)
        refused = self._authorizer.check(call)
        if refused is not None:
            return respond(protocol, refused)
        fault = self._inject_fault(call, environ.get("HTTP_AMZ_SDK_INVOCATION_ID", ""))
        if fault is not None:
            if fault.served:
                Response.from_app(app, environ, buffered=True)
            return _hang_up if fault.error is None else respond(protocol, fault.error)
        if call.service != "s3":
            return app
        started: list[Any] = []
        body = app(environ, lambda *given: started.extend(given))  # type: ignore[arg-type]
        missing = started[0].startswith(str(HTTPStatus.NOT_FOUND.value))
        hidden = self._authorizer.hides(call) if missing else None
        return respond(protocol, hidden) if hidden else _answered(body, started)


def _answered(body: Iterable[bytes], started: list[Any]) -> WSGIApplication:
    """Return what gives an answer that is there already."""

    def serve(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(*started)
        return body

    return serve


def foreign(environ: Mapping[str, str], hosts: frozenset[str]) -> str | None:
    """Return why a request is not of a program on this machine; None for one that may be.

    A website whose name leads to 127.0.0.1 is known by the Host header. Browsers send, and AWS's
    clients never, Origin and the Fetch Metadata headers (W3C Fetch Metadata Request Headers) when a
    page asks.
    """
    host = environ.get("HTTP_HOST", "")
    if host.lower() not in hosts:
        return (
            f"Expected the Host header to be {' or '.join(sorted(hosts))}, but received {host!r}. "
            "Use the endpoint that `darkroom up` printed."
        )
    if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") != "none":
        return "Expected a call of an AWS client, but a page in a browser sent it: none may."
    return None


_KEYS = "`darkroom up` prints the keys, and where a profile has them."

_NOT_SIGNED = ServiceError(
    HTTPStatus.FORBIDDEN,
    "MissingAuthenticationToken",
    "Expected a call that is signed with the engine's access keys (Signature Version 4), but it is "
    f"not signed. {_KEYS}",
)

_UNHASHED = ("UNSIGNED-PAYLOAD", "STREAMING-")
"""How what is signed in place of a body's hash begins: the body may be any."""

_NO_HASH = ServiceError(
    HTTPStatus.BAD_REQUEST,
    "InvalidRequest",
    "Missing required header for this request: x-amz-content-sha256",
)
_OTHER_BODY = ServiceError(
    HTTPStatus.BAD_REQUEST,
    "XAmzContentSHA256Mismatch",
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
)


def _receive(environ: WSGIEnvironment, limit: int) -> ServiceError | None:
    """Read a request's body, which can be read again afterwards; return how it is refused."""
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or "0"
    whole = not environ.get("wsgi.input_terminated")  # in chunks, its end says how long it is
    if whole and not (length.isascii() and length.isdigit()):
        return ServiceError(HTTPStatus.BAD_REQUEST, "InvalidArgument", _NO_LENGTH)
    wanted = int(length) if whole else limit + 1
    if wanted > limit and whole:
        return _too_large(limit)
    try:
        body = stream.read(wanted) if whole else _dechunked(stream, wanted)
    except OSError as error:
        return ServiceError(
            HTTPStatus.BAD_REQUEST, "RequestTimeout", f"The request's body did not come: {error}."
        )
    if len(body) > limit:
        return _too_large(limit)
    if whole and len(body) < wanted:
        return ServiceError(
            HTTPStatus.BAD_REQUEST,
            "IncompleteBody",
            f"Expected a body of {wanted} bytes, as Content-Length says, but {len(body)} came.",
        )
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return None


_NO_LENGTH = "Expected Content-Length to be a number of bytes."


_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def _unwritable(body: bytes) -> ServiceError | None:
    """Return how JSON is refused that has half of a surrogate pair, which no text can hold."""
    if _HALF.search(body):
        try:
            json.dumps(json.loads(body), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return ServiceError(
                HTTPStatus.BAD_REQUEST,
                "SerializationException",
                "Expected text that can be written in UTF-8, but received half of a surrogate pair",
            )
        except ValueError:
            pass  # no JSON: the service says so
    return None


def _unreadable(path: str) -> ServiceError | None:
    """Return how S3 refuses a key that is no text: two such keys would be one here."""
    try:
        path.encode("latin-1").decode()
    except UnicodeDecodeError:
        return ServiceError(
            HTTPStatus.BAD_REQUEST, "InvalidURI", "Couldn't parse the specified URI."
        )
    return None


def _dechunked(stream: io.RawIOBase, most: int) -> bytes:
    body = bytearray()
    while len(body) < most and (chunk := stream.read(min(MIB, most - len(body)))):
        body += chunk
    return bytes(body)


def _too_large(limit: int) -> ServiceError:
    return ServiceError(
        HTTPStatus.BAD_REQUEST,
        "EntityTooLarge",
        f"Expected at most {limit // MIB} MB in one request. Upload a larger object in parts, as "
        "`aws s3 cp` does.",
    )


def _closing(response: Response) -> Response:
    """Close the connection after an answer: what was not read of the request is no next one."""
    response.headers["Connection"] = "close"
    return response


def _explained(service: str, app: WSGIApplication) -> WSGIApplication:
    """Answer what moto lacks, or fails in, as AWS would: no client repeats a call for a 501."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except NotImplementedError:
            error = ServiceError(
                HTTPStatus.NOT_IMPLEMENTED,
                "NotImplemented",
                f"The engine has no {named(environ)} of {service}: it has what Darkroom uses. Make "
                "the call on AWS.",
            )
        except Exception as failed:  # noqa: BLE001 - whatever moto fails in, the client is told
            message = f"The engine failed at {named(environ)} of {service}: {failed!r}."
            _log.error("%s", message)
            _log.debug("%s", message, exc_info=failed)
            error = ServiceError(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", message)
        return respond(protocol_of(environ, service), error)(environ, start_response)

    return serve


def _one_at_a_time(app: WSGIApplication, lock: threading.Lock) -> WSGIApplication:
    """Make conditional writes as atomic as AWS's: moto looks, and then writes, in many threads."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        conditional = "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ
        if "HTTP_X_AMZ_TARGET" in environ:
            held = environ["HTTP_X_AMZ_TARGET"].startswith("DynamoDB")
        else:
            held = conditional and environ["REQUEST_METHOD"] in {"PUT", "DELETE"}
        with lock if held else contextlib.nullcontext():
            return app(environ, start_response)

    return serve


def _hang_up(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Close the connection without an answer."""
    with contextlib.suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    start_response("500 Connection lost", [("Content-Length", "0")])
    return []
