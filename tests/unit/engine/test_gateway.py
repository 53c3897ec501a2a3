"""Who is let through the gateway, and to what."""

from __future__ import annotations

import datetime
import io
import json
import socket
import threading
import urllib.parse
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from werkzeug.test import run_wsgi_app

from darkroom_ops.engine import gateway
from darkroom_ops.engine.authorization import Denial
from darkroom_ops.engine.permissions import MACHINE, Call, Need
from darkroom_ops.engine.protocols import FORM, ServiceError, ServiceFault
from darkroom_ops.engine.signatures import Keys
from tests.unit.engine.api import (
    Api,
    Json,
    answer_of,
    gateway_to,
    policy,
    request,
    signed,
    xml_text,
)

# ---------------------------------------------------------------------------- who is let through


def test_what_a_role_allows_is_served_and_its_grant_used(api: Api) -> None:
    assert api(request()) == (200, b"done")
    assert {(grant.owner, grant.action) for grant in api.authorizer.used} == {
        ("arn:reader", "s3:GetObject")
    }
    assert api.authorizer.denials == ()


def test_what_no_policy_allows_is_refused_and_remembered(api: Api) -> None:
    status, body = api(request(uri="/photos/b.jpg"))
    assert status == 403
    assert xml_text(body, "Code") == "AccessDenied"
    assert xml_text(body, "Message") == (
        "reader is not authorized to perform: s3:GetObject on resource: "
        "arn:aws:s3:::photos/b.jpg because no policy of the template allows it"
    )
    assert api.server.served == []
    assert api.asked == []  # nothing goes wrong with what is not done
    assert api.authorizer.denials == (
        Denial("reader", Need("s3:GetObject", "arn:aws:s3:::photos/b.jpg")),
    )
    assert api.authorizer.used == frozenset()


@pytest.mark.parametrize(
    "environ",
    [request(uri="/photos/b.jpg", who=who) for who in ("darkroom", "engine")],
)
def test_who_is_bound_to_no_role_is_let_through(api: Api, environ: Json) -> None:
    assert api(environ) == (200, b"done")
    assert api.asked == []


def test_the_engine_tells_its_own_pages(api: Api) -> None:
    status, body = api(request(uri="/own", who="reader"))
    assert (status, json.loads(body)) == (200, {"é": 1})
    assert api.server.served == []


@pytest.mark.parametrize(
    ("may_list", "status", "expected"),
    [
        (False, "404 Not Found", 403),
        (True, "404 Not Found", 404),
        (False, "304 Not Modified", 304),
        (False, "500 Oops", 500),
    ],
)
def test_a_missing_object_is_hidden_from_who_may_not_list(
    api: Api, may_list: bool, status: str, expected: int
) -> None:
    if may_list:
        api.policies.roles["reader"] += (policy("arn:l", ("s3:ListBucket", "arn:aws:s3:::photos")),)
    api.server.status = status
    got, body = api(request())
    assert got == expected
    assert (b"s3:ListBucket" in body) is (expected == 403)


def test_other_services_answers_are_passed_on_as_they_are(api: Api) -> None:
    api.policies.roles["reader"] = (policy("r", ("ssm:GetParameter", "*")),)
    api.server.status = "404 Not Found"
    body = b'{"Name": "/x"}'
    got = request("POST", "/", service="ssm", body=body, HTTP_X_AMZ_TARGET="AmazonSSM.GetParameter")
    assert api(got) == (404, b"done")
    assert api.server.served == [body]  # it can still be read


# ---------------------------------------------------------------------------- faults


def test_a_fault_is_asked_for_by_the_clients_id_of_the_call(api: Api) -> None:
    api(request(HTTP_AMZ_SDK_INVOCATION_ID="id-1"))
    api(request())
    call = Call("reader", "s3", "GetObject", {"Bucket": "photos", "Key": "a.jpg"})
    assert api.asked == [(call, "id-1"), (call, "")]


