"""Workers and their pool, over processes that are pipes: no time passes, nothing is started.

With real processes: tests/engine/test_environments.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from darkroom_ops.engine.lambda_ import environments
from darkroom_ops.engine.lambda_.environments import FunctionSpec, Worker, WorkerDied, WorkerPool

Json = dict[str, Any]

MIB = 1024 * 1024

SPEC = FunctionSpec(
    name="resize",
    arn="arn:f",
    handler="app.handler",
    code=Path("/code"),
    layers=(Path("/layer"), Path("/other")),
    environment={"BUCKET": "out"},
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
    """As much of Popen as a worker needs, with this test at the other end."""

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
            raise subprocess.TimeoutExpired("worker", timeout or 0)
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
def worker(process: Process, clock: Clock) -> Worker:
    return Worker("resize", process)  # type: ignore[arg-type]


def died(worker: Worker, *given: Any) -> tuple[str, str]:
    with pytest.raises(WorkerDied) as caught:
        worker.reply(*given)
    return caught.value.kind, str(caught.value)


# ---------------------------------------------------------------------------- one worker


def test_a_reply_is_a_line_and_the_rest_stays(worker: Worker, process: Process) -> None:
    os.write(process.out, b'{"a": 1}\n{"b": 2}\n{"c"')
    assert worker.reply(1, None) == {"a": 1}
    assert worker.reply(1, None) == {"b": 2}
    assert bytes(worker.replies) == b'{"c"'


def test_a_reply_waits_for_the_end_of_its_log(worker: Worker, process: Process) -> None:
    os.write(process.out, b"{}\n")
    threading.Timer(0.01, lambda: os.write(process.err, b"text\nend 1\nmore")).start()
    assert worker.reply(1, None, b"end 1") == {}
    assert worker.take_log(b"end 1") == "text\n"
    assert worker.take_log(None) == "more"
    assert worker.take_log(None) == ""


def test_a_process_that_nobody_has_waited_for_has_ended(worker: Worker, process: Process) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        process.pid = ended.pid
        assert process.poll() is None
        assert worker.ended
    process.pid = os.getpid()
    assert not worker.ended
    process.code = 0
    assert worker.ended


def test_a_log_may_be_any_bytes(worker: Worker) -> None:
    worker.log.extend(b"\xff\nend\n")
    assert worker.take_log(b"end") == "\ufffd\n"


def test_a_reply_that_takes_too_long_is_lambdas_timeout(worker: Worker, clock: Clock) -> None:
    clock.step = 0.3
    assert died(worker, 0.5, None) == ("Sandbox.Timedout", "Task timed out after 0.50 seconds")


def test_a_reply_at_the_last_moment_counts(worker: Worker, clock: Clock, process: Process) -> None:
    os.write(process.out, b"{}\n")
    clock.step = 0.5
    assert worker.reply(1.0, None) == {}


@pytest.mark.parametrize(("resident", "killed"), [(256 * MIB, False), (256 * MIB + 1, True)])
def test_a_worker_over_its_memory_is_out(
    worker: Worker,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    resident: int,
    killed: bool,
) -> None:
    """At its limit it may be; a byte beyond, it is killed."""
    asked: list[int] = []
    monkeypatch.setattr(environments, "_resident", lambda pid: asked.append(pid) or resident)
    clock.step = environments.CHECK_SECONDS
    kind, message = died(worker, 1.0, 256 * MIB)
    assert set(asked) == {0}
    if killed:
        expected = ("Runtime.ExitError", "Runtime exited with error: signal: killed")
        assert (kind, message) == expected
    else:
        assert kind == "Sandbox.Timedout"


def test_the_memory_is_not_looked_at_without_a_limit_or_too_often(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(environments, "_resident", lambda pid: asked.append(pid) or 0)
    monkeypatch.setattr(environments, "CHECK_SECONDS", 0.01)
    clock.step = 0.3
    died(worker, 1.0, None)
    clock.step = 0.002
    died(worker, 0.02, 1)
    assert len(asked) <= 1


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
    worker: Worker, process: Process, code: int | None, words: str, how: str
) -> None:
    process.code = code
    if how == "it is asked":
        process.asked.close()
        with pytest.raises(WorkerDied) as caught:
            worker.send({"a": 1})
        told = (caught.value.kind, str(caught.value))
    else:
        os.close(process.out)
        told = died(worker, 1.0, None)
    assert told == ("Runtime.ExitError", f"Runtime exited with{words}")
    assert process.waited == [1]


def test_a_request_is_a_line_of_json(worker: Worker, process: Process) -> None:
    worker.send({"id": "é"})
    assert json.loads(process.asked.readline()) == {"id": "é"}


def test_killing_lets_go_of_everything(
    worker: Worker, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "killpg", lambda *given: killed.append(given))
    process.pid, process.code = 4711, -9
    worker.kill()
    assert killed == [(4711, signal.SIGKILL)]
    assert process.stdin.closed
    assert process.stdout.closed
    assert process.stderr.closed
    assert process.waited == [None]


@pytest.mark.parametrize("gone", [ProcessLookupError, PermissionError])
def test_a_process_that_is_gone_is_killed_quietly(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, gone: type[OSError]
) -> None:
    def missing(*_: int) -> None:
        raise gone

    monkeypatch.setattr(os, "killpg", missing)
    worker.interrupt()


@pytest.fixture
def started(process: Process, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Process:
    """What a worker's start gives, whose reply takes two seconds."""
    monkeypatch.setattr(environments, "_start", lambda *_: process)
    monkeypatch.setattr(os, "killpg", lambda *_: None)
    process.code = 0
    return process


