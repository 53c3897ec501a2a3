"""The gateway around an application of three lines, with one role, and calls that are signed."""

from __future__ import annotations

import datetime
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.test import run_wsgi_app

from darkroom_ops.engine.authorization import Authorizer
from darkroom_ops.engine.gateway import Gateway
from darkroom_ops.engine.permissions import Call, Place, Policy
from darkroom_ops.engine.permissions import read as policy_of
from darkroom_ops.engine.protocols import ServiceFault
from darkroom_ops.engine.signatures import Keys
from darkroom_ops.ports import hosts

Json = dict[str, Any]

PLACE = Place("us-east-1", "123456789012")
RULE = "arn:aws:events:us-east-1:123456789012:rule/uploads"
OBJECT = "arn:aws:s3:::photos/a.jpg"
PORT = 4599
KEYS = Keys("secret")
HOSTS = hosts(PORT)
SERVICES = ("s3", "ssm", "iam", "cloudformation", "sns", "sqs", "states", "dynamodb", "lambda")


def policy(owner: str, *grants: tuple[str, str], **more: Any) -> Policy:
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": resource, **more}
        for action, resource in grants
    ]
    return policy_of(owner, json.dumps({"Statement": statements}))


class Roles:
    """One function that may read one object, and what is told it."""

    def __init__(self) -> None:
        self.roles = {"reader": (policy("arn:reader", ("s3:GetObject", OBJECT)),)}
        self.resources: dict[str, tuple[Policy, ...]] = {}

    def has(self, principal: str) -> bool:
        return principal in self.roles

    def role_policies(self, principal: str) -> tuple[Policy, ...] | None:
        return self.roles.get(principal)

    def policies_of(self, role: str) -> tuple[Policy, ...]:
        return self.roles.get(role, ())

    def resource_policies(self, arn: str) -> tuple[Policy, ...]:
        return self.resources.get(arn, ())


class Server:
    """An application behind the gateway."""

    def __init__(self) -> None:
        self.lacks: Exception | None = None
        self.status = "200 OK"
        self.served: list[bytes] = []

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if self.lacks:
            raise self.lacks
        self.served.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        start_response(self.status, [("Content-Length", "4")])
        return [b"done"]


def request(
    method: str = "GET",
    uri: str = "/photos/a.jpg",
    *,
    who: str = "reader",
    service: str = "s3",
    body: bytes = b"",
    **headers: str,
) -> Json:
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": uri.partition("?")[0],
        "QUERY_STRING": uri.partition("?")[2],
        "REQUEST_URI": uri,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": f"127.0.0.1:{PORT}",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"to sign: {who} {service}",
        **headers,
    }


def signed(environ: Json, keys: Keys = KEYS, payload: str | None = None) -> Json:
    """Sign a request as boto3 does, with the keys of who makes it.

    S3's may have another text signed than the hash of its body.
    """
    to_sign = re.fullmatch("to sign: (.*) (.*)", environ.get("HTTP_AUTHORIZATION", ""))
    if to_sign is None:
        return environ
    who, service = to_sign.groups()
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    made: Any = AWSRequest(
        environ["REQUEST_METHOD"],
        f"http://any{environ['REQUEST_URI']}",
        headers={"Host": environ["HTTP_HOST"]},
        data=environ["wsgi.input"].getvalue(),
    )
    signer: Any = auth(Credentials(who, keys.secret_of(who)), service, "us-east-1")
    if payload is not None:
        signer.payload = lambda _: payload
    signer.add_auth(made)
    headers = {
        f"HTTP_{key.upper().replace('-', '_')}": value for key, value in made.headers.items()
    }
    return environ | headers


def answer_of(gateway: Gateway, environ: Json) -> tuple[int, bytes]:
    environ = signed(environ)
    body, status, _ = run_wsgi_app(gateway, environ, buffered=True)
    return int(status.split()[0]), b"".join(body)


def xml_text(body: bytes, element: str) -> str | None:
    return ET.fromstring(body).findtext(element)  # noqa: S314 - of our own making


def gateway_to(app: Any, authorizer: Authorizer | None = None, **given: Any) -> Gateway:
    """Return the gateway to an application that is every service."""
    services = dict.fromkeys(SERVICES, app)
    given = {"inject_fault": lambda *_: None, "pages": {}, "keys": KEYS, "hosts": HOSTS} | given
    return Gateway(services, authorizer or Authorizer(Roles(), PLACE), **given)


class Api:
    def __init__(self) -> None:
        self.policies, self.server = Roles(), Server()
        self.authorizer = Authorizer(self.policies, PLACE)
        self.asked: list[tuple[Call, str]] = []
        self.fault: ServiceFault | None = None
        self.now: datetime.datetime | None = None
        self.gateway = gateway_to(
            self.server,
            self.authorizer,
            inject_fault=self.inject_fault,
            pages={"/own": lambda: {"é": 1}},
            now=lambda: self.now or datetime.datetime.now(datetime.UTC),
        )

    def inject_fault(self, call: Call, invocation: str) -> ServiceFault | None:
        self.asked.append((call, invocation))
        return self.fault

    def __call__(self, environ: Json) -> tuple[int, bytes]:
        return answer_of(self.gateway, environ)
