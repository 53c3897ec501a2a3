"""Which call a request is, and how services answer with an error."""

from __future__ import annotations

import json

import pytest

from darkroom_ops.engine.permissions import Call
from darkroom_ops.engine.protocols import FORM, ServiceError, protocol_of, read, respond
from tests.unit.engine.api import (
    Json,
    request,
    xml_text,
)

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


@pytest.mark.parametrize("service", ["s3", "sns", "dynamodb", "lambda"])
@pytest.mark.parametrize("status", [400, 499, 500, 503])
def test_an_error_is_read_by_boto3_as_it_was_meant(service: str, status: int) -> None:
    """Each protocol's own parser, as clients have it."""
    from botocore.parsers import create_parser
    from botocore.session import get_session

    protocol = {"s3": "rest-xml", "sns": "query"}.get(service, "json")
    response = respond(protocol, ServiceError(status, "Odd", "a <b> & c"))
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
        assert xml_text(response.get_data(), "RequestId") == request_id
    else:
        assert response.content_type == "application/x-amz-json-1.1"


@pytest.mark.parametrize(
    ("service", "headers", "protocol"),
    [
        ("s3", {"CONTENT_TYPE": FORM}, "rest-xml"),
        ("", {}, "rest-xml"),
        ("sns", {"CONTENT_TYPE": f"{FORM}; charset=utf-8"}, "query"),
        ("sns", {"QUERY_STRING": "Action=Publish"}, "query"),
        ("sqs", {"HTTP_X_AMZ_TARGET": "AmazonSQS.SendMessage"}, "json"),
        ("lambda", {}, "json"),
        ("monitoring", {"HTTP_SMITHY_PROTOCOL": "rpc-v2-cbor"}, "rpc-v2-cbor"),
    ],
)
def test_the_protocol_is_the_one_that_is_spoken(
    service: str, headers: dict[str, str], protocol: str
) -> None:
    assert protocol_of(request("POST", "/") | headers, service) == protocol


def test_an_error_is_read_in_cbor_too() -> None:
    from botocore.parsers import create_parser

    response = respond("rpc-v2-cbor", ServiceError(501, "Odd", "ü" * 300))
    headers = {name.lower(): value for name, value in response.headers.items()}
    given = {"status_code": 501, "headers": headers, "body": response.get_data()}
    error = create_parser("smithy-rpc-v2-cbor").parse(given, None)["Error"]
    assert (error["Code"], error["Message"]) == ("Odd", "ü" * 300)
    assert headers["smithy-protocol"] == "rpc-v2-cbor"
