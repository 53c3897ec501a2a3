"""Lambda, on a laptop: functions, and the execution environments that they run in."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom_ops.engine.lambda_.environments import (
    Environment,
    EnvironmentFailed,
    ForkServer,
    FunctionSpec,
    SpareProcesses,
    Start,
    check_memory,
    start_process,
)

CLOSE_SECONDS = 5.0
"""How long a killed environment may take to be gone."""

MAX_IDLE = 24
"""Environments that are kept for later, of all functions together: as many as four cores ever use.
Each holds memory and three file descriptors of this process."""

MIB = 1024 * 1024

# What an environment needs of the machine's own; credentials and settings never leak in.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Invocation:
    """What became of an invocation."""

    payload: str  # the response, or an error with `errorType` and `errorMessage`, as JSON
    failed: bool
    log: str  # what the function printed, with Lambda's START, END and REPORT lines
    seconds: float  # without the wait for an environment and its start


class Functions:
    """All environments of all functions.

    So many invocations run at once as there are slots; the others wait, which counts for no
    function's timeout. A function that a queue is polled for takes none: it has a limit of its own,
    and may wait for others. The environments used last stay warm. Each begins with modules
    preloaded, forked where the system can; with none, from nothing, with `start`. Each has the
    secret key of its name.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        slots: int | None = None,
        preload: Sequence[str] = (),
        start: Start = start_process,
        secret_of: Callable[[str], str] = str,
    ) -> None:
        self._secret_of = secret_of
        self._preload = preload
        self._start = start
        self._preloaded: ForkServer | SpareProcesses | None = None
        self._endpoint = endpoint
        self._region = region
        slots = slots or (os.cpu_count() or 1) + 1
        self._slots = threading.BoundedSemaphore(slots)
        self._max_idle = max(MAX_IDLE, 2 * slots)
        self._lock = threading.Lock()
        self._specs: dict[str, FunctionSpec] = {}
        self._idle: list[Environment] = []  # the one used last at the end
        self._busy: set[Environment] = set()
        self._closed = threading.Event()

    def register(self, spec: FunctionSpec) -> None:
        """Make a function known, in place of an earlier one of its name."""
        with self._lock:
            self._specs[spec.name] = spec
            stale = [each for each in self._idle if each.function == spec.name]
            self._idle = [each for each in self._idle if each.function != spec.name]
        for environment in stale:
            environment.kill()

    def spec(self, name: str) -> FunctionSpec:
        """Return a function by its name."""
        return self._specs[name]

    def knows(self, name: str) -> bool:
        """Return whether there is a function of that name."""
        return name in self._specs

    def specs(self) -> tuple[FunctionSpec, ...]:
        """Return every function."""
        return tuple(self._specs.values())

    def warm(self) -> None:
        """Start an environment of each function: the first upload does not wait for imports."""
        # A function that does not start says so when it is invoked.
        with contextlib.suppress(EnvironmentFailed):
            for spec in self.specs():
                with self._slots:
                    self._release(self._take(spec), spec)

    def pids(self) -> dict[int, str]:
        """Return the ids of all processes, each with the name of its function."""
        with self._lock:
            alive = [*self._busy, *self._idle]
        return {each.process.pid: each.function for each in alive}

    def idle(self) -> bool:
        """Return whether no function runs: one that nobody waits for any more may."""
        with self._lock:
            return not self._busy

    def invoke(self, name: str, event: Any) -> Invocation:
        """Invoke a function and wait for it; where its process ends is an error, as in Lambda."""
        spec = self.spec(name)
        request_id = str(uuid.uuid4())
        with contextlib.nullcontext() if spec.polled_for else self._slots:
            try:
                environment = self._take(spec)
            except EnvironmentFailed as error:
                return _failure(spec, request_id, error, "", 0.0)
            return self._run(spec, environment, request_id, event)

    def close(self) -> None:
        """End every environment; invocations under way end as killed."""
        with self._lock:
            self._closed.set()
            idle, busy = self._idle, list(self._busy)
            self._idle = []
        for each in busy:
            each.interrupt()
        for each in idle:
            each.kill()
        for each in busy:
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.process.wait(timeout=CLOSE_SECONDS)
        with self._lock:
            if self._preloaded is not None:
                self._preloaded.close()

    def _run(
        self, spec: FunctionSpec, environment: Environment, request_id: str, event: Any
    ) -> Invocation:
        end = f"\0end {request_id}"
        limit = spec.memory_mb * MIB
        request = {"id": request_id, "arn": spec.arn, "timeout": spec.timeout, "event": event}
        started = time.monotonic()
        try:
            environment.send(request | {"end": end})
            answer = environment.reply(spec.timeout, limit, end.encode())
            seconds = time.monotonic() - started
            check_memory(answer["peak_bytes"], limit)  # between two looks at it
        except EnvironmentFailed as error:
            log = environment.take_log(None)
            self._release(environment)
            return _failure(spec, request_id, error, log, time.monotonic() - started)
        except BaseException:
            self._release(environment)
            raise
        log, init = environment.take_log(end.encode()), environment.init_seconds
        self._release(environment, spec)
        return _invocation(spec, request_id, answer, log, seconds, init)

    def _take(self, spec: FunctionSpec) -> Environment:
        """Return an idle environment, or a new one."""
        with self._lock:
            if self._closed.is_set():
                raise _stopping()
            for environment in [each for each in self._idle[::-1] if each.function == spec.name]:
                self._idle.remove(environment)
                if not environment.ended:
                    environment.init_seconds = None
                    self._busy.add(environment)
                    return environment
                environment.kill()
            if self._preload and (self._preloaded is None or not self._preloaded.alive):
                # macOS has neither what it takes, nor libraries that survive a fork.
                kind = ForkServer if hasattr(os, "pidfd_open") else SpareProcesses
                self._preloaded = kind(self._preload, self._variables(spec))
        start = self._preloaded.start if self._preloaded else self._start
        environment = Environment.start(spec, self._variables(spec), start)
        with self._lock:
            if not self._closed.is_set():
                self._busy.add(environment)
                return environment
        environment.kill()
        raise _stopping()

    def _release(self, environment: Environment, spec: FunctionSpec | None = None) -> None:
        """Keep an environment for the next invocation of a function, or end it."""
        with self._lock:
            self._busy.discard(environment)
            # A function that was registered again meanwhile needs new environments.
            if spec is not None and not self._closed.is_set() and self._specs[spec.name] == spec:
                self._idle.append(environment)
                if len(self._idle) <= self._max_idle:
                    return
                environment = self._idle.pop(0)
        environment.kill()

    def _variables(self, spec: FunctionSpec) -> dict[str, str]:
        path = [str(spec.code), *(str(layer) for layer in spec.layers)]
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **spec.variables,
            "DARKROOM_SYS_PATH": os.pathsep.join(path),
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # there is no host sync-127.0.0.1
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            # The access key says whose call it is; its secret shows that it is.
            "AWS_ACCESS_KEY_ID": spec.name,
            "AWS_SECRET_ACCESS_KEY": self._secret_of(spec.name),
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


