"""The engine's inbox: newest first, each message with its execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from darkroom.contract.arns import parse
from starlette.requests import Request
from starlette.responses import Response

from darkroom_ops.console.context import Context, context_of

if TYPE_CHECKING:
    from darkroom_ops.engine.inbox import Inbox, Message


@dataclass(frozen=True)
class Delivery:
    """A message that was delivered, counted from 1 in the order of delivery."""

    number: int
    message: Message

    @property
    def execution(self) -> str | None:
        """Return the name of the execution that it is about; None when it is about none."""
        arn = self.message.execution
        return parse(arn).name if arn else None

    @property
    def is_alert(self) -> bool:
        """Whether it came from the alerts topic."""
        return self.message.topic.endswith("alerts")

    @property
    def title(self) -> str:
        """Return the subject, or the text of an SMS."""
        return self.message.subject or self.message.text


def deliveries(
    inbox: Inbox, *, about: str | None = None, protocol: str | None = None
) -> list[Delivery]:
    """Return messages, newest first.

    They can be narrowed to those about an execution, by its ARN, and to ``email`` or ``sms``.
    """
    return [
        Delivery(number, message)
        for number, message in reversed(list(enumerate(inbox.messages(), 1)))
        if about in (None, message.execution) and protocol in (None, message.protocol)
    ]


def show(request: Request) -> Response:
    """Show the messages, and one of them in full."""
    context = context_of(request)
    return context.page("inbox.html", **values(context, request))


def values(context: Context, request: Request) -> dict[str, Any]:
    """Return what the inbox shows, for the choices in an address."""
    protocol, chosen = request.query_params.get("kind"), request.query_params.get("message")
    protocol = protocol if protocol in {"email", "sms"} else None
    messages = deliveries(context.inbox, protocol=protocol) if context.inbox else []
    query = f"kind={protocol}&" if protocol else ""
    one = next((each for each in messages if str(each.number) == chosen), None)
    return {
        "here": "inbox",
        "messages": messages,
        "one": one,
        "body": one.message.as_received().partition("\n\n")[2] if one else "",
        "kind": protocol,
        "query": query,
        "live": f"/live/inbox?{query}message={one.number if one else ''}",
    }
