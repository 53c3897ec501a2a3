"""What holds for all commands: help, JSON, and errors in both."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
import typer
from botocore.exceptions import ClientError
from darkroom import __version__

from darkroom_ops.cli import display
from darkroom_ops.cli.main import app, main
from darkroom_ops.present.failures import explain, explained
from tests.support.cli import invoke
from tests.unit.recorded import recorded


def commands(group: typer.Typer = app, above: str = "") -> Iterator[tuple[str, Any]]:
    for command in group.registered_commands:
        assert command.callback is not None
        yield f"{above}{command.name or command.callback.__name__}", command
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, f"{above}{inner.name} ")


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=[name for name, _ in commands()]
)
def test_every_command_has_help_with_an_example_and_json(name: str, command: Any) -> None:
    assert f"darkroom {name}" in command.epilog
    assert "json" in command.callback.__annotations__


@pytest.mark.parametrize("width", [40, 120])
@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=[name for name, _ in commands()]
)
def test_an_example_can_be_copied_at_any_width(
    monkeypatch: pytest.MonkeyPatch, name: str, command: Any, width: int
) -> None:
    """A shell joins lines where a backslash ends one."""
    monkeypatch.setenv("COLUMNS", str(width))
    shown = invoke([*name.split(), "--help"]).stdout.partition("Example")[2].splitlines()[1:]

    typed = "\n".join(shown).replace(" \\\n    ", " ").strip().split("\n  ")

    assert typed == command.epilog.split("\n\n  ")[1:]
    # What is longer is one word, as an address, or an option with its value.
    assert all(len(line) <= max(width, 60) for line in shown if len(line.split()) > 1)


def told(monkeypatch: pytest.MonkeyPatch, capsys: Any, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["darkroom", *words])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def test_the_version_is_the_one_that_the_functions_have(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert told(monkeypatch, capsys, "--version") == (0, f"darkroom {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["show"], "WrongUse", "Missing argument"),
        (["ls", "--colour", "red"], "WrongUse", "--colour"),
        (["frobnicate"], "WrongUse", "frobnicate"),
        (["ls", "--limit", "0"], "WrongUse", "--limit"),
        (["ls", "--status", "green"], "WrongUse", "ALREADY_PROCESSED"),
        (["presets", "validate", "[]"], "InvalidRequest", "presets"),
    ],
)
def test_wrong_use_is_told_as_json_too(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, words: list[str], error: str, said: str
) -> None:
    code, out, err = told(monkeypatch, capsys, *words, "--json")
    assert (code, err) == (2, "")
    found = json.loads(out)
    assert found.keys() == {"error", "message"}
    assert found["error"] == error
    assert said in found["message"]

    code, out, err = told(monkeypatch, capsys, *words)
    assert (code, out) == (2, "")
    assert said in re.sub(r"[\s│]+", " ", err)


@pytest.mark.parametrize(
    "words",
    [
        ("ls", "--status", "failed", "--json"),
        ("show", "3036d378", "--state", "Resize"),
        ("rerun", "3036d378", "--watermark", "© Ann"),
        ("redrive", "3036d378"),
    ],
)
def test_text_and_what_is_not_typed_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Typer has pydantic do so, which takes a tenth of a second to load."""
    read: list[object] = []

    def coerced(descriptor: Any) -> object:
        read.append(descriptor.annotation)
        raise AssertionError

    monkeypatch.setattr("typer.core.build_runtime_param", coerced)
    monkeypatch.setattr("darkroom_ops.cli.address.connect", Mock(side_effect=ZeroDivisionError))
    monkeypatch.setattr("tests.support.cli.whole_command", lambda: typer.main.get_command(app))

    assert isinstance(invoke(words).exception, ZeroDivisionError)
    assert isinstance(invoke(["ls", "--limit", "20"]).exception, AssertionError)
    assert read == [int]


def test_aws_s_own_error_code_is_what_programs_get(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def connect(*_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Describe")

    monkeypatch.setattr("darkroom_ops.cli.address.connect", connect)

    code, out, _ = told(monkeypatch, capsys, "ls", "--json")

    assert (code, json.loads(out)["error"]) == (2, "AccessDeniedException")


def test_an_express_workflow_has_no_list_and_the_message_says_what_to_do() -> None:
    error = ClientError({"Error": {"Code": "StateMachineTypeNotSupported"}}, "ListExecutions")

    assert "WorkflowType=STANDARD" in (explain(error) or "")


def test_an_execution_whose_cost_is_not_known_is_shown_without_it() -> None:
    execution = recorded("complete")

    assert "$" not in display.summary(execution, None).plain
    assert "11 transitions" in display.summary(execution, None).plain
    found = display.as_json(execution, None)
    assert (found["cost_usd"], found["cost"]) == (None, [])


def test_what_cannot_be_written_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr("sys.argv", ["darkroom"])
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, "utf-8", write_through=True))
    monkeypatch.setattr("darkroom_ops.cli.main.app", lambda **_: sys.exit(print("run \ud800")))
    with pytest.raises(SystemExit):
        main()
    assert out.getvalue() == b"run \\ud800\n"


@pytest.mark.parametrize("words", [(), ("presets",)])
def test_without_a_command_the_help_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, words: tuple[str, ...]
) -> None:
    code, out, err = told(monkeypatch, capsys, *words)

    assert (code, err) == (2, "")
    assert out.count("Usage: darkroom") == 1


def test_wrong_use_is_told_as_every_error_is(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    _, _, err = told(monkeypatch, capsys, "ls", "--colour", "red")

    assert err == "darkroom: No such option: --colour. See `darkroom ls --help`.\n"
    _, _, err = told(monkeypatch, capsys, "ls", "--status")
    assert err.endswith("'--status' requires an argument. See `darkroom ls --help`.\n")
    _, _, err = told(monkeypatch, capsys, "--version=1")
    assert err.endswith("does not take a value. See `darkroom --help`.\n")


@pytest.mark.parametrize("name", ["", *(name for name, _ in commands())])
def test_the_help_names_no_types_of_a_language(name: str) -> None:
    assert not re.search(r"<\w", invoke([*name.split(), "--help"]).stdout)


def test_ctrl_c_at_a_question_ends_as_elsewhere(capsys: Any) -> None:
    with pytest.raises(typer.Exit) as left, explained():
        raise typer.Abort

    assert left.value.exit_code == 130
    assert capsys.readouterr().err == "\ndarkroom: stopped.\n"
