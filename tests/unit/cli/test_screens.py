"""What commands show, whole: every word, where lines break, every colour, and what programs get.

Each is a file in ``screens``. One that is meant to change is written anew with
``pytest tests/unit/cli/test_screens.py --record-screens``, and read before it is committed.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.contract.presets import Preset

from darkroom_ops import dlq, presets
from darkroom_ops.audit import evidence
from darkroom_ops.audit.last import LastAudit
from darkroom_ops.dlq import DeadLetter, Sent
from darkroom_ops.doctor.findings import Finding
from darkroom_ops.executions.cost import estimate
from darkroom_ops.executions.model import SourceObject, changes
from darkroom_ops.logs import LogLine
from darkroom_ops.overview.figures import SPANS, Bar, Failures, Window
from darkroom_ops.overview.read import InForce, Overview, StuckClaim
from darkroom_ops.presets import Parameter
from tests.unit.audit.test_findings import DOCUMENT, RENDITION, World, stored
from tests.unit.cli.conftest import ARN, NOON, darkroom, listed
from tests.unit.cli.test_cost import priced
from tests.unit.cli.test_main import commands
from tests.unit.cli.test_many import RUNNING, Stack
from tests.unit.recorded import MEMORY, partly, recorded, recording

Shown = Callable[..., None]
NARROW = 34
MINUTE = datetime.timedelta(minutes=1)

RECORDED = (
    "complete", "corrupt", "duplicate", "item_failed", "redriven", "retried", "silent", "timed_out",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_the_help(shown: Shown, name: str) -> None:
    shown(f"help-{name.replace(' ', '-')}", *name.split(), "--help", width=300)


def test_the_help_of_all(shown: Shown) -> None:
    shown("help", "--help", width=300)
    for group in ("dlq", "presets"):
        shown(f"help-{group}", group, "--help", width=300)


# ---------------------------------------------------------------------------- one execution


@pytest.fixture
def one(executions: Any) -> Any:
    """Eight executions that ended in eight ways, with their costs."""
    executions.whole = {name: recorded(name) for name in RECORDED}
    executions.cost = lambda execution: estimate(execution, MEMORY)
    return executions


def test_one_execution_that_runs(one: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    now = NOON + datetime.timedelta(seconds=6)
    clock = SimpleNamespace(datetime=SimpleNamespace(now=lambda _: now), UTC=datetime.UTC)
    monkeypatch.setattr("darkroom_ops.executions.model.datetime", clock)
    monkeypatch.setattr("darkroom_ops.cli.timeline.datetime", clock)
    one.whole |= {str(events): partly("complete", events) for events in (9, 30)}
    one.whole["waits"] = next(
        now
        for now in (partly("retried", events) for events in range(9, 60))
        if any(state.error and state.exited is None for state in now.states)
    )
    shown("show-running", "show", "9", width=80)
    shown("show-running-map", "show", "30", width=80)
    shown("show-running-state", "show", "9", "--state", "prepare", "--output")
    shown("show-waiting", "show", "waits")


@pytest.mark.parametrize("name", RECORDED)
def test_one_execution(one: Any, shown: Shown, name: str) -> None:
    shown(f"show-{name}", "show", name)


def test_one_execution_where_there_is_little_room(one: Any, shown: Shown) -> None:
    one.deployment.endpoint = "http://127.0.0.1:1"
    shown("show-plain", "show", "corrupt", width=0)
    shown("show-narrow", "show", "item_failed", width=52)


def test_one_execution_of_which_little_is_known(one: Any, shown: Shown) -> None:
    """One that was stopped before it did anything, and one whose outputs are not named."""
    stopped = {"status": "ABORTED", "error": None, "cause": None, "states": ()}
    one.whole["stopped"] = dataclasses.replace(recorded("corrupt"), source=None, input=5, **stopped)
    one.whole["bare"] = dataclasses.replace(recorded("complete"), renditions=(), document=None)
    one.whole["odd"] = dataclasses.replace(recorded("corrupt"), error="Odd", cause=None, states=())
    shown("show-odd", "show", "odd")
    shown("show-stopped", "show", "stopped")
    shown("show-stopped-json", "show", "stopped", "--json")
    shown("show-bare", "show", "bare", width=44)
    shown("show-complete-narrow", "show", "complete", width=30)


def test_one_execution_for_programs(one: Any, shown: Shown) -> None:
    shown("show-json", "show", "complete", "--json")
    shown("show-state-json", "show", "retried", "--state", "resize MEDIUM", "--json")


def test_states_with_their_calls(one: Any, shown: Shown) -> None:
    shown("show-state", "show", "retried", "--state", "Resize")
    shown("show-state-input", "show", "item_failed", "--state", "Resize medium", "--input")
    shown("show-state-output", "show", "redriven", "--state", "Resize small", "--output", width=60)
    shown("show-input", "show", "silent", "--input")
    shown("show-output", "show", "duplicate", "--output", "--input")
    shown("show-no-such-state", "show", "duplicate", "--state", "Resize", "--json")


def test_log_lines(one: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    later = NOON + datetime.timedelta(seconds=61, microseconds=4500)
    lines = [
        LogLine(NOON, "photos-prepare", "INFO", "Decoded", {"width": 9, "service": "prepare"}),
        LogLine(later, "photos-backup-original", "WARNING", "Slow\x1b down"),
        LogLine(
            later,
            "alone",
            "ERROR",
            "Task timed out",
            {
                "function_request_id": "1",
                "location": "a:1",
                "service": "x",
                "cold_start": True,
                "function_memory_size": 1,
                "function_arn": "arn",
                "xray_trace_id": "1-2",
                "sampling_rate": 0,
                "result": {"a": 1},
                "told": "this",
            },
        ),
        LogLine(later, "photos-resize", "CRITICAL", "No memory", {"at": [1]}),
        LogLine(later, "photos-resize", "REPORT", "Took 5 ms", {"Max Memory Used": 128.0}),
        LogLine(later, "photos-resize", "DEBUG", "[bold]kept"),
    ]
    monkeypatch.setattr("darkroom_ops.logs.lines", lambda *_: lines)
    shown("show-logs", "show", "silent", "--logs", "--output", width=70)
    shown("show-logs-json", "show", "duplicate", "--logs", "--json")
    lines.clear()
    shown("show-no-logs", "show", "duplicate", "--logs", "--input")


def test_an_image_run_again(one: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = recorded("corrupt").arn
    monkeypatch.setattr("darkroom_ops.cli.progress.follow", lambda *_: [(recorded("corrupt"), [])])
    monkeypatch.setattr("darkroom_ops.cli.progress.Executions", lambda *_: one)
    one.deployment.stepfunctions.start_execution = lambda **_: {"executionArn": arn}
    words = ("rerun", "silent", "--watermark", "[©]", "--notify")
    shown("rerun", *words, width=60)
    shown("rerun-json", *words, "--json")
    shown("rerun-dry-run", *words, "--dry-run", width=60)
    shown("rerun-failed-dry-run", "rerun", "timed_out", "--dry-run", "--json")
    one.whole["it"] = dataclasses.replace(recorded("silent"), status="RUNNING", output=None)
    shown("rerun-running-dry-run", "rerun", "it", "--newest", "--dry-run", width=0)


@pytest.mark.parametrize("name", ["complete", "duplicate", "item_failed", "retried"])
def test_an_execution_that_is_followed(
    one: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """On a terminal that shows nothing in motion, as its log would have it."""

    def follow(*_: Any) -> Any:
        before, total = None, len(recording(name)[1])
        for events in range(1, total + 1):
            now = partly(name, events) if events < total else recorded(name)
            yield now, changes(before, now)
            before = now

    monkeypatch.setattr("darkroom_ops.cli.progress.follow", follow)
    one.whole["it"] = partly(name, 5)
    shown(f"show-follow-{name}", "show", "it", "--follow", "--output", width=60)


def test_an_execution_that_is_left(one: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("darkroom_ops.cli.progress.follow", follow)
    one.whole["it"] = partly("complete", 9)
    shown("show-left", "show", "it", "--follow", "--json")


def test_an_execution_that_succeeds(
    one: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = recorded("complete")
    monkeypatch.setattr("darkroom_ops.cli.progress.follow", lambda *_: [(done, [])])
    monkeypatch.setattr("darkroom_ops.cli.progress.Executions", lambda *_: one)
    one.deployment.stepfunctions.start_execution = lambda **_: {"executionArn": done.arn}
    shown("rerun-succeeds", "rerun", "duplicate", width=60)


def test_an_execution_stopped_and_what_cannot_be_resumed(one: Any, shown: Shown) -> None:
    running = dataclasses.replace(recorded("complete"), status="RUNNING", stopped=None)
    one.whole = {"it": running, "nameless": dataclasses.replace(running, source=None)} | one.whole
    one.deployment.endpoint = "http://[fe80::1]:4599"
    shown("stop", "stop", "it", width=24)
    one.deployment.endpoint = None
    shown("stop-nameless-json", "stop", "nameless", "--json")
    shown("stop-ended", "stop", "duplicate", "--json")
    one.whole["timed-out"] = dataclasses.replace(
        recorded("complete"), status="TIMED_OUT", states=recorded("complete").states[:2]
    )
    shown("redrive-dry-run", "redrive", "timed-out", "--dry-run")
    shown("redrive-dry-run-json", "redrive", "timed-out", "--dry-run", "--json")
    for name in ("it", "duplicate", "corrupt", "item_failed"):
        shown(f"redrive-{name}", "redrive", name, "--json")


# ---------------------------------------------------------------------------- many


@pytest.fixture
def stack(executions: Any, shown: Shown) -> Stack:
    made = Stack(executions)
    key = SourceObject("bucket", "uploads/[red]a\x1b.jpg")
    made.add("0123456789abcdef", source=key)
    made.add("b", error="CorruptImage")
    made.add("c", caught=False, status="TIMED_OUT", error=None)
    made.add("d", **RUNNING, error=None)
    made.add("e", status="SUCCEEDED", outcome="COMPLETE", error=None)
    return made


def test_many_executions(stack: Stack, shown: Shown) -> None:
    every = ("--since", "2020-01-01")
    shown("rerun-many-dry-run", "rerun", *every, "--dry-run", width=NARROW)
    shown("rerun-many-dry-run-json", "rerun", *every, "--dry-run", "--json")
    stack.refused = {"b"}
    shown("rerun-many", "rerun", *every, "--yes", width=NARROW)
    shown("rerun-many-json", "rerun", *every, "--yes", "--json")
    shown("redrive-many", "redrive", *every, "--yes")
    stack.refused = {"d"}
    shown("stop-many", "stop", *every, "--reason", "x", "--yes", width=NARROW)
    shown("stop-many-json", "stop", *every, "--dry-run", "--json")


@pytest.mark.parametrize(("number", "name"), [(10, "ten"), (11, "eleven")])
def test_more_than_a_few(executions: Any, shown: Shown, number: int, name: str) -> None:
    stack = Stack(executions)
    for each in range(number):
        stack.add(f"n{each}")
    executions.typical_usd = lambda: None
    shown(f"rerun-{name}", "rerun", "--status", "failed", "--dry-run")


def test_many_that_standard_input_names(stack: Stack, shown: Shown) -> None:
    shown("rerun-from-input", "rerun", "--from", "-", "--dry-run", typed="b first\n\n  c\n")


# ---------------------------------------------------------------------------- lists and sums

SOME = [
    listed("0123456789-1"),
    listed("0123456789-2", "ALREADY_PROCESSED", usd=None),
    listed("bbbbbbbb-3", "FAILED", error="Corrupt\x1bImage", status="FAILED"),
    listed("cccccccc-4", None, status="RUNNING", source=None, seconds=70.0),
    listed("dddddddd-5", "FAILED", status="TIMED_OUT"),
    listed("eeeeeeee-6", "SUPERSEDED", source=SourceObject("bucket", "uploads/[red]x.jpg")),
    listed("ffffffff-7", "FAILED", status="ABORTED",
           source=SourceObject("bucket", f"uploads/{'long-' * 20}key.jpg")),
]  # fmt: skip


def test_a_list(executions: Any, shown: Shown) -> None:
    executions.items = SOME
    shown("ls", "ls")
    shown("ls-narrow", "ls", "--limit", "5", width=60)
    shown("ls-plain", "ls", width=0)
    shown("ls-json", "ls", "--json", "--limit", "3")
    executions.items = []
    shown("ls-none", "ls", width=NARROW)
    shown("ls-none-fits", "ls", "--prefix", "a", width=10)


def test_costs(executions: Any, shown: Shown) -> None:
    items = executions.items = [
        listed("a"), listed("b", "FAILED", status="FAILED"), listed("c"),
        listed("d", "ALREADY_PROCESSED"), listed("e", "FAILED", status="FAILED"), listed("f"),
        listed("g", "FAILED", status="FAILED"), listed("h", "FAILED", status="FAILED"),
    ]  # fmt: skip
    executions.whole = {each.arn: each.name for each in items}
    executions.prices = {
        "a": priced(x=0.001, y=0.3), "b": priced(x=0.5), "c": priced(x=0.003),
        "d": priced(z=0.1), "e": priced(x=0.25), "f": priced(w=0.002), "g": priced(x=0.125),
        "h": priced(x=0.125),
    }  # fmt: skip
    shown("cost", "cost", width=72)
    shown("cost-json", "cost", "--json")
    executions.items = items[1:2] + items[3:5]
    executions.deployment.endpoint = "http://127.0.0.1:1"
    shown("cost-narrow", "cost", width=60)
    executions.items = []
    shown("cost-none", "cost", width=NARROW)


# ---------------------------------------------------------------------------- the whole

WELL = Overview(
    at=NOON,
    counted_by_aws=False,
    windows=tuple(
        Window(span, 1200 * n, 1000 * n, n, 2.0, 70.0, 0.5, (Bar(1, 1, 0),))
        for n, span in enumerate(SPANS)
    ),
    failures=(),
    dead_letters=0,
    alarms=(),
    stuck=(),
    audit=LastAudit(NOON.isoformat(), 1, {}),
    presets=InForce((Preset(name="small", width=300), Preset(name="box", height=9)), 2, NOON),
)
ILL = dataclasses.replace(
    WELL,
    counted_by_aws=True,
    failures=tuple(
        Failures(error, {"hour": 1, "day": 2, "week": 9})
        for error in ("CorruptImage", "StatesTimeout", "Other", "ExecutionAborted")
    ),
    dead_letters=2,
    alarms=tuple(f"The alarm photos-failing-{n} rings" for n in range(5)),
    stuck=(StuckClaim("s3://b/[red].jpg", ARN), StuckClaim(f"s3://b/{'k' * 80}", ARN)),
    audit=LastAudit(NOON.isoformat(), 7, {"lost": 2, "mixed": 1}),
    presets=InForce((Preset(name="small", width=300),), 1, None),
)
UNKNOWN = dataclasses.replace(
    WELL, windows=None, failures=None, dead_letters=None, alarms=None, stuck=None, audit=None,
    presets=None, stopped=True, unknown={
        "executions": "not looked at", "alarms": "may not", "failures": "no failures",
        "stuck claims": "no claims",
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "seen"), [("well", WELL), ("ill", ILL), ("unknown", UNKNOWN)], ids=str
)
def test_the_whole(
    executions: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch, name: str, seen: Overview
) -> None:
    monkeypatch.setattr("darkroom_ops.overview.read.overview", lambda *_: seen)
    shown(f"status-{name}", "status")
    shown(f"status-{name}-json", "status", "--json")
    executions.deployment.endpoint = "http://127.0.0.1:1"
    shown(f"status-{name}-narrow", "status", width=56)


FOUND = [
    Finding("broken", "rules", "The rule \x1b is gone.", "aws events put-rule --name photos-up"),
    Finding("warning", "sms", "SMS are sent for $1 a month.", "aws sns set-sms-attributes"),
    Finding("unknown", "drift", "Could not look at drift."),
    Finding("elsewhere", "alarms", "the engine measures nothing"),
    Finding("elsewhere", "sms", "there is no SMS here"),
]


def test_what_the_doctor_says(
    executions: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(FOUND)
    monkeypatch.setattr("darkroom_ops.doctor.examine.examine", lambda *_: found)
    shown("doctor", "doctor", width=NARROW)
    shown("doctor-json", "doctor", "--json")
    del found[:3]
    shown("doctor-well", "doctor", width=NARROW)
    shown("doctor-well-json", "doctor", "--json")


def test_what_the_audit_finds(
    executions: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.objects[RENDITION] = stored(111, claim="7")
    del world.objects[DOCUMENT]
    executions.deployment.stack_id = "stack"
    executions.deployment.source_prefix = "uploads/"
    executions.deployment.source_bucket_name = "bucket"
    monkeypatch.setattr(evidence, "StackEvidence", lambda _: world)
    monkeypatch.setattr(evidence, "mailbox", lambda _: None)
    shown("audit", "audit", width=50)
    shown("audit-json", "audit", "--json")
    shown("audit-other", "audit", "--prefix", "other/", width=12)


# ---------------------------------------------------------------------------- dead letters, presets

UPLOAD = {"detail": {"bucket": {"name": "bucket"}, "object": {"key": "uploads/[a]\x1b.jpg"}}}
LONG = f"Function not found: {'word ' * 25}."
ENDED = {"detail": {"executionArn": f"{ARN}x", "status": "TIMED_OUT"}}
LETTERS = [
    DeadLetter("0123456789", "r", "upload", UPLOAD, NOON, "NO_RESOURCE", "", "arn:machine"),
    DeadLetter("0123ffff", "r", "status change", ENDED, NOON, "200", "It \x1b failed.", "arn:n"),
    DeadLetter("abcd", "r", "unknown", "what else there is", NOON, "ODD", "why", ""),
]


def test_events_that_reached_nobody(
    executions: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = list(LETTERS)
    asked: list[Any] = []
    said: list[Any] = [
        Sent(letters[0], execution=f"{ARN}x"), Sent(letters[1]),
        Sent(letters[2], error=f"[b] {LONG}"),
    ]  # fmt: skip
    monkeypatch.setattr(dlq, "dead_letters", lambda _: letters)
    monkeypatch.setattr(dlq, "redrive", lambda _, chosen: asked.append(chosen) or iter(said))
    shown("dlq-list", "dlq", "list", width=40)
    shown("dlq-list-plain", "dlq", "list", width=0)
    shown("dlq-redrive-plain", "dlq", "redrive", width=0)
    shown("dlq-list-json", "dlq", "list", "--json")
    shown("dlq-redrive", "dlq", "redrive", width=24)
    shown("dlq-redrive-json", "dlq", "redrive", "01234", "ab", "--json")
    shown("dlq-redrive-which", "dlq", "redrive", "0123", "--json")
    shown("dlq-redrive-none-such", "dlq", "redrive", "9", "--json")
    assert asked == [None, None, ["0123456789", "abcd"]]
    del letters[1:], said[2:]
    shown("dlq-list-one", "dlq", "list", width=40)
    shown("dlq-redrive-well", "dlq", "redrive", width=24)
    letters.clear()
    said.clear()
    shown("dlq-list-none", "dlq", "list", width=40)
    shown("dlq-redrive-none", "dlq", "redrive", width=24)
    shown("dlq-redrive-none-json", "dlq", "redrive", "--json")
    shown("dlq-redrive-none-left", "dlq", "redrive", "9", "--json")


DEPLOYED = (
    '[{"name": "small", "width": 300, "height": 300, "fit": "cover"}, '
    '{"name": "wide", "width": 9, "format": '
    '["avif", "jpeg"], "quality": 70, "enlarge": true}, {"name": "tall", "height": 9}]'
)


def test_presets(executions: Any, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    text, changed, written = [DEPLOYED], [NOON], []

    def put(_: Any, valid: Any) -> int:
        written.append([each.name for each in valid])
        return 3

    monkeypatch.setattr(
        presets, "get", lambda _: Parameter("/photos/presets", text[0], 2, changed[0])
    )
    monkeypatch.setattr(presets, "put", put)
    new = '[{"name": "small", "width": 301, "height": 300}]'
    shown("presets-get", "presets", "get")
    shown("presets-get-json", "presets", "get", "--json")
    shown("presets-set-dry-run", "presets", "set", new, "--dry-run", width=20)
    shown("presets-set-dry-run-json", "presets", "set", new, "--dry-run", "--json")
    assert written == []
    shown("presets-set", "presets", "set", new, width=40)
    shown("presets-set-json", "presets", "set", new, "--json")
    assert written == [["small"], ["small"]]
    shown("presets-validate", "presets", "validate", DEPLOYED, width=60)
    shown("presets-validate-json", "presets", "validate", new, "--json")
    shown("presets-not-valid", "presets", "validate", '[{"name": "S"}]', "--json")
    text[0], changed[0] = '[{"name": "[red]", "width": 300}]', None  # type: ignore[assignment]
    shown("presets-get-broken", "presets", "get", width=20)
    shown("presets-get-broken-json", "presets", "get", "--json")
    shown("presets-set-broken", "presets", "set", new, "--dry-run")
    text[0] = '"\u202e"'
    assert darkroom("presets", "get")[1].count(r"\u202e") == 2
