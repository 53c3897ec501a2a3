"""AWS's protocols: which API call a request is, and how a service answers with an error.

Sources: AWS's API references. S3 is recognised by method, path and query; Lambda by path; the JSON
services by ``X-Amz-Target``; the others by their form.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from wsgiref.types import WSGIEnvironment
from xml.sax.saxutils import escape

from botocore.exceptions import ClientError
from werkzeug.wrappers import Response

from darkroom_ops.engine.permissions import Call
from darkroom_ops.engine.signatures import raw_address


@dataclass(frozen=True)
class ServiceError:
    """An error that a service answers with; the status is HTTP's."""

    status: int
    code: str
    message: str


@dataclass(frozen=True)
class ServiceFault:
    """What goes wrong with a call, injected."""

    error: ServiceError | None  # the service's answer; None when the connection breaks without any
    served: bool = False  # whether the service has done it nevertheless


InjectFault: TypeAlias = Callable[[Call, str], ServiceFault | None]
"""Gives the fault of a call, or None; the text is the client's id of the call, the same for each of
its attempts."""


def read(environ: WSGIEnvironment, *, principal: str, service: str) -> Call:
    """Return the API call that a request is, whose body the gateway has read."""
    if service == "s3":
        return Call(principal, service, *_read_s3(environ))
    if service == "lambda":
        return Call(principal, service, *_read_lambda(environ))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        body = json.loads(_body(environ) or b"{}")
        given = {name: value for name, value in body.items() if isinstance(value, str)}
        return Call(principal, service, target.rpartition(".")[2], given)
    form = {name: value for name, value in _form(environ) if value}
    return Call(principal, service, form.get("Action", "?"), form)


def _form(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """Return a form as werkzeug reads it, which need not do so again."""
    form = urllib.parse.parse_qsl(
        _body(environ).decode(), keep_blank_values=True, errors="werkzeug.url_quote"
    )
    environ[READ_FORM] = form
    return form


def _body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].getvalue()
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
_HEADERS = {"HTTP_X_AMZ_TAGGING": "Tagging", "HTTP_X_AMZ_TAGGING_DIRECTIVE": "TaggingDirective"}


def _read_s3(environ: WSGIEnvironment) -> tuple[str, dict[str, str]]:
    parts = urllib.parse.urlsplit(raw_address(environ))
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
    source = {"CopyBucket": bucket, "CopyKey": key}
    return source | ({"CopyVersionId": query} if query else {})


_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations\Z")


def _read_lambda(environ: WSGIEnvironment) -> tuple[str, dict[str, str]]:
    parts = urllib.parse.urlsplit(raw_address(environ))
    invoked = _INVOCATION.match(parts.path)
    if environ["REQUEST_METHOD"] != "POST" or invoked is None:
        return f"{environ['REQUEST_METHOD'].title()}?", {}
    query = dict(urllib.parse.parse_qsl(parts.query))
    return "Invoke", {"FunctionName": urllib.parse.unquote(invoked[1])} | query


FORM = "application/x-www-form-urlencoded"

READ_FORM = "darkroom.form"
"""Where the environment of a request has its form, once that was read."""

_CBOR = "rpc-v2-cbor"


def protocol_of(environ: Mapping[str, Any], service: str) -> str:
    """Return the protocol that a request to a service speaks: rest-xml, query, json or rpc-v2-cbor.

    Without a service, it is S3's: a plain HTTP client asks for an object.
    """
    if environ.get("HTTP_SMITHY_PROTOCOL") == _CBOR:
        return _CBOR
    if service in {"s3", ""}:
        return "rest-xml"
    if "HTTP_X_AMZ_TARGET" in environ:
        return "json"
    asked = environ.get("CONTENT_TYPE", "").startswith(FORM) or "Action=" in environ["QUERY_STRING"]
    return "query" if asked else "json"


def named(environ: WSGIEnvironment) -> str:
    """Return the operation of a request whose body was read, or else its method and path."""
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    asked: str = environ["QUERY_STRING"]
    if environ.get("CONTENT_TYPE", "").startswith(FORM):
        asked = _body(environ).decode(errors="replace")
    form = dict(urllib.parse.parse_qsl(asked))
    return form.get("Action", f"{environ['REQUEST_METHOD']} {raw_address(environ)}")


def respond(protocol: str, error: ServiceError) -> Response:
    """Return an error in the shape of a protocol."""
    code, message = escape(error.code), escape(error.message)
    request_id = str(uuid.uuid4())
    body: str | bytes
    if protocol == "rest-xml":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{code}</Code><Message>{message}</Message>"
            f"<RequestId>{request_id}</RequestId></Error>"
        )
    elif protocol == "query":
        fault = "Sender" if error.status < 500 else "Receiver"  # noqa: PLR2004 - HTTP's classes
        body = (
            f"<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error><RequestId>{request_id}</RequestId>"
            "</ErrorResponse>"
        )
    elif protocol == _CBOR:
        texts = ("__type", error.code, "message", error.message)
        body = b"\xa2" + b"".join(map(_cbor_text, texts))  # RFC 8949: a map of two
    else:
        body = json.dumps({"__type": error.code, "message": error.message})
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    if protocol == _CBOR:
        headers["smithy-protocol"] = _CBOR
    return Response(body, error.status, headers, content_type=_CONTENT_TYPES[protocol])


_CONTENT_TYPES = {
    "rest-xml": "application/xml",
    "query": "application/xml",
    "json": "application/x-amz-json-1.1",
    _CBOR: "application/cbor",
}


def _cbor_text(text: str) -> bytes:
    encoded = text.encode()
    return b"\x79" + len(encoded).to_bytes(2, "big") + encoded


def client_error(error: ServiceError, operation: str) -> ClientError:
    """Return an error of a service as boto3 raises it."""
    return ClientError(
        {
            "Error": {"Code": error.code, "Message": error.message},
            "ResponseMetadata": {
                "RequestId": str(uuid.uuid4()),
                "HTTPStatusCode": error.status,
                "HTTPHeaders": {},
                "RetryAttempts": 0,
                "HostId": "",
            },
        },
        operation,
    )
