"""The demo: the smaller photos on the shared engine; all of it in a process of its own."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from darkroom_ops.cli import demonstration, local
from darkroom_ops.engine import Engine
from tests.engine.test_cli import called, darkroom

LARGE = ["dandelions.jpg", "deep-field.jpg"]
SMALLER = ["rocket.jpg", "phone-portrait.jpg", "coffee-cutout.png"]


def used(output: Path) -> None:
    """Make it the folder of an earlier demo."""
    output.mkdir()
    (output / "summary.json").write_text("{}")
    (output / "of an earlier demo.jpg").write_text("")


def check(output: Path, text: str, names: Sequence[str]) -> None:
    found = json.loads((output / "summary.json").read_text())
    check_outcomes(found, names)
    check_files(output, found)
    check_messages(text, found, names)


def test_the_smaller_photos(
    engine: Engine, sound: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [each for each in demonstration.samples() if each.name not in LARGE]
    monkeypatch.setattr(demonstration, "Demo", functools.partial(demonstration.Demo, samples=some))
    monkeypatch.setattr(local, "start", lambda: contextlib.nullcontext(engine))
    for kept, empty in (("_messages", []), ("_about", {})):  # the others' are put back
        monkeypatch.setattr(engine.inbox, kept, empty)
    used(tmp_path / "output")

    done = called(tmp_path / "home", "demo", "--output", tmp_path / "output")

    assert (done.exit_code, done.stderr) == (0, "")
    check(tmp_path / "output", done.stdout, SMALLER)


@pytest.mark.again("test_the_smaller_photos")
def test_every_photo(tmp_path: Path) -> None:
    used(tmp_path / "output")

    done = darkroom(tmp_path, "demo", "--output", tmp_path / "output")

    assert (done.returncode, done.stderr) == (0, "")
    check(tmp_path / "output", done.stdout, [*LARGE, *SMALLER])


def test_the_demo_outside_of_a_clone_says_that_it_has_no_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demonstration, "SAMPLES", tmp_path / "samples")

    done = called(tmp_path / "home", "demo", "--output", tmp_path / "output")

    assert done.exit_code == 2
    assert "only a clone of the project has them. Run `make demo` there" in done.stderr
    assert not (tmp_path / "output").exists()


def check_outcomes(found: dict[str, Any], names: Sequence[str]) -> None:
    assert found["as_expected"] is True
    told = [
        (e["source"].rpartition("/")[2], e["status"], e["outcome"], e["error"], e["transitions"])
        for e in found["executions"]
    ]
    complete = [(name, "SUCCEEDED", "COMPLETE", None, 11) for name in names]
    assert told == [
        *complete,
        ("corrupt.jpg", "FAILED", "FAILED", "CorruptImage", 6),
        ("rocket.jpg", "SUCCEEDED", "ALREADY_PROCESSED", None, 2),
    ]
    assert all(e["seconds"] > 0 and 0 < e["cost_usd"] < 0.001 for e in found["executions"])
    assert all(len(e["outputs"]) == 4 for e in found["executions"][: len(names)])


def check_files(output: Path, found: dict[str, Any]) -> None:
    """The folder holds the very renditions and nothing else."""
    listed = {o["key"]: o for e in found["executions"] for o in e["outputs"]}
    files = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert files == {*listed, "summary.json"}
    for key, made in listed.items():
        assert (output / key).stat().st_size == made["bytes"]
        if key.endswith(".pdf"):
            assert (output / key).read_bytes().startswith(b"%PDF-")
            continue
        with Image.open(output / key) as image:
            assert image.size == (made["width"], made["height"])
    with Image.open(output / "uploads/phone-portrait.jpg/small.jpg") as upright:
        assert upright.height > upright.width
    with Image.open(output / "uploads/coffee-cutout.png/small.webp") as cutout:
        assert cutout.convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]


def check_messages(text: str, found: dict[str, Any], names: Sequence[str]) -> None:
    """The messages are shown as received."""
    subjects = [m["as_received"] for m in found["messages"] if m["protocol"] == "email"]
    assert sum("Darkroom: ready" in mail for mail in subjects) == len(names)
    assert sum("Darkroom: FAILED" in mail for mail in subjects) == 1
    for wanted in (f"Subject: Darkroom: ready: uploads/{names[0]}",
                   "Subject: Darkroom: FAILED: CorruptImage: uploads/corrupt.jpg"):  # fmt: skip
        (mail,) = (m for m in subjects if wanted in m)
        assert mail in text
    assert "Every outcome is as expected" in text


def test_demo_spares_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    done = called(tmp_path / "home", "demo", "--output", tmp_path)

    assert done.exit_code == 2
    assert "--output" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
