"""One execution: what its pages gather."""

from __future__ import annotations

import dataclasses
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.contract.model import dump
from darkroom.contract.presets import Preset
from darkroom.contract.results import ImageInfo
from darkroom.image.plan import plan
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from darkroom_ops import logs
from darkroom_ops.console import timeline
from darkroom_ops.console.context import Context
from darkroom_ops.console.pictures import NoPicture, Picture
from darkroom_ops.console.views.execution import (
    _chosen,
    _details,
    _kind,
    _share,
    failure,
    state_values,
    values,
)
from darkroom_ops.executions.model import Execution, SourceObject, read
from tests.unit.console.conftest import PREFIX, passage
from tests.unit.recorded import at, partly, recorded, recording


def ended(status: str, name: str = "complete", events: int = 9, **more: Any) -> Execution:
    described, history = recording(name)
    return read(described | {"status": status, "output": None} | more, history[:events])


@pytest.mark.parametrize(
    "name",
    [
        "complete",
        "corrupt",
        "duplicate",
        "item_failed",
        "redriven",
        "retried",
        "silent",
        "timed_out",
    ],
)
def test_every_execution_has_its_pages(client: TestClient, name: str) -> None:
    for page, tab in (("", "Overview"), ("/events", "Events"), ("/rerun", "Re-run")):
        answer = client.get(f"/executions/{name}{page}")
        assert (answer.status_code, answer.headers["content-type"]) == (
            200, "text/html; charset=utf-8",
        )  # fmt: skip
        tabs = answer.text.partition('<nav class="tabs"')[2].partition("</nav>")[0]
        assert re.findall(r'aria-current="page">([\w-]+)</a>', tabs) == [tab]


@pytest.mark.parametrize("name", ["corrupt", "duplicate", "complete"])
def test_where_nothing_was_made_the_source_stands_alone_and_the_head_says_why(
    client: TestClient, name: str
) -> None:
    page = client.get(f"/executions/{name}").text
    assert "No pictures were made." not in page
    assert ('class="pictures alone"' in page) is (name != "complete")


def test_what_a_rendition_could_not_be_is_told(client: TestClient, stack: Any) -> None:
    described, _ = recording("complete")
    output = json.loads(described["output"])
    output["renditions"][1] |= {"name": "n\u202e", "note": "<9 x 9>\u202e was asked for"}
    real = stack.stepfunctions.describe_execution
    stack.stepfunctions.describe_execution = lambda **given: (
        real(**given) | {"output": json.dumps(output)}
    )
    page = client.get("/executions/complete").text
    assert page.count('<span class="note">&lt;9 x 9&gt;\\u202e was asked for</span>') == 1
    assert r"<figcaption><b>n\u202e</b>" in page
    view = client.get("/executions/complete/view/n%E2%80%AE").text
    assert r"<title>n\u202e · rocket.jpg" in view
    assert r"<td>&lt;9 x 9&gt;\u202e was asked for</td>" in view
    beside = client.get("/executions/complete/view/small").text
    assert not {"\u202e"} & set(page + view + beside)


def test_the_quality_of_a_rendition_is_told(client: TestClient, stack: Any) -> None:
    described, _ = recording("complete")
    output = json.loads(described["output"])
    output["renditions"][0]["quality"] = 72
    real = stack.stepfunctions.describe_execution
    stack.stepfunctions.describe_execution = lambda **given: (
        real(**given) | {"output": json.dumps(output)}
    )
    assert client.get("/executions/complete").text.count("<span>quality 72</span>") == 1


def test_an_execution_that_is_not_there_is_404(client: TestClient) -> None:
    for page in ("", "/events", "/states/1", "/states/1/logs"):
        assert client.get(f"/executions/none{page}").status_code == 404
    assert client.get("/executions/complete/states/99999").status_code == 404
    assert client.get("/nothing").status_code == 404


