"""First contact: one file, with nothing private in it; and the engine beside what was recorded.

What AWS recorded (the file of ``darkroom doctor --contact``) lies in tests/recorded. A second
recording of the engine shows here that the comparison works, and what it reports.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from darkroom_ops.deployment import Deployment
from darkroom_ops.doctor.contact import SCENARIOS, Contact
from darkroom_ops.engine import Engine
from tests.conftest import ROOT
from tests.engine.test_smoke import everything
from tests.support.cli import invoke
from tests.support.histories import differences, lines

Json = dict[str, Any]
RECORDED = sorted((ROOT / "tests" / "recorded").glob("*.json"))


@pytest.fixture(scope="module")
def contact(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What the command says, and the file that it writes."""
    folder = tmp_path_factory.mktemp("contact")
    before = everything(engine.deployment)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = invoke(["doctor", "--contact", "--endpoint", engine.endpoint])
    assert engine.wait_idle()
    assert everything(engine.deployment) == before  # nothing is left behind
    assert done.exit_code == 1  # the engine has no TestState
    (written,) = folder.iterdir()
    assert written.name == "darkroom-contact.json"
    return done.stdout, written.read_text()


@pytest.fixture(scope="module")
def histories(contact: tuple[str, str]) -> dict[str, Json]:
    found: dict[str, Json] = json.loads(contact[1])["histories"]
    return found


def test_one_command_writes_one_file_and_says_what_could_not_be_asked(
    contact: tuple[str, str],
) -> None:
    said = contact[0].splitlines()
    assert said[-1] == (
        "✓ Written: darkroom-contact.json. Send this file; nothing of yours is in it."
    )
    assert any(
        line.startswith("? Could not ask about validate_state_machine_definition: ")
        for line in said
    )
    told = json.loads(contact[1])
    assert set(told["valid"]) == {"STANDARD", "EXPRESS"}
    assert {"number"} <= set(told["expressions"])
    assert set(told["timeouts"]) == {"caught without a cause", "caught with one", "real"}
    assert all("refused" in each for each in told["failures"].values())


def test_ten_histories_are_recorded(histories: dict[str, Json]) -> None:
    ends = {name: each["described"]["status"] for name, each in histories.items()}
    errors = {n: e for n, each in histories.items() if (e := each["described"].get("error"))}
    assert list(histories) == [each.name for each in SCENARIOS]
    assert len(histories) == 10
    assert errors == {
        "corrupt": "CorruptImage",
        "unsupported": "UnsupportedImage",
        "missing": "SourceNotFound",
    }
    assert {name for name, status in ends.items() if status == "FAILED"} == set(errors)
    assert json.loads(histories["duplicate"]["described"]["output"]) == {
        "outcome": "ALREADY_PROCESSED"
    }


def test_names_are_the_templates(contact: tuple[str, str], engine: Engine) -> None:
    at: Deployment = engine.deployment
    for name in (at.source_bucket_name, at.images_table_name, at.prepare_function_name):
        assert name not in contact[1]
    assert '"bucket\\": \\"SourceBucket\\"' in contact[1]
    assert "function:PrepareFunction" in contact[1]
    assert "role/ImagePipelineRole" in contact[1]


def compared(recording: Json, contact: tuple[str, str]) -> dict[str, list[str]]:
    """Return where the engine differs from a recording of the same definition, by history."""
    ours = json.loads(contact[1])
    if plain(recording["definition"]) != plain(ours["definition"]):
        pytest.skip("recorded of another definition than today's: ask for a new recording")
    found = {
        name: differences(ours["histories"][name], each)
        for name, each in recording["histories"].items()
    }
    return {name: lines for name, lines in found.items() if lines}


def plain(definition: Any) -> Any:
    """Return a definition without its spaces, which a conversion from YAML may set otherwise."""
    return re.sub(r"\\n|\s", "", json.dumps(definition, sort_keys=True))


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in RECORDED]
    or [pytest.param(Path(), marks=pytest.mark.skip("nobody has recorded AWS in tests/recorded"))],
)
def test_the_engine_does_as_was_recorded(path: Path, contact: tuple[str, str]) -> None:
    assert compared(json.loads(path.read_text()), contact) == {}


