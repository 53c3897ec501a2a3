"""The console's answers, on executions that are given: pages, links, actions and live parts."""

# ruff: noqa: N803 - the arguments of a fake client are named as boto3 names them

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from darkroom_ops.console import pages, timeline
from darkroom_ops.console import stream as live
from darkroom_ops.console.app import Console, create
from darkroom_ops.executions.client import Listed, NoSuchExecution, Page
from darkroom_ops.executions.history import Attempt, StateRun
from darkroom_ops.executions.model import Execution, read
from tests.unit.recorded import MEMORY, at, partly, recorded, recording

ROOT = Path(__file__).resolve().parents[3]
ASL = (ROOT / "statemachine/image_pipeline.asl.yaml").read_text()
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:pipeline"
PREFIX = "arn:aws:states:eu-west-1:123456789012:execution:pipeline:"
BASE = "http://127.0.0.1:4600"
OURS = {"origin": BASE}


class Stack:
    """A stack whose executions are recordings; it remembers what was done to it."""

    stack = "photos"
    endpoint = None
    region = "eu-west-1"
    state_machine_arn = MACHINE
    source_bucket_name = "sources"
    source_prefix = "uploads/"
    presets_parameter_name = "presets"

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.presets = '[{"name": "small", "width": 300}]'
        self.histories: dict[str, list[Any]] = {}
        self.stepfunctions = SimpleNamespace(
            describe_execution=self._describe,
            get_paginator=lambda operation: SimpleNamespace(paginate=getattr(self, operation)),
            describe_state_machine_for_execution=lambda **_: {
                "definition": json.dumps(yaml.safe_load(ASL))
            },
            start_execution=self._start,
            stop_execution=lambda **given: self.done.append(("stop", given)),
            redrive_execution=lambda **given: self.done.append(("redrive", given)),
        )
        self.lambda_ = SimpleNamespace(
            get_function_configuration=lambda FunctionName: {"MemorySize": MEMORY[FunctionName]}
        )
        self.ssm = SimpleNamespace(
            get_parameter=lambda **_: {"Parameter": {"Value": self.presets, "Version": 1}}
        )
        self.s3 = SimpleNamespace(put_object=self._put)

    def get_execution_history(self, *, executionArn: str, **_: Any) -> Iterator[Any]:
        yield {"events": self.histories.get(executionArn) or recording(_name(executionArn))[1]}

    def list_executions(self, **_: Any) -> Iterator[Any]:
        yield {"executions": []}

    def _describe(self, *, executionArn: str) -> dict[str, Any]:
        name = _name(executionArn)
        if not (ROOT / f"tests/unit/histories/{name}.json").exists():
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
        return recording(name)[0] | {"executionArn": executionArn, "name": name}

    def _start(self, *, stateMachineArn: str, **given: str) -> dict[str, str]:
        assert stateMachineArn == MACHINE
        self.done.append(("start", json.loads(given["input"])))
        return {"executionArn": f"{PREFIX}new one"}

    def _put(self, **given: Any) -> dict[str, str]:
        self.done.append(("put", given))
        return {"ETag": '"etag"', "VersionId": "v1"}


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


@pytest.fixture
def stack() -> Stack:
    return Stack()


@pytest.fixture
def console(stack: Any) -> Console:
    return Console(stack)


@pytest.fixture
def client(console: Console) -> Iterator[TestClient]:
    with TestClient(create(console, 4600), BASE, follow_redirects=False) as found:
        yield found


def passage(number: int, name: str = "Prepare", **changed: Any) -> StateRun:
    call = Attempt("lambda:invoke", "f", "", at(0), at(number))
    state = StateRun(
        number, name, "Task", at(0), at(number), None, None, "", "{}", (call,), None, None
    )
    return dataclasses.replace(state, **changed)


# ---------------------------------------------------------------------------- the list


def listing(console: Console, *items: str, more: str | None = None) -> list[dict[str, Any]]:
    """Let the console list these executions; return what is asked of it."""
    asked: list[dict[str, Any]] = []

    def recent(**given: Any) -> Page:
        asked.append(given)
        fits = [each for each in items if each.startswith(given["prefix"] or "")]
        return Page(tuple(_listed(each) for each in fits), more)

    console.executions.recent = recent  # type: ignore[method-assign, assignment]
    return asked


