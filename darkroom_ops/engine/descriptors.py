"""File descriptors: an engine under load has more open than a Mac's shell allows by default."""

from __future__ import annotations

import contextlib
import resource

ENOUGH = 10_240
"""Also the most that macOS grants whatever its hard limit says: OPEN_MAX (setrlimit(2), macOS)."""


def allow() -> None:
    """Raise this process's soft limit of open files, of which a Mac's is 256, if it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with contextlib.suppress(OSError, ValueError):  # then it must do with fewer
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
