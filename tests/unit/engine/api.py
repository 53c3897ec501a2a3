"""The gateway around an application of three lines, with one role."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Any

from werkzeug.test import run_wsgi_app

from darkroom_ops.engine.authorization import Authorizer
from darkroom_ops.engine.gateway import Gateway
from darkroom_ops.engine.permissions import Call, Place, Policy
from darkroom_ops.engine.permissions import read as policy_of
from darkroom_ops.engine.protocols import ServiceFault

Json = dict[str, Any]

PLACE = Place("us-east-1", "123456789012")
RULE = "arn:aws:events:us-east-1:123456789012:rule/uploads"
OBJECT = "arn:aws:s3:::photos/a.jpg"


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

    def role_policies(self, principal: str) -> tuple[Policy, ...] | None:
        return self.roles.get(principal)

    def policies_of(self, role: str) -> tuple[Policy, ...]:
        return self.roles.get(role, ())

    def resource_policies(self, arn: str) -> tuple[Policy, ...]:
        return self.resources.get(arn, ())


class Server:
    """An application behind the gateway."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.served: list[bytes] = []

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
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
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": (
            f"AWS4-HMAC-SHA256 Credential={who}/20260131/us-east-1/{service}/aws4_request, "
            "SignedHeaders=host, Signature=0"
        ),
        **headers,
    }


def answer_of(gateway: Gateway, environ: Json) -> tuple[int, bytes]:
    body, status, _ = run_wsgi_app(gateway, environ, buffered=True)
    return int(status.split()[0]), b"".join(body)


def xml_text(body: bytes, element: str) -> str | None:
    return ET.fromstring(body).findtext(element)  # noqa: S314 - of our own making


class Api:
    def __init__(self) -> None:
        self.policies, self.server = Roles(), Server()
        self.authorizer = Authorizer(self.policies, PLACE)
        self.asked: list[tuple[Call, str]] = []
        self.fault: ServiceFault | None = None
        self.gateway = Gateway(
            self.server, self.authorizer, self.inject_fault, {"/own": lambda: {"é": 1}}
        )

    def inject_fault(self, call: Call, invocation: str) -> ServiceFault | None:
        self.asked.append((call, invocation))
        return self.fault

    def __call__(self, environ: Json) -> tuple[int, bytes]:
        return answer_of(self.gateway, environ)