def test_a_start_waits_for_the_function_to_be_imported(started: Process, clock: Clock) -> None:
    os.write(started.out, b'{"ready": true}\n')
    clock.step = 2.0
    made = Worker.start(SPEC, {})
    assert made.function == "resize"
    assert made.init_seconds == pytest.approx(clock.now - 102.0)


def test_a_start_that_takes_too_long_leaves_nothing(started: Process, clock: Clock) -> None:
    clock.step = 40.0
    with pytest.raises(WorkerDied, match=r"timed out after 60\.00 seconds"):
        Worker.start(SPEC, {})
    assert started.stdout.closed


def test_a_worker_is_forked_where_something_forks(started: Process) -> None:
    os.write(started.out, b"{}\n")
    given: list[Any] = []
    forking = SimpleNamespace(fork=lambda *what: given.append(what) or started)
    Worker.start(SPEC, {"a": "b"}, forking)  # type: ignore[arg-type]
    assert given == [(Path("/code"), {"a": "b"})]


# ---------------------------------------------------------------------------- the pool


class Staff:
    """Workers that do as they are told, instead of real ones."""

    def __init__(self) -> None:
        self.started: list[tuple[FunctionSpec, Json, Any]] = []
        self.killed: list[Any] = []
        self.interrupted: list[Any] = []
        self.requests: list[Json] = []
        self.limits: list[tuple[float, int, bytes]] = []
        self.answer: Json | BaseException = {
            "payload": "{}", "failed": False, "peak_bytes": 10 * MIB + 5,
        }  # fmt: skip
        self.during: Any = None
        self.fails_to_start: WorkerDied | None = None

    def start(self, spec: FunctionSpec, environment: Json, forking: Any = None) -> Any:
        self.started.append((spec, environment, forking))
        if self.fails_to_start is not None:
            raise self.fails_to_start
        number = len(self.started)
        worker = SimpleNamespace(
            function=spec.name, init_seconds=1.5, number=number,
            process=SimpleNamespace(pid=number, wait=lambda **_: None), ended=False,
            send=self.requests.append, reply=self._reply,
            take_log=lambda end: "printed\n" if end else "cut\n",
        )  # fmt: skip
        worker = _Hashable(**vars(worker))
        worker.kill = lambda: self.killed.append(worker)
        worker.interrupt = lambda: self.interrupted.append(worker)
        return worker

    def _reply(self, seconds: float, limit: int, end: bytes) -> Json:
        self.limits.append((seconds, limit, end))
        if self.during is not None:
            self.during()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class _Hashable(SimpleNamespace):
    __hash__ = object.__hash__
    __eq__ = object.__eq__


