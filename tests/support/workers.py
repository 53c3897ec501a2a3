"""How many processes of pytest's share the tests, for ``make test``."""

from __future__ import annotations

import os

MOST = 4
"""Processors that are used: each process has an engine and a browser of its own, some 600 MB."""


def processors() -> int:
    """Return how many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # macOS has none
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def workers() -> int:
    """Return one more than the processors: a sixth of the time, a test waits for its engine."""
    return min(processors(), MOST) + 1


if __name__ == "__main__":
    print(workers())
