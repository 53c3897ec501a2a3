"""What an open page gets while things happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from darkroom_ops.console import stream
from darkroom_ops.console.context import Context
from darkroom_ops.engine.inbox import Inbox
from darkroom_ops.executions.client import NoSuchExecution


def streamed(context: Context, *looks: Any, seconds: float = 1.0) -> list[str]:
    """Return the events of a stream that looks so often; then the console closes."""
    left = list(looks)

    def look() -> Any:
        found = left.pop(0)
        if not left:
            context.closing.set()
        if isinstance(found, Exception):
            raise found
        return found

    async def collect() -> list[str]:
        return [event async for event in stream._events(context, look, seconds)]

    # In a thread of its own: in the main one, a browser's event loop may be running.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, collect()).result()


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses take no time: their lengths."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(stream.anyio, "sleep", sleep)
    return found


def parts(**html: str) -> str:
    return f"event: parts\ndata: {json.dumps(html)}\n\n"


DONE = "event: done\ndata: {}\n\n"


def test_only_what_changed_is_sent_and_the_end_is_told(
    context: Context, paused: list[float]
) -> None:
    assert streamed(
        context,
        ({"a": "1", "b": "1"}, False),
        ({"a": "1", "b": "1"}, False),
        ({"a": "1", "b": "2\n"}, False),
        ({"a": "1", "b": "2\n"}, True),
    ) == [parts(a="1", b="1"), parts(b="2\n"), DONE]
    assert paused == [0.25] * 12


def test_trouble_is_told_in_words_and_looked_at_again(
    context: Context, paused: list[float]
) -> None:
    found = streamed(context, NoSuchExecution("none\u202e such"), ({"a": "1"}, True))

    assert found == [
        'event: problem\ndata: {"message": "none\\\\u202e such"}\n\n', parts(a="1"), DONE,
    ]  # fmt: skip
    assert sum(paused) == 3


def test_a_bug_of_ours_ends_the_stream(context: Context, paused: list[float]) -> None:
    with pytest.raises(KeyError):
        streamed(context, KeyError("a bug"))


def test_something_is_sent_every_quarter_of_a_minute(context: Context, paused: list[float]) -> None:
    same: Any = ({"a": "1"}, False)
    ping = ": still here\n\n"

    # News, fifteen pauses of 1 s, and then a sign of life; so again.
    for looks, expected in ((15, []), (16, [ping]), (30, [ping]), (31, [ping, ping])):
        context.closing.clear()
        assert streamed(context, *[same] * looks) == [parts(a="1"), *expected]
    context.closing.clear()
    news: Any = ({"a": "2"}, False)
    assert streamed(context, *[same] * 10, *[news] * 15) == [parts(a="1"), parts(a="2")]


def test_a_console_that_closes_sends_no_more(context: Context, paused: list[float]) -> None:
    context.closing.set()

    assert streamed(context, ({"a": "1"}, False)) == []


def test_a_console_that_closes_ends_the_pauses(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        context.closing.set()

    monkeypatch.setattr(stream.anyio, "sleep", sleep)
    same: Any = ({"a": "1"}, False)
    assert streamed(context, same, same) == [parts(a="1")]
    assert slept == [0.25]


@pytest.fixture
def looked(client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tells of a live page its parts at one look, whether they stay so, and how often it looks."""
    found: list[Any] = []

    async def once(_: Context, look: stream.Look, seconds: float) -> AsyncIterator[str]:
        found.append((*look(), seconds))
        yield ""

    monkeypatch.setattr(stream, "_events", once)
    monkeypatch.setattr(context, "overview", lambda **_: None)

    def ask(path: str) -> Any:
        answer = client.get(path)
        assert answer.headers["content-type"].startswith("text/event-stream")
        return found.pop()

    return ask


@pytest.mark.parametrize(
    ("path", "ids", "ends", "seconds"),
    [
        ("/live/executions", {"list": "list", "pager": "pager", "facets": "facets"}, False, 4),
        ("/live/executions?after=x", {"pager": "pager", "facets": "facets"}, False, 4),
        ("/live/start", {"start": "start"}, False, 60),
        ("/live/inbox", {"messages": "messages"}, True, 2),
        ("/live/executions/corrupt?tab=rerun", {"head": "head"}, True, 2),
    ],
)
def test_each_page_is_live_in_its_parts(
    looked: Any, path: str, ids: dict[str, str], ends: bool, seconds: float
) -> None:
    found, ended, often = looked(path)
    assert set(found) == set(ids)
    assert {name: f'id="{name}"' in html for name, html in found.items()} == dict.fromkeys(
        ids, True
    )
    assert (ended, often) == (ends, seconds)


def test_an_action_that_ends_while_it_is_drawn_is_drawn_once_more(
    looked: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing = SimpleNamespace(phase="doing")

    def render(*_: Any) -> str:
        doing.phase = "ended"
        return ""

    monkeypatch.setattr(stream.bulk, "bulk_of", lambda _: doing)
    monkeypatch.setattr(stream.bulk, "values", lambda *_: {})
    monkeypatch.setattr(context, "render", render)

    assert [looked("/live/bulk/one")[1] for _ in range(2)] == [False, True]


def test_where_an_engine_runs_its_inbox_stays_live(looked: Any, context: Context) -> None:
    context.inbox = Inbox()
    assert looked("/live/inbox")[1] is False


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("", {"head", "pictures", "overlay", "timeline", "data"}),
        ("?tab=other", {"head", "pictures", "overlay", "timeline", "data"}),
        ("?tab=events&from=3", {"head", "events"}),
        ("?tab=rerun", {"head"}),
    ],
)
def test_each_tab_of_an_execution_is_live_in_its_parts(
    client: TestClient, tab: str, expected: set[str]
) -> None:
    first, *_ = client.get(f"/live/executions/corrupt{tab}").text.split("\n\n")
    sent = json.loads(first.partition("data: ")[2])
    assert set(sent) == expected
    for name, html in sent.items():
        assert f'id="{name}"' in html
    if "events" in sent:
        assert 'id="e-3"' in sent["events"]
        assert 'id="e-2"' not in sent["events"]
