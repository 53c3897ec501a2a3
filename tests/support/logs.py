"""What is logged, for tests that look at it: as much of pytest's `caplog` as they need.

pytest's own plugin is off (pyproject.toml): it goes through every logger six times for each test,
and moto has hundreds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Logged(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.message = record.getMessage()
        self.records.append(record)

    @property
    def messages(self) -> list[str]:
        return [each.getMessage() for each in self.records]

    @property
    def text(self) -> str:
        """Return all of it, with what was raised."""
        return "\n".join(map(self.format, self.records))

    @contextmanager
    def at_level(self, level: int, logger: str | None = None) -> Iterator[None]:
        """Have no less than this logged meanwhile."""
        changed = logging.getLogger(logger)
        before = changed.level
        changed.setLevel(level)
        yield
        changed.setLevel(before)
