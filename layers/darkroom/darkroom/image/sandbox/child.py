"""The decoder's process: ``python -m darkroom.image.sandbox.child SOCKET``."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import resource
import signal
import socket
import sys
import threading
import time
from typing import BinaryIO

import msgspec

from darkroom.contract.errors import DarkroomError
from darkroom.contract.limits import MIB
from darkroom.image.decode import decode
from darkroom.image.sandbox.parent import Job, Reply, receive, send, shared, shared_file
from darkroom.image.vips import vips

MAX_FILE = 4096 * MIB
"""Of what it writes, in bytes: a mezzanine, in memory, which its own memory does not count."""

BESIDES = 1024 * MIB
"""Of address space, beside the memory that it may have and the file: libraries and stacks take a
fifth of that. So who watches it (:mod:`parent`) is first to find that it grows too large."""

_NO_NEW_PRIVILEGES, _DUMPABLE = 38, 4
"""PR_SET_NO_NEW_PRIVS and PR_SET_DUMPABLE (prctl(2)): what it runs gains nothing by being set-uid,
and no process of the same user reads or changes its memory."""


def main(descriptor: int) -> None:
    """Answer one file after the other until the other side is gone."""
    _harden()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    vips()
    # Where the parent goes away in the middle, nobody waits for an answer.
    sock, kept = socket.socket(fileno=descriptor), shared_file()
    with sock, kept, contextlib.suppress(ConnectionError):
        sock.send(b"+")
        while True:
            body, file = receive(sock)
            if not body or file is None:
                return
            with file:
                _answer(sock, msgspec.msgpack.decode(body, type=Job), file, kept)


def _harden() -> None:
    """Give up what decoding does not need, for the case that an image takes this process over."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE, MAX_FILE))
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        library.prctl(_DUMPABLE, 0, 0, 0, 0)


def _bound(job: Job) -> None:
    """Take only the address space that a file may need.

    What no file within these limits needs is given up for good, so that whoever takes this process
    over cannot have it back. Larger limits get another process (:func:`parent.decode`).
    """
    if sys.platform == "linux":
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        ever = job.spec.limits.max_memory + job.spec.limits.max_bytes + BESIDES
        ever = ever if most == resource.RLIM_INFINITY else min(ever, most)
        space = min(job.spec.limits.max_memory + job.length + BESIDES, ever)
        resource.setrlimit(resource.RLIMIT_AS, (space, ever))


def _follow(parent: int) -> None:
    """End with the parent, even in the middle of a file that never ends."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _answer(sock: socket.socket, job: Job, file: BinaryIO, kept: BinaryIO) -> None:
    _bound(job)
    try:
        # Not closed by hand: libvips may hold on to the last image's bytes until the next.
        data = mmap.mmap(file.fileno(), job.length, prot=mmap.PROT_READ)
        image, parts = decode(memoryview(data), job.spec)
    except DarkroomError as error:
        send(sock, Reply(error=type(error).__name__, message=str(error)), None)
        return
    with shared(kept, *parts) as result:
        send(sock, Reply(image=image, length=sum(map(len, parts))), result)


if __name__ == "__main__":
    main(int(sys.argv[1]))
