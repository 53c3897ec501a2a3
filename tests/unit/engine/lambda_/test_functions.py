"""Functions and their environments, which do as they are told: nothing is started.

With real processes: tests/engine/test_environments.py.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_ops.engine.lambda_ import functions
from darkroom_ops.engine.lambda_.environments import (
    Environment,
    EnvironmentFailed,
    FunctionSpec,
    start_process,
)
from darkroom_ops.engine.lambda_.functions import Functions
from tests.unit.engine.lambda_.test_environments import MIB, SPEC, Clock, Json


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(functions, "time", made)
    return made


class Staff:
    """Environments that do as they are told, instead of real ones."""

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
        self.fails_to_start: EnvironmentFailed | None = None

    def start(self, spec: FunctionSpec, variables: Json, start: Any) -> Any:
        self.started.append((spec, variables, start))
        if self.fails_to_start is not None:
            raise self.fails_to_start
        number = len(self.started)
        environment = SimpleNamespace(
            function=spec.name, init_seconds=1.5, number=number,
            process=SimpleNamespace(pid=number, wait=lambda **_: None), ended=False,
            send=self.requests.append, reply=self._reply,
            take_log=lambda end: "printed\n" if end else "cut\n",
        )  # fmt: skip
        environment = _Hashable(**vars(environment))
        environment.kill = lambda: self.killed.append(environment)
        environment.interrupt = lambda: self.interrupted.append(environment)
        return environment

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
    monkeypatch.setattr(Environment, "start", made.start)
    return made


@pytest.fixture
def pool(staff: Staff) -> Functions:
    made = Functions("http://engine", "eu-west-1", slots=2, secret_of="secret of {}".format)
    made.register(SPEC)
    return made


def test_functions_are_known_by_their_names(pool: Functions) -> None:
    assert pool.knows("resize")
    assert not pool.knows("other")
    assert pool.spec("resize") is SPEC
    assert pool.specs() == (SPEC,)
    with pytest.raises(KeyError):
        pool.invoke("other", {})


def test_a_function_has_lambdas_environment_and_little_else(
    pool: Functions, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "HOME": "/h", "AWS_PROFILE": "production"})
    pool.invoke("resize", {})
    ((spec, variables, start),) = staff.started
    assert len(variables.pop("AWS_LAMBDA_LOG_STREAM_NAME")) == 32
    assert (spec, start) == (SPEC, start_process)
    assert variables == {
        "PATH": "/bin",
        "HOME": "/h",
        "BUCKET": "out",
        "DARKROOM_SYS_PATH": os.pathsep.join(["/code", "/layer", "/other"]),
        "AWS_ENDPOINT_URL": "http://engine",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "resize",
        "AWS_SECRET_ACCESS_KEY": "secret of resize",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "resize",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/resize",
        "LAMBDA_TASK_ROOT": "/code",
        "_HANDLER": "app.handler",
    }


def test_the_environment_that_was_used_last_is_used_again(pool: Functions, staff: Staff) -> None:
    """The others get old, and are the first to go."""
    busy: list[set[int]] = []

    def invoke_another() -> None:
        staff.during = lambda: busy.append({each.process.pid for each in pool._busy})
        pool.invoke("resize", {})

    staff.during = invoke_another
    pool.invoke("resize", {})
    pool.invoke("resize", {})
    assert busy == [{1, 2}, {1}]


def test_an_invocation_is_asked_and_told_as_lambda_does(
    pool: Functions, staff: Staff, clock: Clock
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


def test_a_warm_environment_is_used_again_and_says_so(pool: Functions, staff: Staff) -> None:
    cold, warm = pool.invoke("resize", {}), pool.invoke("resize", {})
    assert len(staff.started) == 1
    assert "Init Duration" in cold.log
    assert "Init Duration" not in warm.log
    assert "Billed Duration: 1 ms" in warm.log  # the least
    first, second = (request["id"] for request in staff.requests)
    assert first != second
    assert pool.pids() == {1: "resize"}


def test_an_environment_that_died_is_told_and_not_used_again(
    pool: Functions, staff: Staff, clock: Clock
) -> None:
    staff.during = lambda: setattr(clock, "now", clock.now + 2)
    staff.answer = EnvironmentFailed("Sandbox.Timedout", "Task timed out")
    done = pool.invoke("resize", {})
    request_id = staff.requests[0]["id"]
    message = f"RequestId: {request_id} Error: Task timed out"
    assert json.loads(done.payload) == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert (done.failed, done.seconds) == (True, 2)
    assert done.log.splitlines()[1:3] == ["cut", message]
    assert "Duration: 2000.00 ms" in done.log
    assert "Max Memory Used: 0 MB" in done.log
    assert [environment.number for environment in staff.killed] == [1]
    assert pool.pids() == {}


@pytest.mark.parametrize(("peak", "failed"), [(256 * MIB, False), (256 * MIB + 1, True)])
def test_a_peak_between_two_looks_counts_too(
    pool: Functions, staff: Staff, peak: int, failed: bool
) -> None:
    staff.answer = {"payload": "{}", "failed": False, "peak_bytes": peak}
    done = pool.invoke("resize", {})
    assert done.failed is failed
    assert len(staff.killed) == int(failed)
    assert ("signal: killed" in done.payload) is failed
    assert ("Runtime.ExitError" in done.payload) is failed


def test_a_functions_own_failure_keeps_its_environment(pool: Functions, staff: Staff) -> None:
    staff.answer = {"payload": '{"errorType": "E"}', "failed": True, "peak_bytes": 0}
    done = pool.invoke("resize", {})
    assert (done.failed, done.payload) == (True, '{"errorType": "E"}')
    assert staff.killed == []


def test_what_breaks_in_the_engine_itself_takes_the_environment_along(
    pool: Functions, staff: Staff
) -> None:
    staff.answer = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        pool.invoke("resize", {})
    assert len(staff.killed) == 1
    assert pool.pids() == {}


def test_a_function_that_does_not_start_is_a_failed_invocation(
    pool: Functions, staff: Staff
) -> None:
    staff.fails_to_start = EnvironmentFailed("Runtime.ExitError", "no memory")
    done = pool.invoke("resize", {})
    assert (done.failed, done.seconds) == (True, 0.0)
    assert "no memory" in done.payload
    pool.warm()  # which says nothing of it
    assert len(staff.started) == 2


def test_an_environment_that_ended_while_idle_is_replaced(pool: Functions, staff: Staff) -> None:
    pool.invoke("resize", {})
    (idle,) = pool._idle
    idle.ended = True
    pool.invoke("resize", {})
    assert staff.killed == [idle]
    assert pool.pids() == {2: "resize"}


def test_so_many_stay_warm_of_all_functions_together(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were used last; and each that ends a use is as good as new."""
    monkeypatch.setattr(functions, "MAX_IDLE", 3)
    pool = Functions("http://engine", "r", slots=1)
    names = ["a", "b", "c", "d"]
    for name in names:
        pool.register(dataclasses.replace(SPEC, name=name))
    for name in ("a", "b", "c", "a", "d"):
        pool.invoke(name, {})
    assert [environment.function for environment in staff.killed] == ["b"]
    assert sorted(pool.pids().values()) == ["a", "c", "d"]
    pool.invoke("b", {})
    assert [environment.function for environment in staff.killed] == ["b", "c"]


