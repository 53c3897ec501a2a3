"""The list of executions, and the search."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from starlette.requests import Request
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.views import executions
from darkroom_ops.executions.client import ListPage
from darkroom_ops.executions.listed import Filter, Listed
from tests.unit.console.conftest import PREFIX
from tests.unit.recorded import at, recorded


def listing(context: Context, *items: str, more: str | None = None) -> list[dict[str, Any]]:
    """Let the console list these executions; return what is asked of it."""
    asked: list[dict[str, Any]] = []
    every = tuple(_listed(each) for each in items)

    def recent(**given: Any) -> ListPage:
        asked.append(given)
        return ListPage(tuple(filter(given["only"].wants, every)), more)

    context.executions.recent = recent  # type: ignore[method-assign]
    context.executions.each = lambda **_: iter(every)  # type: ignore[method-assign, assignment]
    return asked


def _listed(key: str) -> Listed:
    execution = recorded("complete")
    values = {name: getattr(execution, name) for name in ("arn", "status", "outcome")}
    assert execution.source is not None
    source = msgspec.structs.replace(execution.source, key=key)
    return Listed(
        **values, error=None, source=source, started=at(0), stopped=at(1),
        seconds=1.0, usd=0.1,
    )  # fmt: skip


def values(client: TestClient, context: Context, query: str = "") -> dict[str, Any]:
    scope = {"type": "http", "query_string": query.encode(), "headers": []}
    return executions.values(context, Request(scope))


def test_the_list_links_to_its_filters_and_its_next_page(
    client: TestClient, context: Context
) -> None:
    asked = listing(context, "uploads/a.jpg", "uploads/b.jpg", more="arn:older")

    found = values(client, context, "status=FAILED&image=A.JPG&error=X&after=arn:before")

    only = Filter(status="FAILED", text="A.JPG", error="X")
    assert asked == [
        {"limit": 50, "only": only, "costs": True, "patience": 1.5, "fold": True,
         "after": "arn:before", "before": None}
    ]  # fmt: skip
    here = "status=FAILED&error=X&image=A.JPG"
    assert found["older"] == f"/?{here}&after=arn%3Aolder&seen=0"
    assert (found["newest"], found["csv"]) == (f"/?{here}", f"/executions.csv?{here}")
    assert found["everything"] == "/?error=X&image=A.JPG"
    assert found["live"] == f"/live/executions?{here}&after=arn%3Abefore"
    assert found["clear"] == "status Failed, error X, text A.JPG"
    assert [(label, chosen) for label, _, chosen, _ in found["filters"]] == [
        ("Running", False), ("Complete", False), ("Failed", True),
        ("Already processed", False), ("Superseded", False),
    ]  # fmt: skip
    assert found["filters"][0][1] == "/?status=RUNNING&error=X&image=A.JPG"
    form = context.render("executions.html", **found).partition('<form class="by-image"')[2]
    for name, value in (("status", "FAILED"), ("error", "X")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in form
    assert '<input type="hidden" name="image"' not in form
    assert f'<form id="chosen" class="chosen" method="post" action="/bulk?{here}"' in (
        form.replace("&amp;", "&")
    )


def test_the_first_page_is_live_and_the_last_has_no_next(
    client: TestClient, context: Context
) -> None:
    listing(context)

    found = values(client, context, "status=COMPLETE")

    assert (found["older"], found["live"]) == (None, "/live/executions?status=COMPLETE")
    found = values(client, context, "status=NONSENSE&since=nonsense")
    assert (found["only"], found["newest"]) == (Filter(), "/")  # nor is it said


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("a.jpg", ["uploads/a.jpg"]),
        ("JPG", ["uploads/a.jpg", "elsewhere/b.jpg"]),
        ("ploads/", ["uploads/a.jpg"]),
        ("BE04B212", ["uploads/a.jpg", "elsewhere/b.jpg"]),  # the execution's name
        ("", ["uploads/a.jpg", "elsewhere/b.jpg"]),
        ("nothing", []),
    ],
)
def test_any_part_of_a_key_or_an_id_is_searched_in_any_case(
    client: TestClient, context: Context, typed: str, found: list[str]
) -> None:
    listing(context, "uploads/a.jpg", "elsewhere/b.jpg")

    page = values(client, context, f"image={typed}")["page"]

    assert [each.source.key for each in page.items] == found


def test_each_choice_has_its_count_under_what_else_is_chosen(
    client: TestClient, context: Context
) -> None:
    listing(context, "uploads/a.jpg", "uploads/b.jpg", "elsewhere/c.jpg")

    found = values(client, context, "folder=uploads")

    menus = {title: (chosen, choices) for title, chosen, _, choices in found["menus"]}
    assert menus["Folder"] == (
        "uploads", [("uploads", "/?folder=uploads", 2), ("elsewhere", "/?folder=elsewhere", 1)],
    )  # fmt: skip
    assert menus["Error"] == (None, [])
    html = context.render("_facets.html", **found)
    assert '<a href="/?folder=uploads" aria-current="true"><span>uploads</span>' in html
    assert '<a href="/?folder=elsewhere" ><span>elsewhere</span>' in html
    assert [count for *_, count in found["filters"]] == [0, 2, 0, 0, 0]
    assert values(client, context, "since=1h")["page"].items == ()  # they are older


def test_a_table_for_spreadsheets_holds_what_fits_and_no_formulas(
    client: TestClient, context: Context
) -> None:
    listing(context, "uploads/a.jpg", "=1+1.jpg")

    answer = client.get("/executions.csv")

    assert answer.headers["content-type"].startswith("text/csv")
    head, one, two = answer.text.splitlines()
    assert head.startswith("name,bucket,key,status,outcome,error,step,started,seconds,cost_usd")
    assert one.startswith("be04b212-")
    assert ",uploads/a.jpg,SUCCEEDED,COMPLETE,,," in one
    assert ",'=1+1.jpg," in two


def test_a_table_of_many_is_sent_while_they_are_read(client: TestClient, context: Context) -> None:
    taken: list[int] = []

    def each(**_: Any) -> Iterator[Listed]:
        for number in range(60):
            taken.append(number)
            yield _listed(f"uploads/{number}.jpg")

    context.executions.each = each  # type: ignore[method-assign]
    scope = {"type": "http", "query_string": b"", "headers": [], "app": client.app}
    answer = executions.as_csv(Request(scope))

    assert answer.headers["content-disposition"] == 'attachment; filename="executions.csv"'
    assert len(taken) == 25, "what is read first is sent before the others are"
    _, *lines = client.get("/executions.csv").text.splitlines()
    assert [line.split(",")[2] for line in lines] == [f"uploads/{n}.jpg" for n in range(60)]


def test_a_table_of_none_has_its_head_and_one_that_cannot_be_read_is_none(
    client: TestClient, context: Context
) -> None:
    listing(context)
    assert client.get("/executions.csv").text.splitlines() == [",".join(executions.COLUMNS)]

    def refused(**_: Any) -> Iterator[Listed]:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListExecutions")
        yield

    context.executions.each = refused  # type: ignore[method-assign]
    answer = client.get("/executions.csv")
    assert (answer.status_code, "AWS refused" in answer.text) == (502, True)


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


@pytest.mark.parametrize(
    ("query", "first", "last", "older", "newer"),
    [
        ("", 1, 2, "after=old&seen=2", None),
        ("after=here&seen=50", 51, 52, "after=old&seen=52", "before=new&seen=50"),
        ("before=here&seen=50", 49, 50, "after=old&seen=50", "before=new&seen=48"),
        ("before=here&seen=nonsense", 1, 2, "after=old&seen=2", "before=new&seen=0"),
    ],
)
def test_pages_are_counted_and_lead_in_both_directions(
    client: TestClient,
    context: Context,
    query: str,
    first: int,
    last: int,
    older: str,
    newer: str | None,
) -> None:
    lines = tuple(map(_listed, ("a", "b")))
    page = ListPage(lines, "old", "new" if newer else None)
    context.executions.recent = lambda **_: page  # type: ignore[method-assign]
    context.executions.each = lambda **_: iter(lines * 30)  # type: ignore[method-assign, assignment]

    found = values(client, context, query)

    assert (found["first"], found["last"], found["total"]) == (first, last, 60)
    assert found["older"] == f"/?{older}"
    assert found["newer"] == (newer and f"/?{newer}")
    html = context.render("_pager.html", **found)
    assert f"{first} to {last} of 60" in html
    links = {rel: unescape(to) for to, rel in re.findall(r'href="([^"]+)" rel="(\w+)"', html)}
    assert links == {"next": f"/?{older}"} | ({"prev": f"/?{newer}"} if newer else {})
    for total, said in ((4_999, "of 4,999<"), (5_000, "of more than 5,000<")):
        assert said in context.render("_pager.html", **(found | {"total": total}))


@pytest.mark.parametrize(
    ("query", "said"),
    [("", "2 executions<"), ("folder=uploads", "1 match<"), ("image=nothing", None)],
)
def test_a_single_page_says_how_many_there_are(
    client: TestClient, context: Context, query: str, said: str | None
) -> None:
    listing(context, "uploads/a.jpg", "elsewhere/b.jpg")

    found = values(client, context, query)

    html = context.render("_pager.html", **found)
    assert said in html if said else "<nav" not in html
    assert ("Download as CSV" in context.render("_facets.html", **found)) is (said is not None)


def test_what_is_asked_for_is_said_with_what_hides_in_it(
    client: TestClient, context: Context
) -> None:
    """Any site may link here; the field keeps what makes the same search."""
    listing(context, "a")

    found = values(client, context, "error=%E2%80%AEX&image=%E2%80%8Bb")

    said = context.render("_list.html", **found) + context.render("_facets.html", **found)
    assert r"No matches for error \u202eX, text \u200bb<" in said
    assert r"Error: <b>\u202eX</b>" in said
    assert not {"\u202e", "\u200b"} & set(said)
    assert 'value="\u200bb"' in context.render("executions.html", **found)


def test_what_hides_in_a_line_is_shown(client: TestClient, context: Context) -> None:
    one = msgspec.structs.replace(
        _listed("uploads\u202e/a\u200b.jpg"),
        arn=f"{PREFIX}n\u202e",
        status="FAILED",
        error="\u202eX",
    )
    page = ListPage((one,), None)
    context.executions.recent = lambda **_: page  # type: ignore[method-assign]
    context.executions.each = lambda **_: iter((one,))  # type: ignore[method-assign, assignment]

    found = values(client, context)

    html = context.render("_list.html", **found) + context.render("_facets.html", **found)
    assert r'value="n\u202e" form="chosen" aria-label="Choose a\u200b.jpg">' in html
    for said in (r"a\u200b.jpg</a>", r'error-name">\u202eX<', r"<span>uploads\u202e</span>"):
        assert said in html
    assert not {"\u202e", "\u200b"} & set(html)


def test_the_page_at_the_top_is_live_whichever_way_led_there(
    client: TestClient, context: Context
) -> None:
    listing(context, "a")

    found = values(client, context, "before=here&seen=7")

    assert (found["top"], found["first"], found["live"]) == (True, 1, "/live/executions?")


def test_a_look_that_takes_long_says_how_far_it_is_and_can_be_stopped(
    client: TestClient, context: Context
) -> None:
    page = ListPage((_listed("a"),), "far", looked=1250, cut=True)
    context.executions.recent = lambda **_: page  # type: ignore[method-assign]
    context.executions.each = lambda **_: iter(())  # type: ignore[method-assign, assignment]

    html = context.render("_pager.html", **values(client, context, "error=X"))

    assert "Looked through 1,250 executions; 1 match so far." in html
    assert "data-stop-looking" in html
    assert "Look further" in html


def test_what_runs_has_a_clock(client: TestClient, context: Context) -> None:
    one = msgspec.structs.replace(_listed("a"), status="RUNNING", outcome=None, stopped=None)
    for each, clock in ((one, True), (_listed("b"), False)):
        page = ListPage((each,), None)
        html = context.render("_list.html", **(values(client, context) | {"page": page}))
        assert (f'data-since="{at(0).isoformat()}"' in html) is clock


def test_one_line_stands_for_the_uploads_that_needed_no_work(
    client: TestClient, context: Context
) -> None:
    one = msgspec.structs.replace(_listed("uploads/a b.jpg"), outcome="ALREADY_PROCESSED")
    page = ListPage((one,), None, same={one.arn: 11})
    context.executions.recent = lambda **_: page  # type: ignore[method-assign]
    context.executions.each = lambda **_: iter(())  # type: ignore[method-assign, assignment]

    found = values(client, context)

    html = context.render("_list.html", **found)
    assert "and 11 more" in html
    assert "/?status=ALREADY_PROCESSED&amp;image=uploads%2Fa+b.jpg&amp;each=1" in html
    assert found["last"] == 12


@pytest.mark.parametrize(
    ("query", "only"),
    [
        ("", Filter()),
        ("status=&error=&step=&folder=&since=&image=", Filter()),
        ("status=RUNNING", Filter(status="RUNNING")),
        ("status=TIMED_OUT", Filter(status="TIMED_OUT")),
        ("error=X", Filter(error="X")),
        ("step=Prepare", Filter(step="Prepare")),
        ("folder=uploads/a", Filter(folder="uploads/a")),
        ("image=A.JPG", Filter(text="A.JPG")),
        ("since=2026-01-31T12:34:56Z", Filter(since=at(34 * 60))),
        ("since=yesterday&error=X", Filter(error="X")),
    ],
)
def test_an_address_asks_for_a_filter(
    client: TestClient, context: Context, query: str, only: Filter
) -> None:
    listing(context)
    asked: list[Any] = []
    context.executions.each = lambda **given: asked.append(given) or iter(())  # type: ignore[method-assign, assignment, func-returns-value, return-value]

    assert values(client, context, query)["only"] == only
    asked.clear()
    assert client.get(f"/executions.csv?{query}").status_code == 200
    assert asked == [{"only": only}]


@pytest.mark.parametrize(
    ("value", "written"),
    [("a=1", "a=1"), ("", ""), *((f"{sign}1", f"'{sign}1") for sign in "=+-@\t\r")],
)
def test_no_value_is_a_formula(value: str, written: str) -> None:
    assert executions.harmless(value) == written


def test_what_names_no_image_has_none_in_a_table(client: TestClient, context: Context) -> None:
    one = msgspec.structs.replace(_listed("a"), source=None, usd=None, seconds=1.23456)
    context.executions.each = lambda **_: iter((one,))  # type: ignore[method-assign, assignment]
    _, line = client.get("/executions.csv").text.splitlines()
    assert line == f"{one.name},,,SUCCEEDED,COMPLETE,,,{at(0).isoformat()},1.235,"


def test_a_menu_has_the_twelve_most_frequent(client: TestClient, context: Context) -> None:
    keys = [f"{letter}/{n}.jpg" for n in range(2) for letter in "bcdefghijklm"]
    listing(context, "a/0.jpg", *keys)

    found = {title: choices for title, _, _, choices in values(client, context)["menus"]}

    assert [name for name, *_ in found["Folder"]] == list("bcdefghijklm")


def test_uploads_that_needed_no_work_are_shown_one_by_one_where_asked(
    client: TestClient, context: Context
) -> None:
    asked = listing(context)

    found = values(client, context, "each=1&error=X")

    assert asked[0]["fold"] is False
    assert (found["query"], found["clear"]) == ("error=X&each=1", "error X")
    assert found["filters"][0][1] == "/?error=X&each=1&status=RUNNING"
