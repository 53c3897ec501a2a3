"""The inside of an environment: a process of its own, that speaks in lines of JSON."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from darkroom_ops.engine.lambda_ import environments, runtime
from darkroom_ops.engine.lambda_.environments import (
    Environment,
    EnvironmentFailed,
    ForkServer,
    SpareProcesses,
)
from tests.unit.engine.lambda_.test_environments import SPEC

Json = dict[str, Any]

ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "sample",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/sample",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    "_HANDLER": "app.handler",
}

APP = """
import sys
import helper
print("imported")
def handler(event, context):
    print("out", event)
    print("err", file=sys.stderr)
    if event == "raise":
        helper.refuse("no é")
    if event == "set":
        return {1}
    if event == "large":
        return "x" * 6_291_555
    if event == "largest":
        return "x" * 6_291_554
    if event == "context":
        return {**vars(context), "left": context.get_remaining_time_in_millis()}
    return {"given": event}
"""

HELPER = "def refuse(why):\n    import json\n    json.loads('{')\n"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A function's folder and a layer's, as an environment finds them in its environment."""
    code, layer = tmp_path / "code", tmp_path / "layer"
    for folder in (code, layer):
        folder.mkdir()
    (code / "app.py").write_text(APP)
    (layer / "helper.py").write_text(HELPER)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DARKROOM_SYS_PATH", f"{code}{os.pathsep}{layer}")
    return code, layer


