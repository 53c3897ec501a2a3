"""The list of executions, and the search."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.views import executions
from darkroom_ops.executions.client import ListPage
from darkroom_ops.executions.listed import Listed
from tests.unit.console.conftest import PREFIX
from tests.unit.recorded import at, recorded


def listing(context: Context, *items: str, more: str | None = None) -> list[dict[str, Any]]:
    """Let the console list these executions; return what is asked of it."""
    asked: list[dict[str, Any]] = []

    def recent(**given: Any) -> ListPage:
        asked.append(given)
        fits = [each for each in items if each.startswith(given["prefix"] or "")]
        return ListPage(tuple(_listed(each) for each in fits), more)

    context.executions.recent = recent  # type: ignore[method-assign, assignment]
    return asked


def _listed(key: str) -> Listed:
    execution = recorded("complete")
    values = {name: getattr(execution, name) for name in ("arn", "name", "status", "outcome")}
    return Listed(
        **values, error=None, source=execution.source, started=at(0), stopped=at(1),
        seconds=1.0, usd=0.1,
    )  # fmt: skip


def values(client: TestClient, context: Context, query: str = "") -> dict[str, Any]:
    scope = {"type": "http", "query_string": query.encode(), "headers": []}
    return executions.values(context, Request(scope))


def test_the_list_links_to_its_filters_and_its_next_page(
    client: TestClient, context: Context
) -> None:
    asked = listing(context, "uploads/a.jpg", more="arn:older")

    found = values(client, context, "status=FAILED&image=uploads/a&after=arn:before")

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
    client: TestClient, context: Context
) -> None:
    listing(context)

    found = values(client, context, "status=COMPLETE")

    assert (found["older"], found["live"]) == (None, "/live/executions?status=COMPLETE")
    found = values(client, context, "status=NONSENSE")
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
    client: TestClient, context: Context, typed: str, tried: list[str | None]
) -> None:
    asked = listing(context, "uploads/a.jpg", "elsewhere/b.jpg")

    assert values(client, context, f"image={typed}")["page"].items
    assert [each["prefix"] for each in asked] == tried


def test_costs_follow_live_on_the_first_page_only(client: TestClient, context: Context) -> None:
    asked = listing(context, "uploads/a.jpg")

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
