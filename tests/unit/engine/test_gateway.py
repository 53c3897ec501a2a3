"""The engine's api, around an application of three lines: who is let through, and to what."""

from __future__ import annotations

import io
import json
import socket
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from werkzeug.test import run_wsgi_app

from darkroom_ops.engine.authorization import EVENTS, KEPT_DENIALS, Authorizer, Denial
from darkroom_ops.engine.gateway import Gateway
from darkroom_ops.engine.permissions import MACHINE, Call, Need, Place, Policy
from darkroom_ops.engine.permissions import read as policy_of
from darkroom_ops.engine.protocols import ServiceError, read, respond
from darkroom_ops.engine.service_faults import ServiceFault

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
    """An application behind the api."""

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


def told(body: bytes, element: str) -> str | None:
    return ET.fromstring(body).findtext(element)  # noqa: S314 - of our own making


class Api:
    def __init__(self) -> None:
        self.policies, self.server = Roles(), Server()
        self.authorizer = Authorizer(self.policies, PLACE)
        self.asked: list[tuple[Call, str]] = []
        self.fault: ServiceFault | None = None
        self.gateway = Gateway(
            self.server, self.authorizer, self.inject_fault, {"/told": lambda: {"é": 1}}
        )

    def inject_fault(self, call: Call, invocation: str) -> ServiceFault | None:
        self.asked.append((call, invocation))
        return self.fault

    def __call__(self, environ: Json) -> tuple[int, bytes]:
        return answer_of(self.gateway, environ)


@pytest.fixture
def api() -> Api:
    return Api()


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
    assert told(body, "Code") == "AccessDenied"
    assert told(body, "Message") == (
        "reader is not authorized to perform: s3:GetObject on resource: "
        "arn:aws:s3:::photos/b.jpg because no policy of the template allows it"
    )
    assert api.server.served == []
    assert api.asked == []  # nothing goes wrong with what is not done
    assert api.authorizer.denials == (
        Denial("reader", Need("s3:GetObject", "arn:aws:s3:::photos/b.jpg")),
    )
    assert api.authorizer.used == frozenset()


def test_every_need_of_a_call_must_be_allowed(api: Api) -> None:
    api.policies.roles["reader"] += (policy("arn:more", ("s3:PutObject", "*")),)
    copy = request("PUT", HTTP_X_AMZ_COPY_SOURCE="photos/a.jpg")
    assert api(copy)[0] == 200
    assert api(request("PUT", HTTP_X_AMZ_COPY_SOURCE="photos/b.jpg"))[0] == 403
    assert {grant.action for grant in api.authorizer.used} == {"s3:GetObject", "s3:PutObject"}


@pytest.mark.parametrize(
    "environ",
    [request(uri="/photos/b.jpg", who="engine"), request() | {"HTTP_AUTHORIZATION": "Basic x"}],
    ids=["an operator", "no signature"],
)
def test_who_is_bound_to_no_role_is_let_through(api: Api, environ: Json) -> None:
    assert api(environ) == (200, b"done")
    del environ["HTTP_AUTHORIZATION"]
    assert api(environ | {"wsgi.input": io.BytesIO()}) == (200, b"done")
    assert api.asked == []


def test_the_engine_tells_its_own_pages_to_anybody(api: Api) -> None:
    status, body = api(request(uri="/told", who="reader"))
    assert (status, json.loads(body)) == (200, {"é": 1})
    assert api.server.served == []


def test_the_oldest_denials_are_forgotten(api: Api) -> None:
    for number in range(KEPT_DENIALS + 1):
        api.authorizer.check(Call("reader", "ssm", f"Odd{number}"))
    kept = [denial.need.action for denial in api.authorizer.denials]
    assert (len(kept), kept[0], kept[-1]) == (1000, "ssm:Odd1", "ssm:Odd1000")


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


def test_a_missing_source_of_a_copy_is_hidden_by_the_right_on_its_bucket(api: Api) -> None:
    api.policies.roles["reader"] = (policy("r", ("s3:ListBucket", "arn:aws:s3:::from")),)
    copy = {"Bucket": "to", "Key": "k", "CopyBucket": "from", "CopyKey": "k"}
    assert api.authorizer.hides(Call("reader", "s3", "CopyObject", copy)) is None
    back = copy | {"Bucket": "from", "CopyBucket": "to"}
    assert api.authorizer.hides(Call("reader", "s3", "CopyObject", back)) == ServiceError(
        403,
        "AccessDenied",
        "reader is not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::to "
        "because no policy of the template allows it",
    )
    assert api.authorizer.hides(Call("somebody", "s3", "CopyObject", back)) is None


