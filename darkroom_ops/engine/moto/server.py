"""What is not one service's: how moto's server finds services, and the paths of requests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from botocore.exceptions import ClientError
from flask import Flask, Response
from moto import backends
from moto.core import responses, utils
from moto.core.base_backend import AccountSpecificBackend
from moto.moto_server.utilities import RegexConverter
from moto.moto_server.werkzeug_app import BackendRequest, create_backend_app
from werkzeug.exceptions import HTTPException

from darkroom_ops.engine.moto.hook import hook

SERVICES = {
    "cloudformation": "cloudformation",
    "dynamodb": "dynamodb",
    "events": "events",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "s3": "s3",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "states": "stepfunctions",
}
"""What the template uses: moto's names by those that calls are signed for."""


def applications() -> dict[str, WSGIApplication]:
    """Return the services by the name that calls are signed for, and nothing else of moto's server.

    It would guess the service, and has an API of its own that empties it. They answer without
    Flask, which takes as long as some calls, and without the cross-origin headers with which any
    website could read the answers.
    """
    return {signed: _service(name) for signed, name in SERVICES.items()}


def _service(name: Any) -> WSGIApplication:
    made: Callable[[], Flask] = functools.cache(lambda: create_backend_app(name))

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _serve(made(), environ, start_response)

    return serve


def _serve(
    flask: Flask, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Do for a call what Flask and moto's views do."""
    try:
        endpoint, _ = flask.url_map.bind_to_environ(environ).match()
    except HTTPException as error:
        raise NotImplementedError(environ["PATH_INFO"]) from error
    try:
        request = BackendRequest(environ)
        if request.method == "PUT":
            request.get_data()  # else moto takes what S3 is to store for a form, and stores nothing
        view: Any = flask.view_functions[endpoint]
        answer = view.callback(request, request.raw_url, dict(request.headers))
    except HTTPException as error:
        return error(environ, start_response)
    except ClientError as error:
        answer = 400, {}, error.response["Error"]["Message"]
    status, headers, body = answer if len(answer) == 3 else (200, {}, answer)  # noqa: PLR2004
    response = Response(body, status, headers)
    if request.method == "HEAD" and "content-length" in headers:
        response.headers["Content-Length"] = headers["content-length"]
    return response(environ, start_response)


@hook(
    responses,
    "method_names_from_class",
    "Moto looks at every attribute of a service for every call.",
)
@functools.cache
def method_names(service: Any) -> frozenset[str]:
    return frozenset(method_names.original(service))


@hook(backends, "list_of_moto_modules", "Moto lists its own folders for every request.")
@functools.cache
def service_names() -> frozenset[str]:
    return frozenset(service_names.original())


@hook(
    utils,
    "create_loader",
    "Moto lists botocore's 400 folders for each service whose description it reads.",
)
@functools.cache
def description_loader() -> Any:
    return description_loader.original()


@hook(
    AccountSpecificBackend,
    "_generate_regions",
    "Moto reads a service's whole description to know the regions that it is in.",
)
def regions(self: Any, service_name: str) -> list[str]:  # noqa: ARG001 - moto's signature
    partitions = description_loader.replacement().load_data("endpoints")["partitions"]
    return [region for partition in partitions for region in partition["regions"]]


@hook(
    RegexConverter,
    "__init__",
    "Moto's server does not find an object whose key has a line break in it.",
    report="An object whose key has a line break is not found",
)
def match_path(self: Any, url_map: Any, *items: Any) -> None:
    match_path.original(self, url_map, *items)
    self.regex = f"(?s:{self.regex})"
