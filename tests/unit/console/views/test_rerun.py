"""The page of a re-run: its input as a form and as JSON."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from tests.unit.recorded import recorded


@pytest.fixture
def page(context: Context, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page is made of that was asked for last."""
    shown: dict[str, Any] = {}

    def page(template: str, code: int, **values: Any) -> HTMLResponse:
        shown.update(values, template=template)
        return HTMLResponse("", code)

    monkeypatch.setattr(context, "page", page)
    return shown


def test_the_editor_begins_with_the_request_and_the_presets_in_force(
    client: TestClient, stack: Any, page: dict[str, Any]
) -> None:
    assert client.get("/executions/complete/rerun").status_code == 200
    assert json.loads(page["text"])["source"]["key"] == "uploads/rocket.jpg"
    assert (page["template"], page["tab"], page["message"]) == ("rerun.html", "rerun", None)
    assert [each["name"] for each in page["presets"]] == ["small"]
    assert page["execution"].name == "complete"

    stack.presets = "nonsense"
    client.get("/executions/complete/rerun")
    assert page["presets"] == []


def test_an_input_that_is_no_request_is_said_and_begins_anew(
    client: TestClient, context: Context, page: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = dataclasses.replace(recorded("complete"), input=[1])
    monkeypatch.setattr(context.executions, "get", lambda _: odd)

    assert client.get("/executions/complete/rerun").status_code == 200
    assert page["text"] == "{}"
    assert "Expected" in page["message"]


def test_a_preview_s_picture_is_shown_while_it_is_remembered(
    client: TestClient, context: Context
) -> None:
    made = SimpleNamespace(data=b"made", content_type="image/webp")
    context.previews = SimpleNamespace(picture={"a": made}.get)  # type: ignore[assignment]

    answer = client.get("/previews/a")
    assert (answer.content, answer.headers["content-type"]) == (b"made", "image/webp")
    assert answer.headers["content-security-policy"].endswith("; sandbox")
    answer = client.get("/previews/b")
    assert (answer.status_code, answer.text) == (404, "It is no longer remembered.")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
