"""What is typed for a run: JSON, a file, standard input."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.contract.errors import InvalidRequest

from darkroom_ops import presets, rerun
from darkroom_ops.cli import inputs
from darkroom_ops.present.failures import WrongUse

FIELDS = '{"notify": false}'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "wish.json"
    path.write_text(FIELDS)
    return path


def test_json_is_taken_from_wherever_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(FIELDS))

    for given in (FIELDS, f" {FIELDS}", f"@{file}", str(file), "-"):
        assert inputs.json_of(given, "--input") == {"notify": False}


def test_the_name_of_a_text_is_where_it_came_from(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("typed"))

    assert inputs.text_of("-", "--input") == ("standard input", "typed")
    assert inputs.text_of(f"@{file}", "--input") == (str(file), FIELDS)
    assert inputs.text_of(str(file), "--input") == (str(file), FIELDS)
    assert inputs.text_of("[1]", "--input") == ("--input", "[1]")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "Expected --input to be JSON, or @ and the name of a file"),
        ("nowhere.json", "Expected --input to be JSON"),
        ("[1, 2]", r"Expected --input to be a JSON object, but received list: \[1, 2\]\."),
        ("@/no/such/file", "Expected to read the input from /no/such/file, but: No such file"),
    ],
)
def test_what_is_no_json_object_is_told(given: str, said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        inputs.json_of(given, "--input")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff")

    with pytest.raises(WrongUse, match="it is not text"):
        inputs.json_of(f"@{path}", "--input")


# ---------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("request_", "deployment", "command"),
    [
        ({}, ("darkroom", "http://x"), "darkroom run s3://BUCKET/KEY"),
        ({"source": "x"}, ("darkroom", "http://x"), "darkroom run s3://BUCKET/KEY"),
        (
            {"source": {"bucket": "b", "key": "k"}},
            ("other", "http://x"),
            "darkroom run s3://b/k --stack other",
        ),
        (
            {"source": {"bucket": "b", "key": "k"}},
            ("darkroom", None),
            "darkroom run s3://b/k --stack darkroom",
        ),
    ],
)
def test_the_command_of_a_request(
    request_: Any, deployment: tuple[str, str | None], command: str
) -> None:
    at: Any = SimpleNamespace(stack=deployment[0], endpoint=deployment[1])

    assert rerun.command(at, request_) == command


def test_a_request_is_started_as_it_is() -> None:
    started: dict[str, Any] = {}

    def start_execution(**given: Any) -> dict[str, str]:
        started.update(given)
        return {"executionArn": "arn"}

    at: Any = SimpleNamespace(
        state_machine_arn="machine", stepfunctions=SimpleNamespace(start_execution=start_execution)
    )

    assert rerun.start(at, {"source": {"key": "é"}}) == "arn"
    assert started["stateMachineArn"] == "machine"
    assert json.loads(started["input"]) == {"source": {"key": "é"}}


# ---------------------------------------------------------------------------- presets


def test_presets_that_fill_the_parameter_fit_and_a_byte_more_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []

    def put_parameter(*, Name: str, Value: str, Overwrite: bool) -> dict[str, int]:  # noqa: N803
        assert (Name, Overwrite) == ("/presets", True)
        written.append(Value)
        return {"Version": 3}

    at: Any = SimpleNamespace(
        ssm=SimpleNamespace(put_parameter=put_parameter), presets_parameter_name="/presets"
    )
    made = presets.validate('[{"name": "s", "width": 1, "watermark": {"text": "é"}}]')
    presets.put(at, made)
    size = len(written[0].encode())

    monkeypatch.setattr(presets, "MAX_BYTES", size)
    assert presets.put(at, made) == 3
    monkeypatch.setattr(presets, "MAX_BYTES", size - 1)
    with pytest.raises(InvalidRequest, match=f"{size - 1} bytes.*they take {size}"):
        presets.put(at, made)


def test_what_is_deployed_is_told_as_it_is() -> None:
    found = {"Value": "nonsense", "Version": 7}
    at: Any = SimpleNamespace(
        ssm=SimpleNamespace(get_parameter=lambda **given: {"Parameter": found | given}),
        presets_parameter_name="/presets",
    )

    assert presets.get(at) == presets.Parameter("/presets", "nonsense", 7, None)
