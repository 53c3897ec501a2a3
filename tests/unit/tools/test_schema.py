"""The file of the schema, as it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import schema


def test_the_schema_is_written_for_people_and_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "request.schema.json"
    monkeypatch.setattr(schema, "PATH", path)
    schema.main()
    text = path.read_text("utf-8")
    assert json.loads(text)["title"] == "Input of the Darkroom image pipeline"
    assert text.startswith('{\n  "$schema"')
    assert text.endswith("}\n")