def test_the_page_says_what_it_cost_and_how_to_run_it_again(context: Context) -> None:
    found = values(context, recorded("complete"))

    assert found["usd"] == pytest.approx(0.0005, rel=0.5)
    assert found["rerun_command"].startswith("darkroom run s3://")
    assert found["rerun_command"].endswith("--stack photos")
    assert found["saving"](SimpleNamespace(bytes=0)) == "-100 %"
    assert (found["failure"], found["messages"]) == (None, None)
    odd = dataclasses.replace(recorded("complete"), input="nonsense")
    assert values(context, odd)["rerun_command"] is None


@pytest.mark.parametrize(
    ("size", "whole", "share"),
    [(50, 100, 50.0), (1, 1000, 1.0), (2000, 1000, 100.0), (1, 3, 33.3), (1, 0, 0.0)],
)
def test_the_share_of_the_original(size: int, whole: int, share: float) -> None:
    assert _share(size, whole) == share


@pytest.mark.parametrize(
    ("execution", "redrivable", "error", "cause"),
    [
        (recorded("complete"), False, None, None),
        (partly("complete", 9), False, None, None),
        (recorded("corrupt"), False, "CorruptImage", None),
        (ended("TIMED_OUT"), True, "ExecutionTimedOut", "did not finish in its time"),
        (ended("ABORTED"), True, "ExecutionAborted", "stopped the execution"),
        (ended("ABORTED", error="Stopped", cause="by me"), True, "Stopped", "by me"),
        (ended("FAILED", events=0), True, "FAILED", "It gave no reason."),
    ],
)
def test_a_failure_says_why_and_whether_it_can_be_resumed(
    context: Context, execution: Execution, redrivable: bool, error: str | None, cause: str | None
) -> None:
    found = failure(execution)
    head = context.render("_execution_head.html", **values(context, execution))
    assert ('/redrive"><button type="submit"' in head) is redrivable
    assert bool(found and found["advice"].redrive) is redrivable
    assert (found["error"] if found else None) == error
    if found and cause:
        assert cause in found["cause"]
    if execution.status in {"TIMED_OUT", "ABORTED"} and found:
        assert found["advice"].says.startswith("Yes: resume it where it stopped")


@pytest.mark.parametrize(
    ("execution", "outcome"),
    [
        (recorded("duplicate"), "ALREADY_PROCESSED"),
        (recorded("corrupt"), "FAILED"),
        (ended("TIMED_OUT"), "TIMED_OUT"),
        (ended("ABORTED"), "ABORTED"),
        (partly("complete", 9), "RUNNING"),
    ],
)
def test_the_outcome_in_the_head(context: Context, execution: Execution, outcome: str) -> None:
    assert values(context, execution)["outcome"] == outcome


@pytest.mark.parametrize(("change", "grown"), [("-6 %", False), ("+0 %", True), ("+6 %", True)])
def test_what_became_larger_is_not_shown_as_a_saving(
    context: Context, change: str, grown: bool
) -> None:
    page = values(context, recorded("complete")) | {"saving": lambda _: change}
    text = context.render("_execution_pictures.html", **page)
    assert text.count(f">{change}</span>") == 4
    assert text.count('class="saving grown"') == (4 if grown else 0)


@pytest.mark.parametrize(
    ("step", "said"), [(0.5, ["0", "0.5 s", "1 s"]), (30, ["0", "30 s", "60 s"]),
                       (60, ["0", "1 min", "2 min"])],
)  # fmt: skip
def test_the_scale_counts_minutes_where_its_marks_are_some(
    context: Context, step: float, said: list[str]
) -> None:
    drawn = timeline.Timeline((), tuple((n * 10.0, n * step) for n in range(3)))
    text = context.render("_execution_timeline.html", timeline=drawn, base="")
    assert re.findall("<text[^>]*>([^<]*)<", text) == said


