"""Lambda, on a laptop: each function in worker processes, within its memory and time.

A worker serves one invocation at a time and stays warm for the next, like an execution
environment. One that exceeds its memory or time is killed, and the caller gets what Lambda reports.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

RUNTIME = Path(__file__).with_name("runtime.py")

INIT_SECONDS = 60.0
"""How long a function's imports may take. Lambda gives 10 s on an idle machine."""

CHECK_SECONDS = 0.1
"""How often a running worker's memory is looked at."""

CLOSE_SECONDS = 5.0
"""How long a killed worker may take to be gone."""

CHUNK_BYTES = 1 << 16
NUMBER = struct.Struct("i")
MIB = 1024 * 1024

# What a worker needs of the machine's own environment; credentials and settings never leak in.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class FunctionSpec:
    """A function as the template declares it.

    Parameters
    ----------
    name, arn, handler
        As in Lambda.
    code
        Folder of the handler's module.
    layers
        Folders that are importable, like ``/opt/python``.
    environment
        The function's variables.
    memory_mb
        Memory, in MiB.
    timeout
        Longest invocation, in seconds.
    dead_letters
        ARN of the queue for events that it failed on, if it has one.
    """

    name: str
    arn: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    environment: Mapping[str, str]
    memory_mb: int
    timeout: float
    dead_letters: str | None = None


@dataclass(frozen=True)
class Invocation:
    """What became of an invocation.

    Parameters
    ----------
    payload
        The response, or an error with ``errorType`` and ``errorMessage``, as JSON.
    failed
        Whether the payload is an error.
    log
        What the function printed, with Lambda's START, END and REPORT lines.
    seconds
        Duration, without the wait for a worker and its start.
    """

    payload: str
    failed: bool
    log: str
    seconds: float


