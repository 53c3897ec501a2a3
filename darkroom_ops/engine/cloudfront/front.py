"""The server before the bucket: what CloudFront answers, and for how long it asks nobody.

Sources: CloudFront developer guide, "Managing how long content stays in the cache", "CloudFront
Functions event structure", "Restrictions on edge functions".
"""

from __future__ import annotations

import logging
import re
import threading
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from darkroom_ops.engine.cloudfront.distribution import ERROR_SECONDS, Behaviour, Distribution
from darkroom_ops.engine.cloudfront.functions import FunctionFailed

LOG = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024 * 1024
"""What the cache holds."""

Run = Callable[[str, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """What an origin answers, or the cache instead."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def etag(self) -> str | None:
        """Return what the origin tells this body by."""
        return dict(self.headers).get("ETag")


@dataclass(frozen=True)
class Cached:
    """An answer, when it came, and until when nobody is asked."""

    answer: Answer
    since: float
    until: float


Fetch = Callable[[str, str, str | None], Answer]
"""Gets a bucket's object by its key, with status 304 if it is still what an ETag tells."""


class Front:
    """A distribution, as a WSGI application."""

    def __init__(
        self,
        distribution: Distribution,
        fetch: Fetch,
        run: Run,
        hosts: frozenset[str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._distribution = distribution
        self._fetch = fetch
        self._run = run
        self._hosts = hosts
        self._now = now
        self._cache: OrderedDict[tuple[str, str, str], Cached] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.host.lower() not in self._hosts:  # a name made to lead here (DNS rebinding)
            return _refused(f"Expected the Host header to be {' or '.join(sorted(self._hosts))}.")
        path, _, query = request.environ["REQUEST_URI"].partition("?")
        behaviour = self._distribution.behaviour(path)
        if request.method not in behaviour.methods:
            return _refused(
                "This distribution is not configured to allow the HTTP request method that was "
                f"used for this request. It allows {', '.join(sorted(behaviour.methods))}."
            )
        asked = _request_event(request, path, query)
        try:
            if behaviour.on_request is not None:
                asked = self._run(behaviour.on_request, _event("viewer-request", request=asked))
                if "statusCode" in asked:
                    return _generated(asked)
            answer, cache, age = self._get(behaviour, asked)
            response = _response(answer, behaviour)
            response.headers["X-Cache"] = f"{cache} from cloudfront"
            if age is not None:
                response.headers["Age"] = str(age)
            if behaviour.on_response is not None and answer.status < HTTPStatus.BAD_REQUEST:
                event = _event("viewer-response", request=asked, response=_response_event(response))
                _apply(self._run(behaviour.on_response, event), response)
        except FunctionFailed as error:
            LOG.warning("a function of CloudFront: %s", error)
            return _failed(str(error))
        if answer.status == HTTPStatus.OK:
            response.make_conditional(request, accept_ranges=True, complete_length=len(answer.body))
        response.headers.pop("Date", None)  # the server's
        return response

    def _get(
        self, behaviour: Behaviour, asked: Mapping[str, Any]
    ) -> tuple[Answer, str, int | None]:
        """Return an answer, where it came from, and its age in seconds, if that is the cache."""
        uri = asked.get("uri")
        if not isinstance(uri, str) or not uri.startswith("/"):
            raise FunctionFailed(f"the function returned the URI {uri!r}, which has no slash first")
        key = (behaviour.pattern, uri, _query(asked.get("querystring", {}), behaviour.query))
        now = self._now()
        with self._lock:
            held = self._cache.get(key)
        if held is not None and now < held.until:
            where = "Hit" if held.answer.status < HTTPStatus.BAD_REQUEST else "Error"
            return held.answer, where, int(now - held.since)
        # S3 takes a plus in a path for a space, and any escape for what it stands for.
        name = urllib.parse.unquote_plus(uri[1:], errors="surrogateescape")
        sound = held is not None and held.answer.status == HTTPStatus.OK
        before = held.answer if held is not None and sound else None
        answer = self._fetch(behaviour.bucket, name, before.etag if before else None)
        where = "Miss" if answer.status < HTTPStatus.BAD_REQUEST else "Error"
        if before is not None and answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return before, "Hit", int(now - held.since) if held else None  # better old than none
        if before is not None and answer.status == HTTPStatus.NOT_MODIFIED:
            answer, where = before, "RefreshHit"
        self._keep(key, Cached(answer, now, now + self._seconds(answer, behaviour)))
        return answer, where, None

    def _seconds(self, answer: Answer, behaviour: Behaviour) -> int:
        """Return how long an answer is cached."""
        if answer.status >= HTTPStatus.BAD_REQUEST:
            return self._distribution.error_seconds.get(answer.status, ERROR_SECONDS)
        told = dict(answer.headers).get("Cache-Control", "")
        if re.search(r"\b(no-cache|no-store|private)\b", told):
            return behaviour.least
        found = re.search(r"s-maxage=(\d+)", told) or re.search(r"max-age=(\d+)", told)
        wanted = int(found[1]) if found else behaviour.usual
        return min(max(wanted, behaviour.least), behaviour.most)

    def _keep(self, key: tuple[str, str, str], cached: Cached) -> None:
        with self._lock:
            self._cache[key] = cached
            self._cache.move_to_end(key)
            total = sum(len(each.answer.body) for each in self._cache.values())
            while total > MOST_BYTES:
                _, oldest = self._cache.popitem(last=False)
                total -= len(oldest.answer.body)


# ---------------------------------------------------------------------------- events


def _event(kind: str, **more: Any) -> dict[str, Any]:
    context = {"eventType": kind, "distributionId": "ENGINE"}
    return {"version": "1.0", "context": context, "viewer": {"ip": "127.0.0.1"}, **more}


def _request_event(request: Request, path: str, query: str) -> dict[str, Any]:
    queried: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name in queried:
            queried[name].setdefault("multiValue", [{"value": queried[name]["value"]}])
            queried[name]["multiValue"].append({"value": value})
            queried[name]["value"] = value
        else:
            queried[name] = {"value": value}
    return {
        "method": request.method,
        "uri": path,
        "querystring": queried,
        "headers": {name.lower(): {"value": value} for name, value in request.headers.items()},
        "cookies": {name: {"value": value} for name, value in request.cookies.items()},
    }


def _response_event(response: Response) -> dict[str, Any]:
    return {
        "statusCode": response.status_code,
        "statusDescription": HTTPStatus(response.status_code).phrase,
        "headers": {name.lower(): {"value": value} for name, value in response.headers.items()},
        "cookies": {},
    }


def _query(given: Mapping[str, Any], names: frozenset[str] | None) -> str:
    """Return the query as the cache key has it, with the names that count."""
    pairs = (
        (name, each["value"])
        for name, value in sorted(given.items())
        if names is None or name in names
        for each in value.get("multiValue", [value])
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def _apply(changed: Mapping[str, Any], response: Response) -> None:
    """Answer with the headers and the status that a function returned."""
    response.status_code = int(changed.get("statusCode", response.status_code))
    headers: Mapping[str, Any] = changed.get("headers", {})
    for name in {name.lower() for name in response.headers.keys()} - set(headers):  # noqa: SIM118
        del response.headers[name]
    for name, value in headers.items():
        if response.headers.get(name) != value["value"]:
            response.headers[name] = value["value"]


# ---------------------------------------------------------------------------- answers


def _response(answer: Answer, behaviour: Behaviour) -> Response:
    response = Response(answer.body, answer.status)
    del response.headers["Content-Type"]
    for name, value in answer.headers:
        response.headers[name] = value
    for name, value, overrides in behaviour.headers:
        if overrides or name not in response.headers:
            response.headers[name] = value
    return response


def _generated(answer: Mapping[str, Any]) -> Response:
    body = answer.get("body", "")
    response = Response(body["data"] if isinstance(body, Mapping) else body, answer["statusCode"])
    for name, value in answer.get("headers", {}).items():
        response.headers[name] = value["value"]
    response.headers["X-Cache"] = "FunctionGeneratedResponse from cloudfront"
    return response


def _refused(reason: str) -> Response:
    return _told(HTTPStatus.FORBIDDEN, reason, "Error from cloudfront")


def _failed(reason: str) -> Response:
    return _told(HTTPStatus.SERVICE_UNAVAILABLE, reason, "FunctionExecutionError from cloudfront")


def _told(status: HTTPStatus, reason: str, cache: str) -> Response:
    text = f"{status} ERROR\nThe request could not be satisfied.\n{reason}\n"
    return Response(text, status, {"X-Cache": cache}, content_type="text/plain; charset=utf-8")