def test_the_state_that_is_shown_is_the_one_that_matters() -> None:
    runs = (
        passage(1, "A"), passage(3, "B"), passage(2, "C", attempts=()),
        passage(4, "D", exited=None, attempts=()),
    )  # fmt: skip
    done = dataclasses.replace(recorded("complete"), states=runs)
    assert _chosen(done, None) is runs[1]  # took longest, of those that called something
    assert _chosen(done, "2") is runs[2]
    assert _chosen(done, "9") is None

    again = passage(3, "A")  # once redriven, the first passage counts no more
    redriven = dataclasses.replace(done, states=(passage(9, "A"), passage(2, "B"), again))
    assert _chosen(redriven, None) is again

    failed = (*runs, passage(5, error="CorruptImage", exited=at(0)))
    assert _chosen(dataclasses.replace(done, states=failed), None) is failed[-1]

    open_ = (
        passage(1, "A", exited=None), passage(2, "B", exited=None), passage(3, "C"),
        passage(4, "D", attempts=()),
    )  # fmt: skip
    running = dataclasses.replace(done, status="RUNNING", states=open_)
    assert _chosen(running, None) is open_[1]  # the last that runs
    assert _chosen(dataclasses.replace(running, states=(passage(1),)), None) is None
    assert _chosen(dataclasses.replace(done, states=()), None) is None


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ('{"errorMessage": "It is cut off.", "stackTrace": []}', "It is cut off."),
        ('{"errorMessage": 5}', '{"errorMessage": 5}'),
        ("plain words", "plain words"),
        (None, None),
    ],
)
def test_a_cause_is_told_without_its_stack_trace(cause: str | None, message: str | None) -> None:
    found = state_values(recorded("complete"), passage(1, cause=cause))

    assert found["error_message"] == message


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", (1, 200)),
        ("?from=1", (1, 200)),
        ("?from=2", (2, 201)),
        ("?from=201", (201, 400)),
        ("?from=401", (401, 401)),
        ("?from=402", None),
        ("?from=0", (1, 200)),
        ("?from=-5", (1, 200)),
        ("?from=x", (1, 200)),
        ("?from=" + "9" * 5000, (1, 200)),
    ],
)
def test_a_history_is_paged_by_two_hundred(
    client: TestClient,
    context: Context,
    stack: Any,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    ids: tuple[int, int] | None,
) -> None:
    shown: dict[str, Any] = {}
    stack.histories[f"{PREFIX}complete"] = [
        {"id": number, "type": "TaskSubmitted", "timestamp": at(number)} for number in range(1, 402)
    ]

    def page(template: str, **values: Any) -> Any:
        shown.update(values)
        return HTMLResponse(context.render(template, **values))

    monkeypatch.setattr(context, "page", page)

    text = client.get(f"/executions/complete/events{query}").text
    found = [row["id"] for row in shown["rows"]]
    assert found == (list(range(ids[0], ids[1] + 1)) if ids else [])
    assert (shown["total"], shown["step"]) == (401, 200)
    assert {row["before"] for row in shown["rows"]} <= {0}  # as of what nothing is said of
    first = shown["first"]
    assert first == (ids[0] if ids else 402)
    assert (f", {first} to {ids[1] if ids else 0} are shown." in text) is (ids is not None)
    for name, to in (("Earlier", max(1, first - 200)), ("Later", first + 200)):
        there = first > 1 if name == "Earlier" else to <= 401
        link = re.search(rf'/events\?from=(-?\d+)">(?:<svg.*?</svg>)?{name}', text)
        assert (link and int(link[1])) == (to if there else None)


def test_events_say_which_item_a_state_is_of_and_lead_to_it(client: TestClient) -> None:
    page = client.get("/executions/complete/events").text
    for name in ("Prepare", "Resize small", "Resize medium", "Resize large", "MakePdf"):
        assert f'#state">{name}</a>' in page


def test_the_scale_is_that_of_what_is_planned_before_it_is_made(context: Context) -> None:
    execution = recorded("complete")
    image = ImageInfo(format="jpeg", content_type="image/jpeg", width=9999, height=9, bytes=1)
    made = plan("a.jpg", image, (Preset(name="huge", width=6400),))
    output = json.dumps({"renditions": [dump(each) for each in made]})
    states = [
        dataclasses.replace(run, output=output) if run.name == "Prepare" else run
        for run in execution.states
    ]
    small, *_ = execution.renditions
    before, after = (
        values(context, each)["drawn"](small)
        for each in (execution, dataclasses.replace(execution, states=tuple(states)))
    )
    assert (before, after) == (46.88, 4.69)


