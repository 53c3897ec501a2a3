"""The operators' commands, on executions that are given: ls, cost, stop and rerun."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from darkroom_ops.cli import cost, ls, rerun
from darkroom_ops.cli.main import app
from darkroom_ops.executions.client import Listed, NoSuchExecution, Page
from darkroom_ops.executions.cost import PRICES, Cost, Item
from darkroom_ops.executions.model import SourceObject
from tests.unit.recorded import partly, recorded

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
ARN = "arn:aws:states:us-east-1:123456789012:execution:pipeline:"


def listed(name: str = "aaaaaaaa-1", outcome: str | None = "COMPLETE", **changed: Any) -> Listed:
    found = Listed(
        arn=f"{ARN}{name}",
        name=name,
        status="SUCCEEDED",
        outcome=outcome,
        error=None,
        source=SourceObject("bucket", f"uploads/{name}.jpg"),
        started=NOON,
        stopped=NOON + datetime.timedelta(seconds=2),
        seconds=2.0,
        usd=0.0005,
    )
    return dataclasses.replace(found, **changed)


class Executions:
    """The executions of a stack, and what was asked of them."""

    def __init__(self) -> None:
        self.items: list[Listed] = []
        self.whole: dict[str, Any] = {}
        self.prices: dict[str, Cost] = {}
        self.asked: dict[str, Any] = {}
        self.left: Any = None
        """Those that were not taken."""
        self.stopped: dict[str, str] = {}
        self.started: list[Any] = []
        self.deployment = SimpleNamespace(
            endpoint=None,
            stack="photos",
            lambda_=None,
            state_machine_arn="machine",
            stepfunctions=SimpleNamespace(
                stop_execution=lambda **given: self.stopped.update(given),
                start_execution=self._start,
            ),
        )

    def _start(self, *, stateMachineArn: str, **given: str) -> dict[str, str]:  # noqa: N803
        assert stateMachineArn == "machine"
        self.started.append(json.loads(given["input"]))
        return {"executionArn": f"{ARN}started"}

    def recent(self, *, limit: int, **narrowed: Any) -> Page:
        self.asked = narrowed | {"limit": limit}
        more = len(self.items) > limit
        return Page(tuple(self.items[:limit]), self.items[limit - 1].arn if more else None)

    def each(self, **narrowed: Any) -> Any:
        self.asked = narrowed
        self.left = iter(self.items)
        return self.left

    def find(self, named: str) -> str:
        if named not in self.whole:
            raise NoSuchExecution("none such")
        return named

    def get(self, arn: str) -> Any:
        return self.whole[arn]

    def cost(self, execution: Any) -> Cost | None:
        return self.prices.get(execution)


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    made = Executions()
    monkeypatch.setattr("darkroom_ops.cli.address.connect", lambda *_: made.deployment)
    for module in ("ls", "cost", "stop", "rerun"):
        monkeypatch.setattr(f"darkroom_ops.cli.{module}.Executions", lambda _: made)
    return made


def darkroom(*words: str, typed: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, words, input=typed, env={"COLUMNS": "200"})
    return done.exit_code, done.stdout


# ---------------------------------------------------------------------------- ls


def test_a_list_has_a_line_for_each_and_says_whether_there_are_more(executions: Any) -> None:
    executions.items = [
        listed("aaaaaaaa-1"),
        listed("aaaaaaaa-2", "ALREADY_PROCESSED", usd=None),
        listed("bbbbbbbb-3", "FAILED", error="Corrupt\x1bImage", status="FAILED"),
        listed("cccccccc-4", None, status="RUNNING", source=None, seconds=70.0),
        listed("dddddddd-5"),
    ]

    code, text = darkroom("ls", "--limit", "4")

    head, *rows, empty, more = text.splitlines()
    assert (code, empty) == (0, "")
    assert head.split() == ["Started", "Execution", "Outcome", "Image", "Took", "Cost"]
    local = NOON.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert [" ".join(row.split()) for row in rows] == [
        f"{local} aaaaaaaa-1 COMPLETE uploads/aaaaaaaa-1.jpg 2.0 s $0.00050",
        f"{local} aaaaaaaa-2 ALREADY PROCESSED uploads/aaaaaaaa-2.jpg 2.0 s",
        f"{local} bbbbbbbb-3 FAILED Corrupt\\x1bImage uploads/bbbbbbbb-3.jpg 2.0 s $0.00050",
        f"{local} cccccccc-4 RUNNING (names no image) 1 min 10 s $0.00050",
    ]
    assert more == "There are older ones: --limit 20 shows more."


def test_a_list_that_ends_exactly_has_no_older_ones(executions: Any) -> None:
    executions.items = [listed(), listed("bbbbbbbb-1")]

    assert "older" not in darkroom("ls", "--limit", "2")[1]
    assert json.loads(darkroom("ls", "--limit", "2", "--json")[1])["more"] is False
    assert json.loads(darkroom("ls", "--limit", "1", "--json")[1])["more"] is True


def test_names_are_as_short_as_tells_them_apart(executions: Any) -> None:
    now = datetime.datetime.now(datetime.UTC)
    executions.items = [listed("aaaaaaaa-1", started=now), listed("bbbbbbbb-1", started=now)]

    rows = darkroom("ls")[1].splitlines()[1:]

    # Of today, the time is enough.
    assert [row.split()[:2] for row in rows] == [
        [f"{now.astimezone():%H:%M:%S}", name] for name in ("aaaaaaaa", "bbbbbbbb")
    ]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["abc"], ["abc"]),
        (["abcdefghij"], ["abcdefgh"]),
        (["abcdefgh1x", "abcdefgh2x"], ["abcdefgh1", "abcdefgh2"]),
        (["same-name-x", "same-name-x"], ["same-nam", "same-nam"]),
    ],
)
def test_short_names(names: list[str], shown: list[str]) -> None:
    assert ls._short(names) == shown


def test_a_list_for_programs_has_all_fields(executions: Any) -> None:
    executions.items = [
        listed(seconds=2.00049, usd=1.23456789012e-4),
        listed(source=None, usd=None),
    ]

    found = json.loads(darkroom("ls", "--json")[1])["executions"]

    assert found[0] == {
        "execution": f"{ARN}aaaaaaaa-1",
        "name": "aaaaaaaa-1",
        "source": "s3://bucket/uploads/aaaaaaaa-1.jpg",
        "status": "SUCCEEDED",
        "outcome": "COMPLETE",
        "error": None,
        "started": "2026-01-31T12:00:00+00:00",
        "seconds": 2.0,
        "cost_usd": 0.000123457,
    }
    assert (found[1]["source"], found[1]["cost_usd"]) == (None, None)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], {"status": None, "prefix": None, "since": None, "limit": 20}),
        (["--status", "already-processed"], {"status": "ALREADY_PROCESSED"}),
        (["--status", "Timed out"], {"status": "TIMED_OUT"}),
        (["--prefix", "uploads/a"], {"prefix": "uploads/a"}),
        (["--prefix", "s3://bucket/uploads/a"], {"prefix": "uploads/a"}),
        (["--since", "2026-01-31T08:00+00:00"], {"since": NOON - datetime.timedelta(hours=4)}),
        (["--limit", "7"], {"limit": 7}),
    ],
)
def test_what_is_typed_is_what_is_asked_for(
    executions: Any, words: list[str], asked: dict[str, Any]
) -> None:
    code, text = darkroom("ls", *words)

    assert executions.asked | asked == executions.asked
    said = "No execution fits." if words and words[0] != "--limit" else "No executions yet."
    assert (code, text.startswith(said)) == (0, True)


def test_a_time_that_is_none_is_refused() -> None:
    code, text = darkroom("ls", "--since", "yesterday", "--json")

    assert code == 2
    assert json.loads(text)["message"].startswith("--since: Expected how long ago")


# ---------------------------------------------------------------------------- cost


def priced(**lines: float) -> Cost:
    return Cost(tuple(Item(what, usd * 100, "units", usd) for what, usd in lines.items()), PRICES)


def test_estimates_are_added_up_by_outcome_the_most_frequent_first() -> None:
    found = cost.by_outcome(
        [
            ("FAILED", priced(a=1)),
            ("COMPLETE", priced(a=1, b=2)),
            ("COMPLETE", priced(b=4, c=8)),
        ]
    )

    assert list(found) == ["COMPLETE", "FAILED"]
    complete = found["COMPLETE"]
    assert complete.executions == 2
    assert [(item.what, item.quantity, item.unit, item.usd) for item in complete.items] == [
        ("a", 100, "units", 1), ("b", 600, "units", 6), ("c", 800, "units", 8),
    ]  # fmt: skip
    assert (complete.usd, complete.each) == (15, 7.5)
    assert found["FAILED"].usd == 1


@pytest.fixture
def costed(executions: Any) -> Any:
    """Three executions that ended, one that runs, and one whose function is gone."""
    executions.items = [
        listed("a"),
        listed("b", "FAILED", status="FAILED"),
        listed("c"),
        listed("d", None, status="RUNNING"),
        listed("e"),
    ]
    executions.whole = {each.arn: each.name for each in executions.items}
    executions.prices = {"a": priced(x=0.001, y=0.003), "b": priced(x=0.5), "c": priced(x=0.003)}
    return executions


def test_costs_for_programs(costed: Any) -> None:
    code, text = darkroom("cost", "--json")

    found = json.loads(text)
    assert code == 0
    assert found["prices"] == {"date": PRICES.date, "region": PRICES.region}
    assert (found["executions"], found["usd"]) == (3, pytest.approx(0.507))
    assert list(found["outcomes"]) == ["COMPLETE", "FAILED"]
    complete = found["outcomes"]["COMPLETE"]
    assert complete["executions"] == 2
    assert complete["usd"] == pytest.approx(0.007)
    assert complete["usd_each"] == pytest.approx(0.0035)
    assert complete["usd_per_1000"] == pytest.approx(3.5)
    assert complete["items"][0] == {
        "what": "x", "unit": "units",
        "quantity_each": pytest.approx(0.2), "usd_each": pytest.approx(0.002),
    }  # fmt: skip


def test_costs_for_people(costed: Any) -> None:
    lines = [" ".join(line.split()) for line in darkroom("cost")[1].splitlines()]

    assert lines[0] == "3 executions, about $0.51 on AWS"
    assert lines[2:6] == [
        "An image Each 1,000",
        "x 0.20 units $0.0020 $2.00",  # the dearest first
        "y 0.15 units $0.0015 $1.50",
        "Together $0.0035 $3.50",
    ]
    assert lines[7:9] == [
        "COMPLETE 2 executions $0.0035 each, $0.0070 together",
        "FAILED 1 execution $0.50 each, $0.50 together",
    ]
    assert lines[10].startswith(f"Prices of {PRICES.region} on {PRICES.date}, on demand")
    assert "machine" not in lines[-1]


def test_costs_on_the_engine_say_whose_durations_they_are(costed: Any) -> None:
    costed.deployment.endpoint = "http://127.0.0.1:1"

    assert "Durations are this machine's" in darkroom("cost")[1]


def test_costs_are_those_of_the_newest_and_no_more_are_asked_for(costed: Any) -> None:
    words = ("--limit", "2", "--prefix", "uploads/", "--since", "2026-01-31T12:00+00:00")

    found = json.loads(darkroom("cost", *words, "--json")[1])

    assert {outcome: each["executions"] for outcome, each in found["outcomes"].items()} == {
        "COMPLETE": 1, "FAILED": 1,
    }  # fmt: skip
    assert costed.asked == {"prefix": "uploads/", "since": NOON, "costs": False}
    assert [each.name for each in costed.left] == ["c", "d", "e"]


def test_without_a_complete_image_another_outcome_is_shown(costed: Any) -> None:
    del costed.items[0], costed.items[1]

    assert "An execution (FAILED)" in darkroom("cost")[1]


def test_nothing_that_ended_has_no_cost(executions: Any) -> None:
    executions.items = [listed("d", None, status="RUNNING")]

    assert darkroom("cost")[0] == 0
    found = json.loads(darkroom("cost", "--json")[1])
    assert (found["executions"], found["usd"], found["outcomes"]) == (0, 0, {})


# ---------------------------------------------------------------------------- stop


def test_a_running_execution_is_stopped_with_a_reason(executions: Any) -> None:
    running = partly("complete", 9)
    executions.whole = {"it": running}

    code, text = darkroom("stop", "it", "--reason", "wrong photo")
    assert code == 0
    assert executions.stopped == {
        "executionArn": running.arn, "error": "Stopped", "cause": "wrong photo",
    }  # fmt: skip
    assert running.source
    assert text.startswith(f"Stopped  {running.source.key}\n")
    assert f"darkroom redrive {running.name} --stack photos" in text
    assert f"darkroom rerun {running.name} --stack photos" in text

    code, text = darkroom("stop", "it", "--json")
    assert executions.stopped["cause"] == "An operator stopped it."
    assert json.loads(text) == {
        "execution": running.arn,
        "status": "ABORTED",
        "commands": {
            "resume": f"darkroom redrive {running.name} --stack photos",
            "rerun": f"darkroom rerun {running.name} --stack photos",
        },
    }


def test_what_has_ended_is_not_stopped(executions: Any) -> None:
    executions.whole = {"it": recorded("duplicate")}

    code, text = darkroom("stop", "it", "--json")

    assert code == 2
    assert "has ended already: ALREADY PROCESSED. See `darkroom show" in json.loads(text)["message"]
    assert executions.stopped == {}


# ---------------------------------------------------------------------------- rerun


@pytest.fixture
def rerunning(executions: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An upload that was processed; a re-run of it is followed in no time."""
    executions.whole = {"upload": recorded("complete"), "request": recorded("silent")}
    monkeypatch.setattr(rerun.progress, "followed", lambda *given: given[1])
    finished: dict[str, Any] = {}

    def finish(_: Any, arn: str, screen: Any, **more: Any) -> int:
        finished.update(arn=arn, quiet=screen.quiet, **more)
        return 0

    monkeypatch.setattr(rerun.progress, "finish", finish)
    executions.finished = finished
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


