"""What is not one service's: how moto's server finds services, and the paths of requests."""

from __future__ import annotations

import contextlib
import datetime
import functools
import io
import itertools
import string
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlparse
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from botocore.exceptions import ClientError
from moto import backends
from moto.core import authorization, responses, serialize, utils
from moto.core import request as core_request
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.common_models import BaseModel
from moto.core.errors import ErrorLookupFactory
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    EnvironHeaders,
    environ_key_for_header,
)
from moto.core.responses import BaseResponse
from moto.core.serialize import XFormedAttributePicker
from moto.iam import models as iam
from moto.moto_api._internal.moto_random import MotoRandom
from moto.moto_server.utilities import RegexConverter
from moto.moto_server.werkzeug_app import BackendRequest, create_backend_app
from moto.s3 import responses as s3
from moto.s3bucket_path import utils as bucket_paths
from moto.utilities.utils import get_partition
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from darkroom_ops.engine.backends import ACCOUNT
from darkroom_ops.engine.moto.hook import hook
from darkroom_ops.engine.protocols import FORM, READ_FORM
from darkroom_ops.engine.signatures import raw_address

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
    @functools.cache
    def made() -> tuple[MapAdapter, Mapping[str, Any]]:
        flask = create_backend_app(name)
        return flask.url_map.bind("localhost"), flask.view_functions

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _serve(*made(), environ, start_response)

    return serve


class _Headers(EnvironHeaders):  # type: ignore[misc]
    """A request's headers, which moto goes through several times."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def keys(self, lower: bool = False) -> Iterable[str]:  # noqa: FBT001, FBT002 - werkzeug's
        return [name.lower() if lower else name for name, _ in self.pairs]

    @functools.cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The names, as clients sent those that moto preserves, with their values."""
        spelt = self.environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY) or {}
        named = [
            (spelt.get(variable) or _name(variable), value)
            for variable, value in self.environ.items()
            if type(value) is str
        ]
        return [(name, value) for name, value in named if name and (value or name not in _CONTENT)]

    def _get_key(self, key: str) -> str:
        value: str = self.environ[_variable(key)]
        return value


_variable = functools.lru_cache(maxsize=1024)(environ_key_for_header)
"""Returns a header's name as WSGI has it."""

_CONTENT = {"Content-Type", "Content-Length"}
"""Headers whose empty value WSGI does not tell from none."""


@functools.lru_cache(maxsize=1024)
def _name(variable: str) -> str | None:
    """Return the name of the header that a variable of WSGI is; None for one that is none."""
    name = variable.removeprefix("HTTP_").replace("_", "-").title()
    return name if variable.startswith("HTTP_") != (name in _CONTENT) else None


class _Request(BackendRequest):  # type: ignore[misc]
    """A request whose address moto asks for several times, and would put together each time."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        super().__init__(environ)
        self.headers = _Headers(environ)

    def _load_form_data(self) -> None:
        """Read a form, where there is one; werkzeug prepares for it with every call."""
        if "form" in self.__dict__:
            return
        none: ImmutableMultiDict[str, Any] = ImmutableMultiDict()
        read = self.environ.get(READ_FORM)
        if self.mimetype == FORM and read is not None:
            form: ImmutableMultiDict[str, Any] = ImmutableMultiDict(read)
            self.__dict__.update(form=form, files=none, stream=io.BytesIO())
        elif self.mimetype == FORM:
            super()._load_form_data()
        else:
            self.__dict__.update(form=none, files=none, stream=self.environ["wsgi.input"])

    @functools.cached_property
    def raw_url(self) -> str:
        return f"http://{self.environ['HTTP_HOST']}{raw_address(self.environ)}"

    @property
    def url(self) -> str:
        """The same: moto looks only for a signature in it, and werkzeug would make an IRI of it."""
        return self.raw_url


def _serve(
    paths: MapAdapter,
    views: Mapping[str, Any],
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Do for a call what Flask and moto's views do."""
    try:
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        endpoint, _ = paths.match(path, environ["REQUEST_METHOD"])
    except HTTPException as error:
        raise NotImplementedError(environ["PATH_INFO"]) from error
    try:
        request = _Request(environ)
        if request.method == "PUT":
            request.get_data()  # else moto takes what S3 is to store for a form, and stores nothing
        answer = views[endpoint].callback(request, request.raw_url, dict(request.headers.pairs))
    except HTTPException as error:
        return error(environ, start_response)
    except ClientError as error:
        answer = 400, {}, error.response["Error"]["Message"]
    status, headers, body = answer if len(answer) == 3 else (200, {}, answer)  # noqa: PLR2004
    return _write(HTTPStatus(int(status)), headers, body, request.method, start_response)