@pytest.mark.parametrize("served", [False, True])
def test_an_error_is_answered_before_or_after_the_call_is_served(api: Api, served: bool) -> None:
    api.fault = ServiceFault(ServiceError(503, "SlowDown", "less <please>"), served=served)
    status, body = api(request())
    assert (status, len(api.server.served)) == (503, int(served))
    assert xml_text(body, "Message") == "less <please>"


@pytest.mark.parametrize("served", [False, True])
def test_a_connection_breaks_before_or_after_the_call_is_served(api: Api, served: bool) -> None:
    ours, theirs = socket.socketpair()
    api.fault = ServiceFault(None, served=served)
    with ours, theirs:
        api(request() | {"werkzeug.socket": ours})
        assert theirs.recv(1) == b""  # closed
    assert len(api.server.served) == int(served)


def test_a_connection_that_is_gone_already_breaks_quietly(api: Api) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    theirs.close()
    api.fault = ServiceFault(None)
    assert api(request() | {"werkzeug.socket": ours}) == (500, b"")


# ---------------------------------------------------------------------------- calls from inside


def called(api: Api, uri: str = "a.jpg") -> tuple[int, Any]:
    """Make a call from inside, and return how often it was served and what came of it."""
    served: list[int] = []
    call = Call("reader", "s3", "GetObject", {"Bucket": "photos", "Key": uri})
    try:
        answer: Any = api.gateway.make(call, lambda: served.append(1) or "done")
    except (ClientError, ConnectionClosedError) as error:
        answer = error
    return len(served), answer


def test_a_call_from_inside_is_served(api: Api) -> None:
    assert called(api) == (1, "done")
    ((call, invocation),) = api.asked
    assert (call.operation, bool(invocation)) == ("GetObject", True)


def test_a_call_from_inside_needs_its_role(api: Api) -> None:
    served, error = called(api, "b.jpg")
    assert (served, error.operation_name) == (0, "GetObject")
    assert error.response["Error"]["Code"] == "AccessDenied"
    assert "s3:GetObject on resource" in error.response["Error"]["Message"]
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert error.response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("served", [False, True])
def test_a_call_from_inside_fails_before_or_after_it_is_served(api: Api, served: bool) -> None:
    api.fault = ServiceFault(ServiceError(503, "SlowDown", "less"), served=served)
    times, error = called(api)
    assert (times, error.response["Error"]["Code"]) == (int(served), "SlowDown")
    api.fault = ServiceFault(None, served=served)
    times, error = called(api)
    assert (times, type(error)) == (int(served), ConnectionClosedError)


def within(api: Api, body: bytes = b'{"TableName": "images"}') -> tuple[int, bytes]:
    """Make a call of the engine's own, unsigned and from nowhere, for the state machine."""
    environ = request("POST", "/", body=body, HTTP_X_AMZ_TARGET="DynamoDB_20120810.UpdateItem")
    del environ["HTTP_HOST"], environ["HTTP_AUTHORIZATION"]
    app = api.gateway.within(MACHINE, "dynamodb")
    answered, status, _ = run_wsgi_app(app, environ, buffered=True)
    return int(status.split()[0]), b"".join(answered)


def test_the_engines_own_call_for_the_machine_needs_its_role(api: Api) -> None:
    api.policies.roles[MACHINE] = ()
    status, body = within(api)
    assert (status, api.server.served) == (400, [])
    assert b"step-functions is not authorized to perform: dynamodb:UpdateItem" in body
    api.policies.roles[MACHINE] = (policy("m", ("dynamodb:UpdateItem", "*")),)
    assert within(api) == (200, b"done")
    assert api.server.served == [b'{"TableName": "images"}']
    api.fault = ServiceFault(ServiceError(400, "ThrottlingException", "less"), served=False)
    status, body = within(api)
    assert (status, b"ThrottlingException" in body) == (400, True)
    assert len({invocation for _, invocation in api.asked}) == len(api.asked) == 2


