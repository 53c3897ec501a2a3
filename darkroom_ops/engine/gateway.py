"""The engine's door: every API call passes here, and is known by who makes it.

A function or the state machine may do only what its role in the template allows, as on AWS. Their
calls can also be made to fail here, as storage and services do at times. Everybody else, as a
person at a terminal, is let through.

Requests are recognised by their protocol (AWS's API references): S3 by method, path and query;
Lambda by path; the JSON services by ``X-Amz-Target``; SNS by its form.
"""

from __future__ import annotations

import collections
import contextlib
import io
import json
import re
import socket
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from xml.sax.saxutils import escape

from botocore.exceptions import ClientError
from darkroom.contract.arns import parse
from werkzeug.wrappers import Response

from darkroom_ops.engine.permissions import Call, Grant, Need, Place, Policy, decide, needs

MACHINE = "step-functions"
"""Access key of the calls that state machines make; a function's is its name."""

EVENTS = "events.amazonaws.com"

KEPT_DENIALS = 1000

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[^/]*/[^/]*/([^/,\s]+)/aws4_request")


@dataclass(frozen=True)
class Denial:
    """A call that was refused.

    Parameters
    ----------
    principal
        Whose call it was.
    need
        What no policy allows.
    """

    principal: str
    need: Need


@dataclass(frozen=True)
class Answer:
    """An error that a service answers with.

    Parameters
    ----------
    status
        Of HTTP.
    code, message
        The error's.
    """

    status: int
    code: str
    message: str


class Directory(Protocol):
    """Who has which policies."""

    def role_policies(self, principal: str) -> tuple[Policy, ...] | None:
        """Return the policies of a principal's role; None for who needs none."""

    def policies_of(self, role: str) -> tuple[Policy, ...]:
        """Return the policies of a role, by its ARN."""

    def resource_policies(self, arn: str) -> tuple[Policy, ...]:
        """Return the policies of a resource."""


