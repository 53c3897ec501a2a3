"""What goes wrong is said in words, with an exit code that programs can use."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)
from darkroom.contract.errors import CorruptImage

from darkroom_ops.deployment import NotDeployed
from darkroom_ops.executions.client import NoSuchExecution
from darkroom_ops.present.failures import LeftRunning, WrongUse, explain, explained

REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no."}}, "GetObject")
EXPRESS = ClientError({"Error": {"Code": "StateMachineTypeNotSupported"}}, "ListExecutions")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (WrongUse("so not"), ["so not"]),
        (NotDeployed("no stack"), ["no stack"]),
        (NoSuchExecution("none such"), ["none such"]),
        (CorruptImage("cut off"), ["CorruptImage: cut off"]),
        (REFUSED, ["AWS refused: ", "AccessDenied", "no."]),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
            ["http://127.0.0.1:1", "darkroom up", "--endpoint"],
        ),
        (NoCredentialsError(), ["aws configure", "--stack"]),
        (NoRegionError(), ["AWS_DEFAULT_REGION"]),
        (BotoCoreError(), ["AWS cannot be reached: "]),
        (EXPRESS, ["keep neither a list of executions nor", "deploy", "WorkflowType=STANDARD."]),
    ],
)
def test_what_a_person_can_mend_is_in_words(error: Exception, said: list[str]) -> None:
    found = explain(error)

    assert found is not None
    assert all(each in found for each in said)
    assert ".." not in found


def test_a_bug_of_ours_is_not_hidden() -> None:
    assert explain(KeyError("x")) is None
    with pytest.raises(KeyError), explained():
        raise KeyError("x")


@pytest.mark.parametrize(
    ("error", "code", "name", "message", "text"),
    [
        (WrongUse("so \x1bnot"), 2, "WrongUse", "so \x1bnot", "darkroom: so \\x1bnot\n"),
        (REFUSED, 2, "AccessDenied", None, None),
        (LeftRunning("It goes on."), 130, "LeftRunning", "It goes on.", "\nIt goes on.\n"),
        (KeyboardInterrupt(), 130, "Interrupted", "Stopped.", "\ndarkroom: stopped.\n"),
        (typer.Abort(), 130, "Interrupted", "Stopped.", "\ndarkroom: stopped.\n"),
    ],
)
def test_failures_have_an_exit_code_and_a_name(
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    name: str,
    message: str | None,
    text: str | None,
) -> None:
    for as_json in (True, False):
        with pytest.raises(typer.Exit) as left, explained(as_json=as_json):
            raise error
        assert left.value.exit_code == code
        out, err = capsys.readouterr()
        if as_json:
            assert err == ""
            assert json.loads(out)["error"] == name
            assert message is None or json.loads(out)["message"] == message
        else:
            assert out == ""
            assert text is None or err == text


def test_a_reader_that_has_gone_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        closed = False

        def close(self) -> None:
            self.closed = True
            raise OSError

        def __getattr__(self, _: str) -> Any:
            return lambda *_: None

    pipe = Pipe()
    monkeypatch.setattr(sys, "stdout", pipe)

    with pytest.raises(typer.Exit) as left, explained(as_json=True):
        raise BrokenPipeError

    assert (left.value.exit_code, pipe.closed) == (0, True)


def test_what_goes_well_is_left_alone() -> None:
    with explained():
        pass


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_error_is_wrapped_at_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    message = "Expected an engine, but found none. Start it with `darkroom up --port 4566`."
    with pytest.raises(typer.Exit), explained():
        raise WrongUse(message)
    said = capsys.readouterr().err
    assert said.split() == f"darkroom: {message}".split()
    longest = max(map(len, said.splitlines()))
    assert longest <= 30 if terminal else longest == len(f"darkroom: {message}")
