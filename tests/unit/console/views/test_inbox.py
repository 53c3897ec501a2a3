"""The inbox."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from darkroom_ops.console.context import Context
from darkroom_ops.console.routes import create
from darkroom_ops.console.views.inbox import deliveries, values
from darkroom_ops.engine.inbox import Inbox, Message
from tests.unit.console.conftest import BASE, TOKEN
from tests.unit.recorded import START


def message(protocol: str, **attributes: str) -> Message:
    arn = "arn:aws:sns:eu-west-1:1:alerts:1"
    return Message("alerts", protocol, "you", None, "A text.", attributes, "Darkroom", arn, START)


def test_messages_are_linked_to_their_execution() -> None:
    """By what the publisher says, not by texts or times: here all are the same."""
    one, two = (f"arn:aws:states:eu-west-1:1:execution:m:{name}" for name in ("one", "two"))
    inbox = Inbox()
    for each in (
        message("email", execution=one),
        message("sms", execution=two),
        message("sms", execution=one),
        message("email"),
    ):
        inbox.deliver(each)
    assert [each.execution for each in deliveries(inbox)] == [None, "one", "two", "one"]
    assert [each.number for each in deliveries(inbox, about=one)] == [3, 1]
    assert [each.number for each in deliveries(inbox, about=one, protocol="sms")] == [3]
    assert inbox.per_execution() == {one: 1}


ONE, TWO = (f"arn:aws:states:eu-west-1:1:execution:m:{name}" for name in ("one", "two"))


def told(context: Context, query: str = "") -> dict[str, Any]:
    scope = {"type": "http", "query_string": query.encode(), "headers": []}
    return values(context, Request(scope))


def numbers(found: dict[str, Any]) -> list[list[int]]:
    return [[each.number for each in event.deliveries] for event in found["events"]]


@pytest.fixture
def inbox(stack: Any) -> Context:
    context = Context(stack, Inbox())
    assert context.inbox is not None
    news = {"topic": "arn:aws:sns:eu-west-1:1:news"}
    for each in (
        message("sms", execution=ONE, outcome="FAILED"),
        message("email", execution=ONE, outcome="FAILED"),
        dataclasses.replace(message("email", execution=TWO), **news),
        message("email", outcome="SUMMARY"),
        dataclasses.replace(message("email", execution=ONE), **news, subject="It is ready"),
    ):
        context.inbox.deliver(each)
    return context


def test_what_comes_later_is_put_with_what_was_told_before(inbox: Context) -> None:
    """The same as if all had been there at once, without looking at what was there again."""
    told(inbox)
    assert inbox.inbox is not None
    asked: list[int] = []
    numbered = inbox.inbox.numbered
    inbox.inbox.numbered = lambda *, after: asked.append(after) or numbered(after=after)  # type: ignore[method-assign,func-returns-value,assignment,misc]
    for protocol in ("sms", "email"):
        inbox.inbox.deliver(message(protocol, execution=ONE, outcome="FAILED"))
    assert numbers(told(inbox)) == [[7, 2, 6, 1], [4], [5], [3]]
    assert numbers(told(inbox)) == [[7, 2, 6, 1], [4], [5], [3]]
    assert asked == [5, 7]


def test_alerts_come_first_and_what_tells_of_one_event_is_together(inbox: Context) -> None:
    found = told(inbox)

    assert numbers(found) == [[4], [2, 1], [5], [3]]
    assert (found["alerts"], found["total"], found["newer"], found["older"]) == (2, 4, None, None)
    html = inbox.render("_messages.html", **found)
    assert html.count('class="alert"') == 2
    assert "4 messages<" in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=alerts", [[4], [2, 1]]),
        ("kind=others", [[5], [3]]),
        ("kind=sms", [[2, 1]]),
        ("kind=email", [[4], [2, 1], [5], [3]]),
        ("kind=nonsense&page=nonsense", [[4], [2, 1], [5], [3]]),
        ("q=IS+READY", [[5]]),
        ("q=execution:m:two", [[3]]),
        ("q=nothing", []),
        ("page=9", [[4], [2, 1], [5], [3]]),
        ("page=" + "9" * 5000, [[4], [2, 1], [5], [3]]),
    ],
)
def test_it_is_narrowed_and_searched(inbox: Context, query: str, found: list[list[int]]) -> None:
    assert numbers(told(inbox, query)) == found


def test_any_message_leads_to_its_event(inbox: Context) -> None:
    for number in (1, 2):
        one = told(inbox, f"message={number}")["one"]
        assert [each.number for each in one.deliveries] == [2, 1]
    assert told(inbox, "message=99")["one"] is None
    page = told(inbox, "message=1&kind=sms")
    assert page["live"] == "/live/inbox?kind=sms&message=2"
    html = inbox.render("inbox.html", **page)
    assert html.count('class="delivery"') == 2


def test_many_come_in_pages(inbox: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom_ops.console.views.inbox.LISTED", 3)

    first, second = told(inbox), told(inbox, "page=2")

    assert (first["older"], first["newer"]) == ("/inbox?page=2", None)
    assert (second["older"], second["newer"]) == (None, "/inbox?page=1")
    assert numbers(second) == [[3]]
    assert "4 to 4 of 4" in inbox.render("_messages.html", **second)


def test_nothing_that_matches_says_so(inbox: Context) -> None:
    said = inbox.render("_messages.html", **told(inbox, "kind=alerts&q=no%E2%80%AEthing"))
    assert r"No matches for Alerts, text no\u202ething<" in said
    inbox.inbox = Inbox()
    assert "No messages yet" in inbox.render("_messages.html", **told(inbox))


def test_what_hides_in_a_message_is_shown(inbox: Context) -> None:
    inbox.inbox = Inbox()
    for protocol in ("email", "sms"):
        each = message(protocol, execution=ONE)
        hides = {name: f"{name}\u202e" for name in ("recipient", "subject", "sender")}
        inbox.inbox.deliver(dataclasses.replace(each, text="two\u202e\nlines", **hides))

    html = inbox.render("inbox.html", **told(inbox, "message=1"))

    for said in ("recipient", "subject", "sender", "two"):
        assert rf"{said}\u202e" in html
    assert html.count("two\\u202e\nlines") == 2
    assert "\u202e" not in html


def test_what_has_come_right_is_no_alert_to_look_at(stack: Any, inbox: Context) -> None:
    assert inbox.inbox is not None
    inbox.inbox.deliver(message("email", execution=ONE, outcome="RESOLVED", told="now"))
    with TestClient(create(inbox, 4600, TOKEN), BASE, cookies={"darkroom-4600": TOKEN}) as client:
        page = client.get("/inbox").text
    assert page.count("<b>Resolved</b>") == page.count('class="resolved"') == 1
    assert page.count("<b>Alert</b>") == page.count('class="alert"') == 2


def test_what_is_chosen_stays_chosen_and_leads_to_the_other_kinds(inbox: Context) -> None:
    found = told(inbox, "kind=email&q=a+text&page=1&message=5")

    assert found["kinds"] == [
        (None, "/inbox?q=a+text", "All"),
        ("alerts", "/inbox?kind=alerts&q=a+text", "Alerts"),
        ("others", "/inbox?kind=others&q=a+text", "Others"),
        ("email", "/inbox?kind=email&q=a+text", "E-mail"),
        ("sms", "/inbox?kind=sms&q=a+text", "SMS"),
    ]
    assert (found["kind"], found["q"], found["said"]) == ("email", "a text", "E-mail, text a text")
    assert found["live"] == "/live/inbox?kind=email&q=a+text&message=5"
    form = inbox.render("inbox.html", **found).partition('<form class="by-image"')[2]
    assert '<input type="hidden" name="kind" value="email">' in form


def test_a_page_has_fifty_events_and_none_is_before_the_first(stack: Any) -> None:
    context = Context(stack, Inbox())
    assert context.inbox is not None
    for number in range(51):
        context.inbox.deliver(message("email", execution=f"{ONE}{number}"))
    for query, count, first in (
        ("", 50, 1),
        ("page=0", 50, 1),
        ("page=2", 1, 51),
        ("page=3", 1, 51),
    ):
        found = told(context, query)
        assert (len(found["events"]), found["first"], found["total"]) == (count, first, 51)
    assert told(context, "page=2&q=a")["newer"] == "/inbox?q=a&page=1"


def test_what_is_about_no_execution_is_one_event_by_its_publication(stack: Any) -> None:
    """Two summaries may be published at the same moment, and delivered in any order."""
    context = Context(stack, Inbox())
    assert context.inbox is not None
    for publication in ("a", "b", "b", "a", "", ""):
        context.inbox.deliver(dataclasses.replace(message("email"), publication=publication))
    for seconds in (0, 9):  # what tells of one execution is together however late it comes
        one = message("sms", execution=ONE)
        later = START + datetime.timedelta(seconds=seconds)
        context.inbox.deliver(dataclasses.replace(one, time=later))
    assert numbers(told(context)) == [[8, 7], [6], [5], [4, 1], [3, 2]]


def test_without_an_engine_nothing_is_told(stack: Any) -> None:
    found = told(Context(stack))
    assert (found["events"], found["total"], found["alerts"], found["one"]) == ([], 0, 0, None)


def test_a_message_is_shown_as_it_was_received_without_its_head(inbox: Context) -> None:
    found = told(inbox, "message=2")
    email, sms = found["one"].deliveries
    assert found["body"](email).startswith("A text.\n\n")
    html = inbox.render("inbox.html", **found)
    assert html.count("A text.") >= 2
    assert sms.message.as_received() == "A text."
    assert told(inbox)["one"] is None
