"""What an open page gets while things happen."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from darkroom_ops.console import stream
from darkroom_ops.console.context import Context
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
    found = streamed(context, NoSuchExecution("none such"), ({"a": "1"}, True))

    assert found == [
        'event: problem\ndata: {"message": "none such"}\n\n', parts(a="1"), DONE,
    ]  # fmt: skip
    assert sum(paused) == stream.PROBLEM_SECONDS


def test_a_bug_of_ours_ends_the_stream(context: Context, paused: list[float]) -> None:
    with pytest.raises(KeyError):
        streamed(context, KeyError("a bug"))


def test_something_is_sent_every_quarter_of_a_minute(context: Context, paused: list[float]) -> None:
    same: Any = ({"a": "1"}, False)

    found = streamed(context, *[same] * 8, seconds=5.0)

    # News, three pauses of 5 s, and then a sign of life; so again.
    ping = ": still here\n\n"
    assert found == [parts(a="1"), ping, ping]


def test_a_console_that_closes_sends_no_more(context: Context, paused: list[float]) -> None:
    context.closing.set()

    assert streamed(context, ({"a": "1"}, False)) == []


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