def _listed(key: str) -> Listed:
    execution = recorded("complete")
    values = {name: getattr(execution, name) for name in ("arn", "name", "status", "outcome")}
    return Listed(
        **values, error=None, source=execution.source, started=at(0), stopped=at(1),
        seconds=1.0, usd=0.1,
    )  # fmt: skip


def values(client: TestClient, console: Console, query: str = "") -> dict[str, Any]:
    scope = {"type": "http", "query_string": query.encode(), "headers": []}
    return pages.list_values(console, pages.Request(scope))


def test_the_list_links_to_its_filters_and_its_next_page(
    client: TestClient, console: Console
) -> None:
    asked = listing(console, "uploads/a.jpg", more="arn:older")

    found = values(client, console, "status=FAILED&image=uploads/a&after=arn:before")

    assert asked == [
        {"limit": 50, "status": "FAILED", "prefix": "uploads/a", "after": "arn:before",
         "costs": True}
    ]  # fmt: skip
    assert found["older"] == "/?status=FAILED&image=uploads%2Fa&after=arn%3Aolder"
    assert found["newest"] == "/?status=FAILED&image=uploads%2Fa"
    assert found["everything"] == "/?image=uploads%2Fa"
    assert found["live"] is None
    assert [(label, chosen) for label, _, chosen in found["filters"]] == [
        ("Running", False), ("Complete", False), ("Failed", True),
        ("Already processed", False), ("Superseded", False),
    ]  # fmt: skip
    assert found["filters"][0][1] == "/?status=RUNNING&image=uploads%2Fa"


def test_the_first_page_is_live_and_the_last_has_no_next(
    client: TestClient, console: Console
) -> None:
    listing(console)

    found = values(client, console, "status=COMPLETE")

    assert (found["older"], found["live"]) == (None, "/live/executions?status=COMPLETE")
    found = values(client, console, "status=NONSENSE")
    assert (found["status"], found["newest"], found["everything"]) == (None, "/", "/")


@pytest.mark.parametrize(
    ("typed", "tried"),
    [
        ("a.jpg", ["uploads/a.jpg"]),
        ("uploads/a", ["uploads/a"]),
        ("elsewhere/", ["uploads/elsewhere/", "elsewhere/"]),
        ("", [None]),
    ],
)
def test_an_image_is_found_as_it_was_uploaded_or_by_its_key(
    client: TestClient, console: Console, typed: str, tried: list[str | None]
) -> None:
    asked = listing(console, "uploads/a.jpg", "elsewhere/b.jpg")

    assert values(client, console, f"image={typed}")["page"].items
    assert [each["prefix"] for each in asked] == tried


def test_costs_follow_live_on_the_first_page_only(client: TestClient, console: Console) -> None:
    asked = listing(console, "uploads/a.jpg")

    assert client.get("/").status_code == 200
    assert client.get("/?after=x").status_code == 200
    assert [each["costs"] for each in asked] == [False, True]


@pytest.mark.parametrize(
    ("typed", "leads"),
    [
        (f"{PREFIX}complete", "/executions/complete"),
        ("complete", "/executions/complete"),
        (" a photo.jpg ", "/?image=a+photo.jpg"),
    ],
)
def test_a_search_leads_to_an_execution_or_to_a_list(
    client: TestClient, typed: str, leads: str
) -> None:
    answer = client.get("/find", params={"q": typed})

    assert (answer.status_code, answer.headers["location"]) == (303, leads)


@pytest.mark.parametrize("typed", ["s3://bucket", "execution: none"])
def test_a_search_for_what_is_not_there_says_so(client: TestClient, typed: str) -> None:
    if typed.startswith("execution"):
        typed = f"{typed}?"
    assert client.get("/find", params={"q": typed}).status_code == 404


# ---------------------------------------------------------------------------- an execution


@pytest.mark.parametrize(
    "name", ["complete", "corrupt", "duplicate", "item_failed", "retried", "silent", "timed_out"]
)
def test_every_execution_has_its_pages(client: TestClient, name: str) -> None:
    for page in ("", "/events", "/rerun"):
        answer = client.get(f"/executions/{name}{page}")
        assert (answer.status_code, answer.headers["content-type"]) == (
            200, "text/html; charset=utf-8",
        )  # fmt: skip