class Started:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(Path(runtime.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.count = 0

    def reply(self) -> Json:
        assert self.process.stdout is not None
        found: Json = json.loads(self.process.stdout.readline())
        return found

    def ask(self, event: Any) -> Json:
        assert self.process.stdin is not None
        self.count += 1
        request = {
            "id": f"request-{self.count}", "arn": "arn:f", "timeout": 5, "event": event,
            "end": f"end {self.count}",
        }  # fmt: skip
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.reply()

    def end(self) -> str:
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        if self.process.stderr.closed:
            return ""
        with self.process, self.process.stderr:
            return self.process.stderr.read()


@pytest.fixture
def environment(folders: tuple[Path, Path]) -> Iterator[Started]:
    made = Started()
    yield made
    made.process.kill()
    made.end()


def test_an_environment_answers_until_its_input_ends(environment: Started) -> None:
    assert environment.reply() == {"ready": True}
    for event in ({"a": 1}, None):
        answer = environment.ask(event)
        assert json.loads(answer["payload"]) == {"given": event}
        assert answer["failed"] is False
        assert 5 * 2**20 < answer["peak_bytes"] < 500 * 2**20
    failed = environment.ask("raise")
    assert failed["failed"] is True
    assert json.loads(failed["payload"])["requestId"] == "request-3"
    assert environment.end().splitlines() == [
        "imported", "out {'a': 1}", "err", "end 1", "out None", "err", "end 2",
        "out raise", "err", "end 3",
    ]  # fmt: skip
    assert environment.process.returncode == 0


def test_a_function_that_cannot_start_fails_every_invocation(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_HANDLER", "app.nothing")
    environment = Started()
    assert environment.reply() == {"ready": False}
    for _ in range(2):
        answer = environment.ask({})
        assert answer["failed"] is True
        assert json.loads(answer["payload"])["errorType"] == "Runtime.HandlerNotFound"
    assert "AttributeError" in environment.end()


# ---------------------------------------------------------------------------- forked

FORKED_APP = """
import os, sys
def handler(event, context):
    if event == "exit":
        os._exit(3)
    return {
        "preloaded": "colorsys" in sys.modules, "environment": dict(os.environ),
        "folder": os.getcwd(), "pid": os.getpid(), "session": os.getsid(0), "parent": os.getppid(),
        "open": len(os.listdir("/dev/fd")),
    }
"""


@pytest.fixture
def forking(folders: tuple[Path, Path]) -> Iterator[ForkServer]:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("environments are not forked on this system")
    (folders[0] / "app.py").write_text(FORKED_APP)
    made = ForkServer(
        ("colorsys", "no_such_module"), {"PATH": os.environ["PATH"], "OWN": "forking"}
    )
    yield made
    made.close()


def variables(folders: tuple[Path, Path], **more: str) -> dict[str, str]:
    return {**ENVIRONMENT, "DARKROOM_SYS_PATH": os.pathsep.join(map(str, folders)), **more}


def asked(environment: Environment, event: Any) -> Json:
    environment.send({"id": "r", "arn": "arn:f", "timeout": 5, "event": event, "end": "end"})
    answer = environment.reply(30, None, b"end")
    environment.take_log(b"end")
    found: Json = json.loads(answer["payload"])
    return found


def forked(forking: ForkServer, folders: tuple[Path, Path], **more: str) -> Environment:
    process = forking.start(folders[0], variables(folders, **more))
    environment = Environment("sample", process)
    assert environment.reply(30, None) == {"ready": True}
    return environment


def test_a_forked_environment_is_as_if_it_were_started(
    forking: ForkServer, folders: tuple[Path, Path]
) -> None:
    """But for what it has imported already: its environment, folder and session are its own."""
    first, second = (forked(forking, folders, OWN=name) for name in ("first", "second"))
    told = [asked(environment, {}) for environment in (first, second)]
    for environment, answer, name in zip((first, second), told, ("first", "second"), strict=True):
        assert answer["environment"] == variables(folders, OWN=name)
        assert answer["folder"] == str(folders[0])
        assert answer["session"] == answer["pid"] == environment.process.pid
        assert answer["parent"] == forking._process.pid
        assert answer["preloaded"] is True
        assert answer["open"] <= 6  # its streams, the replies', and what looks
        assert environment.process.poll() is None
    server = forking._process.pid
    held = Path(f"/proc/{server}/environ").read_bytes().split(b"\0")
    assert {each.partition(b"=")[0] for each in held if each} == {b"PATH", b"OWN"}
    assert os.getsid(server) == server, "or Ctrl-C would end it before its environments"
    assert told[0]["pid"] != told[1]["pid"]
    for environment in (first, second):
        environment.kill()
    assert [environment.process.poll() for environment in (first, second)] == [-9, -9]


def test_a_forked_environments_exit_is_told(
    forking: ForkServer, folders: tuple[Path, Path]
) -> None:
    environment = forked(forking, folders)
    with pytest.raises(EnvironmentFailed, match="exit status 3"):
        asked(environment, "exit")
    assert (environment.process.wait(), environment.process.poll()) == (3, 3)
    environment.kill()
    again = forked(forking, folders)
    with pytest.raises(subprocess.TimeoutExpired):
        again.process.wait(timeout=0)
    again.kill()


def test_nothing_is_forked_by_what_is_gone(
    forking: ForkServer, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = forked(forking, folders)
    assert forking.alive
    forking._process.kill()
    forking._process.wait()
    assert not forking.alive
    pipes, pipe = [], os.pipe
    with monkeypatch.context() as patched:
        patched.setattr(os, "pipe", lambda: pipes.append(pipe()) or pipes[-1])
        with pytest.raises(EnvironmentFailed, match="The fork server is gone") as died:
            forking.start(folders[0], variables(folders))
    assert died.value.kind == "Lambda.ServiceException"
    for end in (end for each in pipes for end in each):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(end)
    environment.interrupt()
    assert environment.process.wait(30) == -9  # nobody knows: it is taken for killed
    environment.kill()


# ---------------------------------------------------------------------------- waiting


@pytest.fixture
def spares(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[SpareProcesses]:
    monkeypatch.setattr(environments, "SPARES", 2)
    (folders[0] / "app.py").write_text(FORKED_APP)
    made = SpareProcesses(
        ("colorsys", "no_such_module"), {"PATH": os.environ["PATH"], "OWN": "waiting"}
    )
    yield made
    made.close()


def test_a_spare_process_becomes_an_environment_and_is_replaced(
    spares: SpareProcesses, folders: tuple[Path, Path]
) -> None:
    """As if it were started, but for what it has imported already."""
    first, second = (each.pid for each in spares._waiting)
    environment = Environment.start(
        dataclasses.replace(SPEC, code=folders[0]), variables(folders, OWN="first"), spares.start
    )
    answer = asked(environment, {})
    assert answer["environment"] == variables(folders, OWN="first")
    assert answer["folder"] == str(folders[0])
    assert answer["session"] == answer["pid"] == environment.process.pid == first
    assert answer["preloaded"] is True
    assert spares._waiting[0].pid == second
    assert len(spares._waiting) == 2
    assert spares.alive
    environment.kill()


def test_a_spare_process_that_is_gone_is_told_and_the_next_one_taken(
    spares: SpareProcesses, folders: tuple[Path, Path]
) -> None:
    spares._waiting[0].kill()
    spares._waiting[0].wait()
    spec, given = dataclasses.replace(SPEC, code=folders[0]), variables(folders)
    with pytest.raises(EnvironmentFailed, match="signal: killed"):
        Environment.start(spec, given, spares.start)
    Environment.start(spec, given, spares.start).kill()


def test_a_spare_process_ends_with_its_input(spares: SpareProcesses) -> None:
    """So it ends with its engine, even when that is killed."""
    process = spares._waiting.pop()
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 0


def test_spare_processes_end_when_they_are_not_wanted_any_more(spares: SpareProcesses) -> None:
    waiting = list(spares._waiting)
    spares.close()
    assert [each.returncode for each in waiting] == [-9, -9]


# ---------------------------------------------------------------------------- in this process


@pytest.fixture
def handler(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield runtime._load("app.handler")
    for name in ("app", "helper"):
        sys.modules.pop(name, None)


def invoke(handler: Any, event: Any) -> Json:
    return runtime._invoke(handler, {"id": "r", "arn": "arn:f", "timeout": 5, "event": event})


def test_a_handler_gets_lambdas_context(handler: Any) -> None:
    answer = json.loads(invoke(handler, "context")["payload"])
    assert 4000 < answer.pop("left") <= 5000
    assert answer.pop("_deadline") > time.monotonic()
    assert answer == {
        "aws_request_id": "r",
        "invoked_function_arn": "arn:f",
        "function_name": "sample",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "256",
        "log_group_name": "/aws/lambda/sample",
        "log_stream_name": "stream",
        "identity": None,
        "client_context": None,
    }


def test_no_time_is_left_after_the_deadline(folders: tuple[Path, Path]) -> None:
    context = runtime.Context("r", "arn:f", time.monotonic() - 5)
    assert context.get_remaining_time_in_millis() == 0


def test_an_error_tells_where_its_files_are_on_lambda(handler: Any) -> None:
    """Without the runtime's own frame; the function's, its layer's and Python's folders."""
    failed = invoke(handler, "raise")
    told = json.loads(failed["payload"])
    assert failed["failed"] is True
    assert (told["errorType"], told["requestId"]) == ("JSONDecodeError", "r")
    assert told["errorMessage"].startswith("Expecting property name")
    version = sysconfig.get_python_version()
    assert [frame.split('"')[1] for frame in told["stackTrace"]][:3] == [
        "/var/task/app.py",
        "/opt/python/helper.py",
        f"/var/lang/lib/python{version}/json/__init__.py",
    ]


def test_installed_packages_are_a_layers(folders: tuple[Path, Path]) -> None:
    code, layer = folders
    places = runtime._places()
    assert places[str(layer)] == places[sysconfig.get_paths()["purelib"]] == "/opt/python"
    assert places[str(code)] == "/var/task"
    # A layer that lies within the standard library's folder is told first.
    assert list(places)[-1] == sysconfig.get_paths()["stdlib"]


def test_a_response_must_be_json(handler: Any) -> None:
    failed = invoke(handler, "set")
    assert failed["failed"] is True
    assert json.loads(failed["payload"]) == {
        "errorType": "Runtime.MarshalError",
        "errorMessage": "Unable to marshal response: Object of type set is not JSON serializable",
        "requestId": "r",
        "stackTrace": [],
    }


def test_a_response_must_fit(handler: Any) -> None:
    """With its quotes: at Lambda's limit, and one byte beyond."""
    assert invoke(handler, "largest")["failed"] is False
    told = json.loads(invoke(handler, "large")["payload"])
    assert told["errorType"] == "Function.ResponseSizeTooLarge"
    assert told["errorMessage"] == (
        "Response payload size (6291557 bytes) exceeded maximum allowed payload size "
        "(6291556 bytes)."
    )


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ImportError("no module x"), "ImportModuleError", "import module 'app': no module x"),
        (AttributeError("no handler"), "HandlerNotFound", "no handler"),
    ],
)
def test_a_function_that_cannot_start_says_so_in_lambdas_words(
    folders: tuple[Path, Path], error: Exception, kind: str, message: str
) -> None:
    told = runtime._init_error(error)
    assert (told["errorType"], told["requestId"]) == (f"Runtime.{kind}", "")
    assert told["errorMessage"].endswith(message)
    assert ("Unable to" in told["errorMessage"]) is isinstance(error, ImportError)


def test_other_errors_of_the_start_keep_their_name(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert runtime._init_error(KeyError("TABLE"))["errorType"] == "KeyError"
    assert "TABLE" in capsys.readouterr().err  # the log has it too


def test_the_peak_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    status = "Name:\tpython\nVmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n"
    monkeypatch.setattr("builtins.open", lambda *_, **__: io.StringIO(status))
    assert runtime._peak_bytes() == 2048 * 1024


def test_the_peak_is_asked_otherwise_where_there_is_no_proc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import resource

    def missing(*_: Any, **__: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    assert runtime._peak_bytes() == resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