@pytest.fixture
def staff(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Staff:
    made = Staff()
    monkeypatch.setattr(Worker, "start", made.start)
    return made


@pytest.fixture
def pool(staff: Staff) -> WorkerPool:
    made = WorkerPool("http://engine", "eu-west-1", slots=2)
    made.register(SPEC)
    return made


def test_functions_are_known_by_their_names(pool: WorkerPool) -> None:
    assert pool.knows("resize")
    assert not pool.knows("other")
    assert pool.spec("resize") is SPEC
    assert pool.functions() == (SPEC,)
    with pytest.raises(KeyError):
        pool.invoke("other", {})


def test_a_function_has_lambdas_environment_and_little_else(
    pool: WorkerPool, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "HOME": "/h", "AWS_PROFILE": "production"})
    pool.invoke("resize", {})
    ((spec, environment, forking),) = staff.started
    assert len(environment.pop("AWS_LAMBDA_LOG_STREAM_NAME")) == 32
    assert (spec, forking) == (SPEC, None)
    assert environment == {
        "PATH": "/bin",
        "HOME": "/h",
        "BUCKET": "out",
        "DARKROOM_SYS_PATH": os.pathsep.join(["/code", "/layer", "/other"]),
        "AWS_ENDPOINT_URL": "http://engine",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "resize",
        "AWS_SECRET_ACCESS_KEY": "engine",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "resize",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/resize",
        "LAMBDA_TASK_ROOT": "/code",
        "_HANDLER": "app.handler",
    }


def test_an_invocation_is_asked_and_told_as_lambda_does(
    pool: WorkerPool, staff: Staff, clock: Clock
) -> None:
    staff.during = lambda: setattr(clock, "now", clock.now + 0.25)
    done = pool.invoke("resize", {"a": 1})
    (request,) = staff.requests
    assert (request["arn"], request["timeout"], request["event"]) == ("arn:f", 5.0, {"a": 1})
    assert request["end"] == f"\0end {request['id']}"
    assert staff.limits == [(5.0, 256 * MIB, request["end"].encode())]
    assert (done.payload, done.failed, done.seconds) == ("{}", False, 0.25)
    assert done.log == (
        f"START RequestId: {request['id']} Version: $LATEST\n"
        "printed\n"
        f"END RequestId: {request['id']}\n"
        f"REPORT RequestId: {request['id']}\tDuration: 250.00 ms\tBilled Duration: 250 ms\t"
        "Memory Size: 256 MB\tMax Memory Used: 10 MB\tInit Duration: 1500.00 ms\n"
    )


def test_a_warm_worker_is_used_again_and_says_so(pool: WorkerPool, staff: Staff) -> None:
    cold, warm = pool.invoke("resize", {}), pool.invoke("resize", {})
    assert len(staff.started) == 1
    assert "Init Duration" in cold.log
    assert "Init Duration" not in warm.log
    assert "Billed Duration: 1 ms" in warm.log  # the least
    first, second = (request["id"] for request in staff.requests)
    assert first != second
    assert pool.pids() == {1: "resize"}


def test_a_worker_that_died_is_told_and_not_used_again(
    pool: WorkerPool, staff: Staff, clock: Clock
) -> None:
    staff.during = lambda: setattr(clock, "now", clock.now + 2)
    staff.answer = WorkerDied("Sandbox.Timedout", "Task timed out")
    done = pool.invoke("resize", {})
    request_id = staff.requests[0]["id"]
    message = f"RequestId: {request_id} Error: Task timed out"
    assert json.loads(done.payload) == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert (done.failed, done.seconds) == (True, 2)
    assert done.log.splitlines()[1:3] == ["cut", message]
    assert "Duration: 2000.00 ms" in done.log
    assert "Max Memory Used: 0 MB" in done.log
    assert [worker.number for worker in staff.killed] == [1]
    assert pool.pids() == {}


@pytest.mark.parametrize(("peak", "failed"), [(256 * MIB, False), (256 * MIB + 1, True)])
def test_a_peak_between_two_looks_counts_too(
    pool: WorkerPool, staff: Staff, peak: int, failed: bool
) -> None:
    staff.answer = {"payload": "{}", "failed": False, "peak_bytes": peak}
    done = pool.invoke("resize", {})
    assert done.failed is failed
    assert len(staff.killed) == int(failed)
    assert ("signal: killed" in done.payload) is failed
    assert ("Runtime.ExitError" in done.payload) is failed


