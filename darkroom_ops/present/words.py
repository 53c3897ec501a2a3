"""Figures as people read them."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom.contract.text import escaped, plain, size

if TYPE_CHECKING:
    from darkroom_ops.executions.model import Made

__all__ = [
    "after_end",
    "broken",
    "change",
    "count",
    "deep",
    "dollars",
    "duration",
    "hanging",
    "lines",
    "measure",
    "moment",
    "plain",
    "pretty",
    "saving",
    "since",
    "size",
    "wrapped",
]

MINUTE = 60


def duration(seconds: float | None) -> str:
    """Return a duration, as ``0.4 s`` or ``2 min 5 s``; nothing while it is not known."""
    if seconds is None:
        return ""
    if seconds >= MINUTE:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE)} s"
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"


def after_end(seconds: float) -> str:
    """Say how long after its end an execution was redriven."""
    return f"{duration(seconds)} after it had ended"


_AGO = re.compile(r"(?P<number>\d+) ?(?P<unit>s|m|min|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def since(text: str) -> datetime.datetime:
    """Read a point in time: how long ago, as ``2h`` or ``7d``, or a date, with a time or without.

    A ValueError says what was expected.
    """
    now = datetime.datetime.now().astimezone()
    if (match := _AGO.fullmatch(text.strip())) is not None:
        return now - datetime.timedelta(seconds=int(match["number"]) * _SECONDS[match["unit"]])
    try:
        time = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            "Expected how long ago, such as 30m, 2h or 7d, or a date such as 2026-01-31 or "
            f"2026-01-31T08:00, but received {text!r}."
        ) from None
    return time if time.tzinfo else time.astimezone()


def moment(time: datetime.datetime) -> str:
    """Return a time as ``2026-01-31 08:00:15 CET``, in this machine's zone."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def dollars(usd: float) -> str:
    """Return a price, in cents or with two significant digits: ``$0.38``, ``$0.00038``."""
    if usd <= 0:
        return "$0"
    decimals = max(2, 1 - math.floor(math.log10(usd)))
    return f"${usd:.{decimals}f}"


def saving(made: Made, original: int) -> str:
    """Return how much smaller an object is than the original, as ``-92 %``."""
    return change(made.bytes, original)


def change(size: int, whole: int) -> str:
    """Return how a size differs from a whole: ``-92 %``, and 99 for all but nothing."""
    if not whole:
        return ""
    percent = round(100 * (size - whole) / whole)
    return f"{max(percent, -99) if size else percent:+d} %"


def lines(text: str) -> str:
    """Return text of several lines, with what is unseen in each escaped."""
    return "\n".join(map(plain, text.split("\n")))


_COMMAND = r"(?:darkroom|aws|export) "
_UNBROKEN = re.compile(
    rf"""(?<=[ :] ){_COMMAND}.*|\(?(?:`[^`]*`|'[^']*'|"[^"]*")\S*|\S+""", re.DOTALL
)
"""What a line is not broken in: a word, a command at its end, or what is quoted. A person copies
commands, keys and ids as they are."""

_HEAD = re.compile(r"\s*(?:\S+(?: \S+)? {2,}(?=\S))?")
"""What the lines after a first one are indented by: its own indentation, and its label."""


def broken(line: str, width: int) -> list[tuple[int, int]]:
    """Return the parts of a line, as offsets, that each fit a width: as many words as it takes.

    All but the first are indented as :func:`hanging` says. A command stays as it is.
    """
    if re.match(rf"\s*{_COMMAND}", line) or len(line) <= width:
        return [(0, len(line))]
    head = hanging(line, width)
    found = [(0, 0)]
    for word in _UNBROKEN.finditer(line):
        start, end = found[-1]
        # A label keeps what follows it: what is too long there is so on a line of its own, too.
        if end > head and word.end() - start > width - (head if len(found) > 1 else 0):
            found.append(word.span())
        else:
            found[-1] = start, word.end()
    return found


def hanging(line: str, width: int) -> int:
    """Return how far the parts of a line after its first are indented: half of the room at most."""
    head = next(_HEAD.finditer(line)).end()  # each line has one, if only of no width
    return head if 2 * head <= width else len(line) - len(line.lstrip())


def wrapped(text: str, width: int) -> str:
    """Return a text whose lines are broken between words."""
    found: list[str] = []
    for line in text.split("\n"):
        first, *others = broken(line, width)
        found.append(line[slice(*first)])
        found += [" " * hanging(line, width) + line[slice(*each)] for each in others]
    return "\n".join(found)


DEEPEST = 32
"""Levels of data that are indented: at 3,000, which AWS takes, an input has 18 MB of spaces."""


def deep(data: Any) -> bool:
    """Return whether data is nested more than :data:`DEEPEST` levels."""
    level = [data]
    for _ in range(DEEPEST):
        level = [
            each
            for every in level
            if isinstance(every, Mapping | list)
            for each in (every.values() if isinstance(every, Mapping) else every)
        ]
    return any(isinstance(each, Mapping | list) for each in level)


def pretty(data: Any) -> str:
    """Return JSON-like data for reading: JSON that says the same, with what is unseen escaped.

    What is nested too deep for that is in one line.
    """
    text = json.dumps(data, indent=None if deep(data) else 2, ensure_ascii=False)
    return "\n".join(escaped(line, lambda c: json.dumps(c)[1:-1]) for line in text.split("\n"))


def measure(made: Made) -> str:
    """Return pixels, or pages of a PDF."""
    if made.pages is not None:
        return "1 page" if made.pages == 1 else f"{made.pages} pages"
    return f"{made.width} x {made.height}" if made.width is not None else ""


def count(number: int, word: str) -> str:
    """Return a number with its word, as ``1 retry``, ``2 retries`` or ``1,000 matches``."""
    if number == 1:
        return f"1 {word}"
    if word.endswith("y"):
        return f"{number:,} {word[:-1]}ies"
    return f"{number:,} {word}{'es' if word.endswith('ch') else 's'}"
