"""Looking at processes that may end at any moment."""

from __future__ import annotations

import psutil


def lives(pid: int) -> bool:
    """Tell whether a process runs; an ended one is a zombie until its parent has asked after it.

    An orphan's new parent is process 1, which in a container may never ask.
    """
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