def test_a_functions_own_failure_keeps_its_worker(pool: WorkerPool, staff: Staff) -> None:
    staff.answer = {"payload": '{"errorType": "E"}', "failed": True, "peak_bytes": 0}
    done = pool.invoke("resize", {})
    assert (done.failed, done.payload) == (True, '{"errorType": "E"}')
    assert staff.killed == []


def test_what_breaks_in_the_engine_itself_takes_the_worker_along(
    pool: WorkerPool, staff: Staff
) -> None:
    staff.answer = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        pool.invoke("resize", {})
    assert len(staff.killed) == 1
    assert pool.pids() == {}


def test_a_function_that_does_not_start_is_a_failed_invocation(
    pool: WorkerPool, staff: Staff
) -> None:
    staff.fails_to_start = WorkerDied("Runtime.ExitError", "no memory")
    done = pool.invoke("resize", {})
    assert (done.failed, done.seconds) == (True, 0.0)
    assert "no memory" in done.payload
    pool.warm()  # which says nothing of it
    assert len(staff.started) == 2


def test_a_worker_that_ended_while_idle_is_replaced(pool: WorkerPool, staff: Staff) -> None:
    pool.invoke("resize", {})
    (idle,) = pool._idle["resize"]
    idle.ended = True
    pool.invoke("resize", {})
    assert staff.killed == [idle]
    assert pool.pids() == {2: "resize"}


def test_a_function_registered_anew_gets_new_workers(pool: WorkerPool, staff: Staff) -> None:
    pool.invoke("resize", {})
    changed = dataclasses.replace(SPEC, timeout=9.0)
    pool.register(changed)
    assert len(staff.killed) == 1
    pool.invoke("resize", {})
    assert [spec.timeout for spec, _, _ in staff.started] == [5.0, 9.0]


def test_a_function_registered_anew_in_the_middle_of_work_gets_new_workers(
    pool: WorkerPool, staff: Staff
) -> None:
    changed = dataclasses.replace(SPEC, timeout=9.0)
    staff.during = lambda: pool.register(changed)
    pool.invoke("resize", {})
    assert len(staff.killed) == 1
    pool.invoke("resize", {})
    pool.invoke("resize", {})
    assert [spec.timeout for spec, _, _ in staff.started] == [5.0, 9.0]


def test_warming_starts_one_worker_of_each_function(pool: WorkerPool, staff: Staff) -> None:
    pool.register(dataclasses.replace(SPEC, name="other"))
    pool.warm()
    assert pool.pids() == {1: "resize", 2: "other"}
    pool.invoke("resize", {})
    pool.invoke("other", {})
    assert len(staff.started) == 2


