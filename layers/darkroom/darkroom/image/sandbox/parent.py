"""Untrusted bytes in, a mezzanine out. Nothing else opens what a person uploaded.

Format and size of the bytes are checked here; they are decoded in a process of its own, so that no
file can take the function down with it. The process is started once and decodes one file after the
other. It has no credentials in its environment. If a file crashes it, keeps it busy for too long or
makes it grow too large, it is killed, the file gets its named error, and the next a new process.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from darkroom.contract import errors
from darkroom.contract.errors import (
    CorruptImage,
    DarkroomError,
    ImageError,
    ImageTooLarge,
    InvalidRequest,
)
from darkroom.contract.limits import MIB, Limits, check_bytes
from darkroom.contract.results import ImageInfo
from darkroom.contract.text import shortened
from darkroom.image.input.sniff import sniff
from darkroom.image.spec import Decoded, DecodeSpec

START_SECONDS = 30.0
"""How long the process may take to start; it takes 0.1 s on an idle machine."""

WATCH_SECONDS = 0.02
"""How often memory is looked at. Memory is filled at a few GB/s, so little can pass in between."""

END_SECONDS = 1.0
"""How long a process that has let go of its socket may take to end by itself."""

KEPT = 32 * MIB
"""Files of up to so many bytes lie where the last one lay: new memory for each, and giving it back,
takes 2 % of the CPU of 4 megapixels. By then, who got the last one has read it."""

MAX_MESSAGE = 16 * MIB

MAX_TEXT = 2000
"""Of an error, in characters."""

_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
"""Environment that the process gets. Everything else, credentials above all, stays out."""


_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(16 * MIB),
    "MALLOC_TRIM_THRESHOLD_": str(32 * MIB),
    "MALLOC_ARENA_MAX": "2",
}
"""Settings of glibc's allocator (mallopt(3)): large blocks go back to the system when they are
freed, and 32 MiB of the others are kept. By default the process keeps most, and had grown fourfold
after eight images; where it keeps none, each image has the system clear all its memory anew, a
tenth of the CPU of 4 megapixels."""


_NUMBERS, _FOOTPRINT = 12, 9
"""Of 64 bits, that macOS tells of a process, and which of them is its own memory (rusage_info_v0,
sys/resource.h)."""


class Job(Struct, frozen=True):
    """What is sent with a file: the specification, and the length of the file."""

    spec: DecodeSpec
    length: int


class Reply(Struct, frozen=True):
    """What comes back: the image and its mezzanine's length, or the name and text of an error."""

    image: ImageInfo | None = None
    length: int = 0
    error: str = ""
    message: str = ""


class DecoderDiedError(Exception):
    """The decoder's process ended before it answered, or its answer is none."""


def shared_file() -> BinaryIO:
    """Return an empty file that only descriptors reach: in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("darkroom"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


@contextlib.contextmanager
def shared(kept: BinaryIO, *parts: bytes) -> Iterator[BinaryIO]:
    """Lend a file with these parts, which is `kept` unless they are large."""
    length = sum(len(part) for part in parts)
    with contextlib.nullcontext(kept) if length <= KEPT else shared_file() as file:
        file.seek(0)
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[file.write(view) :]
        yield file


def send(sock: socket.socket, message: Struct, file: BinaryIO | None) -> None:
    """Send a message, and with it an open file."""
    body = msgspec.msgpack.encode(message)
    head = len(body).to_bytes(4, "big")
    if file:
        socket.send_fds(sock, [head], [file.fileno()])
    else:  # macOS may refuse an ancillary message without descriptors
        sock.sendall(head)
    sock.sendall(body)


def receive(
    sock: socket.socket, wait: Callable[[], None] = lambda: None
) -> tuple[bytes, BinaryIO | None]:
    """Receive a message's body and its file; an empty body where the other side is gone.

    Before each look at the socket it calls `wait`, which returns when there is something to read.
    """
    wait()
    head, files, _, _ = socket.recv_fds(sock, 4, 1)
    file = os.fdopen(files[0], "r+b", buffering=0) if files else None
    left, parts = min(int.from_bytes(head, "big"), MAX_MESSAGE), []
    while left:
        wait()
        part = sock.recv(min(left, MIB))
        if not part:
            return b"", file
        parts.append(part)
        left -= len(part)
    return b"".join(parts), file


def search_path() -> str:
    """Return where this process imports from, for the PYTHONPATH of one that it starts."""
    return os.pathsep.join(str(Path(path).absolute()) for path in sys.path)


class DecoderProcess:
    """A running decoder."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
            environment |= _ALLOCATOR
            environment["PYTHONPATH"] = search_path()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "darkroom.image.sandbox.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                cwd="/",
            )
        self._socket, self._upload = ours, shared_file()
        self._ready = False
        self._room: int | None = None

    @property
    def pid(self) -> int:
        """The process's identifier, for those who measure it."""
        return self._process.pid

    def decode(self, data: bytes, spec: DecodeSpec) -> Decoded:
        """Decode one file; after any error but those it reports itself the process is gone.

        A RuntimeError says that it does not start: the deployment is at fault, not the file.
        """
        self._room = min(_room(spec.limits), self._room or _room(spec.limits))
        name = "max_drawing_seconds" if sniff(data) == "svg" else "max_decode_seconds"
        try:
            self._await_ready()
            reply, mezzanine = self._ask(data, spec, name)
        except (DecoderDiedError, ConnectionError, TimeoutError):
            raise self._explain_death() from None
        except BaseException:
            self.stop()
            raise
        if reply.image is None:
            raise _reported(reply)
        return Decoded(reply.image, mezzanine)

    def stop(self) -> None:
        """Kill the process."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._socket.close()
        self._upload.close()

    @property
    def alive(self) -> bool:
        """Whether it can take a file."""
        return self._process.poll() is None and self._socket.fileno() >= 0

    def has_room(self, limits: Limits) -> bool:
        """Whether it can take what these limits allow: what earlier ones did not, it gave up."""
        return self._room is None or _room(limits) <= self._room

    def _await_ready(self) -> None:
        if self._ready:
            return
        self._socket.settimeout(START_SECONDS)
        with contextlib.suppress(OSError):
            self._ready = self._socket.recv(1) == b"+"
        self._socket.settimeout(None)
        if not self._ready:
            raise RuntimeError(
                "The decoder's process did not start. Expected `python -m "
                "darkroom.image.sandbox.child` to find the layer's libraries; its own error is in "
                "the log above."
            )

    def _ask(self, data: bytes, spec: DecodeSpec, limit: str) -> tuple[Reply, bytes]:
        """Send a file and receive the answer, within a limit of that name, in seconds."""
        seconds = getattr(spec.limits, limit)
        deadline = time.monotonic() + seconds
        self._socket.settimeout(seconds)
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)

            def wait() -> None:
                ready = False
                while not ready:
                    ready = bool(selector.select(WATCH_SECONDS))
                    if time.monotonic() > deadline:
                        raise ImageTooLarge(
                            f"Decoding this image took longer than {seconds:g} s ({limit}). Make "
                            "it smaller or simpler, or have the limit raised."
                        )
                    if not ready and _memory(self.pid) > spec.limits.max_memory:
                        raise ImageTooLarge(
                            "Decoding this image took more than "
                            f"{spec.limits.max_memory // MIB:,} MiB of memory (max_memory). Make "
                            "it smaller, or have the limit raised."
                        )

            with shared(self._upload, data) as file:
                send(self._socket, Job(spec, len(data)), file)
            return _understood(*receive(self._socket, wait))

    def _explain_death(self) -> DarkroomError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        code = self._process.returncode
        self.stop()
        if code == -signal.SIGKILL:
            return ImageTooLarge(
                "The system ended the decoder of this image (SIGKILL), as it does when memory runs "
                "out. Make the image smaller, or have the memory of the function raised."
            )
        how = "no answer" if code is None else f"exit code {code}"
        if code is not None and code < 0:
            how = signal.Signals(-code).name
        return CorruptImage(
            f"This image crashed its decoder ({how}), which a sound file does not do. Open it on "
            "your computer; if it shows, save it anew and upload that."
        )


_running: DecoderProcess | None = None
_one_at_a_time = threading.Lock()


def start() -> DecoderProcess:
    """Start the decoder's process, unless it runs. It loads while the caller goes on."""
    global _running  # noqa: PLW0603 - one process for as long as this one lives
    if _running is None or not _running.alive:
        _end()  # one that died holds a socket still
        _running = DecoderProcess()
    return _running


