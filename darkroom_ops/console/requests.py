"""What requests carry: bodies, read up to a limit, and numbers."""

from __future__ import annotations

from starlette.requests import Request

MAX_INPUT = 256 * 1024
"""Step Functions takes an input of 262,144 bytes at most (its quotas)."""


DIGITS = 9
"""Those of the largest number that is understood."""


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


def number(text: str | None, otherwise: int = 0) -> int:
    """Return a number of a query; `otherwise` where it has none, or says something else."""
    given = text or ""
    return int(given) if given.isdecimal() and len(given) <= DIGITS else otherwise