def test_an_execution_that_is_not_there_is_404(client: TestClient) -> None:
    for page in ("", "/events", "/states/1", "/states/1/logs"):
        assert client.get(f"/executions/none{page}").status_code == 404
    assert client.get("/executions/complete/states/99999").status_code == 404
    assert client.get("/nothing").status_code == 404


def test_the_page_says_what_it_cost_and_how_to_run_it_again(console: Console) -> None:
    found = pages.execution_values(console, recorded("complete"))

    assert found["usd"] == pytest.approx(0.0005, rel=0.5)
    assert found["rerun_command"].startswith("darkroom run s3://")
    assert found["rerun_command"].endswith("--stack photos")
    assert found["saving"](SimpleNamespace(bytes=0)) == "-100 %"
    assert (found["failure"], found["letters"]) == (None, None)
    odd = dataclasses.replace(recorded("complete"), input="nonsense")
    assert pages.execution_values(console, odd)["rerun_command"] is None


@pytest.mark.parametrize(
    ("size", "whole", "share"),
    [(50, 100, 50.0), (1, 1000, 1.0), (2000, 1000, 100.0), (1, 3, 33.3), (1, 0, 0.0)],
)
def test_the_share_of_the_original(size: int, whole: int, share: float) -> None:
    assert pages._share(size, whole) == share


def ended(status: str, name: str = "complete", events: int = 9, **more: Any) -> Execution:
    described, history = recording(name)
    return read(described | {"status": status, "output": None} | more, history[:events])


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
    execution: Execution, redrivable: bool, error: str | None, cause: str | None
) -> None:
    found = pages.failure(execution)
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
def test_the_outcome_in_the_head(console: Console, execution: Execution, outcome: str) -> None:
    assert pages.execution_values(console, execution)["outcome"] == outcome


def test_the_state_that_is_shown_is_the_one_that_matters() -> None:
    runs = (passage(1), passage(3), passage(2, attempts=()), passage(4, exited=None, attempts=()))
    done = dataclasses.replace(recorded("complete"), states=runs)
    assert pages._chosen(done, None) is runs[1]  # took longest, of those that called something
    assert pages._chosen(done, "2") is runs[2]
    assert pages._chosen(done, "9") is None

    failed = (*runs, passage(5, error="CorruptImage", exited=at(0)))
    assert pages._chosen(dataclasses.replace(done, states=failed), None) is failed[-1]

    open_ = (passage(1, exited=None), passage(2, exited=None), passage(3), passage(4, attempts=()))
    running = dataclasses.replace(done, status="RUNNING", states=open_)
    assert pages._chosen(running, None) is open_[1]  # the last that runs
    assert pages._chosen(dataclasses.replace(running, states=(passage(1),)), None) is None
    assert pages._chosen(dataclasses.replace(done, states=()), None) is None


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ('{"errorMessage": "It is cut off.", "stackTrace": []}', "It is cut off."),
        ('{"errorMessage": 5}', '{"errorMessage": 5}'),
        ("plain words", "plain words"),
        (None, None),
    ],
)
def test_a_cause_is_told_without_its_stack_trace(cause: str | None, told: str | None) -> None:
    found = pages.state_values(recorded("complete"), passage(1, cause=cause))

    assert found["told"] == told


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
    ],
)
def test_a_history_is_paged_by_two_hundred(
    client: TestClient,
    console: Console,
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
        return pages.HTMLResponse(template)

    monkeypatch.setattr(console, "page", page)

    assert client.get(f"/executions/complete/events{query}").status_code == 200
    found = [row["id"] for row in shown["rows"]]
    assert found == (list(range(ids[0], ids[1] + 1)) if ids else [])
    assert (shown["total"], shown["step"]) == (401, 200)
    assert shown["first"] == (ids[0] if ids else 402)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("TaskFailed", "failed"), ("TaskTimedOut", "failed"), ("ExecutionAborted", "failed"),
        ("TaskSucceeded", "succeeded"), ("TaskStateExited", "succeeded"),
        ("TaskStarted", "neutral"),
    ],
)  # fmt: skip
def test_events_are_coloured_by_what_happened(event: str, kind: str) -> None:
    assert pages._kind(event) == kind


