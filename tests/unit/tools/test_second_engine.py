"""What is changed for the second emulator means the same; `make test-second-engine` runs there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.checks.findings import Skipped
from tools.second_engine import __main__ as second
from tools.second_engine.serve import error_type, name_errors


def test_what_it_lacks_is_left_out_and_the_rest_deployed() -> None:
    resources = {
        "Queries": {"Type": "AWS::Logs::QueryDefinition"},
        "Math": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": []}},
        "Plain": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
        "Machine": {"Type": "X", "Properties": {"DefinitionUri": "s/a.asl.yaml", "Other": 1}},
        "Layer": {"Type": "X", "Properties": {"ContentUri": "l"}, "Metadata": {"BuildMethod": "m"}},
        "Code": {"Type": "X", "Properties": {"CodeUri": "functions/resize"}},
        "Key": {"Type": "X"},
    }
    found = second.adapted({"Resources": resources, "Outputs": {}}, Path("/d"), Path("/l"))
    assert found == {
        "Resources": {
            "Plain": resources["Plain"],
            "Machine": {"Type": "X", "Properties": {"DefinitionUri": "/d/a.json", "Other": 1}},
            "Layer": {"Type": "X", "Properties": {"ContentUri": "/l"}},
            "Code": {"Type": "X", "Properties": {"CodeUri": str(second.ROOT / "functions/resize")}},
            "Key": {"Type": "X"},
        },
        "Outputs": {},
    }
    assert resources["Machine"]["Properties"]["DefinitionUri"] == "s/a.asl.yaml"  # it is left


def test_what_it_ignores_is_done_by_states_of_their_own() -> None:
    parallel = {"Type": "Parallel", "Assign": {"a": "{% $states.result[0] %}"}, "Next": "End"}
    states = {
        "Both": parallel,
        "End": {"Type": "Succeed", "Output": {"a": 1}},
        "Plain": {"Type": "Succeed"},
        "Quiet": {"Type": "Parallel", "Next": "End"},
        "Task": {"Type": "Task", "Assign": {"b": 1}, "Output": 2},
    }
    assert second.spelled_out({"StartAt": "Both", "States": states}) == {
        "StartAt": "Both",
        "States": states
        | {
            "Both": {"Type": "Parallel", "Next": "BothDone"},
            "BothDone": {"Type": "Pass", "Assign": {"a": "{% $states.input[0] %}"}, "Next": "End"},
            "End": {"Type": "Pass", "Output": {"a": 1}, "Next": "EndDone"},
            "EndDone": {"Type": "Succeed"},
        },
    }


@pytest.mark.parametrize(
    ("last", "message", "name"),
    [
        ("darkroom.contract.errors.CorruptImage: It ends early.", "It ends early.", "CorruptImage"),
        ("KeyError: 'a: b'", "'a: b'", "KeyError"),
        ("a.B: one\ntwo: three", "one\ntwo: three", "B"),
        ("a.Empty", "", "Empty"),
    ],
)
def test_an_error_has_the_name_of_its_class(last: str, message: str, name: str) -> None:
    assert error_type(f"Traceback (most recent call last):\n  here\n{last}\n", message) == name


def test_what_a_handler_raises_is_raised_by_its_name() -> None:
    answers: list[Any] = [
        {"status": "ok", "result": 1},
        {"status": "error", "error": "no\nimage", "trace": "T\na.CorruptImage: no\nimage\n"},
        {"status": "error", "error": "timed out"},
    ]
    worker: Any = SimpleNamespace(invoke=lambda: answers.pop(0))
    name_errors(worker)
    assert worker.invoke() == {"status": "ok", "result": 1}
    with pytest.raises(Exception, match=r"^no\nimage$") as raised:
        worker.invoke()
    assert type(raised.value).__name__ == "CorruptImage"
    assert worker.invoke() == {"status": "error", "error": "timed out"}


def test_nobodys_keys_go_to_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    found = second.environment("http://127.0.0.1:1")
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert found["AWS_ACCESS_KEY_ID"] == "test"
    assert not found.keys() & {"AWS_PROFILE", "AWS_SESSION_TOKEN"}


def test_a_machine_that_cannot_install_it_is_told_so_and_not_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(command: list[str], **_: Any) -> Any:
        return subprocess.CompletedProcess(command, 1, "", "no network")

    monkeypatch.setattr(second, "HOME", tmp_path / "home")
    monkeypatch.setattr(subprocess, "run", refused)
    with pytest.raises(Skipped, match="no network"):
        second.install()
    assert second.main([]) == 0
    assert "The second engine is left out: it cannot be installed: no network" in (
        capsys.readouterr().out
    )
