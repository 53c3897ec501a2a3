"""The engine's inbox as the console shows it: newest first, each message with its execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.contract.arns import parse

if TYPE_CHECKING:
    from darkroom_ops.engine.inbox import Inbox, Message


@dataclass(frozen=True)
class Letter:
    """A message.

    Parameters
    ----------
    number
        Counted from 1, in the order of delivery.
    message
        As it was delivered.
    """

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
            Only those about the execution of this ARN.
        protocol
            Only ``email`` or only ``sms``.
        """
        letters = [Letter(number, each) for number, each in enumerate(self._inbox.messages(), 1)]
        return [
            letter
            for letter in reversed(letters)
            if (about is None or letter.message.execution == about)
            and (protocol is None or letter.message.protocol == protocol)
        ]
