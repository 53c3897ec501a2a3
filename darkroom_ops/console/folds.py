"""What is alike on two sides, folded: who compares looks for what differs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

CONTEXT = 3
"""Lines that stay beside one that differs."""

LEAST = 4
"""Lines that are folded at least: fewer are read as quickly as what says so."""

T = TypeVar("T")


def folded(lines: Sequence[T], alike: Callable[[T], bool]) -> Iterator[tuple[bool, list[T]]]:
    """Yield the lines in parts, in their order, each with whether it is to be folded."""
    open_: list[T] = []
    left = len(lines)
    for same, run in itertools.groupby(lines, alike):
        part = list(run)
        first = CONTEXT if left < len(lines) else 0
        left -= len(part)
        last = len(part) - (CONTEXT if left else 0)
        if not same or last - first < LEAST:
            open_ += part
            continue
        if open_:
            yield False, open_ + part[:first]
        yield True, part[first:last]
        open_ = part[last:]
    if open_:
        yield False, open_
