"""Who may ask."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from darkroom_ops.console.security import refusal

HOSTS = frozenset({"127.0.0.1:4600", "localhost:4600"})
OURS = {"host": "127.0.0.1:4600"}
SAME = {**OURS, "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("method", "headers", "answered"),
    [
        ("GET", OURS, True),
        ("GET", {"host": "localhost:4600"}, True),
        ("GET", {"host": "evil.example:4600"}, False),
        ("GET", {"host": "127.0.0.1:80"}, False),
        ("GET", {}, False),
        ("GET", {**OURS, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ("GET", {**OURS, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, False),
        (
            "GET",
            {
                **OURS,
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            True,
        ),
        (
            "GET",
            {
                **OURS,
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "iframe",
            },
            False,
        ),
        ("POST", {**SAME, "origin": "http://127.0.0.1:4600"}, True),
        ("POST", {**OURS, "origin": "http://127.0.0.1:4600"}, True),
        ("POST", SAME, True),
        ("POST", OURS, False),
        ("POST", {**OURS, "origin": "null"}, False),
        ("POST", {**OURS, "origin": "https://evil.example"}, False),
        ("POST", {**OURS, "origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-site"}, False),
        ("POST", {**OURS, "sec-fetch-site": "none"}, False),
    ],
)
def test_only_the_console_itself_may_ask(
    method: str, headers: dict[str, str], answered: bool
) -> None:
    reason = refusal(method, Headers(headers), HOSTS)
    assert (reason is None) == answered, reason