@atexit.register
def _end() -> None:
    if _running is not None:
        _running.stop()


def decode(data: bytes, spec: DecodeSpec) -> Decoded:
    """Decode an upload into a mezzanine: upright, 8-bit sRGB, as large as its uses need.

    InvalidRequest says that a watermark cannot be drawn, UnsupportedImage that the bytes are no
    image of a supported format, CorruptImage that they begin as one but cannot be decoded,
    ImageTooLarge which limit is exceeded, in bytes, pixels, frames, pages, time or memory.
    """
    from darkroom.image.watermark import check

    check_bytes(len(data), spec.limits)
    sniff(data)
    check(spec.presets, spec.watermark_images)
    with _one_at_a_time:
        process = start()
        if not process.has_room(spec.limits):
            process.stop()
            process = start()
        return process.decode(data, spec)


def _room(limits: Limits) -> int:
    """Return what a file within these limits takes at most, in bytes, beside what any takes."""
    return limits.max_memory + limits.max_bytes


def _understood(body: bytes, file: BinaryIO | None) -> tuple[Reply, bytes]:
    """Return an answer and its mezzanine; DecoderDiedError where it is none.

    A decoder that an image has taken over answers what it likes.
    """
    with file or contextlib.nullcontext():
        try:
            reply = msgspec.msgpack.decode(body, type=Reply)
        except msgspec.DecodeError:
            raise DecoderDiedError from None
        if reply.image is None:
            return reply, b""
        found = os.fstat(file.fileno()) if file else None
        if found is None or not stat.S_ISREG(found.st_mode):
            raise DecoderDiedError
        if not 0 <= reply.length <= found.st_size:
            raise DecoderDiedError
        assert file is not None  # noqa: S101 - it was looked at
        return reply, os.pread(file.fileno(), reply.length, 0)


def _reported(reply: Reply) -> DarkroomError:
    """Return the error that an image was found to have."""
    kind = errors.named(reply.error)
    if kind is None or not issubclass(kind, ImageError | InvalidRequest):
        kind = CorruptImage
    return kind(shortened(reply.message, MAX_TEXT))


def _memory(pid: int) -> int:
    """Return the memory of a process in bytes; 0 where the system does not say.

    That is what is resident, and on macOS what is its own: there, memory may also be compressed.
    """
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:
        return _footprint(pid)
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def _footprint(pid: int) -> int:
    """Return what macOS says of a process; 0 on other systems, and of a process that is gone."""
    ask = getattr(ctypes.CDLL(None), "proc_pid_rusage", None)
    usage = (ctypes.c_uint64 * _NUMBERS)()
    if ask is None or ask(pid, 0, ctypes.byref(usage)) != 0:
        return 0
    return int(usage[_FOOTPRINT])
