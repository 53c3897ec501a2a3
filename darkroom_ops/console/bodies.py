"""The bodies of requests, read up to a limit."""

from __future__ import annotations

from starlette.requests import Request

MAX_INPUT = 256 * 1024
"""Step Functions takes an input of 262,144 bytes at most (its quotas)."""


class TooLarge(Exception):
    """A request's body is larger than it may be."""


async def body(request: Request, limit: int) -> bytes:
    """Return the body of a request; TooLarge if it is longer than so many bytes."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)