def test_the_details_of_an_event_are_read_as_json() -> None:
    details = {"input": '{"a": 1}', "list": "[1]", "name": "Prepare", "inputDetails": {}, "n": 5}
    event = {"id": 1, "taskSucceededEventDetails": details}

    assert pages._details(event) == {"input": {"a": 1}, "list": [1], "name": "Prepare", "n": 5}
    assert pages._details({"id": 1}) == {}


# ---------------------------------------------------------------------------- the timeline


def test_bars_are_in_percent_of_the_whole() -> None:
    call = Attempt("lambda:invoke", "f", "", at(2), at(3), "Failed")
    again = Attempt("lambda:invoke", "f", "", at(5), None)
    runs = (
        passage(1, type="Map", entered=at(0), exited=at(8), attempts=()),
        passage(2, entered=at(2), exited=at(7), parent=1, attempts=(call, again)),
        passage(3, entered=at(9), exited=None, attempts=()),
    )
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), stopped=at(10), states=runs
    )

    drawn = timeline.draw(execution, at(99))

    assert [[(b.kind, b.x, b.width) for b in row.bars] for row in drawn.rows] == [
        [("state", 0, 80)],
        [("state", 20, 50), ("error", 20, 10), ("attempt", 50, 20)],
        [("state", 90, 10)],
    ]
    assert [row.depth for row in drawn.rows] == [0, 1, 0]
    assert drawn.marks == tuple((10.0 * 2 * n, 2 * n) for n in range(6))


@pytest.mark.parametrize(
    ("seconds", "step", "marks"),
    [
        (0.06, 0.01, 7),
        (0.061, 0.02, 4),
        (6, 1, 7),
        (6.1, 2, 4),
        (21600, 3600, 7),
        (86400, 3600, 25),
    ],
)
def test_the_scale_has_six_steps_at_most_while_there_are_larger_ones(
    seconds: float, step: float, marks: int
) -> None:
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), stopped=at(seconds), states=()
    )

    drawn = timeline.draw(execution, at(0))

    assert drawn.marks[1][1] == step
    assert len(drawn.marks) == marks


def test_what_takes_no_time_and_what_outlasts_the_execution_is_seen() -> None:
    runs = (
        passage(1, entered=at(10), exited=at(10), attempts=()),
        passage(2, entered=at(0), exited=at(12.5), attempts=()),
    )
    execution = dataclasses.replace(
        recorded("complete"), started=at(0), stopped=at(10), states=runs
    )

    first, second = (row.bars[0] for row in timeline.draw(execution, at(10)).rows)

    assert (first.x, first.width) == (80, timeline.LEAST_WIDTH)
    assert (second.x, second.width) == (0, 100)


# ---------------------------------------------------------------------------- acting


def test_stopping_and_redriving(client: TestClient, stack: Any) -> None:
    for what, given in (
        ("stop", {"error": "Stopped", "cause": "Stopped in the console"}),
        ("redrive", {}),
    ):
        answer = client.post(f"/executions/complete/{what}", headers=OURS)
        assert (answer.status_code, answer.headers["location"]) == (303, "/executions/complete")
        assert stack.done.pop() == (what, {"executionArn": f"{PREFIX}complete"} | given)
        assert client.post(f"/executions/none/{what}", headers=OURS).status_code == 404
        assert client.post(f"/executions/complete/{what}").status_code == 403
    assert stack.done == []


GOOD = {"source": {"bucket": "sources", "key": "uploads/a.jpg"}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (json.dumps(GOOD), None),
        ("{", "Expected JSON, but line 1, column 2 says otherwise"),
        ("[" * 100_000, "Expected JSON, but this cannot be read as such."),
        ("{}", "source"),
        (json.dumps(GOOD) + " " * 262_144, "Expected at most 262,144 bytes"),
        (json.dumps(GOOD).ljust(262_144), None),
        (json.dumps(GOOD).ljust(262_145), "Expected at most 262,144 bytes"),
    ],
)
def test_an_input_is_checked_in_the_workflow_s_words(
    client: TestClient, body: str, said: str | None
) -> None:
    answer = client.post("/check", content=body, headers=OURS).json()

    if said is None:
        assert answer == {
            "message": None, "command": "darkroom run s3://sources/uploads/a.jpg --stack photos",
        }  # fmt: skip
    else:
        assert said in answer["message"]


