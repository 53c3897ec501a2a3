"""CloudWatch Logs: times, and the patterns that lines are filtered by."""

from __future__ import annotations

from typing import Any

from moto.logs import models
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogEvent

from darkroom_ops.engine.log_patterns import compiled
from darkroom_ops.engine.moto.hook import hook


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
