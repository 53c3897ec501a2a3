"""Environments are to a function what Lambda's are: variables, limits, error payloads."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from darkroom_ops.engine.lambda_.environments import FunctionSpec
from darkroom_ops.engine.lambda_.functions import Functions, Invocation
from tests.support.pipeline import until
from tests.support.processes import lives

FUNCTIONS = Path(__file__).with_name("functions")
MIB = 1024 * 1024


def spec(name: str = "sample", **changes: Any) -> FunctionSpec:
    given: dict[str, Any] = {
        "name": name,
        "arn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        "handler": "app.handler",
        "code": FUNCTIONS / name,
        "layers": (),
        "variables": {"BUCKET": "a-bucket"},
        "memory_mb": 256,
        "timeout": 5.0,
    }
    return FunctionSpec(**(given | changes))


STARTED = pytest.mark.again("the forked one, and tests/unit/engine/lambda_/test_runtime.py")


@pytest.fixture(
    params=[pytest.param((), marks=STARTED, id="started"),
            pytest.param(("json", "no_such_module"), id="forked")]
)  # fmt: skip
def pool(request: pytest.FixtureRequest) -> Iterator[Functions]:
    environments = Functions("http://127.0.0.1:1", "us-east-1", slots=3, preload=request.param)
    environments.register(spec())
    yield environments
    environments.close()


def error(done: Invocation) -> dict[str, Any]:
    assert done.failed
    found: dict[str, Any] = json.loads(done.payload)
    return found


def test_a_function_has_its_environment_and_nobody_elses(
    pool: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    done = pool.invoke("sample", {"key": "value"})
    answer = json.loads(done.payload)
    environment = answer["environment"]
    assert answer["event"] == {"key": "value"}
    assert environment["BUCKET"] == "a-bucket"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "sample"
    assert answer["memory"] == environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert 0 < answer["remaining"] <= 5000
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(environment)


def test_a_warm_environment_is_used_again(pool: Functions) -> None:
    first = json.loads(pool.invoke("sample", {}).payload)
    second = json.loads(pool.invoke("sample", {}).payload)
    assert first["pid"] == second["pid"]
    assert first["request"] != second["request"]


def test_the_log_is_lambdas(pool: Functions) -> None:
    cold = pool.invoke("sample", {}).log.splitlines()
    warm = pool.invoke("sample", {}).log.splitlines()
    assert cold[0].startswith("START RequestId: ")
    assert cold[1] == "printed by the function"
    assert cold[2].startswith("END RequestId: ")
    assert "Memory Size: 256 MB" in cold[3]
    assert "Init Duration" in cold[3]
    assert "Init Duration" not in warm[3]


def test_an_exception_is_named_and_traced(pool: Functions) -> None:
    found = error(pool.invoke("sample", {"do": "raise", "message": "bad é"}))
    assert (found["errorType"], found["errorMessage"]) == ("ValueError", "bad é")
    assert found["stackTrace"][-1].startswith('  File "/var/task/app.py", line ')


def test_a_function_over_its_time_is_killed(pool: Functions) -> None:
    pool.register(spec(timeout=0.3))
    pool.warm()
    (pid,) = pool.pids()
    found = error(pool.invoke("sample", {"do": "sleep", "seconds": 30}))
    assert found["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 0.30 seconds" in found["errorMessage"]
    assert not lives(pid)


def test_a_function_over_its_memory_is_killed(pool: Functions) -> None:
    found = error(pool.invoke("sample", {"do": "spin", "bytes": 400 * MIB}))
    assert found["errorType"] == "Runtime.ExitError"
    assert found["errorMessage"].endswith("Runtime exited with error: signal: killed")


def test_a_short_peak_counts_too(pool: Functions) -> None:
    found = error(pool.invoke("sample", {"do": "allocate", "bytes": 400 * MIB}))
    assert found["errorType"] == "Runtime.ExitError"


def test_a_function_that_dies_is_reported_and_replaced(pool: Functions) -> None:
    found = error(pool.invoke("sample", {"do": "exit", "code": 3}))
    assert found["errorType"] == "Runtime.ExitError"
    assert found["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert not pool.invoke("sample", {}).failed


def test_an_environment_killed_between_invocations_is_replaced(pool: Functions) -> None:
    pid = json.loads(pool.invoke("sample", {}).payload)["pid"]
    os.kill(pid, 9)
    until(lambda: None if lives(pid) else True)
    assert json.loads(pool.invoke("sample", {}).payload)["pid"] != pid


def test_a_response_must_be_json(pool: Functions) -> None:
    found = error(pool.invoke("sample", {"do": "unserialisable"}))
    assert found["errorType"] == "Runtime.MarshalError"


def test_a_response_must_fit(pool: Functions) -> None:
    found = error(pool.invoke("sample", {"do": "large", "bytes": 7 * MIB}))
    assert found["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_function_that_cannot_be_imported_says_so(pool: Functions) -> None:
    pool.register(spec("broken"))
    found = error(pool.invoke("broken", {}))
    assert found["errorType"] == "Runtime.ImportModuleError"
    assert "no_such_module_anywhere" in found["errorMessage"]


def test_invocations_run_side_by_side(pool: Functions) -> None:
    answers: list[Invocation] = []
    threads = [
        threading.Thread(target=lambda: answers.append(pool.invoke("sample", {}))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert not any(answer.failed for answer in answers)
    assert len(pool.pids()) <= 3


def test_closing_ends_idle_and_busy_environments(pool: Functions) -> None:
    answers: list[Invocation] = []
    busy = threading.Thread(
        target=lambda: answers.append(pool.invoke("sample", {"do": "sleep", "seconds": 30}))
    )
    pool.invoke("sample", {})
    busy.start()
    until(lambda: pool._busy or None)
    pids = pool.pids()
    pool.close()
    busy.join(120)
    assert not busy.is_alive()
    assert answers[0].failed
    assert not any(lives(pid) for pid in pids)


def test_an_environment_ends_with_its_engine(tmp_path: Path) -> None:
    """Even one that hangs in its handler, when the engine is killed and cannot clean up."""
    import subprocess
    import sys

    script = (
        "import sys; from tests.engine.test_environments import *\n"
        "pool = Functions('http://127.0.0.1:1', 'us-east-1'); pool.register(spec(timeout=60))\n"
        "threading.Thread(target=pool.invoke, args=('sample', {'do': 'sleep', 'seconds': 60}),"
        " daemon=True).start()\n"
        "print(*until(lambda: pool.pids() or None), flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=FUNCTIONS.parents[2]
    ) as engine:
        assert engine.stdout is not None
        pid = int(engine.stdout.readline())
        engine.kill()
    until(lambda: None if lives(pid) else True)