def test_other_services_answers_are_passed_on_as_they_are(api: Api) -> None:
    api.policies.roles["reader"] = (policy("r", ("ssm:GetParameter", "*")),)
    api.server.status = "404 Not Found"
    body = b'{"Name": "/x"}'
    got = request("POST", "/", service="ssm", body=body, HTTP_X_AMZ_TARGET="AmazonSSM.GetParameter")
    assert api(got) == (404, b"done")
    assert api.server.served == [body]  # it can still be read


# ---------------------------------------------------------------------------- events


def target(arn: str, **more: str) -> Json:
    return {"Arn": arn, **more}


TARGETS = {
    "arn:aws:states:us-east-1:1:stateMachine:m": "states:StartExecution",
    "arn:aws:lambda:us-east-1:1:function:f": "lambda:InvokeFunction",
    "arn:aws:sns:us-east-1:1:t": "sns:Publish",
    "arn:aws:sqs:us-east-1:1:q": "sqs:SendMessage",
}


@pytest.mark.parametrize(("arn", "action"), TARGETS.items())
def test_a_rule_delivers_with_its_targets_role(api: Api, arn: str, action: str) -> None:
    api.policies.roles["arn:role"] = (policy("arn:role", (action, arn)),)
    api.authorizer.check_delivery(RULE, target(arn, RoleArn="arn:role"))
    with pytest.raises(ClientError) as refused:
        api.authorizer.check_delivery(RULE, target(f"{arn}-2", RoleArn="arn:role"))
    assert refused.value.operation_name == "PutEvents"
    assert refused.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"{RULE} is not authorized to perform: {action} on resource: {arn}-2 "
        "because no policy of the template allows it",
    }
    assert api.authorizer.denials == (Denial("arn:role", Need(action, f"{arn}-2")),)


@pytest.mark.parametrize(("arn", "action"), TARGETS.items())
def test_a_rule_delivers_with_the_targets_own_policy(api: Api, arn: str, action: str) -> None:
    """For this rule and this account, as the template's policies say."""
    condition = {
        "ArnEquals": {"aws:SourceArn": RULE},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    speaks = {"Principal": {"Service": EVENTS}, "Condition": condition}
    api.policies.resources[arn] = (policy(arn, (action, arn), **speaks),)
    api.authorizer.check_delivery(RULE, target(arn))
    with pytest.raises(ClientError):
        api.authorizer.check_delivery(f"{RULE}-2", target(arn))
    with pytest.raises(ClientError):
        api.authorizer.check_delivery(RULE, target(f"{arn}-2"))
    assert [denial.principal for denial in api.authorizer.denials] == [f"{RULE}-2", RULE]


def test_a_queue_takes_the_dead_letters_of_whom_it_names(api: Api) -> None:
    queue = "arn:aws:sqs:us-east-1:1:q"
    speaks = {"Principal": {"Service": "events.amazonaws.com"}}
    api.policies.resources[queue] = (policy(queue, ("sqs:SendMessage", queue), **speaks),)
    assert api.authorizer.rule_may_send(RULE, queue)
    assert not api.authorizer.rule_may_send(RULE, f"{queue}-2")
    speaks = {"Principal": {"Service": "sns.amazonaws.com"}}
    api.policies.resources[queue] = (policy(queue, ("sqs:SendMessage", queue), **speaks),)
    assert not api.authorizer.rule_may_send(RULE, queue)


def test_a_function_sends_what_it_failed_on_with_its_own_role(api: Api) -> None:
    queue = "arn:aws:sqs:us-east-1:1:q"
    api.policies.roles["notify"] = (policy("r", ("sqs:SendMessage", queue)),)
    assert api.authorizer.function_may_send("notify", queue)
    assert not api.authorizer.function_may_send("notify", f"{queue}-2")
    assert not api.authorizer.function_may_send("reader", queue)


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
    assert told(body, "Message") == "less <please>"


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
        ({"HTTP_IF_MATCH": '"e"'}, 2),
        ({"HTTP_X_AMZ_TARGET": "AmazonSSM.Get", "HTTP_IF_MATCH": "x", "REQUEST_METHOD": "PUT"}, 2),
        ({"REQUEST_METHOD": "PUT"}, 2),
    ],
)
def test_conditional_writes_go_one_at_a_time(environ: Mapping[str, str], at_once: int) -> None:
    meeting = Meeting(0.05 if at_once == 1 else 10)
    edge = Gateway(meeting, Authorizer(Roles(), PLACE), lambda *_: None, {})
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: answer_of(edge, request(who="engine") | environ), range(2)))
    assert meeting.met == [at_once == 2] * 2


# ---------------------------------------------------------------------------- reading a request


