"""The memory that C code takes: kept together, and given back."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

ARENA_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD = -8, -3, -1
"""Of mallopt(3), by the numbers of glibc's malloc.h."""

SETTINGS = {ARENA_MAX: 2, MMAP_THRESHOLD: 4 << 20, TRIM_THRESHOLD: 8 << 20}
"""By itself glibc has eight arenas for each processor, and each keeps what is free in it: in an
engine's hundred threads that was a third of its memory. Python runs one of them at a time."""


def settle() -> None:
    """Tell glibc so, for this process; other systems' allocators have no such settings."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for setting, value in SETTINGS.items():
            mallopt(setting, value)


TUNABLES, NO_CACHES = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"


def restart() -> None:
    """Start this program anew, so that its threads keep nothing of what they free; Linux only.

    Each of an engine's hundred threads kept a tenth of a megabyte while it waited. glibc hears of
    it only when a process starts. What somebody else tells it stays.
    """
    said = os.environ.get(TUNABLES)
    if said == NO_CACHES:
        del os.environ[TUNABLES]  # what this program starts is as it was
    elif said is None and sys.platform == "linux":
        again = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, again, os.environ | {TUNABLES: NO_CACHES})  # noqa: S606 - itself


def give_back() -> None:
    """Give the system what is free between what is in use, too: milliseconds; glibc's only."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
