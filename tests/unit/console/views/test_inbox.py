"""The inbox."""

from __future__ import annotations

from darkroom_ops.console.views.inbox import deliveries
from darkroom_ops.engine.inbox import Inbox, Message
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
