"""A function's execution environment: one process, within its memory and time.

It serves one invocation at a time and stays warm for the next. One that exceeds its memory or time
is killed, and the caller gets what Lambda reports.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

RUNTIME = Path(__file__).with_name("runtime.py")

INIT_SECONDS = 60.0
"""How long a function's imports may take. Lambda gives 10 s on an idle machine."""

CHECK_SECONDS = 0.2
"""How often a running environment's memory is looked at."""

CHECK_SECONDS_WITHOUT_PROC = 0.5
"""The same where psutil has to read every process of the machine for it, as on a Mac."""

SPARES = 4
"""Processes that wait to be environments, where none can be forked. Each holds 50 MB."""

CHUNK_BYTES = 1 << 16
PROC = "/proc"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
NUMBER = struct.Struct("i")


@dataclass(frozen=True)
class FunctionSpec:
    """A function as the template declares it."""

    name: str
    arn: str
    handler: str
    code: Path  # the folder of the handler's module
    layers: tuple[Path, ...]  # importable, like /opt/python
    variables: Mapping[str, str]
    memory_mb: int  # in MiB
    timeout: float  # in seconds
    dead_letters: str | None = None  # ARN of the queue for events that it failed on
    polled_for: bool = False  # an event source says how many run at once


class EnvironmentFailed(Exception):
    """The process ended, or was ended, before it answered."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ForkedProcess:
    """An environment's process, forked by another one: as much of Popen as an environment needs.

    The exit code comes from the descriptor ``status``.
    """

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int, status: int) -> None:
        self.pid = pid
        self.stdin = os.fdopen(stdin, "wb")
        self.stdout = os.fdopen(stdout, "rb")
        self.stderr = os.fdopen(stderr, "rb")
        self._status = status
        self._code: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process and return its exit code; killed, if nobody knows."""
        with self._lock:
            if self._code is None:
                selector = selectors.PollSelector()
                selector.register(self._status, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired("environment", timeout or 0)
                code = os.read(self._status, NUMBER.size)
                os.close(self._status)
                self._code = NUMBER.unpack(code)[0] if code else -signal.SIGKILL
            return self._code


class ForkServer:
    """A process that has imported what every function needs, and forks their environments.

    Importing it takes most of an environment's start.
    """

    def __init__(self, preload: Sequence[str], variables: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-u", str(RUNTIME), "fork", *preload],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=dict(variables),
                start_new_session=True,
            )

    def start(self, folder: Path, variables: Mapping[str, str]) -> ForkedProcess:
        """Fork a process, with its variables in a folder; EnvironmentFailed if this is gone."""
        request = json.dumps({"variables": dict(variables), "folder": str(folder)})
        pipes = [os.pipe() for _ in range(4)]
        theirs = [pipes[0][0], *(write for _, write in pipes[1:])]
        ours = [pipes[0][1], *(read for read, _ in pipes[1:])]
        with contextlib.suppress(OSError):  # it is gone: then no id comes
            socket.send_fds(self._socket, [request.encode()], theirs)
        for each in theirs:
            os.close(each)
        pid = os.read(ours[-1], NUMBER.size)
        if not pid:
            for each in ours:
                os.close(each)
            raise EnvironmentFailed("Lambda.ServiceException", "The fork server is gone.")
        return ForkedProcess(*NUMBER.unpack(pid), *ours)

    @property
    def alive(self) -> bool:
        """Whether it can fork."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it; its environments end by themselves."""
        self._socket.close()
        self._process.wait()


def start_process(
    folder: Path,
    variables: Mapping[str, str],
    python: Sequence[str] = (sys.executable, "-u", str(RUNTIME)),
) -> subprocess.Popen[bytes]:
    """Start an environment's process from nothing: a Python that runs the runtime."""
    return subprocess.Popen(
        python,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=dict(variables),
        # Ctrl-C is for the engine, which then ends its environments in order.
        start_new_session=True,
    )


class SpareProcesses:
    """Some processes that have imported what every function needs, and wait to be environments.

    For systems without a fork server. One that is taken is replaced while it begins its work.
    """

    def __init__(self, preload: Sequence[str], variables: Mapping[str, str]) -> None:
        self._command = (sys.executable, "-u", str(RUNTIME), "wait", *preload)
        self._variables = variables
        self._lock = threading.Lock()
        self._waiting = [self._start() for _ in range(SPARES)]

    def start(self, folder: Path, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Return a process, which goes on with its variables in a folder."""
        with self._lock:
            process = self._waiting.pop(0)
            self._waiting.append(self._start())
        request = json.dumps({"variables": dict(variables), "folder": str(folder)})
        assert process.stdin is not None  # noqa: S101 - it is started with pipes
        with contextlib.suppress(BrokenPipeError):  # it is gone: then no reply comes
            process.stdin.write(request.encode() + b"\n")
            process.stdin.flush()
        return process

    @property
    def alive(self) -> bool:
        """Whether it can start more: always, since each that is taken is replaced."""
        return True

    def close(self) -> None:
        """End those that wait."""
        while self._waiting:
            Environment("", self._waiting.pop()).kill()

    def _start(self) -> subprocess.Popen[bytes]:
        return start_process(RUNTIME.parent, self._variables, self._command)


Start = Callable[[Path, Mapping[str, str]], subprocess.Popen[bytes] | ForkedProcess]
"""Starts an environment's process, for the folder of a function's code and its variables."""


@dataclass(eq=False)
class Environment:
    """One process of one function."""

    function: str
    process: subprocess.Popen[bytes] | ForkedProcess
    init_seconds: float | None = None  # how long it took to start, if it has served nothing yet
    log: bytearray = field(default_factory=bytearray)
    replies: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(
        cls, spec: FunctionSpec, variables: Mapping[str, str], start: Start = start_process
    ) -> Environment:
        """Start a process and wait until the function is imported."""
        started = time.monotonic()
        environment = cls(spec.name, start(spec.code, variables))
        try:
            environment.reply(INIT_SECONDS, limit_bytes=None)
        except BaseException:
            environment.kill()
            raise
        environment.init_seconds = time.monotonic() - started
        return environment

    def reply(
        self, seconds: float, limit_bytes: int | None, end: bytes | None = None
    ) -> dict[str, Any]:
        """Wait for the next reply, and for the mark that ends its log.

        EnvironmentFailed has Lambda's name and words for the reason why there is none.
        """
        out, err = self.process.stdout, self.process.stderr
        assert out is not None and err is not None  # noqa: S101, PT018 - it is started with pipes
        deadline = time.monotonic() + seconds
        # Not `select`, which knows no descriptor above 1,023; and poll itself takes none.
        pipes = selectors.PollSelector()
        pipes.register(out, selectors.EVENT_READ, self.replies)
        pipes.register(err, selectors.EVENT_READ, self.log)
        checked = time.monotonic()
        quick = os.path.exists(PROC)  # noqa: PTH110 - asked all the time
        between_checks = CHECK_SECONDS if quick else CHECK_SECONDS_WITHOUT_PROC
        while b"\n" not in self.replies or (end is not None and end not in self.log):
            if time.monotonic() > deadline:
                text = f"Task timed out after {seconds:.2f} seconds"
                raise EnvironmentFailed("Sandbox.Timedout", text)
            for pipe, _ in pipes.select(CHECK_SECONDS):
                chunk = os.read(pipe.fd, CHUNK_BYTES)
                pipe.data.extend(chunk)
                if not chunk:
                    raise EnvironmentFailed("Runtime.ExitError", self._exit_words())
            if limit_bytes is not None and time.monotonic() - checked >= between_checks:
                checked = time.monotonic()
                check_memory(_resident(self.process.pid), limit_bytes)
        line, _, rest = bytes(self.replies).partition(b"\n")
        self.replies[:] = rest
        reply: dict[str, Any] = json.loads(line)
        return reply

    def send(self, request: Mapping[str, Any]) -> None:
        """Hand an invocation to the environment."""
        assert self.process.stdin is not None  # noqa: S101 - it is started with pipes
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise EnvironmentFailed("Runtime.ExitError", self._exit_words()) from None

    def take_log(self, end: bytes | None) -> str:
        """Return what was printed since the last call, up to the mark."""
        text, _, rest = bytes(self.log).partition(end + b"\n" if end else b"\0")
        self.log[:] = rest
        return text.decode(errors="replace")

    def kill(self) -> None:
        """End the process and all it started, and let go of it. For the thread that has it."""
        self.interrupt()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process.wait()

    @property
    def ended(self) -> bool:
        """Whether the process has ended; a zombie cannot be waited for while a thread is left.

        A forked process may be gone before its fork server has told of it.
        """
        if self.process.poll() is not None:
            return True
        with contextlib.suppress(OSError):  # it is gone, or there is no /proc
            return _said(f"{PROC}/{self.process.pid}/stat").rpartition(b") ")[2].startswith(b"Z")
        try:
            return bool(psutil.Process(self.process.pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    def interrupt(self) -> None:
        """End the process and all it started; whoever waits for its reply gets an error."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _exit_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(timeout=1)
            if code < 0:
                name = signal.Signals(-code).name.removeprefix("SIG").lower()
                return f"Runtime exited with error: signal: {_SIGNALS.get(name, name)}"
            if code > 0:
                return f"Runtime exited with error: exit status {code}"
        return "Runtime exited without providing a reason"


_SIGNALS = {"kill": "killed", "segv": "segmentation fault", "abrt": "aborted"}


def check_memory(used_bytes: int, limit_bytes: int) -> None:
    """Treat a process that uses more than it may, or did, as Lambda does: it is killed."""
    if used_bytes > limit_bytes:
        raise EnvironmentFailed("Runtime.ExitError", "Runtime exited with error: signal: killed")


def _resident(pid: int) -> int:
    """Return the resident bytes of a process and of those that it started."""
    return sum(_own_resident(each) for each in (pid, *_descendants(pid)))


def _own_resident(pid: int) -> int:
    """Return a process's resident bytes, from the kernel where it says: psutil asks it for more.

    One that is gone, or a zombie, holds nothing any more.
    """
    with contextlib.suppress(OSError):
        return int(_said(f"{PROC}/{pid}/statm").split()[1]) * PAGE_BYTES
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started.

    psutil would read every process of the machine, ten times a second for each busy environment.
    """
    try:
        children = _children(pid)
    except OSError:  # a thread, or the process, ended meanwhile; or there is no /proc
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children(recursive=True)]
        return []
    return children + [each for child in children for each in _descendants(child)]


def _children(pid: int) -> list[int]:
    """Return a process's children as the kernel says; an OSError, if it does not."""
    found: list[int] = []
    for thread in os.listdir(f"{PROC}/{pid}/task"):  # noqa: PTH208 - looked at all the time
        found += map(int, _said(f"{PROC}/{pid}/task/{thread}/children").split())
    return found


def _said(path: str) -> bytes:
    """Return what the kernel says in a file.

    `open` asks five times more, and lets other threads take Python's lock each time.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, CHUNK_BYTES)
    finally:
        os.close(descriptor)