@pytest.mark.parametrize(("slots", "idle"), [(12, 24), (13, 26)])
def test_more_stay_warm_where_more_run_at_once(slots: int, idle: int) -> None:
    assert Functions("http://engine", "r", slots=slots)._max_idle == idle


def test_a_function_registered_anew_gets_new_environments(pool: Functions, staff: Staff) -> None:
    pool.invoke("resize", {})
    changed = dataclasses.replace(SPEC, timeout=9.0)
    pool.register(changed)
    assert len(staff.killed) == 1
    pool.invoke("resize", {})
    assert [spec.timeout for spec, _, _ in staff.started] == [5.0, 9.0]


def test_a_function_registered_anew_in_the_middle_of_work_gets_new_environments(
    pool: Functions, staff: Staff
) -> None:
    changed = dataclasses.replace(SPEC, timeout=9.0)
    staff.during = lambda: pool.register(changed)
    pool.invoke("resize", {})
    assert len(staff.killed) == 1
    pool.invoke("resize", {})
    pool.invoke("resize", {})
    assert [spec.timeout for spec, _, _ in staff.started] == [5.0, 9.0]


def test_warming_starts_one_environment_of_each_function(pool: Functions, staff: Staff) -> None:
    pool.register(dataclasses.replace(SPEC, name="other"))
    pool.warm()
    assert pool.pids() == {1: "resize", 2: "other"}
    pool.invoke("resize", {})
    pool.invoke("other", {})
    assert len(staff.started) == 2


def test_only_so_many_invocations_run_at_once(pool: Functions, staff: Staff) -> None:
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
    pool = Functions("http://engine", "r")
    assert [pool._slots.acquire(blocking=False) for _ in range(slots + 1)] == [True] * slots + [
        False
    ]


@pytest.mark.parametrize(("polled_for", "free"), [(False, 1), (True, 2)])
def test_a_function_that_a_queue_is_polled_for_takes_no_slot(
    pool: Functions, staff: Staff, polled_for: bool, free: int
) -> None:
    """It may wait for others, of which none would ever run."""
    slots: list[bool] = []
    staff.during = lambda: slots.extend(pool._slots.acquire(blocking=False) for _ in range(2))
    pool.register(dataclasses.replace(SPEC, polled_for=polled_for))
    pool.invoke("resize", {})
    assert sum(slots) == free


