"""Who else is there beside the user: pages in the browser, and other users of the machine."""

from __future__ import annotations

import contextlib
import html
import http.client
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.routes import create
from darkroom_ops.engine import Engine
from tests.support.cli import invoke
from tests.support.pipeline import Pipeline

FORM = "application/x-www-form-urlencoded"
MIB = 1024 * 1024
SECONDS = 20  # for what an engine that can be held up would never answer


def ask(
    engine: Engine, method: str, uri: str, body: bytes = b"", **headers: str
) -> tuple[int, Mapping[str, str], bytes]:
    """Make a request as any program can, or a browser for a page."""
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=SECONDS)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(connection):
        connection.request(method, uri, body, named)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


@pytest.mark.parametrize(
    ("method", "uri", "headers"),
    [
        ("POST", "/moto-api/reset", {"Origin": "https://evil.example"}),
        ("POST", "/moto-api/reset", {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}),
        ("POST", "/moto-api/reset", {}),
        ("GET", "/moto-api/data.json", {"Host": "rebound.example:4599"}),
        ("GET", "/", {"Origin": "null"}),
        ("GET", "/darkroom/messages", {}),
        (
            "OPTIONS",
            "/",
            {"Origin": "https://evil.example", "Access_Control_Request_Method": "PUT"},
        ),
    ],
)
def test_no_website_gets_or_does_anything(
    pipeline: Pipeline, engine: Engine, method: str, uri: str, headers: dict[str, str]
) -> None:
    status, answered, body = ask(engine, method, uri, **headers)
    assert status == 403
    assert not [name for name in answered if name.lower().startswith("access-control")]
    assert b"Expected" in body
    stacks = pipeline.at.cloudformation.describe_stacks()["Stacks"]  # nothing was emptied
    assert [each["StackName"] for each in stacks] == ["darkroom"]


def test_another_user_of_the_machine_gets_nothing(engine: Engine) -> None:
    """Who knows the names of functions knows no key."""
    for principal in ("darkroom", "engine", engine.deployment.prepare_function_name):
        session = boto3.session.Session(principal, "engine", region_name="us-east-1")
        s3 = session.client("s3", endpoint_url=engine.endpoint)
        with pytest.raises(ClientError, match=r"SignatureDoesNotMatch.*`darkroom up` prints"):
            s3.list_buckets()
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):  # and no broken pipe
            s3.put_object(Bucket="any", Key="large", Body=bytes(MIB))
    status, _, said = ask(engine, "PUT", "/any/large?AWSAccessKeyId=x&Signature=x", bytes(MIB))
    assert (status, b"Request has expired" in said) == (403, True)
    with pytest.raises(ClientError, match=r"InvalidParameter.*sends nothing over http"):
        engine.deployment.sns.subscribe(
            TopicArn=engine.deployment.alerts_topic_arn,
            Protocol="http",
            Endpoint="http://127.0.0.1:1/steal",
        )


@pytest.mark.parametrize("version", [None, "s3v4"])
def test_a_presigned_address_works_for_who_signed_it(pipeline: Pipeline, version: str) -> None:
    """Of a form, as curl sends it by default: that made moto wait for ever."""
    at, engine = pipeline.at, pipeline.engine
    assert engine is not None
    given = at.exports
    session = boto3.session.Session(
        given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )
    config = Config(signature_version=version) if version else None
    s3 = session.client("s3", endpoint_url=at.endpoint, config=config)
    where = {"Bucket": at.work_bucket_name, "Key": "attacks/é b+c"}
    put = s3.generate_presigned_url("put_object", Params=where | {"ContentType": FORM})
    body = b"Action=x&Version=\xff\x00"
    status, _, said = ask(
        engine, "PUT", put.removeprefix(str(at.endpoint)), body, Content_Type=FORM
    )
    assert status == 200, said
    assert at.s3.get_object(**where)["Body"].read() == body
    get = s3.generate_presigned_url("get_object", Params=where).removeprefix(str(at.endpoint))
    assert ask(engine, "GET", get)[::2] == (200, body)
    status, _, said = ask(engine, "GET", get.replace("b%2Bc", "other"))
    assert (status, b"SignatureDoesNotMatch" in said) == (403, True)


