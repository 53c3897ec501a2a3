"""What recipients get: the messages that SNS delivers to e-mail and SMS subscriptions."""

from __future__ import annotations

import collections
import datetime
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.contract.arns import parse

from darkroom_ops.engine.spool import Packed

UNSUBSCRIBE = (
    "--\n"
    "If you wish to stop receiving notifications from this topic, please click or visit the link "
    "below to unsubscribe:\n{url}\n\n"
    "Please do not reply directly to this email."
)
"""What SNS puts below every e-mail."""


RESOLVED = "RESOLVED"
"""The outcome of a message that is about the end of an earlier execution."""


class InSpool:
    """A field whose text is not in memory."""

    def __set__(self, message: Any, text: str) -> None:
        object.__setattr__(message, "packed", Packed(text))  # vars() would make a dict for each

    def __get__(self, message: Any, owner: type) -> str:
        text: str = message.packed.unpacked()
        return text


@dataclass(frozen=True)
class Message:
    """A delivered message."""

    topic: str
    protocol: str  # email or sms
    recipient: str
    subject: str | None  # None for SMS
    text: str  # in the variant that the publisher wrote for the protocol
    attributes: dict[str, str]
    sender: str  # the topic's display name
    subscription: str  # its ARN
    time: datetime.datetime
    publication: str = ""  # SNS's MessageId, which all that is delivered of it has

    @property
    def execution(self) -> str | None:
        """Return the ARN of the execution that it is about; None for others' messages."""
        return self.attributes.get("execution")

    @property
    def resolves(self) -> bool:
        """Whether it says that what an alert told of has come right."""
        return self.attributes.get("outcome") == RESOLVED

    def as_received(self) -> str:
        """Return the whole message, as the recipient sees it."""
        if self.protocol == "sms":
            return self.text
        region = parse(self.subscription).region
        url = (
            f"https://sns.{region}.amazonaws.com/unsubscribe.html?SubscriptionArn="
            f"{self.subscription}&Endpoint={self.recipient}"
        )
        return (
            f"From: {self.sender} <no-reply@sns.amazonaws.com>\n"
            f"To: {self.recipient}\n"
            f"Subject: {self.subject}\n\n"
            f"{self.text}\n\n{UNSUBSCRIBE.format(url=url)}"
        )


Message.text = InSpool()  # type: ignore[assignment]  # below: above, it would be the default


class Inbox:
    """All messages since the engine started, oldest first."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._about: dict[str | None, list[int]] = {}  # the numbers of the messages
        self._withheld: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def withhold(self, attributes: Mapping[str, str]) -> None:
        """Count an e-mail that a filter policy kept from its recipient: programs had it."""
        with self._lock:
            if "execution" in attributes and attributes.get("outcome") != RESOLVED:
                self._withheld[attributes["execution"]] += 1

    def withheld(self) -> collections.Counter[str]:
        """Return how many e-mails were kept from their recipients, by the execution's ARN."""
        with self._lock:
            return self._withheld.copy()

    def deliver(self, message: Message) -> None:
        """Add a message."""
        with self._lock:
            self._messages.append(message)
            self._about.setdefault(message.execution, []).append(len(self._messages))

    def messages(
        self, *, protocol: str | None = None, execution: str | None = None
    ) -> list[Message]:
        """Return messages, oldest first: all, of one protocol, or about the execution of an ARN."""
        return [
            message
            for _, message in self.numbered(execution=execution)
            if protocol is None or message.protocol == protocol
        ]

    def numbered(
        self, *, execution: str | None = None, after: int = 0
    ) -> list[tuple[int, Message]]:
        """Return messages, oldest first, each with its number, counted from 1.

        They are all behind a number, or those about the execution of an ARN.
        """
        with self._lock:
            if execution is not None:
                about = self._about.get(execution, ())
                return [(each, self._messages[each - 1]) for each in about if each > after]
            return list(enumerate(self._messages[after:], after + 1))

    def per_execution(self) -> collections.Counter[str]:
        """Return how many e-mails each execution sent about its own outcome, by its ARN.

        With those that a filter policy kept back, as for a summary.
        """
        arns = (
            message.execution for message in self.messages(protocol="email") if not message.resolves
        )
        return collections.Counter(arn for arn in arns if arn is not None) + self.withheld()
