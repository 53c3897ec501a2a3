"""What is typed for a run: JSON, a file, standard input."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from darkroom.contract.requests import parse_request

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


@pytest.mark.parametrize("text", ["{}", "[1]"])
def test_what_begins_as_json_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(text).write_text("a file of that name")

    assert inputs.text_of(text, "--input") == ("--input", text)


@pytest.mark.parametrize(
    ("given", "presets", "watermark", "notify", "fields"),
    [
        (None, None, None, None, {}),
        ('{"a": 1}', [], None, None, {"a": 1}),
        (None, ["a=1x"], None, None, {"presets": [{"name": "a", "width": 1}]}),
        (None, None, "x", None, {"watermark": {"text": "x"}}),
        (None, None, "", None, {}),
        ('{"notify": true}', None, None, False, {"notify": False}),
        (None, None, None, True, {"notify": True}),
    ],
)
def test_the_fields_that_options_stand_for(
    given: str | None, presets: list[str] | None, watermark: str | None, notify: bool | None,
    fields: dict[str, Any],
) -> None:  # fmt: skip
    assert inputs.fields_of(given, presets, watermark, notify=notify) == fields


def test_the_option_that_is_no_json_is_named_and_what_is_long_is_cut() -> None:
    with pytest.raises(WrongUse, match="Expected --input to be JSON"):
        inputs.fields_of("{", None, None)
    with pytest.raises(WrongUse, match=rf"received str: \"{'x' * 59}\.$"):
        inputs.json_of(f'"{"x" * 99}"', "--input")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "Expected --input to be JSON, or the name of a file with it, but it is not: "),
        ("nowhere.json", "with it, but there is no file 'nowhere.json'"),
        ("x" * 5000, r"with it, but there is no file 'x+\.\.\.x+'\.$"),  # longer than names may be
        ("/", "Expected to read the input from /, but: Is a directory"),
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


@pytest.mark.parametrize(
    ("typed", "preset"),
    [
        ("thumb=160x160", {"name": "thumb", "width": 160, "height": 160}),
        ("wide=1600x", {"name": "wide", "width": 1600}),
        ("tall=x900", {"name": "tall", "height": 900}),
        (
            "t=1x2,fit=cover,quality=70,enlarge=true",
            {"name": "t", "width": 1, "height": 2, "fit": "cover", "quality": 70, "enlarge": True},
        ),
        ("t=1x2,fit=cover,position=top-left", {"name": "t", "width": 1, "height": 2,
                                               "fit": "cover", "position": "top-left"}),
        ("t=1x2,fit=cover,position=0.25x1", {"name": "t", "width": 1, "height": 2, "fit": "cover",
                                             "position": {"x": 0.25, "y": 1.0}}),
        ("t=1x2,format=avif+webp+jpeg", {"name": "t", "width": 1, "height": 2,
                                         "format": ["avif", "webp", "jpeg"]}),
        ("t=1x2,background=#00ff00", {"name": "t", "width": 1, "height": 2,
                                      "background": "#00ff00"}),
    ],
)  # fmt: skip
def test_presets_as_typed(typed: str, preset: dict[str, Any]) -> None:
    assert inputs.preset(typed) == preset
    parse_request({"source": {"bucket": "bucket", "key": "k"}, "presets": [preset]})


@pytest.mark.parametrize("typed", ["thumb", "160x160", "a=160", "a=1x2,fit", "a=-1x2", "=1x1"])
def test_presets_as_nobody_should_type_them(typed: str) -> None:
    with pytest.raises(WrongUse, match="thumb=160x160"):
        inputs.preset(typed)
