"""The figures of the last hour, day and week. Pure: :mod:`darkroom_ops.overview.read` asks."""

from __future__ import annotations

import collections
import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from darkroom_ops.executions.listed import FAILURES, Listed
from darkroom_ops.executions.model import RUNNING

COMPLETE = "COMPLETE"


@dataclass(frozen=True)
class Span:
    """How far a window reaches back, and how long each of its bars lasts."""

    name: str
    since: str  # as `--since` takes it
    length: datetime.timedelta
    bar: datetime.timedelta

    @property
    def bars(self) -> int:
        """How many bars it has."""
        return self.length // self.bar


SPANS = (
    Span("hour", "1h", datetime.timedelta(hours=1), datetime.timedelta(minutes=5)),
    Span("day", "24h", datetime.timedelta(days=1), datetime.timedelta(hours=1)),
    Span("week", "7d", datetime.timedelta(days=7), datetime.timedelta(hours=6)),
)


@dataclass(frozen=True)
class Bar:
    """A part of a window: how many started in it, and how those ended."""

    started: int = 0
    complete: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Window:
    """What happened to the executions that started within a span."""

    span: Span
    started: int
    complete: int
    failed: int
    p50: float | None  # seconds that half of them took; None where nothing was complete
    p95: float | None
    usd: float | None  # None where it is not known
    bars: tuple[Bar, ...]  # oldest first


@dataclass(frozen=True)
class Failures:
    """How many executions failed with an error, by the span's name."""

    error: str
    counts: dict[str, int]


def windows(listed: Sequence[Listed], now: datetime.datetime) -> tuple[Window, ...]:
    """Return the figures of every span."""
    return tuple(_window(listed, span, now) for span in SPANS)


def _window(listed: Sequence[Listed], span: Span, now: datetime.datetime) -> Window:
    begin = now - span.length
    within = [each for each in listed if each.started >= begin]
    bars = [[0, 0, 0] for _ in range(span.bars)]
    for each in within:
        # A clock that is ahead of this one's may have started it in a moment.
        bar = bars[min(span.bars - 1, (each.started - begin) // span.bar)]
        bar[0] += 1
        bar[1] += each.outcome == COMPLETE
        bar[2] += each.status in FAILURES
    took = [each.seconds for each in within if each.outcome == COMPLETE]
    priced = [each.usd for each in within if each.status != RUNNING]
    usd = None if priced and not any(p is not None for p in priced) else _sum(priced)
    return Window(
        span=span,
        started=len(within),
        complete=len(took),
        failed=sum(bar[2] for bar in bars),
        p50=percentile(took, 50),
        p95=percentile(took, 95),
        usd=usd,
        bars=tuple(Bar(*bar) for bar in bars),
    )


def failures(listed: Iterable[Listed], now: datetime.datetime) -> tuple[Failures, ...]:
    """Return the errors of those that failed, the most frequent first."""
    counts: dict[str, collections.Counter[str]] = {}
    for each in listed:
        if each.status in FAILURES:
            counted = counts.setdefault(each.error or each.status, collections.Counter())
            counted.update(s.name for s in SPANS if each.started >= now - s.length)
    found = (Failures(error, dict(counted)) for error, counted in counts.items() if counted)
    return tuple(sorted(found, key=lambda each: (-max(each.counts.values()), each.error)))


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that so many percent do not exceed; None of none."""
    if not values:
        return None
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def _sum(prices: Iterable[float | None]) -> float:
    return math.fsum(price for price in prices if price is not None)
