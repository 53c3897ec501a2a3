"""Who may ask: only the browser of whoever started the console, on its own behalf.

The console can start executions and read pictures with the operator's own rights. So no other user
of the machine may ask: the address that is printed has a token, which the browser exchanges for a
cookie. And no other site's page may make the browser ask. A page that rebinds its name to 127.0.0.1
is known by the Host header; one that sends requests across sites by Origin and the Fetch Metadata
headers (W3C Fetch Metadata Request Headers), which every current browser sends and no page can
change.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = {"GET", "HEAD"}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: browsers would then send `Origin: null` with the console's own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""What every answer carries, unless it says something stricter itself."""


class SameOrigin:
    """Refuses what does not come from the console itself, and adds the headers."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        reason = refusal(scope["method"], Headers(scope=scope), self._hosts)
        if reason is not None:
            await PlainTextResponse(reason, 403)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)


class Token:
    """Asks for the token, once in the address and then as a cookie; without one, as of 403.

    Browsers keep cookies for all ports of a name together, so each console's has its own name.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._cookie = f"darkroom-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or ask for the token."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        if self._is_token(asked.query_params.get("token", "")):
            answer: Response = RedirectResponse(asked.url.remove_query_params("token"), 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            await answer(scope, receive, send)
        elif self._is_token(asked.cookies.get(self._cookie, "")):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(STRANGER, 403)(scope, receive, send)

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


STRANGER = (
    "Expected the token of this console. Open the address that it printed when it started: the "
    "token is another one at each start. If you followed a link from elsewhere, go to the address "
    "and press Enter.\n"
)


def refusal(method: str, headers: Headers, hosts: frozenset[str]) -> str | None:
    """Return why a request is refused, or None."""
    host = headers.get("host", "")
    if host not in hosts:
        return (
            f"Expected the Host header to be one of {', '.join(sorted(hosts))}, but received "
            f"{host!r}. Open the console at the address that it printed when it started."
        )
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    ours = {f"http://{each}" for each in hosts}
    if origin is not None and origin not in ours:
        return f"Expected a request from the console itself, but it came from {origin!r}."
    if method in SAFE_METHODS:
        # A link in a mail or on another page may open the console, but not embed or fetch it.
        opened = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
            "navigate",
            "document",
        )
        if site in {"cross-site", "same-site"} and not opened:
            return "Expected a request from the console itself, but another site's page sent it."
        return None
    if site not in {None, "same-origin"} or (origin is None and site is None):
        return (
            "Expected a request from the console's own page, but it says nothing of where it comes "
            "from, or another site. Use the console's page, or the `darkroom` command."
        )
    return None