def _stopping() -> EnvironmentFailed:
    return EnvironmentFailed("Lambda.ServiceException", "The engine is stopping.")


def _failure(
    spec: FunctionSpec, request_id: str, error: EnvironmentFailed, log: str, seconds: float
) -> Invocation:
    """Report an environment that failed as Lambda does."""
    message = f"RequestId: {request_id} Error: {error}"
    payload = json.dumps({"errorType": error.kind, "errorMessage": message})
    answer = {"payload": payload, "failed": True, "peak_bytes": 0}
    return _invocation(spec, request_id, answer, f"{log}{message}\n", seconds)


def _invocation(
    spec: FunctionSpec,
    request_id: str,
    answer: Mapping[str, Any],
    log: str,
    seconds: float,
    init_seconds: float | None = None,
) -> Invocation:
    init = "" if init_seconds is None else f"\tInit Duration: {init_seconds * 1000:.2f} ms"
    framed = (
        f"START RequestId: {request_id} Version: $LATEST\n{log}END RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\tDuration: {seconds * 1000:.2f} ms\t"
        f"Billed Duration: {max(1, round(seconds * 1000))} ms\tMemory Size: {spec.memory_mb} MB\t"
        f"Max Memory Used: {answer['peak_bytes'] // MIB} MB{init}\n"
    )
    return Invocation(answer["payload"], answer["failed"], framed, seconds)
