"""An image: every execution of its key, and two of them side by side."""

from __future__ import annotations

import dataclasses
import datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from botocore.exceptions import ClientError
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.views import image
from darkroom_ops.console.views.image import Line, Pair, asked_of, newer, pairs, side_by_side
from darkroom_ops.executions.client import ListPage
from darkroom_ops.executions.listed import Filter, listed
from darkroom_ops.executions.model import Made, SourceObject
from tests.unit.console.conftest import PREFIX
from tests.unit.recorded import partly, recorded

KEY = "uploads/rocket.jpg"


def test_every_execution_of_a_key_is_listed_newest_first(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = listed(recorded("complete"))
    later = one.started + datetime.timedelta(minutes=1)
    other = msgspec.structs.replace(one, arn=f"{PREFIX}later", started=later)
    asked: list[Any] = []

    def recent(**given: Any) -> ListPage:
        asked.append(given)
        return ListPage((one, other), "place")

    monkeypatch.setattr(context.executions, "recent", recent)
    page = client.get("/image", params={"key": KEY}).text
    assert asked == [{"limit": 50, "only": Filter(key=KEY), "after": None}]
    assert page.index('href="/executions/later"') < page.index(f'href="/executions/{one.name}"')
    assert f'name="one" value="{one.name}" aria-label="Left: {one.name}" checked' in page
    assert 'name="other" value="later" aria-label="Right: later" checked' in page
    assert "Compare left and right" in page
    assert f'href="/image?key={KEY}&amp;after=place"' in page
    assert client.get("/image", params={"key": KEY, "after": "x"}).status_code == 200
    assert asked[-1]["after"] == "x"


def test_that_an_execution_was_stopped_is_said_once(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = msgspec.structs.replace(listed(recorded("complete")), status="ABORTED", outcome=None)
    for error, said in (("Stopped", False), ("Odd", True)):
        page = ListPage((msgspec.structs.replace(one, error=error),), None)
        monkeypatch.setattr(context.executions, "recent", lambda page=page, **_: page)
        text = client.get("/image", params={"key": KEY}).text
        assert (f'<span class="error-name">{error}</span>' in text) is said
        assert "is-aborted" in text


def test_what_hides_in_a_key_or_an_error_is_shown(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = msgspec.structs.replace(listed(recorded("complete")), error="E\u202e")
    for items in ((one,), ()):
        page = ListPage(items, None)
        monkeypatch.setattr(context.executions, "recent", lambda page=page, **_: page)
        text = client.get("/image", params={"key": "uploads/a\u202e.jpg"}).text
        assert r"uploads/a\u202e.jpg" in text
        assert (r"E\u202e" in text) is bool(items)
        assert "\u202e" not in text

    source = SourceObject("sources", "uploads/a\u202e.jpg")
    hides = dataclasses.replace(recorded("corrupt"), source=source, error="E\u202e")
    monkeypatch.setattr(context.executions, "get", lambda _: hides)
    text = client.get("/compare?one=one&other=other").text
    for said in (r">uploads/a\u202e.jpg</a>", r"E\u202e"):
        assert said in text
    assert "\u202e" not in text


def test_a_key_that_nothing_processed_is_said(client: TestClient) -> None:
    page = client.get("/image", params={"key": "<none>"}).text
    assert "execution has processed <code>&lt;none&gt;</code>" in page
    answer = client.get("/image")
    assert answer.status_code == 422
    assert "Expected a key" in answer.json()["message"]


def test_two_executions_are_compared(client: TestClient) -> None:
    page = client.get("/compare?one=corrupt&other=complete").text
    assert page.index('href="/executions/corrupt"') < page.index('href="/executions/complete"')
    assert 'src="/executions/complete/pictures/output-small"' in page
    assert 'src="/executions/complete/pictures/document-page"' in page
    assert page.count("only right") == 4
    for key in ("uploads/corrupt.jpg", KEY):
        assert f'<td><a href="/image?key={key}">{key}</a></td>' in page
    assert page.count("not made") == 4
    assert "<del>" in page
    same = client.get("/compare?one=complete&other=complete").text
    assert same.count("the same bytes") == 4
    assert "<del>" not in same
    assert "The same." in same
    assert same.count(f'<a href="/image?key={KEY}">') == 1  # once for both
    assert client.get("/compare?one=complete&other=none").status_code == 404
    answer = client.get("/compare?one=complete")
    assert answer.status_code == 422
    assert "Expected two executions" in answer.json()["message"]


def test_what_is_alike_in_long_lists_is_folded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = client.get("/compare?one=complete&other=complete").text
    assert "lines alike</summary>" in page  # of the inputs, which say the same
    assert "of the same bytes" not in page
    monkeypatch.setattr(image, "FOLDED", 4)
    page = client.get("/compare?one=complete&other=complete").text
    assert "4 outputs of the same bytes</summary>" in page
    assert "not made" not in page
    assert 'class="muted">none' not in page
    assert client.get("/compare?one=corrupt&other=complete").text.count("only right") == 4


def test_lines_that_are_alike_stand_beside_each_other() -> None:
    assert side_by_side("a\nb\nc\nd", "a\nx\ny\nd\ne") == [
        Line("a", "a", False),
        Line("b", "x", True),
        Line("c", "y", True),
        Line("d", "d", False),
        Line(None, "e", True),
    ]
    assert side_by_side("a", "a,\nb") == [Line("a", "a", False), Line(None, "b", True)]
    many = "\n".join("a" * 250)
    first, *others = side_by_side(f"x\n{many}", f"y\n{many}")
    assert (first.alike, {line.alike for line in others}) == (False, {True})
    assert side_by_side("a\nb", "b") == [Line("a", None, True), Line("b", "b", False)]


def test_outputs_are_paired_by_name() -> None:
    whole = recorded("complete")
    small, medium, large = whole.renditions
    changed = dataclasses.replace(small, sha256="0" * 64, bytes=small.bytes * 2)
    other = dataclasses.replace(
        whole, states=(), renditions=(changed, dataclasses.replace(large, name="huge"))
    )
    found = {each.name: each.said for each in pairs(whole, other)}
    assert found == {
        "small": "+100 % bytes", "huge": "only right", "document": "the same bytes",
        "medium": "only left", "large": "only left",
    }  # fmt: skip
    assert list(found)[:2] == ["small", "huge"]
    assert medium.name == "medium"


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [("1", "1", True), ("1", "2", False), ("", "", False), ("1", None, False), (None, "1", False)],
)
def test_the_same_bytes_are_those_of_the_same_digest(
    left: str | None, right: str | None, alike: bool
) -> None:
    sides = (
        each if each is None else Made("a", "b", "k", 1, sha256=each) for each in (left, right)
    )
    assert Pair("a", *sides).alike is alike


@pytest.mark.parametrize(("count", "folded"), [(7, 0), (8, 8), (9, 9)])
def test_eight_outputs_of_the_same_bytes_are_folded_and_shown_once(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch, count: int, folded: int
) -> None:
    shown: dict[str, Any] = {}

    def page(template: str, **values: Any) -> HTMLResponse:
        shown.update(values)
        return HTMLResponse(template)

    def made(name: str, sha256: str, width: int = 9) -> Pair:
        sides = (Made(name, "b", "k", 1, width=width, height=1, sha256=each) for each in sha256)
        return Pair(name, *sides)

    outputs = [made("other", "12", 1700), *(made(str(n), "11") for n in range(count))]
    monkeypatch.setattr(context, "page", page)
    monkeypatch.setattr(image, "pairs", lambda *_: iter(outputs))

    client.get("/compare?one=complete&other=complete")

    assert len(shown["alike"]) == folded
    assert shown["pairs"] == (outputs[:1] if folded else outputs)
    assert shown["same"] is True
    assert shown["drawn"](outputs[1].left) == 0.53  # of 1700 pixels


@pytest.mark.parametrize(
    ("left", "right", "share"),
    [((100, 1), None, 29.41), (None, (100, 1), 29.41), ((340, 1), (680, 1), 50),
     ((100, 400), None, 16.67)],
)  # fmt: skip
def test_outputs_are_drawn_to_one_scale_on_both_sides(
    client: TestClient, context: Context, monkeypatch: pytest.MonkeyPatch,
    left: Any, right: Any, share: float,
) -> None:  # fmt: skip
    shown: dict[str, Any] = {}
    monkeypatch.setattr(context, "page", lambda _, **given: shown.update(given) or HTMLResponse(""))
    sides = [
        each and Made("a", "b", "k", 1, width=each[0], height=each[1]) for each in (left, right)
    ]
    document = Made("document", "b", "k", 1, width=9999, height=1, pages=1)
    found = [Pair("a", *sides), Pair("document", document, document)]
    monkeypatch.setattr(image, "pairs", lambda *_: iter(found))

    client.get("/compare?one=complete&other=complete")

    assert shown["drawn"](sides[0] or sides[1]) == share


def test_an_event_is_compared_as_the_request_that_it_stands_for() -> None:
    assert "detail" not in asked_of(recorded("complete"))
    assert KEY in asked_of(recorded("complete"))
    assert asked_of(dataclasses.replace(recorded("complete"), input=[1])) == "[\n  1\n]"


def test_a_newer_run_is_told(
    client: TestClient, context: Context, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = recorded("complete")
    monkeypatch.setattr(context.executions, "described", Mock(side_effect=AssertionError))
    for record in ({}, {"execution": {"S": done.arn}}):  # nobody else is asked about
        stack.record = record
        assert newer(context, done) is None

    def started(minutes: int) -> None:
        later = done.started + datetime.timedelta(minutes=minutes)
        last = dataclasses.replace(done, name="last one", started=later)
        monkeypatch.setattr(context.executions, "described", lambda _: last)

    stack.record = {"execution": {"S": f"{PREFIX}last one"}}
    started(0)
    assert newer(context, done) is None
    started(1)
    assert newer(context, done) == "last one"
    assert newer(context, partly("complete", 9)) is None
    assert newer(context, dataclasses.replace(done, source=None)) is None
    page = client.get("/executions/complete").text
    assert 'href="/executions/last%20one"' in page
    assert 'href="/compare?one=complete&amp;other=last%20one"' in page
    assert f'href="/image?key={KEY}"' in page


def test_a_newer_run_that_is_gone_or_not_to_be_read_is_not_told(
    context: Context, stack: Any
) -> None:
    stack.record = {"execution": {"S": f"{PREFIX}gone"}}
    assert newer(context, recorded("complete")) is None
    stack.stepfunctions.describe_execution = _refused
    assert newer(context, recorded("complete")) is None
    stack.dynamodb = SimpleNamespace(get_item=_refused)
    assert newer(context, recorded("complete")) is None


def _refused(**_: object) -> None:
    raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem")