@contextlib.contextmanager
def unfinished(engine: Engine, key: str) -> Iterator[socket.socket]:
    """A conditional write whose body does not come."""
    at = engine.deployment
    sent: list[Any] = []

    def keep(request: Any, **_: Any) -> None:
        sent.append(request)
        raise RuntimeError("not sent")

    session = boto3.session.Session("darkroom", engine.keys.secret, region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=at.endpoint)
    s3.meta.events.register("before-send", keep)
    with pytest.raises(RuntimeError, match="not sent"):
        s3.put_object(Bucket=at.work_bucket_name, Key=key, Body=b"12345678", IfNoneMatch="*")
    headers = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in sent[0].headers.items()
        if name != "Expect"
    }
    lines = [f"PUT /{at.work_bucket_name}/{key} HTTP/1.1", f"Host: 127.0.0.1:{engine.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name != "Host"]
    with socket.create_connection(("127.0.0.1", engine.port), SECONDS) as client:
        client.sendall("\r\n".join([*lines, "", "1234"]).encode())
        yield client


def test_who_does_not_finish_a_write_holds_up_nobody(pipeline: Pipeline, engine: Engine) -> None:
    at = engine.deployment
    with unfinished(engine, "attacks/held") as client:
        at.s3.put_object(Bucket=at.work_bucket_name, Key="attacks/other", Body=b"", IfNoneMatch="*")
        client.shutdown(socket.SHUT_WR)
        assert b"IncompleteBody" in client.recv(100_000)
    assert pipeline.keys(at.work_bucket_name, "attacks/held") == []


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("stepfunctions", "validate_state_machine_definition", {"definition": "{}"}),
        ("iam", "get_organizations_access_report", {"JobId": "x" * 36}),
        ("lambda", "list_code_signing_configs", {}),
        ("sts", "get_caller_identity", {}),
        ("cloudwatch", "list_metric_streams", {}),
    ],
)
@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_a_call_that_the_engine_lacks_is_told_once(
    engine: Engine,
    capfd: pytest.CaptureFixture[str],
    service: str,
    operation: str,
    given: dict[str, Any],
    mode: str,
) -> None:
    """Clients repeat what failed with a status of 500, five times."""
    session = boto3.session.Session("darkroom", engine.keys.secret, region_name="us-east-1")
    client = session.client(
        service,  # type: ignore[call-overload]
        endpoint_url=engine.endpoint,
        config=Config(retries={"mode": mode}),  # type: ignore[typeddict-item]
    )
    attempts: list[Any] = []
    client.meta.events.register("before-send", lambda request, **_: attempts.append(request))
    with pytest.raises(ClientError, match=r"\(NotImplemented\).*The engine has no ") as caught:
        getattr(client, operation)(**given)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert len(attempts) == 1
    assert capfd.readouterr() == ("", "")


def test_a_request_that_is_no_http_is_not_told_of(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", engine.port), SECONDS) as client:
        client.sendall(b"\x1b[2J\x1b]0;owned\x07\r\n\r\n")
        assert b"400" in client.recv(100_000)
    assert capfd.readouterr() == ("", "")


def test_an_execution_that_cannot_be_shown_takes_no_other_with_it(
    pipeline: Pipeline, engine: Engine
) -> None:
    """Half of a surrogate pair in its key; and a key that a terminal would obey."""
    at = pipeline.at
    runs = [
        pipeline.start({"source": {"bucket": at.source_bucket_name, "key": key}})
        for key in (
            "attacks/\ud800.jpg",
            "attacks/\x03\u202e$(touch x)\n.jpg",
        )
    ]
    for words in (
        ["ls"],
        ["audit", "--executions"],
        ["cost"],
        ["dlq", "list"],
        ["status"],
        ["rerun", "--status", "failed", "--match", "attacks/", "--dry-run"],
        ["stop", "--status", "running", "--match", "attacks/", "--dry-run"],
        *(["show", run.name] for run in runs),
    ):
        done = invoke([*words, "--endpoint", engine.endpoint])
        assert isinstance(done.exception, SystemExit | None), done.exception
        assert not any(sign in done.output for sign in "\x03\u202e")
        if words[0] == "ls":
            assert "attacks/\\ud800.jpg" in done.output
            assert r"attacks/\x03\u202e$(touch x)\n.jpg" in done.output
    client = TestClient(
        create(Context(at, engine.inbox), 4600, "token"),
        "http://127.0.0.1:4600",
        headers={"accept": "text/html"},
        cookies={"darkroom-4600": "token"},
    )
    pages = [f"/executions/{run.name}{tab}" for run in runs for tab in ("", "/events", "/rerun")]
    for page in ("/?image=attacks/", "/start", "/inbox", *pages):
        shown = client.get(page)
        assert shown.status_code == 200, page
        assert not any(sign in shown.text for sign in "\x03\u202e"), page
    for action in ("rerun", "redrive", "stop"):  # planned, and followed to its page
        planned = client.post(
            "/bulk?image=attacks/",
            data={"action": action, "all": "yes"},
            headers={"origin": "http://127.0.0.1:4600"},
        )
        assert planned.status_code == 200, action
        assert not any(sign in planned.text for sign in "\x03\u202e"), action
        if action == "rerun":
            assert r"attacks/\x03\u202e$(touch x)\n.jpg" in planned.text
    (copied,) = re.findall('data-copy="([^"]*)"', client.get(pages[3]).text)
    assert r"attacks/\003\342\200\256$(touch x)\012.jpg" in html.unescape(copied)


def test_a_name_that_is_no_text_is_refused(engine: Engine) -> None:
    at = engine.deployment
    with pytest.raises(ClientError, match=r"\(SerializationException\).* half of a surrogate pair"):
        at.stepfunctions.start_execution(
            stateMachineArn=at.state_machine_arn, name="run\ud800", input="{}"
        )
