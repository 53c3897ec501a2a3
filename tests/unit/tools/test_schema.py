"""The file of the schema: written, and checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import schema


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    found = tmp_path / "request.schema.json"
    monkeypatch.setattr(schema, "PATH", found)
    return found


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["schema", *arguments])
    return schema.main()


def test_what_is_written_is_up_to_date(
    monkeypatch: pytest.MonkeyPatch, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) == 0
    text = path.read_text("utf-8")
    assert json.loads(text)["title"] == "Input of the Darkroom image pipeline"
    assert text.startswith('{\n  "$schema"')
    assert text.endswith("}\n")
    assert run(monkeypatch, "--check") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("content", [None, "{}", "\n"])
def test_what_differs_is_told_and_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
) -> None:
    if content is not None:
        path.write_text(content)

    assert run(monkeypatch, "--check") == 1

    said = "request.schema.json differs from the models: run `make schema`.\n"
    assert capsys.readouterr() == ("", said)
    assert (path.read_text() if path.exists() else None) == content