def test_a_re_run_is_started_and_followed(rerunning: Any) -> None:
    code, text = darkroom("rerun", "upload", "--no-notify")

    assert code == 0
    assert [each["notify"] for each in rerunning.started] == [False]
    assert f"The request of {recorded('complete').name} (COMPLETE), as it will run:" in text
    assert '  +   "notify": false' in text
    assert rerunning.finished == {
        "arn": f"{ARN}started",
        "quiet": False,
        "as_json": False,
        "more": {"rerun_of": recorded("complete").arn, "request": rerunning.started[0]},
    }
    darkroom("rerun", "upload", "--json")
    assert (rerunning.finished["quiet"], rerunning.finished["as_json"]) == (True, True)


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
        "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\ntext = path.read_text()\n"
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
        ("sys.exit(3)", "ended with code 3. Nothing is started."),
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


def test_what_is_edited_is_what_runs(
    rerunning: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor(monkeypatch, tmp_path, "text = text.replace('true', 'false')")

    assert request(rerunning, "request", "--notify", "--edit")["notify"] is False


def test_an_editor_that_is_not_there_says_what_to_set(
    rerunning: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "/no/such/editor")

    code, text = darkroom("rerun", "upload", "--edit", "--json")

    assert code == 2
    assert "'/no/such/editor' cannot be started" in json.loads(text)["message"]