class WorkerDied(Exception):
    """The worker process ended, or was ended, before it answered."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Forked:
    """A worker's process, forked by another one: as much of Popen as a worker needs.

    Parameters
    ----------
    pid
        Its id.
    stdin, stdout, stderr
        The engine's ends of its standard streams.
    told
        Where its exit code comes.
    """

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int, told: int) -> None:
        self.pid = pid
        self.stdin = os.fdopen(stdin, "wb")
        self.stdout = os.fdopen(stdout, "rb")
        self.stderr = os.fdopen(stderr, "rb")
        self._told = told
        self._code: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        if self._code is None:
            with contextlib.suppress(psutil.Error):
                if psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE:
                    return None
        return self.wait()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process and return its exit code; killed, if nobody knows."""
        with self._lock:
            if self._code is None:
                if not select.select([self._told], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("worker", timeout or 0)
                code = os.read(self._told, NUMBER.size)
                os.close(self._told)
                self._code = NUMBER.unpack(code)[0] if code else -signal.SIGKILL
            return self._code


class Forking:
    """A process that has imported what every function needs, and forks their workers.

    Importing it takes most of a worker's start.

    Parameters
    ----------
    preload
        The modules.
    environment
        Of the process; a worker gets its own.
    """

    def __init__(self, preload: Sequence[str], environment: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-u", str(RUNTIME), *preload],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=dict(environment),
                start_new_session=True,
            )

    def fork(self, folder: Path, environment: Mapping[str, str]) -> Forked:
        """Fork a process, with its environment in a folder.

        Raises
        ------
        WorkerDied
            The process that forks is gone.
        """
        request = json.dumps({"environment": dict(environment), "folder": str(folder)})
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
            raise WorkerDied("Lambda.ServiceException", "The process that forks workers is gone.")
        return Forked(*NUMBER.unpack(pid), *ours)

    @property
    def alive(self) -> bool:
        """Whether it can fork."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it; its workers end by themselves."""
        self._socket.close()
        self._process.wait()


def _start(folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-u", str(RUNTIME)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=dict(environment),
        # Ctrl-C is for the engine, which then ends its workers in order.
        start_new_session=True,
    )


@dataclass(eq=False)
class Worker:
    """One process of one function."""

    function: str
    process: subprocess.Popen[bytes] | Forked
    init_seconds: float = 0.0
    log: bytearray = field(default_factory=bytearray)
    replies: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(
        cls, spec: FunctionSpec, environment: Mapping[str, str], forking: Forking | None = None
    ) -> Worker:
        """Start a process and wait until the function is imported."""
        started = time.monotonic()
        process = (forking.fork if forking else _start)(spec.code, environment)
        worker = cls(spec.name, process)
        try:
            worker.reply(INIT_SECONDS, limit_bytes=None)
        except BaseException:
            worker.kill()
            raise
        worker.init_seconds = time.monotonic() - started
        return worker

    def reply(
        self, seconds: float, limit_bytes: int | None, end: bytes | None = None
    ) -> dict[str, Any]:
        """Wait for the next reply, and for the mark that ends its log.

        Raises
        ------
        WorkerDied
            With Lambda's name and words for the reason.
        """
        out, err = self.process.stdout, self.process.stderr
        if out is None or err is None:
            raise RuntimeError("a worker is started with pipes")
        deadline = time.monotonic() + seconds
        open_pipes = {out.fileno(): self.replies, err.fileno(): self.log}
        checked = time.monotonic()
        while b"\n" not in self.replies or (end is not None and end not in self.log):
            if time.monotonic() > deadline:
                raise WorkerDied("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")
            ready, _, _ = select.select(list(open_pipes), [], [], CHECK_SECONDS)
            for pipe in ready:
                chunk = os.read(pipe, CHUNK_BYTES)
                open_pipes[pipe].extend(chunk)
                if not chunk:
                    raise WorkerDied("Runtime.ExitError", self._exit_words())
            if limit_bytes is None or time.monotonic() - checked < CHECK_SECONDS:
                continue
            checked = time.monotonic()
            if _resident(self.process.pid) > limit_bytes:
                raise WorkerDied("Runtime.ExitError", _KILLED)
        line, _, rest = bytes(self.replies).partition(b"\n")
        self.replies[:] = rest
        found: dict[str, Any] = json.loads(line)
        return found

    def send(self, request: Mapping[str, Any]) -> None:
        """Hand an invocation to the worker."""
        if self.process.stdin is None:
            raise RuntimeError("a worker is started with pipes")
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerDied("Runtime.ExitError", self._exit_words()) from None

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
        """Whether the process has ended; a zombie cannot be waited for while a thread is left."""
        if self.process.poll() is not None:
            return True
        with contextlib.suppress(psutil.Error):
            return bool(psutil.Process(self.process.pid).status() == psutil.STATUS_ZOMBIE)
        return False

    def interrupt(self) -> None:
        """End the process and all it started; whoever waits for its reply hears that it died."""
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
_KILLED = "Runtime exited with error: signal: killed"


class WorkerPool:
    """All workers of all functions, at most so many at work at once.

    Parameters
    ----------
    endpoint
        Where the functions find AWS.
    region
        Their region.
    slots
        Invocations that run at once; the others wait, which counts for no function's timeout.
    preload
        Modules that workers are forked with, where the system can; with none, each worker starts
        from nothing.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        slots: int | None = None,
        preload: Sequence[str] = (),
    ) -> None:
        self._preload = preload if hasattr(os, "pidfd_open") else ()
        self._forking: Forking | None = None
        self._endpoint = endpoint
        self._region = region
        self._slots = threading.BoundedSemaphore(slots or (os.cpu_count() or 1) + 1)
        self._lock = threading.Lock()
        self._specs: dict[str, FunctionSpec] = {}
        self._idle: dict[str, list[Worker]] = {}
        self._busy: set[Worker] = set()
        self._closed = threading.Event()

    def register(self, spec: FunctionSpec) -> None:
        """Make a function known, in place of an earlier one of its name."""
        with self._lock:
            self._specs[spec.name] = spec
            stale = self._idle.pop(spec.name, [])
        for worker in stale:
            worker.kill()

    def spec(self, name: str) -> FunctionSpec:
        """Return a function by its name.

        Raises
        ------
        KeyError
            There is none of that name.
        """
        return self._specs[name]

    def knows(self, name: str) -> bool:
        """Tell whether there is a function of that name."""
        return name in self._specs

    def functions(self) -> tuple[FunctionSpec, ...]:
        """Return every function."""
        return tuple(self._specs.values())

    def warm(self) -> None:
        """Start a worker of each function, so that the first upload does not wait for imports."""
        # A function that does not start says so when it is invoked.
        with contextlib.suppress(WorkerDied):
            for spec in self.functions():
                with self._slots:
                    worker, _ = self._take(spec)
                    self._give_back(spec, worker)

    def pids(self) -> dict[int, str]:
        """Return the ids of all worker processes, each with the name of its function."""
        with self._lock:
            workers = [*self._busy, *(w for idle in self._idle.values() for w in idle)]
        return {worker.process.pid: worker.function for worker in workers}

    def invoke(self, name: str, event: Any) -> Invocation:
        """Invoke a function and wait for it.

        Parameters
        ----------
        name
            Of the function.
        event
            JSON-like data.

        Returns
        -------
        Invocation
            Its response or its error; a worker that dies is an error, as in Lambda.
        """
        spec = self.spec(name)
        request_id = str(uuid.uuid4())
        with self._slots:
            try:
                worker, cold = self._take(spec)
            except WorkerDied as died:
                return _dead(spec, request_id, died, "", 0.0)
            return self._run(spec, worker, request_id, event, cold=cold)

    def close(self) -> None:
        """End every worker; invocations under way end as killed."""
        with self._lock:
            self._closed.set()
            idle = [worker for workers in self._idle.values() for worker in workers]
            busy = list(self._busy)
            self._idle.clear()
        for worker in busy:
            worker.interrupt()
        for worker in idle:
            worker.kill()
        for worker in busy:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(timeout=CLOSE_SECONDS)
        with self._lock:
            if self._forking is not None:
                self._forking.close()

    def _run(
        self, spec: FunctionSpec, worker: Worker, request_id: str, event: Any, *, cold: bool
    ) -> Invocation:
        end = f"\0end {request_id}".encode()
        limit = spec.memory_mb * MIB
        request = {
            "id": request_id,
            "arn": spec.arn,
            "timeout": spec.timeout,
            "event": event,
            "end": end.decode(),
        }
        started = time.monotonic()
        try:
            worker.send(request)
            answer = worker.reply(spec.timeout, limit, end)
            seconds = time.monotonic() - started
            _check_peak(answer["peak_bytes"], limit)
        except WorkerDied as died:
            log = worker.take_log(None)
            self._discard(worker)
            return _dead(spec, request_id, died, log, time.monotonic() - started)
        except BaseException:
            self._discard(worker)
            raise
        log = worker.take_log(end)
        self._give_back(spec, worker)
        report = _report(spec, request_id, seconds, answer["peak_bytes"], worker if cold else None)
        return Invocation(
            payload=answer["payload"],
            failed=answer["failed"],
            log=_framed(request_id, log, report),
            seconds=seconds,
        )

    def _take(self, spec: FunctionSpec) -> tuple[Worker, bool]:
        """Return an idle worker, or a new one, and whether it is new."""
        with self._lock:
            if self._closed.is_set():
                raise WorkerDied("Lambda.ServiceException", "The engine is stopping.")
            idle = self._idle.setdefault(spec.name, [])
            while idle:
                worker = idle.pop()
                if not worker.ended:
                    self._busy.add(worker)
                    return worker, False
                worker.kill()
        worker = Worker.start(spec, self._environment(spec), self._ready_to_fork(spec))
        with self._lock:
            if not self._closed.is_set():
                self._busy.add(worker)
                return worker, True
        worker.kill()
        raise WorkerDied("Lambda.ServiceException", "The engine is stopping.")

    def _ready_to_fork(self, spec: FunctionSpec) -> Forking | None:
        with self._lock:
            if self._closed.is_set():
                raise WorkerDied("Lambda.ServiceException", "The engine is stopping.")
            if self._preload and (self._forking is None or not self._forking.alive):
                self._forking = Forking(self._preload, self._environment(spec))
            return self._forking

    def _give_back(self, spec: FunctionSpec, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            # A function that was registered anew meanwhile has no use for a worker as it was.
            if not self._closed.is_set() and self._specs[spec.name] == spec:
                self._idle.setdefault(spec.name, []).append(worker)
                return
        worker.kill()

    def _discard(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
        worker.kill()

    def _environment(self, spec: FunctionSpec) -> dict[str, str]:
        path = [str(spec.code), *(str(layer) for layer in spec.layers)]
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **spec.environment,
            "DARKROOM_SYS_PATH": os.pathsep.join(path),
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            # The access key tells whose call it is.
            "AWS_ACCESS_KEY_ID": spec.name,
            "AWS_SECRET_ACCESS_KEY": "engine",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
            "LAMBDA_TASK_ROOT": str(spec.code),
            "_HANDLER": spec.handler,
        }


def _resident(pid: int) -> int:
    """Return the resident bytes of a worker and of the processes that its function started."""
    size = 0
    for each in (pid, *_descendants(pid)):
        with contextlib.suppress(psutil.Error):  # gone, or a zombie: it holds nothing any more
            size += psutil.Process(each).memory_info().rss
    return size


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    children = _children(pid)
    return children + [each for child in children for each in _descendants(child)]


def _children(pid: int) -> list[int]:
    """Return a process's children, from the kernel where it tells.

    psutil would read every process of the machine, ten times a second for each busy worker.
    """
    try:
        lists = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # a thread, or the process, ended meanwhile
        lists = []
    if lists:
        return [int(child) for each in lists for child in each.split()]
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _check_peak(peak_bytes: int, limit_bytes: int) -> None:
    """Treat a peak between two looks at the memory as Lambda does: the process is killed."""
    if peak_bytes > limit_bytes:
        raise WorkerDied("Runtime.ExitError", _KILLED)


def _dead(
    spec: FunctionSpec, request_id: str, died: WorkerDied, log: str, seconds: float
) -> Invocation:
    """Report a dead worker in Lambda's form."""
    message = f"RequestId: {request_id} Error: {died}"
    payload = {"errorType": died.kind, "errorMessage": message}
    report = _report(spec, request_id, seconds, 0, None)
    return Invocation(
        payload=json.dumps(payload),
        failed=True,
        log=_framed(request_id, f"{log}{message}\n", report),
        seconds=seconds,
    )


def _report(
    spec: FunctionSpec, request_id: str, seconds: float, peak: int, cold: Worker | None
) -> str:
    init = f"\tInit Duration: {cold.init_seconds * 1000:.2f} ms" if cold else ""
    return (
        f"REPORT RequestId: {request_id}\tDuration: {seconds * 1000:.2f} ms\t"
        f"Billed Duration: {max(1, round(seconds * 1000))} ms\tMemory Size: {spec.memory_mb} MB\t"
        f"Max Memory Used: {peak // MIB} MB{init}"
    )


def _framed(request_id: str, log: str, report: str) -> str:
    start = f"START RequestId: {request_id} Version: $LATEST\n"
    return f"{start}{log}END RequestId: {request_id}\n{report}\n"
