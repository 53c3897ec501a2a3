"""Execution environments, over processes that are pipes: no time passes, nothing is started.

With real processes: tests/engine/test_environments.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from darkroom_ops.engine import descriptors
from darkroom_ops.engine.lambda_ import environments
from darkroom_ops.engine.lambda_.environments import (
    Environment,
    EnvironmentFailed,
    ForkedProcess,
    FunctionSpec,
)
from tests.support.processes import lives

Json = dict[str, Any]

MIB = 1024 * 1024

SPEC = FunctionSpec(
    name="resize",
    arn="arn:f",
    handler="app.handler",
    code=Path("/code"),
    layers=(Path("/layer"), Path("/other")),
    variables={"BUCKET": "out"},
    memory_mb=256,
    timeout=5.0,
)


class Clock:
    """Stands still, but for what a look at it takes."""

    def __init__(self) -> None:
        self.now, self.step = 100.0, 0.0

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(environments, "time", made)
    return made


class Process:
    """As much of Popen as an environment needs, with this test at the other end."""

    def __init__(self, pid: int = 0) -> None:
        self.pid = pid
        self.code: int | None = None
        self.waited: list[float | None] = []
        ends = [os.pipe() for _ in range(3)]
        self.stdin = os.fdopen(ends[0][1], "wb")
        self.stdout, self.stderr = os.fdopen(ends[1][0], "rb"), os.fdopen(ends[2][0], "rb")
        self.asked = os.fdopen(ends[0][0], "rb")
        self.out, self.err = ends[1][1], ends[2][1]

    def poll(self) -> int | None:
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        self.waited.append(timeout)
        if self.code is None:
            raise subprocess.TimeoutExpired("environment", timeout or 0)
        return self.code

    def close(self) -> None:
        for each in (self.stdin, self.stdout, self.stderr, self.asked):
            with contextlib.suppress(OSError):
                each.close()
        for end in (self.out, self.err):
            with contextlib.suppress(OSError):
                os.close(end)


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process()
    yield made
    made.close()


@pytest.fixture
def environment(process: Process, clock: Clock) -> Environment:
    return Environment("resize", process)  # type: ignore[arg-type]


def died(environment: Environment, *given: Any) -> tuple[str, str]:
    with pytest.raises(EnvironmentFailed) as caught:
        environment.reply(*given)
    return caught.value.kind, str(caught.value)


# ---------------------------------------------------------------------------- one environment


def test_a_reply_is_a_line_and_the_rest_stays(environment: Environment, process: Process) -> None:
    os.write(process.out, b'{"a": 1}\n{"b": 2}\n{"c"')
    assert environment.reply(1, None) == {"a": 1}
    assert environment.reply(1, None) == {"b": 2}
    assert bytes(environment.replies) == b'{"c"'


def test_a_reply_waits_for_the_end_of_its_log(environment: Environment, process: Process) -> None:
    os.write(process.out, b"{}\n")
    threading.Timer(0.01, lambda: os.write(process.err, b"text\nend 1\nmore")).start()
    assert environment.reply(1, None, b"end 1") == {}
    assert environment.take_log(b"end 1") == "text\n"
    assert environment.take_log(None) == "more"
    assert environment.take_log(None) == ""


def test_a_process_that_nobody_has_waited_for_has_ended(
    environment: Environment, process: Process
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        while lives(ended.pid):
            pass
        process.pid = ended.pid
        assert process.poll() is None
        assert environment.ended
    assert environment.ended  # gone, and its fork server has not told of it
    process.pid = os.getpid()
    assert not environment.ended
    process.code = 0
    assert environment.ended


@pytest.fixture
def beyond_select() -> Iterator[Callable[[int], int]]:
    """Give a descriptor a number that ``select`` cannot wait for, and close it in the end."""
    descriptors.allow()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2048:
        pytest.skip("so many files may not be open here")
    made: list[int] = []

    def move(descriptor: int) -> int:
        made.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 1024))
        return made[-1]

    yield move
    for each in made:
        with contextlib.suppress(OSError):
            os.close(each)


def test_many_files_may_be_open(
    environment: Environment, process: Process, beyond_select: Callable[[int], int]
) -> None:
    replies, log = beyond_select(process.stdout.fileno()), beyond_select(process.stderr.fileno())
    process.stdout.close()
    process.stderr.close()
    process.stdout = os.fdopen(replies, "rb", closefd=False)
    process.stderr = os.fdopen(log, "rb", closefd=False)
    os.write(process.out, b'{"a": 1}\n')
    os.write(process.err, b"text\nend 1\n")
    assert environment.reply(1, None, b"end 1") == {"a": 1}
    assert environment.take_log(b"end 1") == "text\n"


def test_a_forked_process_is_waited_for_with_many_files_open(
    process: Process, beyond_select: Callable[[int], int]
) -> None:
    read, write = os.pipe()
    streams = (os.dup(each.fileno()) for each in (process.stdin, process.stdout, process.stderr))
    status = beyond_select(read)
    forked = ForkedProcess(7, *streams, status)
    os.close(read)
    assert forked.poll() is None
    os.write(write, environments.NUMBER.pack(3))
    os.close(write)
    assert (forked.wait(), forked.poll()) == (3, 3)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(status)
    for stream in (forked.stdin, forked.stdout, forked.stderr):
        stream.close()


def test_a_log_may_be_any_bytes(environment: Environment) -> None:
    environment.log.extend(b"\xff\nend\n")
    assert environment.take_log(b"end") == "\ufffd\n"


def test_a_reply_that_takes_too_long_is_lambdas_timeout(
    environment: Environment, clock: Clock
) -> None:
    clock.step = 0.3
    assert died(environment, 0.5, None) == ("Sandbox.Timedout", "Task timed out after 0.50 seconds")


def test_a_reply_at_the_last_moment_counts(
    environment: Environment, clock: Clock, process: Process
) -> None:
    os.write(process.out, b"{}\n")
    clock.step = 0.5
    assert environment.reply(1.0, None) == {}


@pytest.mark.parametrize(("resident", "killed"), [(256 * MIB, False), (256 * MIB + 1, True)])
def test_an_environment_over_its_memory_is_out(
    environment: Environment,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    resident: int,
    killed: bool,
) -> None:
    """At its limit it may be; a byte beyond, it is killed."""
    asked: list[int] = []
    monkeypatch.setattr(environments, "_resident", lambda pid: asked.append(pid) or resident)
    clock.step = environments.CHECK_SECONDS
    kind, message = died(environment, 1.0, 256 * MIB)
    assert set(asked) == {0}
    if killed:
        expected = ("Runtime.ExitError", "Runtime exited with error: signal: killed")
        assert (kind, message) == expected
    else:
        assert kind == "Sandbox.Timedout"


def test_the_memory_is_not_looked_at_without_a_limit_or_too_often(
    environment: Environment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(environments, "_resident", lambda pid: asked.append(pid) or 0)
    monkeypatch.setattr(environments, "CHECK_SECONDS", 0.01)
    clock.step = 0.3
    died(environment, 1.0, None)
    clock.step = 0.002
    died(environment, 0.02, 1)
    assert len(asked) <= 1


@pytest.mark.parametrize(("step", "looks"), [(0.5, True), (0.49, False)])
def test_the_memory_is_looked_at_less_often_where_it_takes_long(
    environment: Environment,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    step: float,
    looks: bool,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(environments, "PROC", "/nonexistent")
    monkeypatch.setattr(environments, "CHECK_SECONDS", 0.001)
    monkeypatch.setattr(environments, "_resident", lambda pid: asked.append(pid) or 0)
    given = iter([0.0, 0.0, 0.0, step, 9.0, 9.0])
    monkeypatch.setattr(clock, "monotonic", lambda: next(given))
    died(environment, 5.0, 1)
    assert bool(asked) is looks


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, " error: exit status 3"),
        (-signal.SIGKILL, " error: signal: killed"),
        (-signal.SIGSEGV, " error: signal: segmentation fault"),
        (-signal.SIGABRT, " error: signal: aborted"),
        (-signal.SIGTERM, " error: signal: term"),
        (0, "out providing a reason"),
        (None, "out providing a reason"),
    ],
)
@pytest.mark.parametrize("how", ["it answers nothing", "it is asked"])
def test_a_process_that_ended_is_told_in_lambdas_words(
    environment: Environment, process: Process, code: int | None, words: str, how: str
) -> None:
    process.code = code
    if how == "it is asked":
        process.asked.close()
        with pytest.raises(EnvironmentFailed) as caught:
            environment.send({"a": 1})
        told = (caught.value.kind, str(caught.value))
    else:
        os.close(process.out)
        told = died(environment, 1.0, None)
    assert told == ("Runtime.ExitError", f"Runtime exited with{words}")
    assert process.waited == [1]


def test_a_request_is_a_line_of_json(environment: Environment, process: Process) -> None:
    environment.send({"id": "é"})
    assert json.loads(process.asked.readline()) == {"id": "é"}


def test_killing_lets_go_of_everything(
    environment: Environment, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "killpg", lambda *given: killed.append(given))
    process.pid, process.code = 4711, -9
    environment.kill()
    assert killed == [(4711, signal.SIGKILL)]
    assert process.stdin.closed
    assert process.stdout.closed
    assert process.stderr.closed
    assert process.waited == [None]


@pytest.mark.parametrize("gone", [ProcessLookupError, PermissionError])
def test_a_process_that_is_gone_is_killed_quietly(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, gone: type[OSError]
) -> None:
    def missing(*_: int) -> None:
        raise gone

    monkeypatch.setattr(os, "killpg", missing)
    environment.interrupt()


@pytest.fixture
def started(process: Process, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Process:
    """What an environment's start gives, whose reply takes two seconds."""
    monkeypatch.setattr(os, "killpg", lambda *_: None)
    process.code = 0
    return process


