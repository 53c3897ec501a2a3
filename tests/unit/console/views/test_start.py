"""The start page: the whole, and every number a link to what it counts."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from darkroom_ops.console import context as module
from darkroom_ops.console.context import Context
from darkroom_ops.console.views import start
from darkroom_ops.console.views.start import chart
from darkroom_ops.dlq import Sent
from darkroom_ops.overview.figures import SPANS, Bar, Failures, Window
from darkroom_ops.overview.read import Overview, StuckClaim
from tests.unit.cli.test_status import WELL
from tests.unit.console.conftest import OURS


@pytest.fixture
def look(context: Context, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the whole look so; count how often it is looked at."""
    looks: list[Overview] = []

    def let(**changed: Any) -> list[Overview]:
        seen = dataclasses.replace(WELL, **changed)
        monkeypatch.setattr(module, "overview", lambda *_: looks.append(seen) or seen)
        context.forget_overview()
        context.overview()
        return looks

    return let


def test_every_number_leads_to_what_it_counts(client: TestClient, look: Any) -> None:
    hour = Window(SPANS[0], 12, 7, 5, 2.0, 70.0, 0.5, (Bar(12, 7, 5),))
    look(windows=(hour,), failures=(Failures("Corrupt & Image", {"week": 5}),))

    page = client.get("/start").text

    for address, shown in (
        ("/?since=1h", "<b>12</b> started"),
        ("/?status=COMPLETE&amp;since=1h", "<b>7</b> complete"),
        ("/?status=FAILED&amp;since=1h", "<b>5</b> failed"),
    ):
        assert f'href="{address}">{shown}' in page
    assert 'href="/?status=FAILED&amp;error=Corrupt+%26+Image&amp;since=7d"' in page
    assert "Half within 2.0 s, 95 % within 1 min 10 s." in page
    assert "About $0.50 on AWS." in page


def test_a_failure_without_an_error_leads_to_those_that_ended_so(
    client: TestClient, look: Any
) -> None:
    look(failures=(Failures("TIMED_OUT", {"hour": 2}),))

    page = client.get("/start").text

    assert 'href="/?status=TIMED_OUT&amp;since=1h" aria-label="2 Timed out, last hour">2<' in page
    assert '<th scope="row">Timed out</th>' in page


def test_a_stack_where_nothing_ran_says_how_to_begin(client: TestClient, look: Any) -> None:
    nothing = [Window(span, 0, 0, 0, None, None, 0.0, (Bar(),)) for span in SPANS]
    look(windows=tuple(nothing))

    page = client.get("/start").text

    assert "Nothing ran in the last week" in page
    assert 'href="/">Upload images</a>' in page
    assert "What waits for you" in page
    for pointless in ("<svg viewBox", "<b>0</b>", "$0", "Failures by error"):
        assert pointless not in page


def test_a_span_in_which_little_ran_says_no_more_than_that(client: TestClient, look: Any) -> None:
    hour = Window(SPANS[0], 0, 0, 0, None, None, 0.0, (Bar(),))
    day = Window(SPANS[1], 2, 1, 1, 1.8, 1.8, 0.12, (Bar(2, 1, 1),))
    week = Window(SPANS[2], 2, 0, 2, None, None, None, (Bar(2, 0, 2),))
    look(windows=(hour, day, week))

    _, hours, days, weeks = client.get("/start").text.split('class="card window"')

    assert "Nothing ran." in hours
    assert "svg" not in hours
    assert "It took 1.8 s. About $0.12 on AWS." in days
    assert 'class="good"' in days
    assert 'class="good"' not in weeks  # none of them is


def test_what_waits_for_a_person_is_named(client: TestClient, look: Any) -> None:
    look(
        counted_by_aws=True, dead_letters=2, alarms=("The alarm <b> rings",),
        stuck=(StuckClaim("s3://b/a.jpg", "arn:x"),), presets=None,
        unknown={"presets": "Could not look at presets: needs ssm:GetParameter."},
    )  # fmt: skip

    page = client.get("/start").text

    assert "2 events</b> reached nobody" in page
    assert "The alarm &lt;b&gt; rings" in page
    assert 'href="/find?q=arn%3Ax">s3://b/a.jpg' in page
    assert "needs ssm:GetParameter." in page
    assert 'href="/?status=SUCCEEDED&amp;since=7d"' in page


def test_what_hides_in_the_whole_is_shown(client: TestClient, look: Any) -> None:
    look(
        failures=(Failures("E\u202e", {"week": 5}),), alarms=("rings\u202e",),
        stuck=(StuckClaim("s3://b/a\u202e.jpg", "arn:x"),), presets=None, dead_letters=None,
        unknown={name: f"{name}\u202e" for name in ("presets", "dead letters", "figures")},
    )  # fmt: skip

    page = client.get("/start").text

    for said in ("E", "rings", "presets", "dead letters", "figures"):
        assert rf"{said}\u202e" in page
    assert r"s3://b/a\u202e.jpg" in page
    assert "\u202e" not in page


def test_on_aws_the_page_does_not_wait_for_the_whole(
    client: TestClient, context: Context, look: Any
) -> None:
    looks = look()
    context.forget_overview()

    assert "That takes a few seconds" in client.get("/start").text
    assert len(looks) == 1
    assert context.overview() is context.overview()
    assert len(looks) == 2