# ---------------------------------------------------------------------------- closing


def test_closing_ends_idle_and_busy_environments(pool: Functions, staff: Staff) -> None:
    pool.register(dataclasses.replace(SPEC, name="other"))
    pool.invoke("resize", {})

    def close() -> None:
        pool.close()
        assert [environment.number for environment in staff.interrupted] == [2]
        assert [environment.number for environment in staff.killed] == [1]

    staff.during = close
    done = pool.invoke("other", {})
    assert not done.failed
    assert [environment.number for environment in staff.killed] == [
        1,
        2,
    ]  # nobody takes it any more
    assert pool.pids() == {}


def test_nothing_is_invoked_after_closing(pool: Functions, staff: Staff) -> None:
    pool.close()
    done = pool.invoke("resize", {})
    assert json.loads(done.payload)["errorType"] == "Lambda.ServiceException"
    assert "The engine is stopping." in done.payload
    assert staff.started == []


def test_an_environment_that_starts_while_the_pool_closes_is_ended(
    pool: Functions, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*given: Any) -> Any:
        pool.close()
        return staff.start(*given)

    monkeypatch.setattr(Environment, "start", start)
    done = pool.invoke("resize", {})
    assert "The engine is stopping." in done.payload
    assert "Lambda.ServiceException" in done.payload
    assert len(staff.killed) == 1


def test_a_busy_environment_that_does_not_end_is_not_waited_for(
    pool: Functions, staff: Staff
) -> None:
    waited: list[float] = []

    def wait(timeout: float) -> None:
        waited.append(timeout)
        raise subprocess.TimeoutExpired("environment", timeout)

    def close() -> None:
        (busy,) = pool._busy
        busy.process.wait = wait
        pool.close()

    staff.during = close
    pool.invoke("resize", {})
    assert waited == [functions.CLOSE_SECONDS]


# ---------------------------------------------------------------------------- forking


class Forks:
    """What forks, without a process."""

    made: list[Forks]

    def __init__(self, preload: Any, variables: Json) -> None:
        self.preload, self.variables = preload, variables
        self.alive, self.closed = True, False
        Forks.made.append(self)

    def start(self, *_: object) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[Forks]:
    Forks.made = []
    monkeypatch.setattr(functions, "ForkServer", Forks)
    monkeypatch.setattr(os, "pidfd_open", lambda *_: 0, raising=False)
    return Forks.made


def test_environments_are_forked_from_one_process_with_the_modules(
    staff: Staff, forks: list[Forks]
) -> None:
    pool = Functions("http://engine", "r", preload=("json", "csv"))
    for name in ("resize", "other"):
        pool.register(dataclasses.replace(SPEC, name=name))
        pool.invoke(name, {})
    (forking,) = forks
    assert [each for _, _, each in staff.started] == [forking.start] * 2
    assert forking.preload == ("json", "csv")
    assert forking.variables["AWS_ACCESS_KEY_ID"] == "resize"
    pool.close()
    assert forking.closed


def test_what_forks_is_replaced_when_it_is_gone(staff: Staff, forks: list[Forks]) -> None:
    pool = Functions("http://engine", "r", preload=("json",))
    for name in ("resize", "other"):
        pool.register(dataclasses.replace(SPEC, name=name))
        pool.invoke(name, {})
        forks[-1].alive = False
    assert [each for _, _, each in staff.started] == [each.start for each in forks]
    assert len(forks) == 2


def test_spare_processes_are_taken_where_nothing_can_be_forked(
    staff: Staff, forks: list[Forks], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Spares(Forks):
        pass

    monkeypatch.setattr(functions, "SpareProcesses", Spares)
    monkeypatch.delattr(os, "pidfd_open")
    pool = Functions("http://engine", "r", preload=("json",))
    for name in ("resize", "other"):
        pool.register(dataclasses.replace(SPEC, name=name))
        pool.invoke(name, {})
    (spares,) = forks
    assert isinstance(spares, Spares)
    assert [each for _, _, each in staff.started] == [spares.start] * 2
    assert spares.preload == ("json",)
    pool.close()
    assert spares.closed


def test_without_modules_to_preload_nothing_waits(staff: Staff, forks: list[Forks]) -> None:
    pool = Functions("http://engine", "r")
    pool.register(SPEC)
    pool.invoke("resize", {})
    assert forks == []
    assert staff.started[0][2] is start_process


def test_environments_can_be_started_elsewhere(staff: Staff) -> None:
    def start(*_: object) -> Any:
        raise NotImplementedError

    pool = Functions("http://engine", "r", start=start)
    pool.register(SPEC)
    pool.invoke("resize", {})
    assert staff.started[0][2] is start
