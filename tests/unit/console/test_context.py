"""What all pages share, and errors as answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from darkroom_ops.console import context
from darkroom_ops.console.context import Context, clock
from darkroom_ops.console.routes import create
from tests.unit.console.conftest import BASE, TOKEN, Stack
from tests.unit.recorded import at, recorded


def test_a_state_machine_is_asked_for_once_an_execution(context: Context, stack: Any) -> None:
    execution = recorded("complete")
    first = context.machine(execution)
    del stack.stepfunctions.describe_state_machine_for_execution

    assert context.machine(execution) is first
    with pytest.raises(AttributeError):
        context.machine(recorded("corrupt"))


@pytest.mark.parametrize(("most", "read_"), [(0, 0), (1, 1), (3, 3), (9, 5)])
def test_the_newest_are_read_ahead(context: Context, most: int, read_: int) -> None:
    taken: list[int] = []

    def each(**asked: Any) -> Iterator[int]:
        assert asked == {"costs": False, "expected": most}
        for number in range(5):
            taken.append(number)
            yield number

    context.executions.each = each  # type: ignore[method-assign, assignment]
    context.read_ahead(most)
    assert len(taken) == read_

    taken.clear()
    context.closing.set()
    context.read_ahead(most)
    assert len(taken) == min(1, most)


def test_reading_ahead_leaves_troubles_to_the_page(context: Context) -> None:
    def each(**_: Any) -> Iterator[int]:
        raise ClientError({"Error": {"Code": "Throttled"}}, "ListExecutions")
        yield 1

    context.executions.each = each  # type: ignore[method-assign, assignment]
    context.read_ahead(5)


def test_what_is_a_bug_of_ours_is_told_as_such(stack: Any, context: Context) -> None:
    def broken(**_: Any) -> None:
        raise KeyError("oops")

    stack.stepfunctions.describe_execution = broken
    app, cookies = create(context, 4600, TOKEN), {"darkroom-4600": TOKEN}
    with TestClient(app, BASE, raise_server_exceptions=False, cookies=cookies) as client:
        answer = client.get("/executions/complete")
        assert answer.status_code == 500
        assert answer.json()["message"].startswith(
            "KeyError: 'oops'. That is a fault of the console"
        )
        stack.stepfunctions.describe_execution = _refused
        answer = client.get("/executions/complete")
        assert answer.status_code == 502
        assert "AWS refused" in answer.json()["message"]


def _refused(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeExecution")


def test_a_clock_names_day_and_zone() -> None:
    assert clock(at(0)) == f"{at(0).astimezone():%d %b %Y, %H:%M:%S %Z}"
    assert re.fullmatch(r"3[01] Jan 2026, \d\d:\d\d:00 \S+", clock(at(0)))


def test_what_cannot_be_written_is_shown_nevertheless(context: Context) -> None:
    """Half of a surrogate pair, in a name or in a message."""
    page = context.page("problem.html", title="run \ud800", message="m", back=("", "/"))
    assert b"<h1>run \\ud800</h1>" in bytes(page.body)
    made = context._templates.from_string('<a href="/executions/{{ name|urlencode }}">')
    assert made.render(name="a b/\ud800") == '<a href="/executions/a%20b/%3F">'


def test_pictures_sources_and_previews_share_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much a person looks at, the console holds no more than so many bytes of it."""
    monkeypatch.setattr(context, "KEPT_BYTES", 10)
    made = Context(Stack())  # type: ignore[arg-type]
    previews: Any = made.previews
    caches: Any = (
        made.pictures._recent,
        previews._storage._known,
        previews._decoded,
        previews._made,
    )
    for cache in caches:
        cache.put("any", SimpleNamespace(data=b"1234", mezzanine=b"1234"))
    assert [cache.get("any") is not None for cache in caches] == [False, False, True, True]
