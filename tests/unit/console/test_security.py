"""Who may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.routes import create
from darkroom_ops.console.security import SameOrigin, Token, refusal
from tests.unit.console.conftest import BASE, OURS, TOKEN

HOSTS = frozenset({"127.0.0.1:4600", "localhost:4600"})
HOST = {"host": "127.0.0.1:4600"}
SAME = {**HOST, "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("method", "headers", "answered"),
    [
        ("GET", HOST, True),
        ("GET", {"host": "localhost:4600"}, True),
        ("GET", {"host": "evil.example:4600"}, False),
        ("GET", {"host": "127.0.0.1:80"}, False),
        ("HEAD", HOST, True),
        ("GET", {}, False),
        ("GET", {**HOST, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ("GET", {**HOST, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, False),
        (
            "GET",
            {
                **HOST,
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            True,
        ),
        (
            "GET",
            {
                **HOST,
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "iframe",
            },
            False,
        ),
        ("POST", {**SAME, "origin": "http://127.0.0.1:4600"}, True),
        ("POST", {**HOST, "origin": "http://127.0.0.1:4600"}, True),
        ("POST", SAME, True),
        ("POST", HOST, False),
        ("POST", {**HOST, "origin": "null"}, False),
        ("POST", {**HOST, "origin": "https://evil.example"}, False),
        ("POST", {**HOST, "origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-site"}, False),
        ("POST", {**HOST, "sec-fetch-site": "none"}, False),
    ],
)
def test_only_the_console_itself_may_ask(
    method: str, headers: dict[str, str], answered: bool
) -> None:
    reason = refusal(method, Headers(headers), HOSTS)
    assert (reason is None) == answered, reason


def test_a_refusal_says_what_was_expected_and_what_came() -> None:
    assert str(refusal("GET", Headers({}), HOSTS)).startswith(
        "Expected the Host header to be one of 127.0.0.1:4600, localhost:4600, but received ''."
    )


@pytest.mark.parametrize("path", ["/", "/static/console.js", "/none"])
def test_what_a_browser_may_do_with_an_answer(client: TestClient, path: str) -> None:
    """Run nothing from elsewhere, guess no types, show it in no frame, tell nobody."""
    told = client.get(path).headers
    policy = dict(each.split(" ", 1) for each in told["content-security-policy"].split("; "))
    assert policy.pop("default-src") == policy.pop("base-uri") == "'none'"
    assert policy.pop("frame-ancestors") == "'none'"
    assert set(policy.values()) == {"'self'"}
    assert (told["x-content-type-options"], told["x-frame-options"]) == ("nosniff", "DENY")
    for name in ("referrer-policy", "cross-origin-opener-policy", "cross-origin-resource-policy"):
        assert told[name] == "same-origin"


def test_what_is_no_request_passes_as_it_is() -> None:
    """As the server's start and end, which have neither method nor headers."""
    begun: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        begun.append("begun")
        yield

    app = Starlette(lifespan=lifespan)
    for guard in (SameOrigin(app, HOSTS), Token(app, TOKEN, 4600)):
        with TestClient(guard):
            pass
    assert begun == ["begun", "begun"]


# ---------------------------------------------------------------------------- the token


@pytest.fixture
def stranger(client: TestClient) -> TestClient:
    client.cookies.clear()
    return client


@pytest.mark.parametrize(
    "path", ["/", "/inbox", "/executions/complete", "/static/console.js", "/live/executions", "/x"]
)
def test_nobody_is_answered_without_the_token(stranger: TestClient, path: str) -> None:
    for given in ({}, {"token": ""}, {"token": "other"}, {"token": "\u00fc"}):
        answer = stranger.get(path, params=given)
        assert answer.status_code == 403
        assert answer.text.startswith("Expected the token of this console. Open the address")
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/executions/complete/stop", "/uploads", "/check"])
def test_nothing_is_done_without_the_token(stranger: TestClient, stack: Any, path: str) -> None:
    assert stranger.post(path, headers=OURS, content=b"{}").status_code == 403
    assert stack.done == []


def test_the_address_is_exchanged_for_a_cookie(stranger: TestClient) -> None:
    answer = stranger.get("/inbox?status=FAILED&token=token&image=a%26b")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{BASE}/inbox?status=FAILED&image=a%26b"
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name == "darkroom-4600=token"
    assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=strict"}
    assert answer.headers["cache-control"] == "no-store"
    assert stranger.get("/").status_code == 200


def test_another_console_s_cookie_opens_nothing(stranger: TestClient) -> None:
    stranger.cookies.set("darkroom-4601", TOKEN)
    assert stranger.get("/").status_code == 403


def test_two_consoles_are_open_beside_each_other(stranger: TestClient, context: Context) -> None:
    """A browser has one jar for all ports of a name: the second's cookie must not replace it."""
    app, base = create(context, 4601, "another"), BASE.replace("4600", "4601")
    with TestClient(app, base, follow_redirects=False) as second:
        stranger.get(f"/?token={TOKEN}")
        second.cookies.update(stranger.cookies)
        second.get("/?token=another")
        stranger.cookies.update(second.cookies)
        assert [each.get("/").status_code for each in (stranger, second)] == [200, 200]


def test_a_token_leads_nowhere_else(stranger: TestClient) -> None:
    location = stranger.get(f"{BASE}//evil.example/x?token=token").headers["location"]
    assert location == f"{BASE}//evil.example/x"


def test_another_site_s_page_cannot_use_a_token(stranger: TestClient) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    answer = stranger.get("/?token=token", headers=headers)
    assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
