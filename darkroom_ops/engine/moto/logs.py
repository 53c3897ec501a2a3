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
from darkroom_ops.engine.spool import TOGETHER, PackedList


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


FULL = 8 * TOGETHER
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
    """The events of a stream, in the order in which they came. Nearly all lie in the spool."""

    def __init__(self) -> None:
        self._lines = PackedList()
        self._times: tuple[int, int] | None = None  # of the first and the last

    def __iadd__(self, events: list[Any]) -> Lines:
        for each in events:
            self._lines.append([each.timestamp, each.ingestion_time, each.message, each.event_id])
            first, last = self._times or (each.timestamp, each.timestamp)
            self._times = min(first, each.timestamp), max(last, each.timestamp)
        return self

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Any]:
        return (_event(*said) for said in self._lines)

    def between(self, start: int | None, end: int | None) -> Iterator[Any]:
        """Yield the events from one time to another, in milliseconds."""
        first, last = self.times()
        if first is None or last is None or (start or first) > last or (end or last) < first:
            return
        for said in self._lines:
            if (start or first) <= said[0] <= (end or said[0]):
                yield _event(*said)

    def times(self) -> tuple[int, int] | tuple[None, None]:
        """Return when the first and the last event happened."""
        return self._times or (None, None)


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
        each for each in self.events.between(start_time, end_time) if pattern.matches(each.message)
    ]
    return [
        each.to_filter_dict() | {"logStreamName": self.log_stream_name}
        for each in sorted(found, key=lambda each: each.timestamp)
    ]
