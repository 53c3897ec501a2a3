"""Errors as answers: what a person reads, and where they go on; the same as JSON for a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from darkroom.contract.errors import InvalidRequest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.problems import NoSuchAction, NoSuchState
from darkroom_ops.deployment import NotDeployed
from darkroom_ops.executions.client import NoSuchExecution
from tests.unit.console.conftest import OURS

HTML = {"accept": "text/html"}


def said(text: str) -> str:
    """Return the title and the message of a page."""
    page = text.partition('<div class="empty problem">')[2]
    title = page.partition("<h1>")[2].partition("</h1>")[0]
    return f"{title}: {page.partition('<p>')[2].partition('</p>')[0]}"


@pytest.mark.parametrize(
    ("method", "path", "code", "expected"),
    [
        ("GET", "/nowhere", 404, "No such page: There is nothing to see at this address."),
        ("GET", "/check", 405, "No such page: There is nothing to see at this address."),
        (
            "GET",
            "/executions/none",
            404,
            (
                "No such execution: The stack photos has no execution named none. Step Functions "
                "forgets an execution 90 days after its end."
            ),
        ),
        (
            "GET",
            "/executions/a%E2%80%AEb",
            404,
            (
                r"No such execution: The stack photos has no execution named a\u202eb. Step "
                "Functions forgets an execution 90 days after its end."
            ),
        ),
        (
            "GET",
            "/executions/complete/states/999",
            404,
            "No such state: This execution has no such state.",
        ),
        (
            "GET",
            "/executions/complete/states/999/logs",
            404,
            "No such state: This execution has no such state.",
        ),
        (
            "GET",
            "/executions/complete/definitions/None",
            404,
            "No such state: Its state machine has no such state.",
        ),
        (
            "GET",
            "/bulk/none",
            404,
            (
                "No such action: The console remembers the last 20 actions since its start, and "
                "this is none of them. The list shows what was done."
            ),
        ),
        (
            "POST",
            "/uploads?name=a",
            422,
            "Empty: The file is empty (0 bytes). Choose one with an image in it.",
        ),
    ],
)
def test_what_is_wrong_with_an_address_is_said(
    client: TestClient, method: str, path: str, code: int, expected: str
) -> None:
    page = client.request(method, path, headers=OURS | HTML)
    assert (page.status_code, said(page.text)) == (code, expected)
    assert '<a class="button" href="/">Executions</a>' in page.text

    answer = client.request(method, path, headers=OURS)
    assert (answer.status_code, answer.json()) == (
        code, {"message": expected.partition(": ")[2]},
    )  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/bulk",
        "/bulk/x/begin",
        "/bulk/x/stop",
        "/bulk/x/rest",
        "/dead-letters",
        "/presets",
        "/presets/preview",
        "/check",
        "/preview",
        "/uploads",
        "/executions/complete/rerun",
        "/executions/complete/source",
        "/executions/complete/stop",
        "/executions/complete/redrive",
    ],
)
def test_what_acts_is_posted(client: TestClient, path: str) -> None:
    assert client.put(path, headers=OURS).status_code == 405


def test_of_an_engine_it_is_said_how_executions_are_kept(client: TestClient, stack: Any) -> None:
    stack.endpoint = "http://127.0.0.1:4599"
    assert client.get("/executions/none").json()["message"] == (
        "The stack photos has no execution named none. The engine keeps executions from one start "
        "to the next with darkroom up --data."
    )


@pytest.fixture
def raising(
    client: TestClient, context: Context, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Exception], Any]:
    """Has an address answer a person while looking raises an error."""

    def ask(path: str, error: Exception) -> Any:
        fail = Mock(side_effect=error)
        stack.stepfunctions.describe_execution = fail
        monkeypatch.setattr(context.executions, "find", fail)
        return client.get(path, headers=HTML)

    return ask


REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeExecution")


@pytest.mark.parametrize(
    ("path", "error", "code", "expected"),
    [
        (
            "/executions/a",
            REFUSED,
            502,
            (
                "That did not work: AWS refused: An error occurred (AccessDenied) when calling the "
                "DescribeExecution operation: no."
            ),
        ),
        (
            "/executions/a",
            EndpointConnectionError(endpoint_url="X"),
            502,
            (
                "That did not work: Could not connect to the endpoint URL: &#34;X&#34; Is the "
                "engine still running? Start it with `darkroom up`, or name another with "
                "--endpoint."
            ),
        ),
        ("/executions/a", NotDeployed("No stack."), 502, "That did not work: No stack."),
        (
            "/executions/a",
            InvalidRequest("No key."),
            502,
            "That did not work: InvalidRequest: No key.",
        ),
        ("/executions/a", HTTPException(400, "No form."), 400, "That is not possible: No form."),
        ("/executions/a", NoSuchState("a"), 404, "No such state: a"),
        ("/executions/a", NoSuchAction("b"), 404, "No such action: b"),
        # What a terminal would be told to do, nobody reads here.
        ("/find?q=s3://a/b", NoSuchExecution("None.", "Try ls."), 404, "No such execution: None."),
    ],
)
def test_an_error_is_told_in_words(
    raising: Callable[[str, Exception], Any], path: str, error: Exception, code: int, expected: str
) -> None:
    page = raising(path, error)
    assert (page.status_code, said(page.text)) == (code, expected)
