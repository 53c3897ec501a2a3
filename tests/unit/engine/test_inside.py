"""Clients of boto3 around an application of a few lines."""

from __future__ import annotations

import json
import socket
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from darkroom_ops.engine import inside


class App:
    def __init__(self) -> None:
        self.status, self.body = "200 OK", b"{}"
        self.headers = [("Content-Type", "application/x-amz-json-1.0")]
        self.breaks = False
        self.asked: list[dict[str, Any]] = []
        self.services: list[str] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        self.asked.append({**environ, "body": body})
        if self.breaks:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        start_response(self.status, self.headers)
        return [self.body[:1], self.body[1:]]


@pytest.fixture
def app() -> App:
    return App()


def client(app: App, service: str) -> Any:
    made = boto3.session.Session("who", "secret", region_name="us-east-1").client(
        service,  # type: ignore[call-overload]
        endpoint_url="http://127.0.0.1:4599",  # where nobody listens
        config=Config(retries={"total_max_attempts": 2, "mode": "standard"}),
    )

    def named(service: str) -> App:
        app.services.append(service)
        return app

    inside.attach(made, named)
    return made


def test_a_call_is_made_without_a_connection(app: App) -> None:
    app.body = b'{"executionArn": "arn:e", "startDate": 1.5}'
    started = client(app, "stepfunctions").start_execution(stateMachineArn="arn:m", input="{}")
    assert (started["executionArn"], started["startDate"].timestamp()) == ("arn:e", 1.5)
    (asked,) = app.asked
    assert json.loads(asked["body"]) == {"stateMachineArn": "arn:m", "input": "{}"}
    assert asked["HTTP_X_AMZ_TARGET"] == "AWSStepFunctions.StartExecution"
    assert asked["HTTP_HOST"] == "127.0.0.1:4599"
    assert asked["CONTENT_LENGTH"] == str(len(asked["body"]))
    assert "HTTP_AUTHORIZATION" not in asked
    assert app.services == ["states"]
    assert started["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_call_has_its_path_and_its_query_and_a_body_that_is_read(app: App) -> None:
    app.body, app.headers = b'"done"', [("X-Amz-Function-Error", "Unhandled")]
    done = client(app, "lambda").invoke(FunctionName="resize", Qualifier="1 a", Payload=b"{}")
    assert (done["Payload"].read(), done["FunctionError"]) == (b'"done"', "Unhandled")
    (asked,) = app.asked
    assert asked["RAW_URI"] == "/2015-03-31/functions/resize/invocations?Qualifier=1%20a"
    client(app, "lambda").invoke(FunctionName="resize", Payload="[]")
    assert app.asked[1]["body"] == b"[]"


def test_a_call_may_be_a_form_and_may_give_a_stream(app: App) -> None:
    app.headers, app.body = [("Content-Type", "text/xml")], b"<a><PublishResult/></a>"
    client(app, "sns").publish(TopicArn="arn:t", Message="a b&c")
    assert b"Message=a+b%26c" in app.asked[0]["body"]
    app.headers, app.body = [("Content-Length", "4")], b"done"
    got = client(app, "s3").get_object(Bucket="b", Key="a b", VersionId="1")
    assert got["Body"].read() == b"done"
    assert app.asked[1]["RAW_URI"] == "/b/a%20b?versionId=1"


def test_a_call_fails_once_as_the_service_says(app: App) -> None:
    app.status, app.body = "400 Bad Request", b'{"__type": "ThrottlingException"}'
    with pytest.raises(ClientError, match="ThrottlingException") as raised:
        client(app, "stepfunctions").start_execution(stateMachineArn="arn:m")
    assert raised.value.operation_name == "StartExecution"
    app.breaks = True
    with pytest.raises(ConnectionClosedError):
        client(app, "stepfunctions").start_execution(stateMachineArn="arn:m")
    assert len(app.asked) == 2
