"""CloudWatch Logs: times, the patterns that lines are filtered by, and where lines are."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from moto.logs import models
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogEvent, LogStream

from darkroom_ops.engine.log_patterns import compiled
from darkroom_ops.engine.moto.hook import hook
from darkroom_ops.engine.spool import Packed


@hook(
    LogEvent,
    "__init__",
    "Moto gives the times of what functions print with fractions of a millisecond.",
)
def event(self: Any, ingestion_time: int, log_event: dict[str, Any]) -> None:
    event.original(self, ingestion_time, log_event | {"timestamp": int(log_event["timestamp"])})


@hook(
    models,
    "EventMessageFilter",
    "Moto lets every line match a pattern for JSON, or one that begins with a question mark.",
)
class Filter:
    """Stands for moto's reader of patterns."""

    def __init__(self, pattern: str | None) -> None:
        try:
            self.matches = compiled(pattern or "")
        except ValueError as error:
            raise InvalidParameterException(f"Invalid filter pattern: {error}") from None


FULL = 500
"""Lines after which a stream is not continued: `darkroom up --data` writes streams as a whole."""


def stream_of(backend: Any, group: str, prefix: str) -> str:
    """Return the name of the stream that the next lines go to; one is made if need be."""
    streams = backend.groups[group].streams
    name = next(reversed(streams), "")
    if not name.startswith(prefix) or len(streams[name].events) >= FULL:
        name = f"{prefix}{uuid.uuid4().hex}"
        backend.create_log_stream(group, name)
    return str(name)


class Lines:
    """The events of a stream, in the order in which they came. They lie in the spool."""

    def __init__(self) -> None:
        self._batches: list[tuple[int, int, int, Packed]] = []  # first and last time, lines

    def __iadd__(self, events: list[Any]) -> Lines:
        if events:
            times = [each.timestamp for each in events]
            packed = Packed(
                [
                    [each.timestamp, each.ingestion_time, each.message, each.event_id]
                    for each in events
                ]
            )
            self._batches.append((min(times), max(times), len(events), packed))
        return self

    def __len__(self) -> int:
        return sum(count for _, _, count, _ in self._batches)

    def __iter__(self) -> Iterator[Any]:
        return self.between(None, None)

    def between(self, start: int | None, end: int | None) -> Iterator[Any]:
        """Yield the events from one time to another, in milliseconds, and perhaps some others."""
        for first, last, _, packed in list(self._batches):
            if (start is None or start <= last) and (end is None or first <= end):
                for said in packed.read():
                    yield _event(*said)

    def times(self) -> tuple[int, int] | tuple[None, None]:
        """Return when the first and the last event happened."""
        if not self._batches:
            return None, None
        return min(each[0] for each in self._batches), max(each[1] for each in self._batches)


def _event(timestamp: int, ingestion_time: int, message: str, event_id: int) -> Any:
    made = object.__new__(LogEvent)
    made.timestamp, made.ingestion_time = timestamp, ingestion_time
    made.message, made.event_id = message, event_id
    return made


@hook(LogStream, "__init__", "Moto has every line in memory.")
def stream(self: Any, *args: Any, **kwargs: Any) -> None:
    stream.original(self, *args, **kwargs)
    self.events = Lines()


@hook(LogStream, "_update", "Moto reads every line to know when the first and the last came.")
def update(self: Any) -> None:
    self.first_event_timestamp, self.last_event_timestamp = self.events.times()


@hook(LogStream, "filter_log_events", "Moto reads every line, and the pattern anew for each.")
def filter_lines(
    self: Any, start_time: int | None, end_time: int | None, filter_pattern: str
) -> list[dict[str, Any]]:
    pattern = models.EventMessageFilter(filter_pattern)
    found = [
        each
        for each in self.events.between(start_time or None, end_time or None)
        if (start_time or each.timestamp) <= each.timestamp <= (end_time or each.timestamp)
        and pattern.matches(each.message)
    ]
    return [
        each.to_filter_dict() | {"logStreamName": self.log_stream_name}
        for each in sorted(found, key=lambda each: each.timestamp)
    ]