def test_what_was_stopped_has_its_sign_and_not_that_of_a_failure(
    client: TestClient, stack: Any
) -> None:
    real = stack.stepfunctions.describe_execution
    for status, sign in (("ABORTED", "#i-stop"), ("FAILED", "#i-failed")):
        stack.stepfunctions.describe_execution = lambda status=status, **given: (
            real(**given) | {"status": status, "output": None}
        )
        head = client.get("/executions/corrupt").text.partition('aria-label="Why it failed"')[2]
        assert sign in head[:200]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("TaskFailed", "failed"), ("TaskTimedOut", "failed"), ("ExecutionAborted", "failed"),
        ("TaskSucceeded", "succeeded"), ("TaskStateExited", "succeeded"),
        ("TaskStarted", "neutral"),
    ],
)  # fmt: skip
def test_events_are_coloured_by_what_happened(event: str, kind: str) -> None:
    assert _kind(event) == kind


def test_the_details_of_an_event_are_read_as_json() -> None:
    details = {"input": '{"a": 1}', "list": "[1]", "name": "Prepare", "inputDetails": {}, "n": 5}
    event = {"id": 1, "taskSucceededEventDetails": details}

    assert _details(event) == {"input": {"a": 1}, "list": [1], "name": "Prepare", "n": 5}
    assert _details({"id": 1}) == {}


def test_a_redrive_divides_history_and_timeline_and_is_told_in_the_head(client: TestClient) -> None:
    said = "edriven 2.0 s after it had ended"

    page = client.get("/executions/redriven").text
    events = client.get("/executions/redriven/events").text

    assert f"<span>r{said}</span>" in page
    assert f'class="redrive"><span>R{said}</span>' in page
    assert events.count(f"R{said}") == 1
    assert events.index(f"R{said}") > events.index("ExecutionAborted")
    assert events.index(f"R{said}") < events.index('<td class="type">ExecutionRedriven')


def test_a_passage_before_a_redrive_is_an_earlier_one_and_its_call_was_stopped() -> None:
    execution = recorded("redriven")
    first = next(run for run in execution.states if run.rendition == "small")

    found = state_values(execution, first)

    assert [(name, status) for _, name, status in found["siblings"]] == [
        *((f"{name}, earlier", "stopped") for name in ("small", "medium", "large")),
        *((name, "succeeded") for name in ("small", "medium", "large")),
    ]


def test_the_reason_of_a_failure_is_said_once(client: TestClient) -> None:
    execution = recorded("corrupt")
    assert execution.cause is not None
    failed = execution.failed_state
    assert failed is not None

    assert state_values(execution, failed)["error_message"] is None
    other = dataclasses.replace(execution, cause="Another.")
    assert state_values(other, failed)["error_message"] == execution.cause


def test_a_page_follows_what_runs_and_rests_on_what_failed(context: Context) -> None:
    def follows(execution: Execution) -> str | None:
        asked = values(context, execution)["overlay"]["follow"]
        return next((run.name for run in execution.states if run.id == asked), None)

    assert follows(partly("complete", 9)) == "Prepare"
    assert follows(partly("complete", 1)) is None
    assert follows(recorded("corrupt")) == "Prepare"
    assert follows(recorded("complete")) is None
    assert follows(recorded("duplicate")) is None
    mended = dataclasses.replace(recorded("corrupt"), status="SUCCEEDED")
    assert follows(mended) is None


def test_what_runs_has_a_clock_and_is_stopped_with_a_reason(
    context: Context, client: TestClient
) -> None:
    running = dataclasses.replace(partly("complete", 9), arn=f"{PREFIX}complete")
    head = context.render("_execution_head.html", **values(context, running))
    assert f'data-since="{running.started.isoformat()}"' in head
    assert 'action="/executions/complete/stop" data-why="Stop this execution? What' in head
    assert "data-since" not in client.get("/executions/complete").text
    context.executions.get = lambda _: running  # type: ignore[method-assign, assignment]
    events = client.get("/executions/complete/events?from=3").text
    assert 'data-stream="/live/executions/complete?tab=events&amp;from=3"' in events