@pytest.mark.parametrize(
    ("method", "uri", "operation"),
    [
        ("GET", "/b/k", "GetObject"),
        ("GET", "/b/k?tagging", "GetObjectTagging"),
        ("GET", "/b/k?acl", "GetObjectAcl"),
        ("GET", "/b/k?attributes", "GetObjectAttributes"),
        ("GET", "/b/k?uploadId=1", "ListParts"),
        ("HEAD", "/b/k", "HeadObject"),
        ("PUT", "/b/k", "PutObject"),
        ("PUT", "/b/k?tagging=", "PutObjectTagging"),
        ("PUT", "/b/k?acl", "PutObjectAcl"),
        ("PUT", "/b/k?partNumber=1&uploadId=1", "UploadPart"),
        ("POST", "/b/k?uploads", "CreateMultipartUpload"),
        ("POST", "/b/k?uploadId=1", "CompleteMultipartUpload"),
        ("DELETE", "/b/k?uploadId=1", "AbortMultipartUpload"),
        ("DELETE", "/b/k?tagging", "DeleteObjectTagging"),
        ("DELETE", "/b/k", "DeleteObject"),
        ("POST", "/b/k?select", "PostObject?"),
        ("GET", "/b?list-type=2", "ListObjectsV2"),
        ("GET", "/b/?versions", "ListObjectVersions"),
        ("GET", "/b?uploads", "ListMultipartUploads"),
        ("GET", "/b?location", "GetBucketLocation"),
        ("HEAD", "/b", "HeadBucket"),
        ("GET", "/b?policy", "GetBucket?"),
        ("PUT", "/b", "PutBucket?"),
    ],
)
def test_a_call_of_s3_is_known_by_method_and_query(method: str, uri: str, operation: str) -> None:
    call = read(request(method, uri), principal="reader", service="s3")
    assert (call.principal, call.service, call.operation) == ("reader", "s3", operation)
    assert call.parameters["Bucket"] == "b"
    assert call.parameters["Key"] == ("k" if uri.startswith("/b/k") else "")


def test_a_listing_of_the_first_version_is_not_known() -> None:
    """So it needs its own name on everything, which no role has."""
    assert read(request("GET", "/b"), principal="r", service="s3").operation == "GetBucket?"


@pytest.mark.parametrize(
    ("environ", "parameters"),
    [
        (request(uri="/b/a%20b/%C3%A9%3F"), {"Key": "a b/é?"}),
        (request() | {"RAW_URI": "/b/%C3%A9"}, {"Key": "é"}),
        (request(uri="/b/k?versionId=7"), {"Key": "k", "VersionId": "7"}),
        (
            request("PUT", "/b/k?partNumber=2&uploadId=u"),
            {"Key": "k", "PartNumber": "2"},
        ),
        (
            request("PUT", "/b/k", HTTP_X_AMZ_TAGGING="a=b", HTTP_X_AMZ_TAGGING_DIRECTIVE="COPY"),
            {"Key": "k", "Tagging": "a=b", "TaggingDirective": "COPY"},
        ),
        (
            request("PUT", "/b/k", HTTP_X_AMZ_COPY_SOURCE="/from/a%2Fb%20c?versionId=9"),
            {"Key": "k", "CopyBucket": "from", "CopyKey": "a/b c", "CopyVersionId": "9"},
        ),
        (
            request("PUT", "/b/k", HTTP_X_AMZ_COPY_SOURCE="from/d/e"),
            {"Key": "k", "CopyBucket": "from", "CopyKey": "d/e"},
        ),
    ],
)
def test_what_decides_about_a_call_of_s3_is_read(environ: Json, parameters: Json) -> None:
    assert read(environ, principal="r", service="s3").parameters == {"Bucket": "b", **parameters}


@pytest.mark.parametrize(
    ("method", "uri", "operation"),
    [
        ("PUT", "/b/k", "CopyObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=1", "UploadPartCopy"),
        ("PUT", "/b/k?acl", "PutObjectAcl"),
    ],
)
def test_a_copy_is_known_by_its_header(method: str, uri: str, operation: str) -> None:
    environ = request(method, uri, HTTP_X_AMZ_COPY_SOURCE="from/k")
    assert read(environ, principal="r", service="s3").operation == operation


FUNCTIONS = "/2015-03-31/functions"


