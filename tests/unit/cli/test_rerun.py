"""Running an image again."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from darkroom_ops.cli.rerun import difference
from tests.unit.cli.conftest import ARN, darkroom
from tests.unit.recorded import recorded


@pytest.fixture
def rerunning(executions: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An upload that was processed; a re-run of it is followed in no time."""
    executions.whole = {"upload": recorded("complete"), "request": recorded("silent")}

    def follow(_: Any, arn: str, screen: Any, more: Any) -> int:
        executions.finished = {"arn": arn, "quiet": screen.quiet, "more": more}
        return 0

    monkeypatch.setattr("darkroom_ops.cli.progress.follow_to_end", follow)
    return executions


def request(executions: Any, *words: str) -> Any:
    code, text = darkroom("rerun", *words, "--dry-run", "--json")
    assert code == 0, text
    assert executions.started == []
    found = json.loads(text)
    assert found["started"] is False
    return found["request"]


def test_an_upload_runs_again_at_its_version(rerunning: Any) -> None:
    source = recorded("complete").source
    assert source is not None
    pinned = {"bucket": source.bucket, "key": source.key, "versionId": source.version_id}

    assert request(rerunning, "upload") == {"source": pinned}
    del pinned["versionId"]
    assert request(rerunning, "upload", "--newest") == {"source": pinned}
    asked = {"source": pinned | {"versionId": "v", "etag": "e"}}
    rerunning.whole["asked"] = dataclasses.replace(recorded("silent"), input=asked)
    assert request(rerunning, "asked", "--newest") == {"source": pinned}


def test_what_is_asked_for_replaces_what_was(rerunning: Any) -> None:
    before = recorded("silent").input

    assert request(rerunning, "request") == before
    assert request(rerunning, "request", "--notify") == before | {"notify": True}
    assert request(rerunning, "request", "--watermark", "©") == (
        before | {"watermark": {"text": "©"}}
    )
    assert request(rerunning, "request", "--preset", "a=1x2", "--preset", "b=3x") == (
        before | {"presets": [{"name": "a", "width": 1, "height": 2}, {"name": "b", "width": 3}]}
    )
    assert request(rerunning, "request", "--input", '{"pdf": {"pageSize": "A4"}}') == (
        before | {"pdf": {"pageSize": "A4"}}
    )
    whole = {"source": {"bucket": "bucket", "key": "k"}}
    assert request(rerunning, "request", "--input", json.dumps(whole)) == whole


def test_an_empty_watermark_takes_the_watermark_away(rerunning: Any) -> None:
    source = recorded("silent").input["source"]
    marked = {"source": source, "watermark": {"text": "©"}}
    rerunning.whole["marked"] = dataclasses.replace(recorded("silent"), input=marked)

    assert request(rerunning, "marked") == marked
    assert request(rerunning, "marked", "--watermark", "") == {"source": source}


def test_the_request_is_told_with_how_its_execution_ended(rerunning: Any) -> None:
    rerunning.whole["late"] = dataclasses.replace(recorded("silent"), status="TIMED_OUT")

    _, text = darkroom("rerun", "late", "--dry-run")

    assert f"The request of {recorded('silent').name} (TIMED OUT), as it will run:" in text


def test_a_re_run_is_started_and_followed(rerunning: Any) -> None:
    code, text = darkroom("rerun", "upload", "--no-notify")

    assert code == 0
    assert [each["notify"] for each in rerunning.started] == [False]
    assert f"The request of {recorded('complete').name} (COMPLETE), as it will run:" in text
    assert '  +   "notify": false' in text
    assert rerunning.finished == {
        "arn": f"{ARN}started",
        "quiet": False,
        "more": {"rerun_of": recorded("complete").arn, "request": rerunning.started[0]},
    }
    darkroom("rerun", "upload", "--json")
    assert rerunning.finished["quiet"] is True


def test_a_dry_run_for_people_starts_nothing(rerunning: Any) -> None:
    code, text = darkroom("rerun", "upload", "--dry-run")

    assert (code, rerunning.started) == (0, [])
    assert text.endswith("\nNothing is started: this is a dry run.\n")


def test_an_invalid_request_is_not_started(rerunning: Any) -> None:
    code, text = darkroom("rerun", "upload", "--preset", "Bad=1x1", "--json")

    assert (code, json.loads(text)["error"]) == (2, "InvalidRequest")
    assert rerunning.started == []


def editor(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Set an editor that runs Python on the ``text`` of the file."""
    script = folder / "editor.py"
    script.write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[-1])\ntext = path.read_text()\n"
        "assert path.name == 'request.json' and path.parent.name.startswith('darkroom-')\n"
        f"{code}\npath.write_text(text)\n"
    )
    monkeypatch.setenv("VISUAL", "")
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("text = ''", "the file was left empty"),
        ("text = '{'", "The edited request is not valid: "),
        ("text = '{}'", "The edited request is not valid: "),
        ("sys.exit(3)", f"The editor {sys.executable!r} ended with code 3. Nothing is started."),
    ],
)
def test_an_editor_that_leaves_no_request_starts_nothing(
    rerunning: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, said: str
) -> None:
    editor(monkeypatch, tmp_path, code)

    exit_code, text = darkroom("rerun", "upload", "--edit", "--json")

    assert exit_code == 2
    assert said in json.loads(text)["message"]
    assert rerunning.started == []


def test_what_a_person_leaves_not_valid_is_edited_again(
    rerunning: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As it was left, with what is wrong with it; until it is valid."""
    good = json.dumps({"source": {"bucket": "bucket", "key": "k"}})
    editor(monkeypatch, tmp_path, f"text = {good!r} if 'half' in text else '{{half'")
    asked: list[str] = []
    monkeypatch.setattr("darkroom_ops.cli.rerun.people_read", lambda: True)
    monkeypatch.setattr("builtins.input", lambda said: asked.append(said) or "")
    monkeypatch.setattr("darkroom_ops.cli.rerun.say", asked.append)

    assert request(rerunning, "request", "--edit") == json.loads(good)
    assert len(asked) == 2
    assert asked[0].startswith("That is not valid: Expecting property name")
    assert asked[1] == "Press Enter to edit it again, Ctrl-C to give up. "


def test_what_is_edited_is_what_runs(
    rerunning: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor(monkeypatch, tmp_path, "text = text.replace('true', 'false')")

    assert request(rerunning, "request", "--notify", "--edit")["notify"] is False


def test_an_editor_that_is_not_there_says_what_to_set(
    rerunning: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "/no/such/editor --wait")

    code, text = darkroom("rerun", "upload", "--edit", "--json")

    assert code == 2
    assert "'/no/such/editor' cannot be started" in json.loads(text)["message"]


def test_the_difference_marks_only_what_changed() -> None:
    before = {"a": {"x": 1, "y": 2}}

    text = difference(before, {"a": {"x": 1}, "b": []}).plain

    assert [line for line in text.splitlines() if line[2] in "+-"] == [
        '  -     "y": 2',
        '  +   "b": []',
    ]