def test_what_of_a_first_look_at_an_engine_takes_long_follows(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, gate = [], threading.Event()
    monkeypatch.setattr(
        module, "overview", lambda *_: looks.append(gate.wait(60)) or dataclasses.replace(WELL)
    )
    monkeypatch.setattr(start, "PATIENCE", 0.001)
    monkeypatch.setattr(context.deployment, "endpoint", "http://127.0.0.1:1")

    first = client.get("/start").text
    gate.set()
    seen = context.overview()

    assert "Looking at the whole: every execution, queues and records." in first
    assert "What waits for you" not in first
    assert (context.overview(patience=0), looks) == (seen, [True]), "one look served all"
    assert "What waits for you" in client.get("/start").text


def test_dead_letters_are_sent_again(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch, look: Any
) -> None:
    message = dataclasses.make_dataclass("M", ["about"])("s3://b/k")
    sent = [Sent(message, "arn")]
    monkeypatch.setattr("darkroom_ops.dlq.redrive", lambda _: sent)
    looks = look()

    answer = client.post("/dead-letters", headers=OURS)

    assert (answer.status_code, answer.headers["location"]) == (303, "/start")
    context.overview()
    assert len(looks) == 2, "what was seen before is not shown"
    sent.append(Sent(message, error="it is gone"))
    answer = client.post("/dead-letters", headers=OURS)
    assert (answer.status_code, answer.json()) == (
        502, {"message": "1 stay in the queue. s3://b/k: it is gone"},
    )  # fmt: skip
    page = client.post("/dead-letters", headers=OURS | {"accept": "text/html"}).text
    assert '<a class="button" href="/start">Overview</a>' in page
    assert client.post("/dead-letters").status_code == 403


def test_a_chart_stands_on_the_ground_and_fits() -> None:
    window = Window(SPANS[0], 0, 0, 0, None, None, None, (Bar(), Bar(10, 5, 2), Bar(4, 4)))

    found = chart(window)

    assert [(each["kind"], each["x"]) for each in found] == [
        ("complete", 80), ("failed", 80), ("other", 80), ("complete", 160),
    ]  # fmt: skip
    assert [each["height"] for each in found[:3]] == [28, 11.2, 16.8]
    assert (found[0]["y"] + found[0]["height"], found[2]["y"]) == (56, 0)
    assert chart(dataclasses.replace(window, bars=())) == []
    (one,) = chart(dataclasses.replace(window, bars=(Bar(1, 1),)))
    assert one["height"] == 14  # a single one is no tower


def test_what_is_little_is_seen_and_what_ended_more_than_started_fits() -> None:
    window = Window(SPANS[0], 0, 0, 0, None, None, None, (Bar(2, 4, 4), Bar(1000, 1, 999)))

    first, second, *_ = chart(dataclasses.replace(window, bars=window.bars[:1]))
    assert first == {"kind": "complete", "x": 0, "y": 28, "width": 238.5, "height": 28}
    assert second == {"kind": "failed", "x": 0, "y": 0, "width": 238.5, "height": 28}
    found = chart(window)
    assert [(each["kind"], each["x"], each["height"]) for each in found] == [
        ("complete", 0, 1.5), ("failed", 0, 1.5), ("complete", 120, 1.5), ("failed", 120, 55.94),
    ]  # fmt: skip


def test_a_chart_is_drawn_to_a_hundredth() -> None:
    bars = (Bar(), Bar(9, 2, 1), *(Bar(),) * 5)

    assert chart(Window(SPANS[0], 0, 0, 0, None, None, None, bars)) == [
        {"kind": kind, "x": 34.29, "y": y, "width": 32.79, "height": height}
        for kind, y, height in (
            ("complete", 43.56, 12.44), ("failed", 37.33, 6.22), ("other", 0, 37.33),
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "address"),
    [
        ("TIMED_OUT", "/?status=TIMED_OUT&since=1h"),
        ("ABORTED", "/?status=ABORTED&since=1h"),
        ("A & B", "/?status=FAILED&error=A+%26+B&since=1h"),
        ("\ud800", "/?status=FAILED&error=%3F&since=1h"),
    ],
)
def test_a_failure_leads_to_those_that_failed_so(error: str, address: str) -> None:
    assert start.failed(Failures(error, {}), "1h") == address
    assert start.listed(status=None, error="") == "/"


NOTHING = Window(SPANS[0], 0, 0, 0, None, None, None, (Bar(),))


@pytest.mark.parametrize(
    ("windows", "idle"),
    [
        ((), False),  # it could not be looked at
        (None, False),
        ((NOTHING, NOTHING), True),
        *(((NOTHING, dataclasses.replace(NOTHING, **{what: 1})), False)
          for what in ("started", "complete", "failed")),
    ],
)  # fmt: skip
def test_a_stack_is_idle_where_nothing_started_and_nothing_ended(
    context: Context, look: Any, windows: Any, idle: bool
) -> None:
    look(windows=windows)
    found = start.values(context)
    assert (found["idle"], found["local"], found["live"]) == (idle, False, "/live/start")
    assert found["here"] == "start"


@pytest.mark.parametrize(("endpoint", "patience"), [(None, 0), ("http://127.0.0.1:1", 0.1)])
def test_a_page_waits_for_an_engine_alone(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch, stack: Any,
    endpoint: str | None, patience: float,
) -> None:  # fmt: skip
    stack.endpoint, asked = endpoint, []
    monkeypatch.setattr(context, "overview", lambda **given: asked.append(given))
    page = client.get("/start").text
    assert asked == [{"patience": patience}]
    assert "Looking at the whole" in page
    found = start.values(context)
    assert (found["seen"], found["idle"], found["local"]) == (None, False, endpoint is not None)