class Guard:
    """Decides about calls, and remembers which grants were used and which calls refused.

    Parameters
    ----------
    directory
        Knows the policies.
    place
        Where the calls are made.
    """

    def __init__(self, directory: Directory, place: Place) -> None:
        self._directory = directory
        self._place = place
        self._lock = threading.Lock()
        self._used: set[Grant] = set()
        self._denials: collections.deque[Denial] = collections.deque(maxlen=KEPT_DENIALS)

    @property
    def used(self) -> frozenset[Grant]:
        """Every grant that a call needed so far."""
        with self._lock:
            return frozenset(self._used)

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The last calls that were refused, oldest first."""
        with self._lock:
            return tuple(self._denials)

    def guards(self, principal: str) -> bool:
        """Tell whether a principal is bound to a role."""
        return self._directory.role_policies(principal) is not None

    def check(self, call: Call) -> Answer | None:
        """Return how a call is refused; None when its principal's role allows it."""
        policies = self._directory.role_policies(call.principal)
        if policies is None:
            return None
        for need in needs(call, self._place):
            if not self._allowed(call.principal, policies, need):
                return _refusal(call.service, call.principal, need)
        return None

    def hides(self, call: Call) -> Answer | None:
        """Return how a missing object is hidden from who may not list its bucket.

        S3 answers 403 for a key that is not there, unless the caller may list the bucket (S3 API
        reference, GetObject).
        """
        policies = self._directory.role_policies(call.principal)
        bucket = call.parameters.get("CopyBucket", call.parameters.get("Bucket", ""))
        need = Need("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        if policies is None or self._allowed(call.principal, policies, need):
            return None
        return _refusal("s3", call.principal, need)

    def check_delivery(self, rule: str, target: Mapping[str, Any]) -> None:
        """Check that a rule may deliver to a target, by the target's role or its resource policy.

        Parameters
        ----------
        rule
            ARN of the rule.
        target
            As in PutTargets.

        Raises
        ------
        ClientError
            AccessDeniedException: it may not.
        """
        arn = target["Arn"]
        action = DELIVERIES[parse(arn).service]
        if "RoleArn" in target:
            policies = self._directory.policies_of(target["RoleArn"])
            allowed = self._allowed(target["RoleArn"], policies, Need(action, arn))
        else:
            allowed = self._service_allowed(rule, Need(action, arn))
        if not allowed:
            answer = _refusal("events", rule, Need(action, arn))
            raise ClientError(
                {"Error": {"Code": answer.code, "Message": answer.message}}, "PutEvents"
            )

    def may_bury(self, rule: str, queue: str) -> bool:
        """Tell whether a queue takes a rule's undeliverable events."""
        return self._service_allowed(rule, Need(DELIVERIES["sqs"], queue))

    def may_send(self, function: str, queue: str) -> bool:
        """Tell whether a function's role lets Lambda send to a queue what it failed on."""
        return self.check(Call(function, "sqs", "SendMessage", {"QueueUrl": queue})) is None

    def _service_allowed(self, rule: str, need: Need) -> bool:
        return self._allowed(
            rule,
            self._directory.resource_policies(need.resource),
            need,
            context={"aws:SourceArn": rule, "aws:SourceAccount": self._place.account},
            service=EVENTS,
        )

    def _allowed(
        self,
        principal: str,
        policies: Iterable[Policy],
        need: Need,
        *,
        context: Mapping[str, str] | None = None,
        service: str | None = None,
    ) -> bool:
        grants = decide(policies, need, context=context, service=service)
        with self._lock:
            if grants is None:
                self._denials.append(Denial(principal, need))
                return False
            self._used |= grants
        return True


DELIVERIES = {
    "states": "states:StartExecution",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}
"""What EventBridge needs for a target, by its service (EventBridge guide, resource policies)."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a call.

    Parameters
    ----------
    answer
        The error that the service answers with; None when the connection breaks without any.
    served
        Whether the service has done it nevertheless.
    """

    answer: Answer | None
    served: bool = False


Disturb: TypeAlias = Callable[[Call, str], Fault | None]
"""Gives the fault of a call, or None; the text is the client's id of the call, the same for each of
its attempts."""


class Edge:
    """A WSGI application around the engine's.

    Parameters
    ----------
    app
        What serves the calls.
    guard
        Decides about them.
    disturb
        Gives a fault for a call, or None.
    pages
        What the engine itself tells, as JSON-like data by path.
    """

    def __init__(
        self,
        app: WSGIApplication,
        guard: Guard,
        disturb: Disturb,
        pages: Mapping[str, Callable[[], object]],
    ) -> None:
        self._app = _one_at_a_time(app)
        self._guard = guard
        self._disturb = disturb
        self._pages = pages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        page = self._pages.get(environ["PATH_INFO"])
        if page is not None:
            told = Response(json.dumps(page()), content_type="application/json")
            return told(environ, start_response)
        found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if found is None or not self._guard.guards(found[1]):
            return self._app(environ, start_response)
        call = read(environ, principal=found[1], service=found[2])
        return (self._answer(call, environ) or self._app)(environ, start_response)

    def _answer(self, call: Call, environ: WSGIEnvironment) -> WSGIApplication | None:
        """Return what answers a call of a role's; None when it is simply served."""
        refused = self._guard.check(call)
        if refused is not None:
            return respond(call.service, refused)
        fault = self._disturb(call, environ.get("HTTP_AMZ_SDK_INVOCATION_ID", ""))
        if fault is not None:
            if fault.served:
                Response.from_app(self._app, environ, buffered=True)
            return _hang_up if fault.answer is None else respond(call.service, fault.answer)
        if call.service != "s3":
            return None
        response = Response.from_app(self._app, environ)
        hidden = self._guard.hides(call) if response.status_code == _NOT_FOUND else None
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


_NOT_FOUND = 404


def _hang_up(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Close the connection without an answer."""
    with contextlib.suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    start_response("500 Connection lost", [("Content-Length", "0")])
    return []


# ---------------------------------------------------------------------------- reading a request


def read(environ: WSGIEnvironment, *, principal: str, service: str) -> Call:
    """Return the API call that a request is.

    Parameters
    ----------
    environ
        Of WSGI; its body can still be read afterwards.
    principal, service
        As its signature says.
    """
    if service == "s3":
        return Call(principal, service, *_read_s3(environ))
    if service == "lambda":
        return Call(principal, service, *_read_lambda(environ))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        body = json.loads(_body(environ) or b"{}")
        given = {name: value for name, value in body.items() if isinstance(value, str)}
        return Call(principal, service, target.rpartition(".")[2], given)
    form = dict(urllib.parse.parse_qsl(_body(environ).decode()))
    return Call(principal, service, form.get("Action", "?"), form)


def _body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


# By method, and by the query parameters that there must be.
_OBJECT_OPERATIONS: tuple[tuple[str, set[str], str], ...] = (
    ("GET", {"tagging"}, "GetObjectTagging"),
    ("GET", {"acl"}, "GetObjectAcl"),
    ("GET", {"attributes"}, "GetObjectAttributes"),
    ("GET", {"uploadId"}, "ListParts"),
    ("GET", set(), "GetObject"),
    ("HEAD", set(), "HeadObject"),
    ("PUT", {"tagging"}, "PutObjectTagging"),
    ("PUT", {"acl"}, "PutObjectAcl"),
    ("PUT", {"uploadId", "partNumber"}, "UploadPart"),
    ("PUT", set(), "PutObject"),
    ("POST", {"uploads"}, "CreateMultipartUpload"),
    ("POST", {"uploadId"}, "CompleteMultipartUpload"),
    ("DELETE", {"uploadId"}, "AbortMultipartUpload"),
    ("DELETE", {"tagging"}, "DeleteObjectTagging"),
    ("DELETE", set(), "DeleteObject"),
)
_BUCKET_OPERATIONS: tuple[tuple[str, set[str], str], ...] = (
    ("GET", {"list-type"}, "ListObjectsV2"),
    ("GET", {"versions"}, "ListObjectVersions"),
    ("GET", {"uploads"}, "ListMultipartUploads"),
    ("GET", {"location"}, "GetBucketLocation"),
    ("HEAD", set(), "HeadBucket"),
)
_COPIES = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}
_QUERY_NAMES = {"versionId": "VersionId", "partNumber": "PartNumber"}
_HEADERS = {
    "HTTP_X_AMZ_TAGGING": "Tagging",
    "HTTP_X_AMZ_TAGGING_DIRECTIVE": "TaggingDirective",
}


def _read_s3(environ: WSGIEnvironment) -> tuple[str, dict[str, str]]:
    # The raw path: what WSGI decodes, it decodes as Latin-1.
    parts = urllib.parse.urlsplit(environ.get("RAW_URI") or environ["REQUEST_URI"])
    bucket, _, key = parts.path.lstrip("/").partition("/")
    query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    given = {"Bucket": urllib.parse.unquote(bucket), "Key": urllib.parse.unquote(key)}
    known = _OBJECT_OPERATIONS if key else _BUCKET_OPERATIONS
    method = environ["REQUEST_METHOD"]
    operation = next(
        (name for verb, flags, name in known if verb == method and flags <= set(query)),
        f"{method.title()}{'Object' if key else 'Bucket'}?",
    )
    given |= {name: query[flag] for flag, name in _QUERY_NAMES.items() if flag in query}
    given |= {name: environ[header] for header, name in _HEADERS.items() if header in environ}
    if "HTTP_X_AMZ_COPY_SOURCE" in environ:
        operation = _COPIES.get(operation, operation)
        given |= _copy_source(environ["HTTP_X_AMZ_COPY_SOURCE"])
    return operation, given


def _copy_source(header: str) -> dict[str, str]:
    path, _, query = header.partition("?versionId=")
    bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
    found = {"CopyBucket": bucket, "CopyKey": key}
    return found | ({"CopyVersionId": query} if query else {})


_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations$")


def _read_lambda(environ: WSGIEnvironment) -> tuple[str, dict[str, str]]:
    parts = urllib.parse.urlsplit(environ.get("RAW_URI") or environ["REQUEST_URI"])
    invoked = _INVOCATION.match(parts.path)
    if environ["REQUEST_METHOD"] != "POST" or invoked is None:
        return f"{environ['REQUEST_METHOD'].title()}?", {}
    query = dict(urllib.parse.parse_qsl(parts.query))
    return "Invoke", {"FunctionName": urllib.parse.unquote(invoked[1])} | query


# ---------------------------------------------------------------------------- answering

_XML_SERVICES = {"s3", "sns"}

_DENIED = {
    "s3": (403, "AccessDenied"),
    "sns": (403, "AuthorizationError"),
    "lambda": (403, "AccessDeniedException"),
}
"""Status and code of a refusal; of the JSON services' where none is listed."""


def _refusal(service: str, principal: str, need: Need) -> Answer:
    status, code = _DENIED.get(service, (400, "AccessDeniedException"))
    return Answer(
        status,
        code,
        f"{principal} is not authorized to perform: {need.action} on resource: {need.resource} "
        "because no policy of the template allows it",
    )


def respond(service: str, answer: Answer) -> Response:
    """Return an error in the shape of a service's protocol."""
    code, message = escape(answer.code), escape(answer.message)
    request_id = str(uuid.uuid4())
    if service == "s3":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{code}</Code><Message>{message}</Message>"
            f"<RequestId>{request_id}</RequestId></Error>"
        )
    elif service in _XML_SERVICES:
        kind = "Sender" if answer.status < 500 else "Receiver"  # noqa: PLR2004 - HTTP's classes
        body = (
            f"<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error><RequestId>{request_id}</RequestId>"
            "</ErrorResponse>"
        )
    else:
        body = json.dumps({"__type": answer.code, "message": answer.message})
    response = Response(body, status=answer.status)
    response.content_type = (
        "application/xml" if service in _XML_SERVICES else "application/x-amz-json-1.1"
    )
    response.headers["x-amzn-RequestId"] = request_id
    response.headers["x-amzn-ErrorType"] = answer.code
    return response