def test_what_hides_in_an_execution_is_shown(context: Context, client: TestClient) -> None:
    (state,) = (run for run in recorded("corrupt").states if run.name == "Prepare")
    calls = tuple(dataclasses.replace(each, error="C\u202e") for each in state.attempts)
    item = json.dumps({"rendition": {"name": "r\u202e"}})
    failed = dataclasses.replace(
        state, error="S\u202e", cause='"c\u200b"', attempts=calls, item=0, input=item
    )
    execution = dataclasses.replace(
        recorded("corrupt"), error="E\u202e", cause="why\u202e", states=(failed,),
        source=SourceObject("sources", "uploads/a&b#\u202e.jpg"),
    )  # fmt: skip
    context.executions.get = lambda _: execution  # type: ignore[method-assign, assignment]

    page = client.get("/executions/corrupt").text

    for said in (r"E\u202e", r"S\u202e", r"C\u202e", r"why\u202e", r"a&amp;b#\u202e.jpg"):
        assert said in page
    assert 'href="/image?key=uploads/a%26b%23%E2%80%AE.jpg"' in page
    assert r"<em>r\u202e</em>" in page.partition('id="timeline"')[2]
    assert not {"\u202e", "\u200b"} & set(page)


def test_a_call_that_was_aborted_was_stopped_and_did_not_succeed(context: Context) -> None:
    execution = recorded("redriven")
    first = next(run for run in execution.states if run.rendition == "small")
    given = {"execution": execution, "base": "/x"}

    html = context.render("_state.html", **given, **state_values(execution, first))

    assert '<td class="muted">stopped</td>' in html
    assert ">succeeded</td>" not in html


def test_a_state_that_was_not_entered_is_shown_as_it_is_defined(client: TestClient) -> None:
    answer = client.get("/executions/complete/definitions/ImageFailed")

    assert (answer.status_code, "not entered" in answer.text) == (200, True)
    assert "&#34;Type&#34;: &#34;Fail&#34;" in answer.text
    assert client.get("/executions/complete/definitions/None").status_code == 404
    assert client.get("/executions/none/definitions/ImageFailed").status_code == 404


class Pictures:
    """Remembers what is asked of an execution's pictures."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.made: Any = Picture(b"made", "image/png")

    def __getattr__(self, what: str) -> Any:
        def make(execution: Execution, *more: Any) -> Picture:
            self.asked.append((what, execution.arn, *more))
            if isinstance(self.made, Exception):
                raise self.made
            return self.made  # type: ignore[no-any-return]

        return make


@pytest.fixture
def drawing(context: Context) -> Pictures:
    context.pictures = Pictures()  # type: ignore[assignment]
    return context.pictures  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("source", ("source",)),
        ("thumbnail", ("thumbnail",)),
        ("source-small", ("beside", "small")),
        ("source-source-a", ("beside", "source-a")),
        ("reduced-small", ("reduced", "small")),
        ("reduced-reduced-a", ("reduced", "reduced-a")),
        ("document-page", ("page",)),
        ("output-small", ("output", "small")),
        ("output-document", ("output", "document")),
        ("output-output-a", ("output", "output-a")),
        ("source-small/512/1024", ("tile", "source-small", (512, 1024))),
        ("output-small/0/0", ("tile", "output-small", (0, 0))),
    ],
)
def test_an_address_names_a_picture(
    client: TestClient, drawing: Pictures, path: str, asked: tuple[Any, ...]
) -> None:
    answer = client.get(f"/executions/complete/pictures/{path}")

    assert drawing.asked == [(asked[0], f"{PREFIX}complete", *asked[1:])]
    assert (answer.status_code, answer.content) == (200, b"made")
    headers = answer.headers
    assert headers["content-type"] == "image/png"
    assert headers["cache-control"] == "private, max-age=600"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["content-security-policy"].endswith("; sandbox")
    assert "content-disposition" not in headers


def test_a_document_is_a_file_to_keep(client: TestClient, drawing: Pictures) -> None:
    drawing.made = Picture(b"%PDF-", "application/pdf")
    answer = client.get("/executions/complete/pictures/output-document")
    assert answer.headers["content-disposition"] == 'attachment; filename="document.pdf"'


def test_why_there_is_no_picture_is_said_once(client: TestClient, drawing: Pictures) -> None:
    said = []
    for reason in ("It is gone.", recorded("corrupt").cause or ""):
        drawing.made = NoPicture(reason)
        answer = client.get("/executions/corrupt/pictures/source")
        assert (answer.status_code, answer.headers["content-type"]) == (
            404, "text/plain; charset=utf-8",
        )  # fmt: skip
        said.append(answer.text)
    assert said == ["It is gone.", "It cannot be decoded."]


@pytest.fixture
def page(context: Context, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page is made of that was asked for last."""
    shown: dict[str, Any] = {}

    def page(template: str, **values: Any) -> Any:
        shown.clear()
        shown.update(values)
        return HTMLResponse(template)

    monkeypatch.setattr(context, "page", page)
    return shown


