"""Takes from Python what a Mac lacks, and gives it more cores.

Python imports it by its name, when its folder is in PYTHONPATH. psutil may still read ``/proc``: on
a Mac it asks the kernel otherwise.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

CORES = 6

for _module, _name in (
    (os, "memfd_create"),
    (os, "pidfd_open"),
    (os, "sched_getaffinity"),
    (socket, "SOCK_SEQPACKET"),
):
    if hasattr(_module, _name):
        delattr(_module, _name)

_sendmsg = socket.socket.sendmsg


def _asked_by_psutil() -> bool:
    """Return whether a caller is psutil, itself or by one function of ``os.path``."""
    callers = (sys._getframe(2), sys._getframe(3))
    return any(each.f_globals.get("__name__", "").startswith("psutil") for each in callers)


def _without_proc(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any, *args: Any, **more: Any) -> Any:
        if f"{path}/".startswith("/proc/") and not _asked_by_psutil():
            raise FileNotFoundError(errno.ENOENT, "A Mac has no /proc", path)
        return function(path, *args, **more)

    return call


def _send_with_descriptors(
    sender: socket.socket, buffers: Any, ancillary: Any = (), *more: Any
) -> int:
    if not all(len(data) for _, _, data in ancillary):
        raise OSError(errno.EINVAL, "A Mac may refuse an ancillary message without descriptors")
    return _sendmsg(sender, buffers, ancillary, *more)


os.cpu_count = lambda: CORES
builtins.open = io.open = _without_proc(io.open)
for _name in ("listdir", "open", "scandir", "stat"):
    setattr(os, _name, _without_proc(getattr(os, _name)))
socket.socket.sendmsg = _send_with_descriptors
