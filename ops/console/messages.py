"""The engine's inbox as the console shows it: newest first, each message with its execution."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from ops.engine.inbox import Inbox, Message

TOGETHER = datetime.timedelta(seconds=1)
"""An SMS names no execution; it leaves together with the e-mail that does."""

# An execution's name has none of these characters (StartExecution, API reference).
_ARN = re.compile(
    r"arn:[\w-]+:states:[\w-]*:\d*:execution:[\w-]+:([^\s<>{}\[\]?*\"#%\\^|~`$&,;:/]+)"
)


@dataclass(frozen=True)
class Letter:
    """A message.

    Parameters
    ----------
    number
        Counted from 1, in the order of delivery.
    message
        As it was delivered.
    execution
        Name of the execution that it is about; None when that is not known.
    """

    number: int
    message: Message
    execution: str | None

    @property
    def is_alert(self) -> bool:
        """Whether it came from the alerts topic."""
        return self.message.topic.endswith("alerts")

    @property
    def title(self) -> str:
        """Return the subject, or the text of an SMS."""
        return self.message.subject or self.message.text


class Mail:
    """What recipients got.

    Parameters
    ----------
    inbox
        The engine's.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def count(self) -> int:
        """Return the number of messages."""
        return len(self._inbox.messages())

    def letters(self, *, about: str | None = None, protocol: str | None = None) -> list[Letter]:
        """Return messages, newest first.

        Parameters
        ----------
        about
            Only those about the execution of this name.
        protocol
            Only ``email`` or only ``sms``.
        """
        return [
            letter
            for letter in reversed(linked(self._inbox.messages()))
            if (about is None or letter.execution == about)
            and (protocol is None or letter.message.protocol == protocol)
        ]


def linked(messages: Sequence[Message]) -> list[Letter]:
    """Find the execution of each message, oldest first.

    Parameters
    ----------
    messages
        Oldest first.
    """
    named = [_named(message) for message in messages]
    return [
        Letter(index + 1, message, named[index] or _beside(index, messages, named))
        for index, message in enumerate(messages)
    ]


def _named(message: Message) -> str | None:
    said = (*message.attributes.values(), unquote(message.text))
    return next((found[1] for text in said if (found := _ARN.search(text))), None)


def _beside(index: int, messages: Sequence[Message], named: Sequence[str | None]) -> str | None:
    """Return the execution that the nearest message of the same publication names."""
    mine = messages[index]
    near = [
        (abs(other.time - mine.time), name)
        for other, name in zip(messages, named, strict=True)
        if name is not None and other.topic == mine.topic and abs(other.time - mine.time) < TOGETHER
    ]
    return min(near)[1] if near else None