def test_a_page_shows_the_state_that_its_address_names(
    client: TestClient, page: dict[str, Any]
) -> None:
    runs = recorded("complete").states
    for run in runs:
        client.get(f"/executions/complete?state={run.id}")
        assert (page["run"].id, page["here"], page["tab"]) == (run.id, "executions", "overview")
    client.get("/executions/complete?state=0")
    assert page["run"] is None


def test_a_state_and_its_log_are_parts_of_the_page(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = next(run for run in recorded("complete").states if run.name == "Prepare")
    line = logs.LogLine(run.entered, "darkroom-prepare", "INFO", "Read <it>\u202e.", {})
    monkeypatch.setattr(logs, "lines", lambda *_: [line])

    state = client.get(f"/executions/complete/states/{run.id}").text
    log = client.get(f"/executions/complete/states/{run.id}/logs").text

    assert "Prepare" in state
    assert r"Read &lt;it&gt;\u202e." in log
    after = (run.entered - recorded("complete").started).total_seconds()
    assert f"<time>+{after:.3f} s</time>" in log
    assert 'class="level-info"' in log
    monkeypatch.setattr(logs, "lines", lambda *_: [])
    log = client.get(f"/executions/complete/states/{run.id}/logs").text
    assert "No lines. CloudWatch Logs takes a few seconds" in log
    assert "data-again>Read again</button>" in log


def test_passages_without_a_name_are_counted() -> None:
    runs = (passage(1), passage(2, exited=None), passage(3, "Other"))
    execution = dataclasses.replace(recorded("complete"), status="RUNNING", states=runs)

    found = state_values(execution, runs[0])

    assert [(run.id, *more) for run, *more in found["siblings"]] == [
        (1, "pass 1, earlier", "succeeded"), (2, "pass 2", "running"),
    ]  # fmt: skip
    assert (found["run_status"], found["run_label"], found["label"]) == (
        "succeeded", "succeeded", "",
    )  # fmt: skip


def test_events_tell_what_came_before_them_and_how_far_the_execution_was(
    client: TestClient, stack: Any, page: dict[str, Any]
) -> None:
    execution = recorded("redriven")
    resumed = execution.redrives[0].resumed
    beside = {"id": 999, "type": "TaskSubmitted", "timestamp": resumed}
    stack.histories[f"{PREFIX}redriven"] = [*recording("redriven")[1], beside]

    client.get("/executions/redriven/events")

    offset = (resumed - execution.started).total_seconds()
    assert page["rows"][0]["before"] == 0
    (row,) = (row for row in page["rows"] if row["redrive"])
    assert (row["type"], row["offset"]) == ("ExecutionRedriven", offset)
    assert [row["before"] for row in page["rows"][:-1]] == [
        event.get("previousEventId", 0) for event in recording("redriven")[1]
    ]
