"""The inbox: what recipients get, and whom it is about."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from darkroom_ops.engine.inbox import Inbox, Message


def message(**changes: Any) -> Message:
    given: dict[str, Any] = {
        "topic": "darkroom-alerts",
        "protocol": "email",
        "recipient": "you@example.com",
        "subject": "An image failed",
        "text": "The text.",
        "attributes": {"execution": "arn:e1"},
        "sender": "Darkroom",
        "subscription": "arn:aws:sns:eu-west-1:123456789012:darkroom-alerts:4711",
        "time": datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC),
    }
    return Message(**(given | changes))


EMAIL, SMS = message(), message(protocol="sms", subject=None)
OTHER, FOREIGN = message(attributes={"execution": "arn:e2"}), message(attributes={})


@pytest.fixture
def inbox() -> Inbox:
    made = Inbox()
    for each in (EMAIL, SMS, OTHER, FOREIGN, EMAIL):
        made.deliver(each)
    return made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [EMAIL, SMS, OTHER, FOREIGN, EMAIL]),
        ({"protocol": "sms"}, [SMS]),
        ({"protocol": "email"}, [EMAIL, OTHER, FOREIGN, EMAIL]),
        ({"execution": "arn:e2"}, [OTHER]),
        ({"execution": "arn:e1", "protocol": "email"}, [EMAIL, EMAIL]),
        ({"execution": "arn:e"}, []),
    ],
)
def test_messages_are_found_in_their_order(
    inbox: Inbox, given: dict[str, str], expected: list[Message]
) -> None:
    assert inbox.messages(**given) == expected


def test_messages_are_numbered_from_one(inbox: Inbox) -> None:
    assert inbox.numbered() == list(enumerate([EMAIL, SMS, OTHER, FOREIGN, EMAIL], 1))
    assert inbox.numbered(after=3) == [(4, FOREIGN), (5, EMAIL)]
    assert inbox.numbered(execution="arn:e1") == [(1, EMAIL), (2, SMS), (5, EMAIL)]
    assert inbox.numbered(execution="arn:e1", after=1) == [(2, SMS), (5, EMAIL)]
    assert inbox.numbered(execution="arn:e3") == inbox.numbered(after=5) == []


def test_emails_are_counted_by_their_execution(inbox: Inbox) -> None:
    assert inbox.per_execution() == {"arn:e1": 2, "arn:e2": 1}


def test_that_an_earlier_failure_is_resolved_is_no_end_of_its_execution() -> None:
    inbox = Inbox()
    inbox.deliver(message(attributes={"execution": "arn:e1", "outcome": "COMPLETE"}))
    inbox.deliver(message(attributes={"execution": "arn:e1", "outcome": "RESOLVED"}))
    assert inbox.per_execution() == {"arn:e1": 1}


def test_an_email_is_received_with_what_sns_puts_around_it() -> None:
    assert EMAIL.as_received() == (
        "From: Darkroom <no-reply@sns.amazonaws.com>\n"
        "To: you@example.com\n"
        "Subject: An image failed\n"
        "\n"
        "The text.\n"
        "\n"
        "--\n"
        "If you wish to stop receiving notifications from this topic, please click or visit the "
        "link below to unsubscribe:\n"
        "https://sns.eu-west-1.amazonaws.com/unsubscribe.html?SubscriptionArn="
        "arn:aws:sns:eu-west-1:123456789012:darkroom-alerts:4711&Endpoint=you@example.com\n"
        "\n"
        "Please do not reply directly to this email."
    )


def test_an_sms_is_its_text() -> None:
    assert SMS.as_received() == "The text."


def test_an_email_that_people_get_in_a_summary_counts_as_sent() -> None:
    inbox = Inbox()
    for _ in range(2):
        inbox.withhold({"execution": "arn:e1", "outcome": "FAILED"})
    inbox.withhold({"execution": "arn:e2", "outcome": "RESOLVED"})
    inbox.withhold({"outcome": "SUMMARY"})
    assert inbox.per_execution() == {"arn:e1": 2}
    assert inbox.messages() == []
    before = inbox.withheld()
    inbox.withhold({"execution": "arn:e3"})  # while somebody looks through them
    assert before == {"arn:e1": 2}


def test_the_texts_of_messages_are_not_in_memory() -> None:
    inbox = Inbox()
    inbox.deliver(message(text="long " * 10_000))
    (kept,) = inbox.messages()
    assert kept.text == "long " * 10_000
    assert not any("long" in str(value) for value in vars(kept).values())
