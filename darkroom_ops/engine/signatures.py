"""Who makes a call: the engine's access keys, and the signatures that are made with them.

Sources: "Create a signed AWS API request" (IAM user guide) for Signature Version 4; "Signing and
authenticating REST requests" (S3 user guide) for the addresses of version 2 that boto3 presigns;
"Authenticating requests: using query parameters" (S3 API reference) for how long an address holds.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import hmac
import re
import secrets
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from wsgiref.types import WSGIEnvironment

from botocore.auth import HmacV1QueryAuth
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from darkroom_ops.deployment import OPERATOR

ALGORITHM = "AWS4-HMAC-SHA256"

SKEW = datetime.timedelta(minutes=15)
"""How far the time of a request may be from the service's."""

WEEK = 604_800
"""For how many seconds an address may be presigned, at most."""

Refusal: TypeAlias = tuple[int, str, str]
"""HTTP's status, and the code and the message of an error."""

_EXPIRED: Refusal = (403, "AccessDenied", "Request has expired")
_EARLY: Refusal = (403, "AccessDenied", "Request is not yet valid")
_SKEWED: Refusal = (
    403,
    "RequestTimeTooSkewed",
    "The difference between the request time and the current time is too large.",
)
_UNDATED: Refusal = (
    403,
    "AccessDenied",
    "AWS authentication requires a valid Date or x-amz-date header",
)
_NO_NUMBER: Refusal = (
    400,
    "AuthorizationQueryParametersError",
    "X-Amz-Expires should be a number",
)
_TOO_LONG: Refusal = (
    400,
    "AuthorizationQueryParametersError",
    (
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
        f"must be less than {WEEK} seconds"
    ),
)

_TIME = re.compile(r"\d{8}T\d{6}Z")
_NUMBER = re.compile(r"[0-9]{1,12}")
_CREDENTIAL = re.compile(
    r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request"
)
_PARTS = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")


class Keys:
    """The secret access keys of an engine: a principal's access key is its name.

    Those of functions and of the state machine follow from the operator's, and do not tell it.
    """

    def __init__(self, secret: str | None = None) -> None:
        self.secret = secret or secrets.token_hex(20)

    def secret_of(self, principal: str) -> str:
        """Return a principal's secret access key."""
        return self.secret if principal == OPERATOR else _derived(self.secret, principal)