@pytest.mark.parametrize(
    ("method", "uri", "operation", "parameters"),
    [
        (
            "POST",
            f"{FUNCTIONS}/arn%3Aaws/invocations?Qualifier=live",
            "Invoke",
            {"FunctionName": "arn:aws", "Qualifier": "live"},
        ),
        ("POST", f"{FUNCTIONS}/f/invocations", "Invoke", {"FunctionName": "f"}),
        ("GET", f"{FUNCTIONS}/f/invocations", "Get?", {}),
        ("POST", f"{FUNCTIONS}/f/invocations/more", "Post?", {}),
        ("POST", f"/x{FUNCTIONS}/f/invocations", "Post?", {}),
        ("DELETE", f"{FUNCTIONS}/f", "Delete?", {}),
    ],
)
def test_a_call_of_lambda_is_known_by_its_path(
    method: str, uri: str, operation: str, parameters: Json
) -> None:
    for environ in (request(method, uri), request(method, "/") | {"RAW_URI": uri}):
        call = read(environ, principal="r", service="lambda")
        assert (call.principal, call.service) == ("r", "lambda")
        assert (call.operation, call.parameters) == (operation, parameters)


def test_a_json_service_is_asked_by_its_target() -> None:
    body = json.dumps({"TableName": "é", "Key": {"a": {"S": "b"}}, "Limit": 3}).encode()
    environ = request("POST", "/", body=body, HTTP_X_AMZ_TARGET="DynamoDB_2012.v1.GetItem")
    call = read(environ, principal="r", service="dynamodb")
    assert call == Call("r", "dynamodb", "GetItem", {"TableName": "é"})
    assert environ["wsgi.input"].read() == body
    environ = request("POST", "/", HTTP_X_AMZ_TARGET="AmazonSSM.DescribeParameters")
    assert read(environ | {"CONTENT_LENGTH": ""}, principal="r", service="ssm").parameters == {}


def test_a_form_is_asked_by_its_action() -> None:
    environ = request("POST", "/", body=b"Action=Publish&TopicArn=arn%3At&Message=a%26b")
    call = read(environ, principal="r", service="sns")
    assert (call.principal, call.service, call.operation) == ("r", "sns", "Publish")
    assert (call.parameters["TopicArn"], call.parameters["Message"]) == ("arn:t", "a&b")
    assert read(request("POST", "/"), principal="r", service="sns").operation == "?"


# ---------------------------------------------------------------------------- answering


@pytest.mark.parametrize(
    ("service", "status", "code"),
    [
        ("s3", 403, "AccessDenied"),
        ("sns", 403, "AuthorizationError"),
        ("lambda", 403, "AccessDeniedException"),
        ("dynamodb", 400, "AccessDeniedException"),
    ],
)
def test_each_service_refuses_in_its_own_way(
    api: Api, service: str, status: int, code: str
) -> None:
    given = dict.fromkeys(("Bucket", "Key", "TopicArn", "FunctionName", "TableName"), "arn:x")
    operation = {"s3": "DeleteObject", "sns": "Publish", "lambda": "Invoke"}.get(service, "GetItem")
    refused = api.authorizer.check(Call("reader", service, operation, given))
    assert refused is not None
    assert (refused.status, refused.code) == (status, code)
    assert api.authorizer.check(Call("engine", service, operation, given)) is None


@pytest.mark.parametrize("service", ["s3", "sns", "dynamodb", "lambda"])
@pytest.mark.parametrize("status", [400, 499, 500, 503])
def test_an_error_is_read_by_boto3_as_it_was_meant(service: str, status: int) -> None:
    """Each protocol's own parser, as clients have it."""
    from botocore.parsers import create_parser
    from botocore.session import get_session

    response = respond(service, ServiceError(status, "Odd", "a <b> & c"))
    model = get_session().get_service_model(service)
    shape = model.operation_model(model.operation_names[0]).output_shape
    parsed = create_parser(model.metadata["protocol"]).parse(
        {
            "status_code": response.status_code,
            "headers": {name.lower(): value for name, value in response.headers.items()},
            "body": response.get_data(),
        },
        shape,
    )
    read_as = parsed["Error"]
    assert (read_as["Code"], read_as["Message"]) == ("Odd", "a <b> & c")
    request_id = response.headers["x-amzn-RequestId"]
    assert len(request_id) == 36
    assert response.headers["x-amzn-ErrorType"] == "Odd"
    if service == "sns":
        assert read_as["Type"] == ("Sender" if status < 500 else "Receiver")
    if service in {"s3", "sns"}:
        assert response.content_type == "application/xml"
        assert told(response.get_data(), "RequestId") == request_id
    else:
        assert response.content_type == "application/x-amz-json-1.1"


def test_the_machine_is_a_principal_like_any_other(api: Api) -> None:
    api.policies.roles[MACHINE] = (policy("m", ("s3:GetObject", "*")),)
    assert api(request(who="step-functions", uri="/photos/b.jpg"))[0] == 200