def test_the_engines_own_call_for_the_user_needs_no_role(api: Api) -> None:
    assert within(api) == (200, b"done")  # the machine has none here: it is as the user
    assert api.asked == []


def test_the_engines_own_call_is_of_a_service_that_it_has(api: Api) -> None:
    app = api.gateway.within(MACHINE, "ec2")
    answered, status, _ = run_wsgi_app(app, request("POST", "/", HTTP_X_AMZ_TARGET="a.B"))
    assert (status, b"no service ec2" in b"".join(answered)) == ("501 NOT IMPLEMENTED", True)


def test_the_engines_own_call_is_of_text_that_can_be_written(api: Api) -> None:
    api.policies.roles[MACHINE] = (policy("m", ("dynamodb:UpdateItem", "*")),)
    status, body = within(api, b'{"name": "\\ud800"}')
    assert (status, b"SerializationException" in body, api.server.served) == (400, True, [])


# ---------------------------------------------------------------------------- conditional writes


class Meeting:
    """An application whose callers wait inside for each other, for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.met: list[bool] = []
        self._seconds, self._together = seconds, threading.Barrier(2)

    def __call__(self, _: Any, start_response: Any) -> Iterable[bytes]:
        try:
            self._together.wait(self._seconds)
            self.met.append(True)
        except threading.BrokenBarrierError:
            self.met.append(False)
        start_response("200 OK", [])
        return []


@pytest.mark.parametrize(
    ("environ", "at_once"),
    [
        ({"HTTP_X_AMZ_TARGET": "DynamoDB_20120810.UpdateItem"}, 1),
        ({"HTTP_X_AMZ_TARGET": "AWSStepFunctions.StartExecution"}, 2),
        ({"HTTP_IF_NONE_MATCH": "*", "REQUEST_METHOD": "PUT"}, 1),
        ({"HTTP_IF_MATCH": '"e"', "REQUEST_METHOD": "PUT"}, 1),
        ({"HTTP_IF_MATCH": '"e"', "REQUEST_METHOD": "DELETE"}, 1),
        ({"HTTP_IF_MATCH": '"e"'}, 2),
        ({"HTTP_X_AMZ_TARGET": "AmazonSSM.Get", "HTTP_IF_MATCH": "x", "REQUEST_METHOD": "PUT"}, 2),
        ({"REQUEST_METHOD": "PUT"}, 2),
    ],
)
def test_conditional_writes_go_one_at_a_time(environ: Mapping[str, str], at_once: int) -> None:
    meeting = Meeting(0.05 if at_once == 1 else 10)
    edge = gateway_to(meeting)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: answer_of(edge, request(who="engine") | environ), range(2)))
    assert meeting.met == [at_once == 2] * 2


def test_the_machine_is_a_principal_like_any_other(api: Api) -> None:
    api.policies.roles[MACHINE] = (policy("m", ("s3:GetObject", "*")),)
    assert api(request(who="step-functions", uri="/photos/b.jpg"))[0] == 200


# ---------------------------------------------------------------------------- who may call at all


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": "evil.example:4599"},  # a name that leads to 127.0.0.1
        {"HTTP_HOST": "127.0.0.1:4598"},
        {"HTTP_HOST": "127.0.0.1"},
        {"HTTP_HOST": ""},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": "http://127.0.0.1:4599"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site"},
        {"HTTP_SEC_FETCH_SITE": "same-origin"},
    ],
)
def test_no_page_in_a_browser_may_call(api: Api, headers: dict[str, str]) -> None:
    environ = request(who="darkroom", body=b"x") | headers
    status, body = api(environ)
    assert (status, api.server.served) == (403, [])
    assert b"Expected" in body
    assert environ["wsgi.input"].tell() == 0  # refused before anything is read


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": "localhost:4599"},
        {"HTTP_HOST": "LocalHost:4599"},
        {"HTTP_SEC_FETCH_SITE": "none"},
    ],
)
def test_a_program_of_this_machine_may_call(api: Api, headers: dict[str, str]) -> None:
    assert api(request(who="darkroom") | headers)[0] == 200


def test_an_answer_says_which_hosts_there_are(api: Api) -> None:
    _, body = api(request() | {"HTTP_HOST": "x\x1b[2J"})
    assert body.decode() == (
        "Expected the Host header to be 127.0.0.1:4599 or localhost:4599, but received "
        "'x\\x1b[2J'. Use the endpoint that `darkroom up` printed.\n"
    )


@pytest.mark.parametrize("header", [None, "Basic x", "AWS4-HMAC-SHA256 Credential=x"])
def test_a_call_without_a_signature_is_refused(api: Api, header: str | None) -> None:
    environ = request() | {"HTTP_AUTHORIZATION": header or ""}
    status, body = api(environ)
    assert (status, xml_text(body, "Code")) == (403, "MissingAuthenticationToken")
    assert "`darkroom up` prints the keys" in str(xml_text(body, "Message"))
    assert api.server.served == []


@pytest.mark.parametrize("who", ["darkroom", "reader", MACHINE, "AKIAIOSFODNN7EXAMPLE"])
def test_a_call_with_other_keys_is_refused(api: Api, who: str) -> None:
    status, body = api(signed(request(who=who), Keys("another")))
    assert (status, xml_text(body, "Code")) == (403, "SignatureDoesNotMatch")
    assert f"goes with {who} here is another one" in str(xml_text(body, "Message"))
    assert api.server.served == []


def test_the_engines_own_pages_are_for_the_user_too(api: Api) -> None:
    assert api(request(uri="/own") | {"HTTP_AUTHORIZATION": ""})[0] == 403


@pytest.mark.parametrize("uri", ["/moto-api/reset", "/moto-api/state-manager/set-transition"])
def test_a_service_that_the_template_does_not_use_is_not_there(api: Api, uri: str) -> None:
    status, body = api(request("POST", uri, who="darkroom", service="moto_api"))
    assert (status, json.loads(body)["__type"]) == (501, "NotImplemented")
    assert json.loads(body)["message"] == (
        "The engine has no service moto_api: it has those that Darkroom's template uses."
    )


# ---------------------------------------------------------------------------- bodies


class Breaks(io.BytesIO):
    """A client that sends nothing."""

    def read(self, _: int | None = -1, /) -> bytes:
        raise TimeoutError("timed out")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"CONTENT_LENGTH": "5"}, "IncompleteBody"),
        ({"CONTENT_LENGTH": "-1"}, "InvalidArgument"),
        ({"CONTENT_LENGTH": "x"}, "InvalidArgument"),
        ({"CONTENT_LENGTH": "²"}, "InvalidArgument"),  # a digit, but no number
        ({"CONTENT_LENGTH": str(1024**3 + 1)}, "EntityTooLarge"),
        ({"wsgi.input": Breaks()}, "RequestTimeout"),
        ({"wsgi.input": Breaks(), "wsgi.input_terminated": True}, "RequestTimeout"),
    ],
)
def test_a_body_that_does_not_come_is_refused(api: Api, changed: Json, code: str) -> None:
    environ = signed(request("PUT", who="darkroom", body=b"four")) | changed
    status, body = api(environ)
    assert (status, xml_text(body, "Code"), api.server.served) == (400, code, [])


NOW = datetime.datetime(2026, 1, 31, 8, 0, 15, tzinfo=datetime.UTC)
TIMELY, OLD = "20260131T080015Z", "20260131T074514Z"
ADDRESS_4 = (
    "/photos/a.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
    "&X-Amz-Credential=darkroom/20260131/us-east-1/s3/aws4_request&X-Amz-Expires=60&X-Amz-Date="
)
ADDRESS_2 = "/photos/a.jpg?AWSAccessKeyId=darkroom&Signature=x&Expires="


def made_up(service: str, payload: str | None, time: str = TIMELY) -> Json:
    """Return the headers of somebody who knows no key."""
    who = f"darkroom/20260131/us-east-1/{service}/aws4_request"
    parts = f"Credential={who}, SignedHeaders=host, Signature=0"
    headers = {"HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 {parts}", "HTTP_X_AMZ_DATE": time}
    return headers | ({} if payload is None else {"HTTP_X_AMZ_CONTENT_SHA256": payload})


@pytest.mark.parametrize(
    ("uri", "headers", "code"),
    [
        ("/photos/a.jpg", made_up("s3", "0" * 64), "SignatureDoesNotMatch"),
        ("/photos/a.jpg", made_up("s3", "UNSIGNED-PAYLOAD"), "SignatureDoesNotMatch"),
        ("/photos/a.jpg", made_up("s3", "STREAMING-any"), "SignatureDoesNotMatch"),
        ("/photos/a.jpg", made_up("s3", "0" * 64, OLD), "RequestTimeTooSkewed"),
        ("/photos/a.jpg", made_up("s3", None), "InvalidRequest"),
        (f"{ADDRESS_4}{TIMELY}", {"HTTP_AUTHORIZATION": ""}, "SignatureDoesNotMatch"),
        (f"{ADDRESS_4}{OLD}", {"HTTP_AUTHORIZATION": ""}, "AccessDenied"),
        (f"{ADDRESS_2}{NOW.timestamp():.0f}", {"HTTP_AUTHORIZATION": ""}, "SignatureDoesNotMatch"),
        (f"{ADDRESS_2}1", {"HTTP_AUTHORIZATION": ""}, "AccessDenied"),
        ("/", made_up("ssm", "0" * 64), "SignatureDoesNotMatch"),
        ("/", made_up("ssm", None, OLD), "SignatureDoesNotMatch"),
        ("/", made_up("ssm", None) | {"CONTENT_LENGTH": str(2**24 + 1)}, "EntityTooLarge"),
    ],
)
def test_nothing_is_read_of_who_knows_no_key(api: Api, uri: str, headers: Json, code: str) -> None:
    """It would be held in memory, for as many as come."""
    api.now = NOW
    environ = request("PUT", uri) | headers | {"wsgi.input": Breaks()}
    _, _, answered = run_wsgi_app(api.gateway, environ)
    assert (answered["x-amzn-ErrorType"], api.server.served) == (code, [])


@pytest.mark.parametrize(
    ("service", "payload", "code"),
    [
        ("s3", None, "XAmzContentSHA256Mismatch"),
        ("s3", "no hash", "XAmzContentSHA256Mismatch"),
        ("s3", "UNSIGNED-PAYLOAD", None),
        ("s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", None),
        ("lambda", None, "SignatureDoesNotMatch"),
    ],
)
def test_a_body_is_the_one_that_was_signed(
    api: Api, service: str, payload: str | None, code: str | None
) -> None:
    environ = signed(request("PUT", who="darkroom", service=service, body=b"mine"), payload=payload)
    _, _, answered = run_wsgi_app(api.gateway, environ | {"wsgi.input": io.BytesIO(b"else")})
    assert answered.get("x-amzn-ErrorType") == code
    assert api.server.served == ([] if code else [b"else"])


@pytest.mark.parametrize("changed", [{"CONTENT_LENGTH": "x"}, {"HTTP_HOST": "evil.example:4599"}])
def test_a_refused_call_closes_its_connection(api: Api, changed: dict[str, str]) -> None:
    """What was not read of it would be taken for the next call."""
    environ = signed(request("PUT", who="darkroom", body=b"four")) | changed
    _, _, headers = run_wsgi_app(api.gateway, environ)
    assert headers["Connection"] == "close"


@pytest.mark.parametrize(("length", "served"), [(3, True), (4, True), (5, False)])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_has_a_limit(
    api: Api, monkeypatch: pytest.MonkeyPatch, length: int, in_chunks: bool, served: bool
) -> None:
    monkeypatch.setitem(gateway.MOST_BYTES, "s3", 4)
    environ = signed(request("PUT", who="darkroom", body=b"x" * length))
    if in_chunks:
        environ |= {"wsgi.input_terminated": True}
        del environ["CONTENT_LENGTH"]
    status, body = api(environ)
    assert api.server.served == ([b"x" * length] if served else [])
    if not served:
        assert (status, xml_text(body, "Code")) == (400, "EntityTooLarge")


@pytest.mark.parametrize(
    ("body", "served"),
    [
        (b'{"name": "\\ud800"}', False),
        (b'{"a": ["\\uDFff x"]}', False),
        (b'{"name": "\\ud83d\\ude00"}', True),
        (b'{"input": "{\\"key\\": \\"\\\\ud800\\"}"}', True),  # the text of an escape, in a text
        (b'"\\ud800', True),  # no JSON at all
    ],
)
def test_half_of_a_surrogate_pair_is_no_text(api: Api, body: bytes, served: bool) -> None:
    """It made moto fail, time and again, in whatever it was written to."""
    target = {"HTTP_X_AMZ_TARGET": "AWSStepFunctions.StartExecution"}
    status, answer = api(
        request("POST", "/", who="darkroom", service="states", body=body, **target)
    )
    assert (status, api.server.served) == ((200, [body]) if served else (400, []))
    assert (b'"SerializationException"' in answer) is not served


# ---------------------------------------------------------------------------- what moto has not got


@pytest.mark.parametrize(
    ("key", "readable"),
    [(b"\xc3\xa9\xed\x9f\xbf", True), (b"\xed\xa0\x80", False), (b"\xff", False)],
)
def test_a_key_is_text(api: Api, key: bytes, readable: bool) -> None:
    """UTF-8 (RFC 3629) has no half of a surrogate pair, and no byte FF."""
    target = f"/photos/{urllib.parse.quote(key)}"
    environ = request("PUT", target, who="darkroom", body=b"any")
    status, body = api(environ | {"PATH_INFO": f"/photos/{key.decode('latin-1')}"})
    assert (status, b"InvalidURI" in body) == ((200, False) if readable else (400, True))
    assert api.server.served == [b"any"] * readable


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ("s3", {}),
        ("iam", {"CONTENT_TYPE": FORM, "body": b"Action=CutHair"}),
        ("cloudformation", {"uri": "/?Action=CutHair"}),
        ("states", {"HTTP_X_AMZ_TARGET": "AWSStepFunctions.CutHair"}),
        ("sqs", {"CONTENT_TYPE": FORM, "body": b"Action=CutHair"}),  # before 2023
        ("lambda", {"uri": "/hair"}),
    ],
)
def test_a_call_that_moto_lacks_is_answered_in_its_protocol(
    api: Api, service: str, asked: Any
) -> None:
    api.server.lacks = NotImplementedError("any")
    status, body = api(request("POST", **({"uri": "/"} | asked), who="darkroom", service=service))
    name = {"s3": "POST /", "lambda": "POST /hair"}.get(service, "CutHair")
    says = (
        f"The engine has no {name} of {service}: it has what Darkroom uses. Make the call on AWS."
    )
    assert status == 501
    if service in {"states", "lambda"}:
        assert json.loads(body) == {"__type": "NotImplemented", "message": says}
    else:
        found = "" if service == "s3" else "Error/"
        assert xml_text(body, f"{found}Code") == "NotImplemented"
        assert xml_text(body, f"{found}Message") == says


def test_a_call_that_moto_fails_in_is_told_in_one_line(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.server.lacks = KeyError("x")
    status, body = api(request("POST", "/", who="darkroom"))
    says = "The engine failed at POST / of s3: KeyError('x')."
    assert (status, xml_text(body, "Message")) == (500, says)
    assert caplog.messages == [says]