@functools.lru_cache(maxsize=64)
def _derived(secret: str, principal: str) -> str:
    return hmac.new(secret.encode(), principal.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Signature:
    """What a request says of who signed it, and how."""

    principal: str
    service: str
    region: str
    date: str  # of the credential: 20260131
    time: str  # of the request: 20260131T080015Z
    headers: tuple[str, ...]  # the names of those that are signed
    value: str
    presigned: bool = False
    expires: int | None = None  # of an address: seconds after its time; of version 2, since 1970
    version: int = 4

    def untimely(self, now: datetime.datetime) -> Refusal | None:
        """Return how it is refused at a time, as S3 and the other services say it; None if not."""
        if self.version == 2:  # noqa: PLR2004 - the one before 4
            return None if now.timestamp() <= (self.expires or 0) else _EXPIRED
        made = _moment(self.time)
        if made is None:
            return _UNDATED
        if self.presigned and self.service == "s3":
            return self._outlived(made, now)
        if abs(now - made) <= SKEW:
            return None
        return _SKEWED if self.service == "s3" else _elsewhere(made, now)

    def _outlived(self, made: datetime.datetime, now: datetime.datetime) -> Refusal | None:
        if self.expires is None:
            return _NO_NUMBER
        if self.expires > WEEK:
            return _TOO_LONG
        if made - now > SKEW:
            return _EARLY
        return _EXPIRED if now - made > datetime.timedelta(seconds=self.expires) else None

    def payload(self, environ: WSGIEnvironment) -> str | None:
        """Return what stands for the body in what was signed; None if only the body's hash does."""
        unsaid = "UNSIGNED-PAYLOAD" if self.presigned else None
        return environ.get("HTTP_X_AMZ_CONTENT_SHA256", unsaid)

    def matches(self, environ: WSGIEnvironment, payload: str, secret: str) -> bool:
        """Return whether it was made of this request, with this secret access key."""
        if self.version == 2:  # noqa: PLR2004 - the one before 4
            made = _version_2(environ, self.principal, secret, self.expires)
        else:
            made = self._made(environ, payload, secret)
        return hmac.compare_digest(made.encode(), self.value.encode())

    def _made(self, environ: WSGIEnvironment, payload: str, secret: str) -> str:
        path, _, query = raw_address(environ).partition("?")
        canonical = "\n".join(
            (
                environ["REQUEST_METHOD"],
                # S3 signs the path as it is sent; the others encode what is encoded once more.
                path if self.service == "s3" else urllib.parse.quote(path, safe="/-_.~"),
                _sorted(query),
                *(f"{name}:{_header(environ, name)}" for name in self.headers),
                "",
                ";".join(self.headers),
                payload,
            )
        )
        scope = f"{self.date}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
        to_sign = f"{ALGORITHM}\n{self.time}\n{scope}\n{digest}"
        key = _signing_key(secret, self.date, self.region, self.service)
        return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def read(environ: WSGIEnvironment) -> Signature | None:
    """Return the signature of a request, in its headers or its address; None without any."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    if header.startswith(ALGORITHM):
        given = dict(_PARTS.findall(header))
        time = environ.get("HTTP_X_AMZ_DATE", "")
        return _version_4(given, time, presigned=False)
    if header:
        return None
    query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", "")))
    if query.get("X-Amz-Algorithm") == ALGORITHM:
        given = {
            name: query.get(f"X-Amz-{name}", "")
            for name in ("Credential", "SignedHeaders", "Signature", "Expires")
        }
        return _version_4(given, query.get("X-Amz-Date", ""), presigned=True)
    if "AWSAccessKeyId" in query and "Signature" in query:
        who, value = query["AWSAccessKeyId"], query["Signature"]
        return Signature(
            principal=who,
            service="s3",
            region="us-east-1",
            date="",
            time="",
            headers=(),
            value=value,
            presigned=True,
            expires=_number(query.get("Expires")),
            version=2,
        )
    return None


def raw_address(environ: WSGIEnvironment) -> str:
    """Return path and query as they were sent: what WSGI decodes, it decodes as Latin-1."""
    address: str = environ.get("RAW_URI") or environ["REQUEST_URI"]
    return address


def _version_4(given: Mapping[str, str], time: str, *, presigned: bool) -> Signature | None:
    scope = _CREDENTIAL.fullmatch(given.get("Credential", ""))
    if scope is None:
        return None
    return Signature(
        principal=scope["key"],
        service=scope["service"],
        region=scope["region"],
        date=scope["date"],
        time=time,
        headers=tuple(given.get("SignedHeaders", "").split(";")),
        value=given.get("Signature", ""),
        presigned=presigned,
        expires=_number(given.get("Expires")),
    )


def _moment(text: str) -> datetime.datetime | None:
    if _TIME.fullmatch(text):
        with contextlib.suppress(ValueError):  # the 32nd of a month
            return datetime.datetime.fromisoformat(text)
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None


def _elsewhere(made: datetime.datetime, now: datetime.datetime) -> Refusal:
    """Return what services other than S3 say of a time that is too far away."""
    of, minutes = "%Y%m%dT%H%M%SZ", SKEW // datetime.timedelta(minutes=1)
    says = (
        f"Signature expired: {made:{of}} is now earlier than {now - SKEW:{of}} "
        f"({now:{of}} - {minutes} min.)"
        if made < now
        else f"Signature not yet current: {made:{of}} is still later than {now + SKEW:{of}} "
        f"({now:{of}} + {minutes} min.)"
    )
    return 403, "SignatureDoesNotMatch", says


def _sorted(query: str) -> str:
    """Return a query in the order in which it is signed, without the signature."""
    parts = (each.partition("=") for each in query.split("&") if each)
    return "&".join(
        f"{name}={value}"
        for name, value in sorted((name, value) for name, _, value in parts)
        if name != "X-Amz-Signature"
    )


def _header(environ: WSGIEnvironment, name: str) -> str:
    key = name.upper().replace("-", "_")
    key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
    return " ".join(environ.get(key, "").split())


@functools.lru_cache(maxsize=64)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class _Address(HmacV1QueryAuth):
    """Signs for the end that an address names, where botocore's signs for one in an hour."""

    def __init__(self, credentials: Credentials, ends: int | None) -> None:
        super().__init__(credentials)
        self._ends = ends

    def _get_date(self) -> str:
        return str(self._ends)


def _version_2(environ: WSGIEnvironment, principal: str, secret: str, expires: int | None) -> str:
    """Return the signature of a presigned address as boto3 makes it by default."""
    headers = HTTPHeaders()
    for name in ("content-md5", "content-type"):
        if value := _header(environ, name):
            headers[name] = value
    for key, value in environ.items():
        if key.startswith("HTTP_X_AMZ_"):
            headers[key.removeprefix("HTTP_").replace("_", "-").lower()] = value
    address = urllib.parse.urlsplit(raw_address(environ))
    auth = _Address(Credentials(principal, secret), expires)
    # What it takes is no mapping: it asks for all values of a header.
    made: str = auth.get_signature(environ["REQUEST_METHOD"], address, headers)  # type: ignore[arg-type]
    return made
