"""The decoder's process: ``python -m darkroom.image.sandbox.child SOCKET``."""

from __future__ import annotations

import contextlib
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
from darkroom.image.decode import decode
from darkroom.image.sandbox.parent import Job, Reply, receive, send, shared_file
from darkroom.image.vips import vips


def main(descriptor: int) -> None:
    """Answer one file after the other until the other side is gone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    vips()
    # Where the parent goes away in the middle, nobody waits for an answer.
    with socket.socket(fileno=descriptor) as sock, contextlib.suppress(ConnectionError):
        sock.send(b"+")
        while True:
            body, file = receive(sock)
            if not body or file is None:
                return
            with file:
                _answer(sock, msgspec.msgpack.decode(body, type=Job), file)


def _follow(parent: int) -> None:
    """End with the parent, even in the middle of a file that never ends."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _answer(sock: socket.socket, job: Job, file: BinaryIO) -> None:
    try:
        # Not closed by hand: libvips may hold on to the last image's bytes until the next.
        data = mmap.mmap(file.fileno(), job.length, prot=mmap.PROT_READ)
        image, parts = decode(memoryview(data), job.spec)
    except DarkroomError as error:
        send(sock, Reply(error=type(error).__name__, message=str(error)), None)
        return
    with shared_file() as result:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[result.write(view) :]
        length = sum(len(part) for part in parts)
        send(sock, Reply(image=image, length=length), result)


if __name__ == "__main__":
    main(int(sys.argv[1]))