def test_a_start_waits_for_the_function_to_be_imported(started: Process, clock: Clock) -> None:
    os.write(started.out, b'{"ready": true}\n')
    clock.step = 2.0
    made = Environment.start(SPEC, {}, lambda *_: started)  # type: ignore[arg-type]
    assert made.function == "resize"
    assert made.init_seconds == pytest.approx(clock.now - 102.0)


def test_a_start_that_takes_too_long_leaves_nothing(started: Process, clock: Clock) -> None:
    clock.step = 40.0
    with pytest.raises(EnvironmentFailed, match=r"timed out after 60\.00 seconds"):
        Environment.start(SPEC, {}, lambda *_: started)  # type: ignore[arg-type]
    assert started.stdout.closed


def test_a_process_is_started_with_the_folder_and_the_variables(started: Process) -> None:
    os.write(started.out, b"{}\n")
    given: list[Any] = []
    Environment.start(SPEC, {"a": "b"}, lambda *what: given.append(what) or started)
    assert given == [(Path("/code"), {"a": "b"})]


# ---------------------------------------------------------------------------- memory


def kernel(monkeypatch: pytest.MonkeyPatch, folder: Path, files: dict[str, str]) -> None:
    """Let the kernel tell no more of processes than these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(environments, "PROC", str(folder))


def told(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
    """Let psutil tell of one process, 9, and of no other."""

    def process(pid: int) -> Any:
        if pid != 9:
            raise psutil.NoSuchProcess(pid)
        return SimpleNamespace(**answers)

    monkeypatch.setattr(psutil, "Process", process)


def test_the_memory_is_that_of_a_process_and_all_that_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    family = {1: [2, 3], 2: [4], 3: [], 4: []}
    kernel(monkeypatch, tmp_path, {f"{pid}/statm": f"99 {pid} 7" for pid in (1, 2, 4)})
    told(monkeypatch)
    monkeypatch.setattr(environments, "_children", family.__getitem__)
    monkeypatch.setattr(environments, "PAGE_BYTES", 10)
    assert environments._descendants(1) == [2, 3, 4]
    assert environments._resident(1) == 70


def test_what_the_kernel_does_not_tell_is_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In one reading of all processes, grandchildren included."""
    kernel(monkeypatch, tmp_path, {"8/task/8/stat": ""})
    family = {True: [SimpleNamespace(pid=5), SimpleNamespace(pid=6)]}
    told(
        monkeypatch,
        memory_info=lambda: SimpleNamespace(rss=70),
        children=lambda *, recursive: family[recursive],
    )
    assert (environments._descendants(9), environments._own_resident(9)) == ([5, 6], 70)
    assert (environments._descendants(8), environments._own_resident(8)) == ([], 0)


def test_children_of_every_thread_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    threads = {"1": "5 6 ", "2": "", "3": "7 "}
    kernel(
        monkeypatch, tmp_path, {f"1/task/{each}/children": text for each, text in threads.items()}
    )
    told(monkeypatch)
    assert sorted(environments._children(1)) == [5, 6, 7]