def test_a_second_recording_is_no_difference(
    engine: Engine, contact: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other times, other ids, another folder. A history that differs is named."""
    some = [each for each in SCENARIOS if each.name in {"complete", "duplicate", "corrupt"}]
    monkeypatch.setattr("darkroom_ops.doctor.contact.SCENARIOS", some)
    again = json.loads(Contact(engine.deployment).file())
    assert set(again["histories"]) == {"complete", "duplicate", "corrupt"}
    assert compared(again, contact) == {}
    again["histories"]["corrupt"] = again["histories"]["complete"]
    assert set(compared(again, contact)) == {"corrupt"}


def test_a_recording_of_another_definition_is_skipped(contact: tuple[str, str]) -> None:
    other = json.loads(contact[1])
    other["definition"]["Comment"] = f"  {other['definition']['Comment']}\n"
    assert compared(other, contact) == {}
    other["definition"]["TimeoutSeconds"] = 1
    with pytest.raises(pytest.skip.Exception, match="another definition"):
        compared(other, contact)


def of(history: Json, kind: str, nth: int = 0) -> Json:
    """Return the nth event of a type."""
    event: Json = [each for each in history["events"] if each["type"] == kind][nth]
    return event


def test_a_difference_is_reported(histories: dict[str, Json]) -> None:
    """Each kind: another number, field, error, event, order and end."""
    ours = histories["complete"]
    assert differences(ours, copy.deepcopy(ours)) == []

    theirs = copy.deepcopy(ours)
    details = of(theirs, "TaskScheduled", 2)["taskScheduledEventDetails"]
    claim = json.loads(details["parameters"])
    claim["Payload"]["input"]["claim"] = 1.763723474001e12
    details["parameters"] = json.dumps(claim)
    minus, plus = differences(ours, theirs)
    assert "'claim': 'float'" in minus
    assert "'claim': 'str'" in plus

    theirs = copy.deepcopy(ours)
    of(theirs, "TaskSucceeded")["taskSucceededEventDetails"]["more"] = True
    minus, plus = differences(ours, theirs)
    assert minus.startswith("-ClaimImage: TaskSucceeded {")
    assert "'more': 'bool'" in minus
    assert "'more'" not in plus

    theirs = copy.deepcopy(ours)
    gone = of(theirs, "TaskStarted")
    theirs["events"].remove(gone)
    for each in theirs["events"]:
        if each["previousEventId"] == gone["id"]:
            each["previousEventId"] = gone["previousEventId"]
    (plus,) = differences(ours, theirs)
    assert plus.startswith("+ClaimImage: TaskStarted {")

    theirs = copy.deepcopy(ours)
    theirs["described"]["status"] = "TIMED_OUT"
    minus, plus = differences(ours, theirs)
    assert minus.startswith("-TIMED_OUT  -> {")
    assert plus.startswith("+SUCCEEDED  -> {")

    failed, otherwise = histories["corrupt"], copy.deepcopy(histories["corrupt"])
    of(otherwise, "TaskFailed")["taskFailedEventDetails"]["error"] = "Lambda.CorruptImage"
    minus, plus = differences(failed, otherwise)
    assert "'error': 'Lambda.CorruptImage'" in minus
    assert "'error': 'CorruptImage'" in plus


def test_who_ran_first_is_no_difference(histories: dict[str, Json]) -> None:
    """Items of a Map, and branches of a Parallel, run side by side."""
    history = histories["complete"]
    told = lines(history)
    assert told[0] == ("ClaimImage, Prepare, ResizeImages, Archive, RecordResult, NotifySuccess")
    shuffled = copy.deepcopy(history)
    items = [e for e in shuffled["events"] if e["type"] == "MapIterationStarted"]
    places = [shuffled["events"].index(each) for each in items]
    for place, item in zip(places, reversed(items), strict=True):
        shuffled["events"][place] = item
    assert differences(history, shuffled) == []