def test_only_so_many_invocations_run_at_once(pool: WorkerPool, staff: Staff) -> None:
    inside = threading.Barrier(2)
    most: list[int] = []

    def meet() -> None:
        most.append(len(pool._busy))
        inside.wait(120)

    staff.during = meet
    threads = [threading.Thread(target=pool.invoke, args=("resize", {})) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(staff.requests) == 6
    assert max(most) == 2
    assert len(staff.started) == 2


@pytest.mark.parametrize(("cores", "slots"), [(4, 5), (None, 2)])
def test_there_are_slots_for_every_core_and_one_more(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, slots: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    pool = WorkerPool("http://engine", "r")
    assert [pool._slots.acquire(blocking=False) for _ in range(slots + 1)] == [True] * slots + [
        False
    ]


# ---------------------------------------------------------------------------- closing


def test_closing_ends_idle_and_busy_workers(pool: WorkerPool, staff: Staff) -> None:
    pool.register(dataclasses.replace(SPEC, name="other"))
    pool.invoke("resize", {})

    def close() -> None:
        pool.close()
        assert [worker.number for worker in staff.interrupted] == [2]
        assert [worker.number for worker in staff.killed] == [1]

    staff.during = close
    done = pool.invoke("other", {})
    assert not done.failed
    assert [worker.number for worker in staff.killed] == [1, 2]  # nobody takes it any more
    assert pool.pids() == {}


def test_nothing_is_invoked_after_closing(pool: WorkerPool, staff: Staff) -> None:
    pool.close()
    done = pool.invoke("resize", {})
    assert json.loads(done.payload)["errorType"] == "Lambda.ServiceException"
    assert "The engine is stopping." in done.payload
    assert staff.started == []


def test_a_worker_that_starts_while_the_pool_closes_is_ended(
    pool: WorkerPool, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*given: Any) -> Any:
        pool.close()
        return staff.start(*given)

    monkeypatch.setattr(Worker, "start", start)
    done = pool.invoke("resize", {})
    assert "The engine is stopping." in done.payload
    assert "Lambda.ServiceException" in done.payload
    assert len(staff.killed) == 1


def test_a_busy_worker_that_does_not_end_is_not_waited_for(pool: WorkerPool, staff: Staff) -> None:
    waited: list[float] = []

    def wait(timeout: float) -> None:
        waited.append(timeout)
        raise subprocess.TimeoutExpired("worker", timeout)

    def close() -> None:
        (busy,) = pool._busy
        busy.process.wait = wait
        pool.close()

    staff.during = close
    pool.invoke("resize", {})
    assert waited == [environments.CLOSE_SECONDS]


# ---------------------------------------------------------------------------- forking


class Forks:
    """What forks, without a process."""

    made: list[Forks]

    def __init__(self, preload: Any, environment: Json) -> None:
        self.preload, self.environment = preload, environment
        self.alive, self.closed = True, False
        Forks.made.append(self)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[Forks]:
    Forks.made = []
    monkeypatch.setattr(environments, "Forking", Forks)
    monkeypatch.setattr(os, "pidfd_open", lambda *_: 0, raising=False)
    return Forks.made


def test_workers_are_forked_from_one_process_with_the_modules(
    staff: Staff, forks: list[Forks]
) -> None:
    pool = WorkerPool("http://engine", "r", preload=("json", "csv"))
    for name in ("resize", "other"):
        pool.register(dataclasses.replace(SPEC, name=name))
        pool.invoke(name, {})
    (forking,) = forks
    assert [each for _, _, each in staff.started] == [forking, forking]
    assert forking.preload == ("json", "csv")
    assert forking.environment["AWS_ACCESS_KEY_ID"] == "resize"
    pool.close()
    assert forking.closed


def test_what_forks_is_replaced_when_it_is_gone(staff: Staff, forks: list[Forks]) -> None:
    pool = WorkerPool("http://engine", "r", preload=("json",))
    for name in ("resize", "other"):
        pool.register(dataclasses.replace(SPEC, name=name))
        pool.invoke(name, {})
        forks[-1].alive = False
    assert [each for _, _, each in staff.started] == forks
    assert len(forks) == 2


def test_nothing_is_forked_where_the_system_cannot(
    staff: Staff, forks: list[Forks], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    pool = WorkerPool("http://engine", "r", preload=("json",))
    pool.register(SPEC)
    pool.invoke("resize", {})
    assert forks == []


# ---------------------------------------------------------------------------- memory


def test_the_memory_is_that_of_a_process_and_all_that_it_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    family = {1: [2, 3], 2: [4], 3: [], 4: []}
    sizes = {1: 10, 2: 20, 4: 40}

    def process(pid: int) -> Any:
        if pid not in sizes:
            raise psutil.NoSuchProcess(pid)
        return SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=sizes[pid]))

    monkeypatch.setattr(environments, "_children", family.__getitem__)
    monkeypatch.setattr(psutil, "Process", process)
    assert environments._descendants(1) == [2, 3, 4]
    assert environments._resident(1) == 70


def test_children_are_asked_otherwise_where_the_kernel_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    children = [SimpleNamespace(pid=5), SimpleNamespace(pid=6)]
    monkeypatch.setattr(environments, "Path", lambda _: SimpleNamespace(glob=lambda _: []))
    monkeypatch.setattr(psutil, "Process", lambda _: SimpleNamespace(children=lambda: children))
    assert environments._children(1) == [5, 6]

    def gone(pid: int) -> None:
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", gone)
    assert environments._children(1) == []


def test_children_of_every_thread_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for thread, text in (("1", "5 6 "), ("2", ""), ("3", "7 ")):
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "children").write_text(text)
    asked: list[str] = []
    monkeypatch.setattr(environments, "Path", lambda path: asked.append(path) or tmp_path)
    assert sorted(environments._children(1)) == [5, 6, 7]
    assert asked == ["/proc/1/task"]