def test_a_re_run_starts_what_is_in_the_editor(client: TestClient, stack: Any) -> None:
    def send(text: str) -> Any:
        return client.post("/executions/complete/rerun", data={"input": text}, headers=OURS)

    answer = send(json.dumps(GOOD, indent=1).replace("\n", "\r\n"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/executions/new%20one")
    assert stack.done == [("start", GOOD)]

    assert send("{}").status_code == 422
    assert send("x" * 4 * 262_144).status_code == 413
    assert stack.done == [("start", GOOD)]


def test_the_editor_begins_with_the_request_and_the_deployed_presets(
    client: TestClient, stack: Any
) -> None:
    assert "versionId" in client.get("/executions/complete/rerun").text
    stack.presets = "nonsense"
    assert client.get("/executions/complete/rerun").status_code == 200


@pytest.mark.parametrize(
    ("name", "key"),
    [("a.jpg", "uploads/a.jpg"), ("C:\\photos\\a b.jpg", "uploads/a b.jpg"),
     ("../../a.jpg", "uploads/a.jpg")],
)  # fmt: skip
def test_an_upload_is_put_and_its_execution_is_named(
    client: TestClient, stack: Any, monkeypatch: pytest.MonkeyPatch, name: str, key: str
) -> None:
    looked: list[Any] = []

    def find(*given: Any, **more: Any) -> str | None:
        looked.append((given[1:3], more))
        return f"{PREFIX}found" if len(looked) == 1 else None

    monkeypatch.setattr("darkroom_ops.console.actions.find_started", find)
    for page in ("/executions/found", None):
        answer = client.post("/uploads", params={"name": name}, content=b"data", headers=OURS)
        assert (answer.status_code, answer.json()) == (201, {"key": key, "page": page})
        assert stack.done.pop() == ("put", {"Bucket": "sources", "Key": key, "Body": b"data"})
    (machine, source), more = looked[0]
    assert machine == MACHINE
    assert (source.bucket, source.key, source.version_id, source.etag) == (
        "sources", key, "v1", "etag",
    )  # fmt: skip
    assert more == {"seconds": 10, "interval": 2}


@pytest.mark.parametrize(
    ("name", "data", "code", "said"),
    [
        ("", b"x", 422, "Expected a file with a name"),
        ("photos/", b"x", 422, "Expected a file with a name"),
        ("a.jpg", b"", 422, "a.jpg is empty"),
        ("a.jpg", b"x" * 11, 413, "a.jpg is larger than the 0 MB"),
        ("a.jpg", b"x" * 10, 201, None),
    ],
)
def test_an_upload_has_a_name_and_a_size(
    client: TestClient,
    stack: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: bytes,
    code: int,
    said: str | None,
) -> None:
    monkeypatch.setattr(
        "darkroom_ops.console.actions.Limits", lambda: SimpleNamespace(max_bytes=10)
    )
    monkeypatch.setattr("darkroom_ops.console.actions.find_started", lambda *_, **__: None)

    answer = client.post("/uploads", params={"name": name}, content=data, headers=OURS)

    assert answer.status_code == code
    assert said is None or said in answer.json()["message"]
    assert len(stack.done) == (code == 201)


# ---------------------------------------------------------------------------- live


def streamed(console: Console, *looks: Any, seconds: float = 1.0) -> list[str]:
    """Return the events of a stream that looks so often; then the console closes."""
    left = list(looks)

    def look() -> Any:
        found = left.pop(0)
        if not left:
            console.closing.set()
        if isinstance(found, Exception):
            raise found
        return found

    async def collect() -> list[str]:
        return [event async for event in live._events(console, look, seconds)]

    return asyncio.run(collect())


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses take no time: their lengths."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(live.anyio, "sleep", sleep)
    return found


def parts(**html: str) -> str:
    return f"event: parts\ndata: {json.dumps(html)}\n\n"


DONE = "event: done\ndata: {}\n\n"


def test_only_what_changed_is_sent_and_the_end_is_told(
    console: Console, paused: list[float]
) -> None:
    assert streamed(
        console,
        ({"a": "1", "b": "1"}, False),
        ({"a": "1", "b": "1"}, False),
        ({"a": "1", "b": "2\n"}, False),
        ({"a": "1", "b": "2\n"}, True),
    ) == [parts(a="1", b="1"), parts(b="2\n"), DONE]
    assert paused == [0.25] * 12


def test_trouble_is_told_in_words_and_looked_at_again(
    console: Console, paused: list[float]
) -> None:
    found = streamed(console, NoSuchExecution("none such"), ({"a": "1"}, True))

    assert found == [
        'event: trouble\ndata: {"message": "none such"}\n\n', parts(a="1"), DONE,
    ]  # fmt: skip
    assert sum(paused) == live.TROUBLE_SECONDS


def test_a_bug_of_ours_ends_the_stream(console: Console, paused: list[float]) -> None:
    with pytest.raises(KeyError):
        streamed(console, KeyError("a bug"))


def test_something_is_sent_every_quarter_of_a_minute(console: Console, paused: list[float]) -> None:
    same: Any = ({"a": "1"}, False)

    found = streamed(console, *[same] * 8, seconds=5.0)

    # News, three pauses of 5 s, and then a sign of life; so again.
    ping = ": still here\n\n"
    assert found == [parts(a="1"), ping, ping]


def test_a_console_that_closes_sends_no_more(console: Console, paused: list[float]) -> None:
    console.closing.set()

    assert streamed(console, ({"a": "1"}, False)) == []


# ---------------------------------------------------------------------------- the console


def test_a_state_machine_is_asked_for_once_an_execution(console: Console, stack: Any) -> None:
    execution = recorded("complete")
    first = console.machine(execution)
    del stack.stepfunctions.describe_state_machine_for_execution

    assert console.machine(execution) is first
    with pytest.raises(AttributeError):
        console.machine(recorded("corrupt"))


@pytest.mark.parametrize(("most", "read_"), [(0, 0), (1, 1), (3, 3), (9, 5)])
def test_the_newest_are_read_ahead(console: Console, most: int, read_: int) -> None:
    taken: list[int] = []

    def each(**asked: Any) -> Iterator[int]:
        assert asked == {"costs": False, "expected": most}
        for number in range(5):
            taken.append(number)
            yield number

    console.executions.each = each  # type: ignore[method-assign, assignment]
    console.read_ahead(most)
    assert len(taken) == read_

    taken.clear()
    console.closing.set()
    console.read_ahead(most)
    assert len(taken) == min(1, most)


def test_reading_ahead_leaves_troubles_to_the_page(console: Console) -> None:
    def each(**_: Any) -> Iterator[int]:
        raise ClientError({"Error": {"Code": "Throttled"}}, "ListExecutions")
        yield 1

    console.executions.each = each  # type: ignore[method-assign, assignment]
    console.read_ahead(5)


def test_what_is_a_bug_of_ours_is_told_as_such(stack: Any, console: Console) -> None:
    def broken(**_: Any) -> None:
        raise KeyError("oops")

    stack.stepfunctions.describe_execution = broken
    app = create(console, 4600)
    with TestClient(app, BASE, raise_server_exceptions=False) as client:
        answer = client.get("/executions/complete")
        assert (answer.status_code, answer.json()) == (500, {"message": "KeyError: 'oops'"})
        stack.stepfunctions.describe_execution = _refused
        answer = client.get("/executions/complete")
        assert answer.status_code == 502
        assert "AWS refused" in answer.json()["message"]


def _refused(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeExecution")


def test_a_clock_names_the_day_unless_it_is_today() -> None:
    from darkroom_ops.console.app import clock

    now = datetime.datetime.now(datetime.UTC)
    assert clock(now) == f"{now.astimezone():%H:%M:%S}"
    assert clock(at(0)) == f"{at(0).astimezone():%d %b %Y, %H:%M:%S}"
