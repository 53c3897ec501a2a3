"""The engine's inbox: alerts first, what is told of one event together, with its execution."""

from __future__ import annotations

import math
import threading
import weakref
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from darkroom.contract.arns import parse
from starlette.requests import Request
from starlette.responses import Response

from darkroom_ops.console.context import Context, context_of
from darkroom_ops.console.requests import number

if TYPE_CHECKING:
    from darkroom_ops.engine.inbox import Inbox, Message


LISTED = 50
"""Events on one page."""

KINDS = {"alerts": "Alerts", "others": "Others", "email": "E-mail", "sms": "SMS"}
"""What can be chosen."""


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
        for number, message in reversed(inbox.numbered(execution=about))
        if protocol in (None, message.protocol)
    ]


@dataclass(frozen=True)
class Event:
    """What is told of one event: to each recipient a message of its own."""

    deliveries: tuple[Delivery, ...]  # e-mails first
    number: int  # of the newest message

    @property
    def first(self) -> Delivery:
        """Return the message that stands for all."""
        return self.deliveries[0]

    @property
    def protocols(self) -> list[str]:
        """Return how it was told, each once."""
        return list(dict.fromkeys(each.message.protocol for each in self.deliveries))

    def holds(self, text: str) -> bool:
        """Return whether a text is in a title, a message, a recipient or the execution."""
        return any(
            text.casefold() in f"{m.subject}\n{m.text}\n{m.recipient}\n{m.execution}".casefold()
            for m in (each.message for each in self.deliveries)
        )


class Told:
    """What is told of each event: every message is put with the others of its event once."""

    def __init__(self) -> None:
        self._seen = 0
        self._events: dict[object, Event] = {}
        self._sorted: list[Event] = []
        self._lock = threading.Lock()

    def events(self, inbox: Inbox) -> list[Event]:
        """Return the events: alerts first, and the newest first among either."""
        with self._lock:
            new = [Delivery(*each) for each in inbox.numbered(after=self._seen)]
            for each in new:
                message, self._seen = each.message, each.number
                # What was published twice about an execution, as after a lost answer, is one.
                which = None if message.execution else message.publication or each.number
                key = message.topic, which, frozenset(message.attributes.items())
                before = self._events[key].deliveries if key in self._events else ()
                together = sorted((each, *before), key=lambda one: one.message.protocol)
                self._events[key] = Event(tuple(together), each.number)
            if new:
                newest = sorted(self._events.values(), key=attrgetter("number"), reverse=True)
                self._sorted = sorted(newest, key=lambda each: not each.first.is_alert)
            return self._sorted


_told: weakref.WeakKeyDictionary[Inbox, Told] = weakref.WeakKeyDictionary()


def told(inbox: Inbox) -> list[Event]:
    """Return what an inbox tells, event by event: each message of it is looked at once."""
    return _told.setdefault(inbox, Told()).events(inbox)


def show(request: Request) -> Response:
    """Show what was told, and one event of it in full."""
    context = context_of(request)
    return context.page("inbox.html", **values(context, request))


def values(context: Context, request: Request) -> dict[str, Any]:
    """Return what the inbox shows, for the choices in an address."""
    asked = request.query_params
    kind = asked.get("kind") if asked.get("kind") in KINDS else None
    text, chosen = asked.get("q", "").strip(), asked.get("message")
    found = told(context.inbox) if context.inbox else []
    fitting = [
        each
        for each in found
        if (kind not in {"email", "sms"} or kind in each.protocols)
        and (kind not in {"alerts", "others"} or (kind == "alerts") is each.first.is_alert)
        and (not text or each.holds(text))
    ]
    pages = max(1, math.ceil(len(fitting) / LISTED))
    page = min(pages, max(1, number(asked.get("page"))))
    said_of = (e for e in found if chosen in {str(each.number) for each in e.deliveries})
    one = next(said_of, None) if chosen else None  # looked for among thousands

    def query(**changed: object) -> str:
        said = {"kind": kind, "q": text, "page": page if page > 1 else None} | changed
        return urlencode({k: v for k, v in said.items() if v}, errors="replace")

    return {
        "here": "inbox",
        "events": fitting[(page - 1) * LISTED : page * LISTED],
        "first": (page - 1) * LISTED + 1,
        "total": len(fitting),
        "alerts": sum(each.first.is_alert for each in found),
        "one": one,
        "body": lambda each: each.message.as_received().partition("\n\n")[2],
        "kind": kind,
        "kinds": [(name, f"/inbox?{query(kind=name, page=None)}", label)
                  for name, label in ((None, "All"), *KINDS.items())],
        "q": text,
        "said": ", ".join(filter(None, (kind and KINDS[kind], text and f"text {text}"))),
        "query": query,
        "newer": f"/inbox?{query(page=page - 1)}" if page > 1 else None,
        "older": f"/inbox?{query(page=page + 1)}" if page < pages else None,
        "live": f"/live/inbox?{query(message=one.number if one else None)}",
    }  # fmt: skip