def _write(
    status: HTTPStatus,
    headers: Mapping[str, Any],
    body: str | bytes,
    method: str,
    start_response: StartResponse,
) -> Iterable[bytes]:
    content = body.encode() if isinstance(body, str) else body
    written = [(name, str(value)) for name, value in headers.items()]
    given = {name.lower(): value for name, value in written}
    if "content-type" not in given:
        written.append(("Content-Type", "text/html; charset=utf-8"))
    length = given.get("content-length") if method == "HEAD" else None
    written = [each for each in written if each[0].lower() != "content-length"]
    if status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        written.append(("Content-Length", length or str(len(content))))
    start_response(f"{status.value} {status.phrase}", written)
    return [] if method == "HEAD" else [content]


def _made(kind: Any, *_: Any, **__: Any) -> Any:
    return object.__new__(kind)


forget = hook(
    BaseModel,
    "__new__",
    "Moto remembers all that it ever made, every version of every item: nothing is let go of.",
)(staticmethod(_made))


@hook(MotoRandom, "get_random_string", "Moto draws the id of an answer letter by letter.")
def random_string(
    self: Any,
    length: int = 20,
    include_digits: bool = True,  # noqa: FBT001, FBT002 - moto's signature
    lower_case: bool = False,  # noqa: FBT001, FBT002
) -> str:
    drawn: str = self.randbytes(length).translate(_CHARACTERS[include_digits]).decode()
    return drawn.lower() if lower_case else drawn


_CHARACTERS = {
    include_digits: bytes(itertools.islice(itertools.cycle(letters.encode()), 256))
    for include_digits, letters in (
        (False, string.ascii_letters),
        (True, string.ascii_letters + string.digits),
    )
}
"""Which character stands for each byte, by whether digits may."""


@hook(
    responses,
    "method_names_from_class",
    "Moto looks at every attribute of a service for every call.",
)
@functools.cache
def method_names(service: Any) -> frozenset[str]:
    return frozenset(method_names.original(service))


@hook(
    BaseResponse,
    "get_current_account",
    "Moto looks for whose account it is in every account's access keys, and lets a header say it.",
)
def current_account(self: Any) -> str:  # noqa: ARG001 - moto's signature
    return ACCOUNT


partitions = tuple(
    hook(
        owner,
        "get_partition",
        "Moto looks through the patterns of all regions, several times for every call.",
    )(functools.lru_cache(maxsize=64)(get_partition))
    for owner in (responses, s3, authorization)
)


addresses = tuple(
    hook(owner, "urlparse", "Moto takes an address apart some six times for every call.")(
        functools.lru_cache(maxsize=64)(urlparse)
    )
    for owner in (responses, core_request, s3, bucket_paths)
)


@hook(BaseResponse, "get_access_key", "Moto searches every signature for a key of its own.")
def access_key(self: Any) -> None:
    """Return none: the gateway knows whose call it is."""


@hook(
    iam,
    "mark_account_as_visited",
    "Moto notes for every call when an access key of its own was used.",
)
def visited(**_: Any) -> None:
    """Note nothing: nobody has such a key."""


@hook(BackendDict, "__getitem__", "Moto locks all services each time that it asks for one.")
def service_of(self: Any, account: str) -> Any:
    found = dict.get(self, account)
    return service_of.original(self, account) if found is None else found


@functools.cache
def _errors(service: Any) -> Any:
    return errors_of.original.__func__(service)


errors_of = hook(
    ErrorLookupFactory,
    "_create_error_lut",
    "Moto lists all errors of a service for each one that it answers with.",
)(staticmethod(_errors))


@hook(
    XFormedAttributePicker,
    "get_possible_keys",
    "Moto puts together a dozen names that a field may have, for every field of every answer.",
)
def names_of(self: Any, context: Any) -> Iterable[str]:
    if type(context.obj) is not dict:  # an object's class has a say in them
        return names_of.original(self, context)  # type: ignore[no-any-return]
    key = (context.shape, context.key)
    if key not in _names:
        _names[key] = tuple(dict.fromkeys(names_of.original(self, context)))
    return _names[key]


_names: dict[tuple[Any, str], tuple[str, ...]] = {}
"""By the field's shape, of which each service's description has as many as it has fields."""


@hook(
    serialize,
    "parse_to_aware_datetime",
    "Moto guesses the form of times that it has written itself.",
)
def moment(value: Any) -> datetime.datetime:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            read = datetime.datetime.fromisoformat(value)
            if read.tzinfo is not None:
                return read
    found: datetime.datetime = moment.original(value)
    return found


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
