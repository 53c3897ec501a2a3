"""The whole in ten lines."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.contract.presets import Preset

from darkroom_ops.audit.last import LastAudit
from darkroom_ops.cli import status
from darkroom_ops.overview.figures import SPANS, Bar, Failures, Window
from darkroom_ops.overview.read import InForce, Overview, StuckClaim
from tests.unit.cli.conftest import ARN, NOON, darkroom

WELL = Overview(
    at=NOON,
    counted_by_aws=False,
    windows=tuple(
        Window(span, 1200 * n, 1000 * n, 0, 2.0, 70.0, 0.5, (Bar(1, 1, 0),))
        for n, span in enumerate(SPANS)
    ),
    failures=(),
    dead_letters=0,
    alarms=(),
    stuck=(),
    audit=None,
    presets=InForce((Preset(name="small", width=300), Preset(name="box", height=9)), 2, NOON),
)


@pytest.fixture
def said(executions: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the whole look so; return what `darkroom status` says of it, line by line."""

    def status(*words: str, **changed: Any) -> list[str]:
        seen = dataclasses.replace(WELL, **changed)
        monkeypatch.setattr("darkroom_ops.overview.read.overview", lambda *_: seen)
        code, text = darkroom("status", *words)
        assert code == (130 if seen.stopped else 0)
        return [" ".join(line.split()) for line in text.splitlines()]

    return status


def test_a_stack_that_is_well_takes_ten_lines(said: Any) -> None:
    local = f"{NOON.astimezone():%Y-%m-%d %H:%M:%S %Z}"

    assert said() == [
        "started complete failed half within 95 % within cost",
        "Last hour 0 0 0 2.0 s 1 min 10 s $0.50",
        "Last day 1,200 1,000 0 2.0 s 1 min 10 s $0.50",
        "Last week 2,400 2,000 0 2.0 s 1 min 10 s $0.50",
        "Failures none this week",
        "Dead letters none: every event arrived",
        "Alarms none rings",
        "Stuck claims none",
        "Last audit none on this machine: darkroom audit --stack photos",
        f"Presets small 300xany, box anyx9 (version 2, since {local})",
    ]


def test_what_was_seen_when_it_was_stopped_is_shown(said: Any) -> None:
    unknown = {"executions": "not looked at: stopped", "presets": "not looked at: stopped"}
    stopped: dict[str, Any] = {"failures": None, "stuck": None, "unknown": unknown}

    lines = said(windows=None, presets=None, stopped=True, **stopped)

    assert lines[1:6] == [
        "Executions not looked at: stopped",
        "Failures not looked at: stopped",
        "Dead letters none: every event arrived",
        "Alarms none rings",
        "Stuck claims not looked at: stopped",
    ]
    assert json.loads(said("--json", stopped=True)[0])["stopped"] is True


def test_what_waits_for_a_person_has_its_command(said: Any) -> None:
    lines = said(
        counted_by_aws=True,
        failures=tuple(Failures(f"Error{n}", {"week": 9 - n}) for n in range(4)),
        failures_cut=True,
        dead_letters=1,
        alarms=("The alarm photos-failing rings",),
        stuck=(StuckClaim("s3://b/a.jpg", ARN),),
        audit=LastAudit(NOON.isoformat(), 7, {"lost": 2, "mixed": 1}),
    )

    worst = "9 Error0, 8 Error1, 7 Error2 and 1 more of the newest"
    assert "started succeeded failed" in lines[0]
    assert lines[4:8] == [
        f"Failures {worst}: darkroom ls --status failed --since 7d --stack photos",
        "Dead letters 1 event: darkroom dlq redrive --stack photos",
        "Alarms The alarm photos-failing rings",
        "Stuck claims s3://b/a.jpg: darkroom audit --stack photos",
    ]
    assert lines[8].endswith("2 lost, 1 mixed in 7 images: darkroom audit --stack photos")
    assert said(audit=LastAudit(NOON.isoformat(), 1, {}))[8].endswith("all as promised: 1 image")


def test_what_may_not_be_looked_at_says_so_and_hides_nothing_else(said: Any) -> None:
    lines = said(
        windows=None,
        failures=None,
        dead_letters=None,
        alarms=None,
        stuck=None,
        presets=None,
        unknown={"figures": "Could not look at figures: needs cloudwatch:GetMetricData."},
    )

    assert lines[1:] == [
        "Executions Could not look at figures: needs cloudwatch:GetMetricData.",
        "Failures could not be looked at",
        "Dead letters could not be looked at",
        "Alarms could not be looked at",
        "Stuck claims could not be looked at",
        "Last audit none on this machine: darkroom audit --stack photos",
        "Presets could not be looked at",
    ]


def test_programs_get_the_same(said: Any) -> None:
    failed = (Failures("CorruptImage", {"hour": 1, "week": 3}),)
    audit = LastAudit(NOON.isoformat(), 7, {})
    found = json.loads(said("--json", failures=failed, audit=audit, stuck=None)[0])

    assert found["windows"][1] == {
        "name": "day", "started": 1200, "complete": 1000, "failed": 0, "p50_seconds": 2.0,
        "p95_seconds": 70.0, "cost_usd": 0.5, "bars": [{"started": 1, "complete": 1, "failed": 0}],
    }  # fmt: skip
    assert found["failures"] == [{"error": "CorruptImage", "hour": 1, "week": 3}]
    assert (found["counted_by"], found["stuck_claims"]) == ("executions", None)
    assert found["last_audit"]["images"] == 7
    assert found["presets"]["names"] == ["small", "box"]


def test_nothing_measured_is_a_dash(said: Any) -> None:
    none = Window(SPANS[0], 0, 0, 0, None, None, None, ())

    assert said(windows=(none,))[1] == "Last hour 0 0 0 - - -"


def test_a_narrow_screen_breaks_lines_between_words_and_never_a_command() -> None:
    at: Any = SimpleNamespace(endpoint=None, stack="photos")
    seen = dataclasses.replace(WELL, failures=(Failures("CorruptImage", {"week": 9}),))

    lines = "\n".join(line.plain for line in status._lines(at, seen, 60)).splitlines()

    failures = lines.index("Failures     9 CorruptImage this week:")
    ls = "             darkroom ls --status failed --since 7d --stack photos"
    assert lines[failures + 1] == ls
    presets = next(i for i, line in enumerate(lines) if line.startswith("Presets"))
    assert len(lines) > presets + 1
    assert all(len(line) <= 60 or line == ls for line in lines)
    assert all(line.startswith(" " * 13) for line in lines[presets + 1 :])
    wide = status._lines(at, seen, 200)
    assert not any("\n" in line.plain for line in wide)


@pytest.mark.parametrize(
    ("width", "last"), [(200, "cost"), (79, "cost"), (78, "95 % within"), (60, "half within"),
                        (42, "failed"), (20, "failed")],
)  # fmt: skip
def test_a_narrow_screen_does_without_cost_and_times(width: int, last: str) -> None:
    at: Any = SimpleNamespace(endpoint=None, stack="photos")

    head, figures, *_ = status._lines(at, WELL, width)

    assert head.plain.endswith(last)
    assert len(head.plain) == len(figures.plain)
